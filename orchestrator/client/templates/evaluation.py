"""Carries a template out. Only what is in the tree, the data and the functions can be reached; every error is a TemplateError.

A budget of steps ends templates that would run for ever or grow without bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from orchestrator.client.templates.errors import TemplateError
from orchestrator.client.templates.formatting import show
from orchestrator.client.templates.tree import (
    Branch,
    Call,
    Dot,
    Field,
    Function,
    Jump,
    Literally,
    Node,
    Operand,
    Pipeline,
    Text,
    Tree,
    Variable,
)

MAX_STEPS: Final = 1_000_000
MAX_OUTPUT: Final = 16 << 20
"""Characters that a template may produce."""
MAX_CALLS: Final = 50
"""How deep templates may call each other."""

LAZY: Final = ("and", "or")
"""Functions that look at their arguments one after the other and stop when the answer is known."""


class Record(Mapping[str, Any]):
    """A Go struct, for templates: fields by name, and true even if all of them are empty."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return "{" + " ".join(show(value) for value in self._fields.values()) + "}"


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Evaluation:
    """One run of a template."""

    def __init__(self, tree: Tree, functions: Mapping[str, Callable[..., Any]], *, missing_is_error: bool = False) -> None:
        self._tree = tree
        self._functions = functions
        self._missing_is_error = missing_is_error
        self._variables: list[tuple[str, Any]] = []
        self._output: list[str] = []
        self._size = 0
        self._steps = 0
        self._calls = 0

    def run(self, data: Any = None) -> str:
        """The text that the template makes of the data."""
        try:
            self._variables = [("$", data)]
            self._walk(self._tree.nodes, data)
        except RecursionError:
            raise TemplateError("the template nests too deeply") from None
        return "".join(self._output)

    def _walk(self, nodes: Iterable[Node], dot: Any) -> None:
        mark = len(self._variables)
        for node in nodes:
            self._step()
            match node:
                case Text(text):
                    self._write(text)
                case Pipeline():
                    value = self._assign(node, dot)
                    if not node.variables:
                        self._write(show(value))
                case Branch():
                    self._branch(node, dot)
                case Call():
                    self._call(node, dot)
                case Jump(kind):
                    raise _Break if kind == "break" else _Continue
        del self._variables[mark:]

    def _branch(self, node: Branch, dot: Any) -> None:
        mark = len(self._variables)
        if node.kind == "range":
            self._range(node, dot)
        else:
            value = self._assign(node.pipeline, dot)
            if value:
                self._walk(node.body, value if node.kind == "with" else dot)
            else:
                self._walk(node.otherwise, dot)
        del self._variables[mark:]

    def _range(self, node: Branch, dot: Any) -> None:
        names = node.pipeline.variables
        pairs = self._pairs(self._pipeline(node.pipeline, dot), node.pipeline.line)
        ran = False
        for key, value in pairs:
            ran = True
            self._step()
            mark = len(self._variables)
            given = (value,) if len(names) == 1 else (key, value)
            for name, part in zip(names, given, strict=False):
                self._set(name, part, declares=node.pipeline.declares, line=node.pipeline.line)
            try:
                self._walk(node.body, value)
            except _Continue:
                pass
            except _Break:
                del self._variables[mark:]
                break
            del self._variables[mark:]
        if not ran:
            self._walk(node.otherwise, dot)

    def _pairs(self, value: Any, line: int) -> Iterable[tuple[Any, Any]]:
        match value:
            case None:
                return ()
            case Mapping():
                return sorted(value.items(), key=lambda pair: str(pair[0]))
            case str() | bytes() | bool() | float():
                raise TemplateError(f"line {line}: range can't iterate over {show(value)}")
            case int():
                return ((number, number) for number in range(value))
            case Sequence():
                return enumerate(value)
        raise TemplateError(f"line {line}: range can't iterate over {show(value)}")

    def _call(self, node: Call, dot: Any) -> None:
        body = self._tree.defined.get(node.name)
        if body is None:
            raise TemplateError(f'line {node.line}: template "{node.name}" not defined')
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise TemplateError(f"line {node.line}: templates call each other deeper than {MAX_CALLS}")
        data = self._pipeline(node.pipeline, dot) if node.pipeline else None
        outer, self._variables = self._variables, [("$", data)]
        self._walk(body, data)
        self._variables = outer
        self._calls -= 1

    def _assign(self, pipeline: Pipeline, dot: Any) -> Any:
        value = self._pipeline(pipeline, dot)
        for name in pipeline.variables:
            self._set(name, value, declares=pipeline.declares, line=pipeline.line)
        return value

    def _set(self, name: str, value: Any, *, declares: bool, line: int) -> None:
        if declares:
            self._variables.append((name, value))
            return
        for number in range(len(self._variables) - 1, -1, -1):
            if self._variables[number][0] == name:
                self._variables[number] = (name, value)
                return
        raise TemplateError(f"line {line}: undefined variable: {name}")

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        self._step()
        value: Any = None
        for number, command in enumerate(pipeline.commands):
            piped = (value,) if number else ()
            value = self._command(command, piped, dot, pipeline.line)
        return value

    def _command(self, command: tuple[Operand, ...], piped: tuple[Any, ...], dot: Any, line: int) -> Any:
        head, *rest = command
        if isinstance(head, Function):
            if head.name in LAZY:
                return self._lazily(head.name, rest, piped, dot, line)
            arguments = [self._operand(operand, dot, line) for operand in rest]
            return self._invoke(head.name, [*arguments, *piped], line)
        value = self._operand(head, dot, line)
        if rest or piped:
            raise TemplateError(f"line {line}: can't give argument to non-function {show(value)}")
        return value

    def _lazily(self, name: str, rest: Sequence[Operand], piped: tuple[Any, ...], dot: Any, line: int) -> Any:
        value: Any = None
        stops = name == "or"
        for operand in rest:
            value = self._operand(operand, dot, line)
            if bool(value) == stops:
                return value
        if piped:
            return piped[0]
        if not rest:
            raise TemplateError(f"line {line}: wrong number of args for {name}: want at least 1 got 0")
        return value

    def _operand(self, operand: Operand, dot: Any, line: int) -> Any:
        match operand:
            case Literally(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                return self._variable(name, line)
            case Function(name):
                return self._lazily(name, (), (), dot, line) if name in LAZY else self._invoke(name, [], line)
            case Field(of, names):
                value = self._operand(of, dot, line)
                for name in names:
                    value = self._field(value, name, line)
                return value
            case Pipeline():
                return self._pipeline(operand, dot)

    def _variable(self, name: str, line: int) -> Any:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise TemplateError(f"line {line}: undefined variable: {name}")

    def _field(self, value: Any, name: str, line: int) -> Any:
        if isinstance(value, Record):
            if name not in value:
                raise TemplateError(f"line {line}: can't evaluate field {name}")
            return value[name]
        if isinstance(value, Mapping):
            if name in value:
                return value[name]
            if self._missing_is_error:
                raise TemplateError(f'line {line}: map has no entry for key "{name}"')
            return None
        if (fields := getattr(value, "template_fields", None)) and name in fields:
            return fields[name]
        if value is None:
            raise TemplateError(f"line {line}: nil pointer evaluating interface {{}}.{name}")
        raise TemplateError(f"line {line}: can't evaluate field {name} in {show(value)[:40]!r}")

    def _invoke(self, name: str, arguments: list[Any], line: int) -> Any:
        self._step()
        try:
            value = self._functions[name](*arguments)
        except TemplateError as error:
            raise TemplateError(f"line {line}: error calling {name}: {error}") from None
        except RecursionError:
            raise
        except Exception as error:
            # A function was given what it cannot work with: too few arguments, another type, a bad pattern.
            raise TemplateError(f"line {line}: error calling {name}: {_reason(error)}") from None
        if isinstance(value, str) and len(value) > MAX_OUTPUT:
            raise TemplateError(f"line {line}: {name} makes a text that is too long")
        return value

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise TemplateError(f"the template produces more than {MAX_OUTPUT} characters")
        self._output.append(text)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TemplateError(f"the template takes more than {MAX_STEPS} steps")


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, TypeError) and "positional argument" in text:
        return "wrong number of args"
    return text or type(error).__name__
