"""`operator init`."""

from pathlib import Path

from nomadctl.framework import Call, command, one, option
from nomadctl.output import quoted


@command(
    "operator init",
    one("<name>"),
    option("dir", "The folder to write into; by default one of the operator's name, here."),
    option("kind", "The kind that it looks after, as <kind> or <group>/<kind>; by default like the operator."),
    client=False,
)
def init(call: Call, name: str, *, dir: str | None, kind: str | None) -> None:
    """Begin an operator: write a small project that runs, and passes its tests. No file is overwritten."""
    from nomadctl.scaffolding import Project, write

    project = Project.of(name, kind or "")
    folder = Path(dir or name)
    for path in write(project, folder):
        call.out(f"  {folder / path}")
    call.out(
        f"Operator {quoted(name)} is begun, for resources of the kind {project.group}/{project.kind}. It runs with:\n"
        f"  nomadctl operator run -dev {folder}"
    )
