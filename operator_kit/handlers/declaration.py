"""What the decorators of `on` say of a method, and what a class makes of it when it is defined.

A decorator only leaves a note on the function. The notes are read, and judged, by the class: only it knows the kind, and so
the fields that a path can name.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from operator_kit.handlers.field import FieldPath

Predicate = Callable[[Any], bool]
"""Says for a resource whether the handler has anything to do with it as it is."""

_NOTES: Final = "_operator_kit_handlers"
_ENGINE: Final = ("reconcile", "finalize", "paused", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A note of one decorator. `word` is the decorator's name, `takes` what the method is called with."""

    when: Predicate | None = None

    word: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ("resource", "ctx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Declaration):
    word = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Declaration):
    word = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Declaration):
    path: str

    word = "field"
    takes = ("resource", "ctx", "change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Declaration):
    word = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(Declaration):
    every: float
    idle: float
    initial_delay: float

    word = "timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon(Declaration):
    word = "daemon"


@dataclass(frozen=True, slots=True)
class Handler:
    """A method with one of its declarations.

    Attributes:
        name: of the method.
        id: under which the status remembers it.
        path: the field that it follows, of an `on.field`.
    """

    name: str
    id: str
    declaration: Declaration
    path: FieldPath | None = None

    def concerns(self, resource: Any) -> bool:
        """Whether its `when` holds."""
        return self.declaration.when is None or bool(self.declaration.when(resource))


def note(function: Any, declaration: Declaration) -> None:
    """Leave the note on the function.

    Raises:
        TypeError: it is no function.
    """
    if not inspect.isfunction(function):
        raise TypeError(f"@on.{declaration.word} belongs on a method, written with async def, not on {function!r}")
    setattr(function, _NOTES, (declaration, *getattr(function, _NOTES, ())))


def handlers_of(cls: type[Any], spec: type[Any] | None) -> tuple[Handler, ...]:
    """The handlers of a class and its bases, in the order of their definition; a method that is overridden has only new notes.

    Args:
        spec: the model that fields are of; None for a base class that has no kind yet.

    Raises:
        TypeError: a handler cannot be called as it would be, or follows a field that there is not.
    """
    methods: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        methods.update({name: value for name, value in vars(base).items() if name in methods or hasattr(value, _NOTES)})
    found: list[Handler] = []
    for name, function in methods.items():
        for declaration in getattr(function, _NOTES, ()):
            whose = f"{cls.__name__}.{name}"
            _check(whose, name, function, declaration)
            found.append(_handler(whose, name, declaration, spec))
    ids = [handler.id for handler in found]
    if twice := next((handler for handler in found if ids.count(handler.id) > 1), None):
        raise TypeError(f"{cls.__name__}.{twice.name} says @on.{twice.declaration.word} twice")
    return tuple(found)


def _handler(whose: str, name: str, declaration: Declaration, spec: type[Any] | None) -> Handler:
    if not isinstance(declaration, Field) or spec is None:
        return Handler(name, f"{declaration.word}.{name}", declaration)
    try:
        path = FieldPath.of(spec, declaration.path)
    except ValueError as error:
        raise TypeError(f'{whose}: @on.field("{declaration.path}"): {error}') from None
    return Handler(name, f"{declaration.word}.{name}.{declaration.path}", declaration, path)


def _check(whose: str, name: str, function: Any, declaration: Declaration) -> None:
    if name in _ENGINE:
        raise TypeError(f"{whose} is called by the engine itself; give the handler another name")
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{whose} must be written with async def")
    try:
        inspect.signature(function).bind("self", *declaration.takes)
    except TypeError as error:
        wanted = ", ".join(("self", *declaration.takes))
        raise TypeError(f"{whose} has @on.{declaration.word}, so it is called with ({wanted}): {error}") from None
