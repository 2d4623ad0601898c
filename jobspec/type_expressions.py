"""Type constraints of variables: `string`, `list(number)`, `object({ port = number })`."""

from __future__ import annotations

from jobspec.diagnostics import Diagnostic, Range
from jobspec.syntax import nodes
from jobspec.syntax.body import parse_expression
from jobspec.values import BOOL, DYNAMIC, NUMBER, STRING, Type, object_of, tuple_of

_PRIMITIVES = {"string": STRING, "number": NUMBER, "bool": BOOL}
_NEEDS = {
    "list": "the element type",
    "map": "the element type",
    "set": "the element type",
    "object": "the attribute types and values as a map",
    "tuple": "the element types as a list",
}
_SUMMARY = "Invalid type specification"


class TypeExpressionError(ValueError):
    """The expression is no type."""

    def __init__(self, detail: str, where: Range) -> None:
        self.diagnostic = Diagnostic(_SUMMARY, detail, where)
        super().__init__(detail)


def static(expression: nodes.Expression) -> nodes.Expression:
    """The expression itself; of a JSON string, the expression that is its text."""
    if not isinstance(expression, nodes.JsonText):
        return expression
    inside = expression.inside
    parsed, found = parse_expression(inside.source, inside.start, inside.end)
    return expression if parsed is None or found else parsed


def keyword(expression: nodes.Expression) -> str:
    """The bare word the expression consists of, "" if it is anything else."""
    expression = static(expression)
    if isinstance(expression, nodes.Reference) and not expression.steps:
        return expression.root
    if isinstance(expression, nodes.Literal) and expression.range.text in ("true", "false", "null"):
        return expression.range.text
    return ""


def type_of(expression: nodes.Expression, *, any_allowed: bool = False) -> Type:
    """The type an expression names; raises TypeExpressionError. `any` is a type only for conversions."""
    expression = static(expression)
    word = keyword(expression)
    if word in _PRIMITIVES:
        return _PRIMITIVES[word]
    if word == "any":
        if any_allowed:
            return DYNAMIC
        detail = 'The keyword "any" cannot be used in this type specification: an exact type is required.'
        raise TypeExpressionError(detail, expression.range)
    if word in _NEEDS:
        raise TypeExpressionError(_needs(word), expression.range)
    if word:
        raise TypeExpressionError(f'The keyword "{word}" is not a valid type specification.', expression.range)
    if not isinstance(expression, nodes.Call):
        detail = (
            "A type specification is either a primitive type keyword (bool, number, string) or a complex type "
            "constructor call, like list(string)."
        )
        raise TypeExpressionError(detail, expression.range)
    return _constructed(expression, any_allowed)


def _needs(name: str) -> str:
    return f"The {name} type constructor requires one argument specifying {_NEEDS[name]}."


def _constructed(call: nodes.Call, any_allowed: bool) -> Type:
    inside = call.open.to(call.close)
    if call.name in (*_PRIMITIVES, "any"):
        sort = "Type constraint" if call.name == "any" else "Primitive type"
        raise TypeExpressionError(f'{sort} keyword "{call.name}" does not expect arguments.', inside)
    if call.name in _NEEDS and len(call.arguments) != 1:
        extra = call.arguments[1:]
        raise TypeExpressionError(_needs(call.name), extra[0].range.to(extra[-1].range) if extra else inside)
    if call.name in ("list", "set", "map"):
        return Type(call.name, type_of(call.arguments[0], any_allowed=any_allowed))
    if call.name == "object":
        return _object(call.arguments[0], any_allowed)
    if call.name == "tuple":
        return _tuple(call.arguments[0], any_allowed)
    if call.name == "optional":
        detail = 'Keyword "optional" is valid only as a modifier for object type attributes.'
        raise TypeExpressionError(detail, call.range)
    raise TypeExpressionError(f'Keyword "{call.name}" is not a valid type constructor.', call.range)


def _object(argument: nodes.Expression, any_allowed: bool) -> Type:
    if not isinstance(argument, nodes.Object):
        detail = (
            "Object type constructor requires a map whose keys are attribute names and whose values are the "
            "corresponding attribute types."
        )
        raise TypeExpressionError(detail, argument.range)
    attributes: dict[str, Type] = {}
    for key, value in argument.items:
        name = keyword(key.inner)
        if not name:
            raise TypeExpressionError("Object constructor map keys must be attribute names.", key.range)
        if name in attributes:
            raise TypeExpressionError("Object constructor map keys must be unique.", key.range)
        if isinstance(value, nodes.Call) and value.name == "optional":
            detail = "Optional attribute modifier is only for type constraints, not for exact types."
            raise TypeExpressionError(detail, value.name_range)
        attributes[name] = type_of(value, any_allowed=any_allowed)
    return object_of(attributes)


def _tuple(argument: nodes.Expression, any_allowed: bool) -> Type:
    if not isinstance(argument, nodes.Tuple):
        detail = "Tuple type constructor requires a list of element types."
        raise TypeExpressionError(detail, argument.range)
    return tuple_of(type_of(item, any_allowed=any_allowed) for item in argument.items)
