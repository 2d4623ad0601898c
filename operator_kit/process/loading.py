"""Find an operator in somebody's code: a dotted module, a file, a package, or the folder of a project.

What runs is, in this order: what a module names in an attribute `reconcilers` or `operator` (one reconciler, or several); else
one of each reconciler class that is defined there and lacks nothing. A package is searched with the modules that lie directly
in it, apart from `__main__` and tests.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from operator_kit.controllers import AnyReconciler
from operator_kit.id_reconciler import IdReconciler
from operator_kit.reconciler import Reconciler

ATTRIBUTES: Final = ("reconcilers", "operator")

BASES: Final = (Reconciler, IdReconciler)

_PLAIN_NAMES: Final = ("__main__", "main", "operator", "reconciler")
"""Modules that have the name of what they are for, so that the operator has the name of their package."""


class CannotLoad(Exception):
    """There is no operator to be had. `details` is the traceback, where the code itself raised."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True, slots=True)
class Target:
    """Where an operator's code is.

    Attributes:
        module: its dotted name.
        root: the folder that must be on `sys.path` for it.
        folder: what changes when the code does: the package's folder, or that of the file.
    """

    module: str
    root: Path
    folder: Path

    @property
    def name(self) -> str:
        """What the operator is called, if nobody says otherwise: like its package."""
        package, _, last = self.module.rpartition(".")
        return package.rpartition(".")[2] if last in _PLAIN_NAMES and package else last


def find(text: str) -> Target:
    """The code that a person means by a dotted name or a path. Nothing is imported.

    Raises:
        CannotLoad: there is no such code, or there is a choice.
    """
    path = Path(text)
    if path.is_dir():
        return _in_folder(path.resolve())
    if path.suffix == ".py":
        if not path.is_file():
            raise CannotLoad(f"there is no file {text}")
        return _of_file(path.resolve())
    if not all(part.isidentifier() for part in text.split(".")):
        raise CannotLoad(f'"{text}" is neither a file, nor a folder, nor the dotted name of a module')
    return _of_module(text)


def load(target: Target) -> list[AnyReconciler]:
    """Import the code, and take or make its reconcilers.

    Raises:
        CannotLoad: it cannot be imported, or has no reconcilers.
    """
    if str(target.root) not in sys.path:
        sys.path.insert(0, str(target.root))
    modules = _modules(target)
    for module in modules:
        for attribute in ATTRIBUTES:
            value = vars(module).get(attribute)
            if value is not None and not isinstance(value, ModuleType):
                return _given(f"{module.__name__}.{attribute}", value)
    classes = {cls for module in modules for cls in vars(module).values() if _is_defined_in(cls, module)}
    if not classes:
        raise CannotLoad(
            f"{target.module} defines no reconciler: derive a class from Reconciler or IdReconciler, or name instances in an "
            f"attribute `{ATTRIBUTES[0]}`"
        )
    return [_made(cls) for cls in sorted(classes, key=lambda cls: (cls.__module__, cls.__qualname__))]


def _in_folder(folder: Path) -> Target:
    if (folder / "__init__.py").is_file():
        return _of_file(folder / "__init__.py")
    packages = sorted(path.parent for path in folder.glob("*/__init__.py") if path.parent.name not in ("tests", "test"))
    if len(packages) != 1:
        found = ", ".join(package.name for package in packages) or "none"
        raise CannotLoad(f"{folder} is neither a package nor the folder of exactly one; packages in it: {found}")
    return _of_file(packages[0] / "__init__.py")


def _of_file(file: Path) -> Target:
    parts = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return Target(".".join(parts), root, file.parent)


def _of_module(name: str) -> Target:
    root = Path.cwd()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        # A specification imports the packages above the module, and nothing of the module itself.
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    except Exception as error:
        raise _cannot_import(name, error) from error
    if spec is None or spec.origin is None:
        raise CannotLoad(f"there is no module {name} in {root} or among the installed packages")
    return Target(name, root, Path(spec.origin).parent)


def _modules(target: Target) -> list[ModuleType]:
    """The module; of a package, the modules in it too."""
    module = _import(target.module)
    inside = [
        _import(f"{target.module}.{info.name}")
        for info in pkgutil.iter_modules(getattr(module, "__path__", []))
        if not info.ispkg and info.name not in ("__main__", "conftest") and not info.name.startswith("test_")
    ]
    return [module, *inside]


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _cannot_import(name, error) from error


def _cannot_import(name: str, error: BaseException) -> CannotLoad:
    """With the part of the traceback that is of use: from the first line of the imported code on."""
    frames = error.__traceback__
    while frames is not None and _is_machinery(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    details = "".join(traceback.format_exception(type(error), error, frames)).rstrip()
    return CannotLoad(f"{name} cannot be imported: {type(error).__name__}: {error}", details)


def _is_machinery(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen importlib") or file == importlib.__file__


def _given(place: str, value: Any) -> list[AnyReconciler]:
    values = list(value) if isinstance(value, Iterable) else [value]
    made = [_made(one) if isinstance(one, type) and issubclass(one, BASES) else one for one in values]
    for one in made:
        if not isinstance(one, BASES):
            raise CannotLoad(f"{place} holds {one!r}, which is no reconciler")
    if not made:
        raise CannotLoad(f"{place} is empty: there is nothing to run")
    return made


def _is_defined_in(cls: Any, module: ModuleType) -> bool:
    return (
        isinstance(cls, type)
        and issubclass(cls, BASES)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
        and not cls.__name__.startswith("_")
    )


def _made(cls: type[AnyReconciler]) -> AnyReconciler:
    try:
        return cls()
    except TypeError as error:
        raise CannotLoad(
            f"{cls.__qualname__} cannot be made without arguments ({error}); "
            f"name an instance in {cls.__module__}: {ATTRIBUTES[0]} = [{cls.__name__}(…)]"
        ) from error
