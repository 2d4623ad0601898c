"""How a function is declared: parameters with names and types, and what happens with null.

    @function(str=STRING)
    def upper(text: Value) -> Value: ...

Arguments arrive converted to the declared type, known, and not null unless the parameter allows it. The names of the
parameters appear in messages, and are the ones Nomad's messages use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobspec.values import Type, Value


class CallError(Exception):
    """The call has no result: `Call to function "f" failed: <text>.`"""


class ArgumentError(CallError):
    """One argument is to blame: `Invalid value for "p" parameter: <text>.`"""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: Type
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """`rest` takes any number of further arguments. `lazy` functions get expressions instead of values."""

    parameters: tuple[Parameter, ...]
    rest: Parameter | None
    body: Callable[..., Value]
    lazy: bool = False

    def parameter(self, index: int) -> Parameter | None:
        return self.parameters[index] if index < len(self.parameters) else self.rest

    def call(self, arguments: Sequence[Value]) -> Value:
        """The result; raises CallError."""
        for index, argument in enumerate(arguments):
            parameter = self.parameter(index)
            if argument.is_null and parameter and not parameter.nullable:
                raise ArgumentError(index, "argument must not be null")
        return self.body(*arguments)


def _parameters(types: dict[str, Type], nullable: Sequence[str]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name.rstrip("_"), kind, name.rstrip("_") in nullable) for name, kind in types.items())


def function(
    *, rest: dict[str, Type] | None = None, nullable: Sequence[str] = (), lazy: bool = False, **types: Type
) -> Callable[[Callable[..., Value]], Function]:
    """Declare the function: parameters in order, `rest={"name": TYPE}` for further ones, `nullable` names.

    A trailing underscore keeps a parameter's name from being a keyword of Python.
    """

    def declare(body: Callable[..., Value]) -> Function:
        further = _parameters(rest, nullable)[0] if rest else None
        return Function(_parameters(types, nullable), further, body, lazy)

    return declare
