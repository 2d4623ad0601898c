"""What a template is made of, once it was read."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Literally:
    """A string, number, boolean or nil."""

    value: Any


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`, the value that the surrounding block is about."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`; `$` alone is the value the template was given."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """`.a.b` of some value."""

    of: "Operand"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each of whose results is the last argument of the next, and the variables that the result is given to."""

    line: int
    commands: tuple[tuple["Operand", ...], ...]
    variables: tuple[str, ...] = ()
    declares: bool = False


Operand = Literally | Dot | Variable | Function | Field | Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` and `range`."""

    kind: Literal["if", "with", "range"]
    pipeline: Pipeline
    body: tuple["Node", ...]
    otherwise: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`template "name" pipeline`."""

    line: int
    name: str
    pipeline: Pipeline | None


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` and `continue`."""

    kind: Literal["break", "continue"]


Node = Text | Pipeline | Branch | Call | Jump


@dataclass(frozen=True, slots=True)
class Tree:
    """A template and those it defines."""

    nodes: tuple[Node, ...]
    defined: dict[str, tuple[Node, ...]] = field(default_factory=dict)
