"""Input variables: declaration, the values given to them from outside, validation; and locals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobspec.content import Block, Body, Expected
from jobspec.conversion import ConversionError, convert
from jobspec.diagnostics import Diagnostic, Range, Source
from jobspec.evaluate import CONSTANT_SCOPE, Evaluator, Scope
from jobspec.functions.declaration import Function
from jobspec.references import references
from jobspec.scalars import UnsuitableError, api_value
from jobspec.schema import STRING
from jobspec.syntax import nodes
from jobspec.syntax.body import parse_expression
from jobspec.type_expressions import TypeExpressionError, type_of
from jobspec.values import BOOL, UNKNOWN, Type, Value, object_value, string, unknown_of

ENVIRONMENT_PREFIX = "NOMAD_VAR_"

_VALIDATION = Expected({"condition": True, "error_message": True}, {})
_VARIABLE = Expected({"description": False, "default": False, "type": False}, {"validation": []})
_UNSET = (
    "A used variable must be set or have a default value; see "
    "https://developer.hashicorp.com/nomad/docs/reference/hcl2/variables  for details."
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """`origin` is default, env, varfile or cmd."""

    origin: str
    value: Value
    expression: nodes.Expression


@dataclass(frozen=True, slots=True)
class Validation:
    condition: nodes.Expression | None
    message: str
    range: Range


@dataclass(slots=True)
class Variable:
    """The last assignment counts. Without a type, values from outside are texts, or whatever the file says."""

    name: str
    type: Type | None
    assignment: Assignment | None = None
    validations: list[Validation] = field(default_factory=list)


class Variables:
    """The declared variables of one job, and what is wrong with them or their values in `diagnostics`."""

    def __init__(self, functions: Mapping[str, Function], *, strict: bool) -> None:
        self._functions = functions
        self._strict = strict
        self._variables: dict[str, Variable] = {}
        self.diagnostics: list[Diagnostic] = []

    def declare(self, block: Block) -> None:
        """A `variable "name"` block."""
        name = block.labels[0]
        if name in self._variables:
            self._report("Duplicate variable", f"Duplicate {name} variable definition found.", None)
            return
        content = block.body.content(_VARIABLE, self.diagnostics)
        if not re.fullmatch(r"[^\W\d][\w-]*", name):
            detail = (
                "A name must start with a letter or underscore and may contain only letters, digits, underscores, and dashes."
            )
            self._report("Invalid variable name", detail, block.label_ranges[0])
        if "description" in content.attributes:
            self._text(content.attributes["description"].expression)
        variable = Variable(name, None)
        if "type" in content.attributes and not self._set_type(variable, content.attributes["type"].expression):
            return
        if "default" in content.attributes and not self._set_default(variable, content.attributes["default"].expression):
            return
        for validation in content.blocks:
            variable.validations.append(self._validation(name, validation))
        self._variables[name] = variable

    def declare_all(self, body: Body) -> None:
        """A `variables` block: names and defaults."""
        for name, attribute in body.arguments(self.diagnostics).items():
            if name in self._variables:
                detail = f"Duplicate {name} variable definition found."
                self._report("Duplicate variable", detail, attribute.name_range)
                continue
            value = self._constant(attribute.expression)
            if value is not None:
                assignment = Assignment("default", value, attribute.expression)
                self._variables[name] = Variable(name, value.type, assignment)

    def assign_environment(self, environment: Mapping[str, str]) -> None:
        for name, variable in self._variables.items():
            text = environment.get(ENVIRONMENT_PREFIX + name)
            if text is not None:
                self._assign_text(variable, text, "env", "<value for var.{} from env>")

    def assign_file(self, body: Body, filename: str) -> None:
        """The values in a variable file, or in the `Variables` of an API request."""
        declared = body.declared("variable")
        for block in declared:
            name = block.labels[0]
            detail = (
                "A .var file is used to assign values to variables that have already been declared in job files, not "
                f'to declare new variables. To declare variable "{name}", place this block in one of your job files'
                f"\n\nTo set a value for this variable in {filename}, use the definition syntax instead:\n"
                f"    {name} = <value>"
            )
            where = Range(block.header.source, block.header.start, block.header.start + len("variable"))
            self._report("Variable declaration in a .var file", detail, where)
        if declared:
            return
        for name, attribute in body.arguments(self.diagnostics).items():
            variable = self._variables.get(name)
            if variable is None:
                detail = (
                    f'A "{name}" variable was set but was not found in known variables. To declare variable "{name}", '
                    "place this block in your job files"
                )
                self.diagnostics.append(Diagnostic("Undefined variable", detail, None, warning=not self._strict))
            else:
                evaluator = Evaluator(CONSTANT_SCOPE)
                value = evaluator.evaluate(attribute.expression)
                self.diagnostics += evaluator.diagnostics
                self._assign(variable, value, "varfile", attribute.expression)

    def assign_arguments(self, arguments: Mapping[str, str]) -> None:
        """Values of the command line."""
        for name, text in arguments.items():
            variable = self._variables.get(name)
            if variable is None:
                detail = (
                    f'A "{name}" variable was passed in the command line but was not found in known variables. To '
                    f'declare variable "{name}", place this block in your job file'
                )
                self.diagnostics.append(Diagnostic("Undefined -var variable", detail, None, warning=not self._strict))
            else:
                self._assign_text(variable, text, "cmd", "<value for var.{} from arguments>")

    def values(self) -> Value:
        """The object `var`; unset variables and values that do not pass their validation are reported."""
        result = {}
        for name, variable in self._variables.items():
            if variable.assignment is None:
                self._report(f'Unset variable "{name}"', _UNSET, None)
                result[name] = unknown_of(variable.type) if variable.type else UNKNOWN
            else:
                result[name] = variable.assignment.value
                self._validate(variable, variable.assignment)
        return object_value(result)

    def _report(self, summary: str, detail: str, where: Range | None) -> None:
        self.diagnostics.append(Diagnostic(summary, detail, where))

    def _constant(self, expression: nodes.Expression) -> Value | None:
        evaluator = Evaluator(CONSTANT_SCOPE)
        value = evaluator.evaluate(expression)
        self.diagnostics += evaluator.diagnostics
        return None if evaluator.diagnostics else value

    def _text(self, expression: nodes.Expression) -> str | None:
        """The text of a description or message; None if it is none."""
        evaluator = Evaluator(CONSTANT_SCOPE)
        text = None
        try:
            text = api_value(evaluator.evaluate(expression), STRING)
        except UnsuitableError as error:
            evaluator.report(error.summary, str(error), expression.start)
        self.diagnostics += evaluator.diagnostics
        return None if evaluator.diagnostics else text

    def _set_type(self, variable: Variable, expression: nodes.Expression) -> bool:
        try:
            variable.type = type_of(expression)
        except TypeExpressionError as error:
            self.diagnostics.append(error.diagnostic)
            return False
        return True

    def _set_default(self, variable: Variable, expression: nodes.Expression) -> bool:
        value = self._constant(expression)
        if value is None:
            return False
        if variable.type:
            try:
                value = convert(value, variable.type)
            except ConversionError as error:
                detail = f"This default value is not compatible with the variable's type constraint: {error}."
                self._report("Invalid default value for variable", detail, expression.range)
                value = UNKNOWN
        variable.type = variable.type or value.type
        variable.assignment = Assignment("default", value, expression)
        return True

    def _assign_text(self, variable: Variable, text: str, origin: str, filename: str) -> None:
        """Text for strings, numbers and untyped variables is taken literally, for others it is an expression."""
        source = Source(filename.format(variable.name), text)
        if variable.type is None or variable.type.kind in ("string", "number"):
            self._assign(variable, string(text), origin, nodes.Literal(Range(source, 0, 0), string(text)))
            return
        expression, found = parse_expression(source)
        self.diagnostics += found
        if expression is not None and not found:
            evaluator = Evaluator(CONSTANT_SCOPE)
            value = evaluator.evaluate(expression)
            self.diagnostics += evaluator.diagnostics
            self._assign(variable, value, origin, expression)

    def _assign(self, variable: Variable, value: Value, origin: str, expression: nodes.Expression) -> None:
        if variable.type:
            try:
                value = convert(value, variable.type)
            except ConversionError as error:
                summary, subject = "Invalid value for variable", "value"
                if origin == "cmd":
                    summary, subject = "Invalid argument value for -var variable", "received arg value"
                reason = f"is not compatible with the variable's type constraint: {error}."
                self._report(summary, f"The {subject} for {variable.name} {reason}", expression.range)
                value = UNKNOWN
        variable.assignment = Assignment(origin, value, expression)

    def _validation(self, name: str, block: Block) -> Validation:
        content = block.body.content(_VALIDATION, self.diagnostics)
        condition = content.attributes.get("condition")
        message = content.attributes.get("error_message")
        if condition is not None:
            self._check_references(name, condition.expression)
        text = self._text(message.expression) if message is not None else None
        if message is not None and text is not None and not text.strip():
            detail = "An empty or blank string is not a valid nor useful error message."
            self._report("Invalid validation error message", detail, message.expression.range)
        return Validation(condition.expression if condition else None, text or "", block.header)

    def _check_references(self, name: str, condition: nodes.Expression) -> None:
        """A condition may refer to its own variable and nothing else."""
        good = 0
        for reference in references(condition):
            if reference.root == "var" and reference.steps and reference.steps[0].name == name:
                good += 1
                continue
            detail = f'The condition for variable "{name}" can only refer to the variable itself, using var.{name}.'
            self._report("Invalid reference in variable validation", detail, reference.range)
        if not good:
            detail = f'The condition for variable "{name}" must refer to var.{name} in order to test incoming values.'
            self._report("Invalid variable validation condition", detail, condition.range)

    def _validate(self, variable: Variable, assignment: Assignment) -> None:
        for validation in variable.validations:
            if validation.condition is None:
                detail = "validation requires a condition."
                self._report("Invalid variable validation specification", detail, validation.range)
                continue
            scope = Scope({"var": object_value({variable.name: assignment.value})}, self._functions)
            evaluator = Evaluator(scope)
            result = self._verdict(evaluator, validation.condition)
            self.diagnostics += evaluator.diagnostics
            if result is False:
                detail = f"{validation.message}\n\nThis was checked by the validation rule at {validation.range}."
                self._report(f"Invalid value for {assignment.origin} variable", detail, assignment.expression.range)

    def _verdict(self, evaluator: Evaluator, condition: nodes.Expression) -> bool | None:
        summary = "Invalid variable validation result"
        result = evaluator.evaluate(condition)
        if result.is_null:
            detail = "Validation condition expression must return either true or false, not null."
            evaluator.report(summary, detail, condition.range)
            return None
        detail = "Invalid validation condition result value: {}."
        verdict = evaluator.convert(result, BOOL, summary, detail, condition.range)
        return None if verdict.is_unknown else bool(verdict.raw)


def evaluate_locals(definitions: list[nodes.Attribute], scope: Scope) -> tuple[Value, list[Diagnostic]]:
    """The object `local`. They may refer to each other in any order; of a name defined twice the later one counts."""
    values: dict[str, Value] = {}
    pending = definitions
    found: list[Diagnostic] = []
    while pending:
        waiting = []
        for definition in pending:
            known = {**(scope.variables or {}), "local": object_value(values)}
            evaluator = Evaluator(Scope(known, scope.functions, scope.undefined))
            value = evaluator.evaluate(definition.expression)
            if evaluator.diagnostics:
                waiting.append(definition)
                found = evaluator.diagnostics
            else:
                values[definition.name] = value
        if len(waiting) == len(pending):
            return object_value(values), found
        pending = waiting
    return object_value(values), []
