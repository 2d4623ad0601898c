"""A new operator's project, from the templates in `scaffold/`: almost nothing, for all that can be imported is."""

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from nomadctl.failure import Failure
from nomadctl.output import quoted

DEFAULT_GROUP: Final = "apps"

_SUFFIX: Final = ".j2"
_PACKAGE: Final = "package"
"""In the name of a template, what stands for the operator's own name."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_GROUP: Final = re.compile(r"[a-z][a-z0-9_-]*")

_OURS: Final = frozenset({"jobspec", "nomad_api", "nomadctl", "operator_kit", "operators", "orchestrator", "tests"})
_IMPORTED: Final = frozenset(
    {"BaseModel", "Context", "Field", "Job", "Reconciler", "Resource", "ResourceStatus", "Task", "TaskGroup"}
)
"""Names in the scaffolded module that the kind's class must not hide."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is called: its operator and package, and the kind that it looks after."""

    name: str
    group: str
    kind: str

    @classmethod
    def of(cls, name: str, kind: str = "") -> "Project":
        """The project of that name; `kind` is `<kind>` or `<group>/<kind>`, and like the operator if empty.

        Raises:
            Failure: a name will not do.
        """
        if not _NAME.fullmatch(name):
            cure = name.lower().replace("-", "_")
            hint = f", such as {quoted(cure)}" if _NAME.fullmatch(cure) else ""
            raise Failure(
                f"Invalid name {quoted(name)}: it becomes a Python package, so it begins with a letter and holds only "
                f"a-z, 0-9 and _{hint}"
            )
        if keyword.iskeyword(name) or name in sys.stdlib_module_names or name in _OURS:
            raise Failure(f"Invalid name {quoted(name)}: Python knows something else by it; choose another, such as my_{name}")
        group, slash, single = kind.rpartition("/")
        project = cls(name, group if slash else DEFAULT_GROUP, single or name)
        if not _GROUP.fullmatch(project.group) or not _NAME.fullmatch(project.kind):
            raise Failure(
                f"Invalid kind {quoted(kind)}: write <kind> or <group>/<kind>, each beginning with a letter and holding only "
                "a-z, 0-9 and _"
            )
        if project.class_name in _IMPORTED:
            raise Failure(f"Invalid kind {quoted(project.kind)}: its class would hide {project.class_name}; choose another")
        return project

    @property
    def class_name(self) -> str:
        """The kind as a class: `web_site` is `WebSite`."""
        return "".join(part.capitalize() for part in self.kind.split("_"))

    @property
    def words(self) -> dict[str, str]:
        """What the templates can say. Names of policies and services take no underscores: `dashed`."""
        return {
            "name": self.name,
            "group": self.group,
            "kind": self.kind,
            "class": self.class_name,
            "dashed": self.name.replace("_", "-"),
        }


def write(project: Project, folder: Path) -> list[Path]:
    """Write the project into a folder, which is made; the files written, relative to it.

    Raises:
        Failure: a file is there already (then nothing is written), or the folder cannot be written.
    """
    texts = render(project)
    present = [str(path) for path in texts if (folder / path).exists()]
    if present:
        raise Failure(f"Nothing was written: {folder} has {', '.join(present)} already")
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x") as file:
                file.write(text)
    except OSError as error:
        raise Failure(f"Error writing {folder}: {error.strerror or error}") from error
    return list(texts)


def render(project: Project) -> dict[Path, str]:
    """The text of every file, by its path in the project."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return {
        Path(path.removesuffix(_SUFFIX).replace(_PACKAGE, project.name)): environment.from_string(template.read_text()).render(
            project.words
        )
        for path, template in sorted(_templates(files("nomadctl") / "scaffold").items())
    }


def _templates(folder: Traversable, above: str = "") -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _templates(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            found[f"{above}{entry.name}"] = entry
    return found
