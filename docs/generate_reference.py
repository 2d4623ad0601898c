"""Writes `docs/reference.md` from the docstrings of the public names: `python docs/generate_reference.py`. A test compares."""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import operator_kit
from operator_kit.process.metrics import Metrics

PAGE: Final = Path(__file__).parent / "reference.md"

PUBLIC: Final = {
    "The model": {
        "admission": ["Immutable", "Problem"],
        "conditions": ["Condition"],
        "controls": ["Controls", "Deletion"],
        "crd_store.selectors": ["Selector", "SelectorError"],
        "crd_store.versions": ["Version"],
        "resource": ["Resource"],
        "secrets": ["Secret", "SecretRef"],
        "status": ["ResourceStatus", "RecentEvent", "Retry", "OwnedObject"],
    },
    "Reconciling": {
        "engine.backoff": ["Backoff"],
        "engine.pace": ["Pace"],
        "engine.result": ["Result", "TemporaryError", "PermanentError"],
        "engine.stream": ["Stream", "FunctionStream", "Emit", "Hasher", "rendezvous", "shard_of"],
        "informers.objects": ["Change"],
        "ownership": ["Owner", "AlreadyOwned", "FieldConflict"],
    },
    "Building blocks": {
        "dependents": ["Dependent", "DependentsReconciler"],
        "external": ["create_once", "delete_once", "forget", "NotCreated"],
        "fleet": ["roll_out", "FleetRollout", "Child"],
        "handlers": ["Handlers", "DaemonContext", "FieldChange"],
        "handlers.on": ["create", "update", "field", "delete", "timer", "daemon"],
        "one_off": ["run_once"],
        "rendering": ["render", "Templates", "RenderingError"],
        "rollout": ["Rollout", "observe"],
        "tasks": ["run_command", "read_log", "report_failure", "Finished", "FailureReport"],
    },
    "The process": {
        "manager": ["Manager"],
        "process.dry_run": ["dry_run", "PlannedWrite"],
        "process.logs": ["configure_logging"],
        "process.once": ["run_once"],
        "process.run": ["run", "run_manager"],
    },
    "Testing": {
        "testing": [],
        "testing.pytest_plugin": ["memory_nomad", "operator", "agent"],
        "testing.simulation": [],
        "testing.faults": ["Lost", "AnswerLost", "Refusal", "Overtaken", "Late", "Stale", "Cut", "Crash"],
    },
}
"""What an author may import besides the names of `operator_kit` itself, by module; nothing stands for its `__all__`."""

HEAD: Final = """# Reference

Made from the docstrings by `docs/generate_reference.py`; the code says more. Whatever is not listed here is the kit's own, and
may change.
"""


def page() -> str:
    """The text of the page."""
    parts = [HEAD, "## operator_kit", "", *_table(_entries(operator_kit, operator_kit.__all__)), ""]
    for title, modules in PUBLIC.items():
        parts += [f"## {title}", ""]
        for path, names in modules.items():
            module = import_module(f"operator_kit.{path}")
            parts += [f"### operator_kit.{path}", "", *_table(_entries(module, names or module.__all__)), ""]
    return "\n".join([*parts, "## Metrics", "", *_metrics()]) + "\n"


def _entries(module: ModuleType, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The names with their parameters and summaries."""
    notes = _notes(module)
    for name in names:
        value = getattr(module, name)
        home = _home(value) or module
        words = notes.get(name) or _notes(home).get(name) or value.__doc__
        yield f"{name}{_parameters(value)}", _summary(words) or _summary((home.__doc__ or "").removeprefix(f"`{name}`: "))


def _home(value: Any) -> ModuleType | None:
    """The module of ours that a value is from."""
    path = getattr(value, "__module__", None) or type(value).__module__
    return import_module(path) if path.startswith(operator_kit.__name__) else None


def _notes(module: ModuleType) -> dict[str, str]:
    """The names that a module defines, with the docstrings of functions, classes and documented constants."""
    found: dict[str, str] = {}
    body = ast.parse(inspect.getsource(module)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = ast.get_docstring(node) or ""
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = inspect.cleandoc(text)
    return found


def _summary(text: str | None) -> str:
    """The first sentence, without its hint at a longer text; nothing if it is only that."""
    paragraph = " ".join((text or "").strip().partition("\n\n")[0].split())
    sentence = re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0].rstrip(":")
    sentence = re.sub(r"([:;] |^)see the (module|package)'s text\.?", ".", sentence, flags=re.IGNORECASE).removeprefix(".")
    return sentence[:1].upper() + sentence[1:]


def _parameters(value: Any) -> str:
    """The names that a function takes."""
    if not inspect.isfunction(value):
        return ""
    shown: list[str] = []
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not any(name.startswith("*") for name in shown):
            shown.append("*")
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        shown.append(f"{stars}{parameter.name}")
    return f"({', '.join(shown)})"


def _table(rows: Iterator[tuple[str, str]]) -> list[str]:
    return ["| name | |", "|---|---|", *(f"| `{name}` | {_escaped(summary)} |" for name, summary in rows)]


def _metrics() -> Iterator[str]:
    yield "| metric | type | labels | |"
    yield "|---|---|---|---|"
    for name, type, labels, text in Metrics().descriptions:
        yield f"| `{name}` | {type} | {', '.join(f'`{label}`' for label in labels)} | {text} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
