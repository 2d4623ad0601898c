"""Controls of a resource: items with the prefix `operator.` in its variable, by which people steer what its operator does.

    operator.paused=true                      nothing is done for the resource until it is taken away
    operator.reconcile=<token>                reconcile now; any token that was not there before, echoed by the status
    operator.deletion=foreground              what becomes of what it owns when it is purged: see `Deletion`
    operator.version=v1                       the version of the kind that the items are written in: see `crd_store.versions`
    operator.external.<key>=<id>|absent       the answer to "was this thing outside of Nomad created, or not?"
    operator.owner, operator.owner_uid        the resource that this one belongs to; set by the kit

They stand beside the spec and are no part of it, as annotations are in Kubernetes: the same for every kind, and a change of
one changes nothing that was asked for.
"""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from operator_kit.crd_store.codec import InvalidItems, Problem, decode, encode

PREFIX: Final = "operator."

ABSENT: Final = "absent"
"""The answer to `operator.external.<key>` that says: it was looked for, and is not there."""

Deletion = Literal["background", "foreground", "orphan"]
"""What becomes of what a purged resource owns: `background`, its status goes as soon as all of it was asked to go;
`foreground`, the status stays until all of it is gone; `orphan`, it stays and loses the marks of its owner."""


class Controls(BaseModel):
    """What people ask of the operator, as far as this resource goes. The defaults are what an unmarked resource means.

    Attributes:
        paused: nothing is to be done for the resource.
        reconcile: a token; one that differs from the last handled one asks for a reconcile now.
        deletion: what becomes of what the resource owns when it is purged.
        version: the version that the items are in; empty leaves it to what the status remembers.
        external: for each key of an external creation whose outcome is unknown, the ID of what was created, or `absent`.
        owner: path of the resource that this one belongs to, empty for none.
        owner_uid: the uid of that resource.
    """

    model_config = ConfigDict(frozen=True)

    paused: bool = False
    reconcile: str = ""
    deletion: Deletion = "background"
    version: str = ""
    external: dict[str, str] = {}
    owner: str = ""
    owner_uid: int = Field(default=0, ge=0)

    def items(self) -> dict[str, str]:
        """The items that say this; nothing for what is as it is without them."""
        changed = encode(self, exclude_defaults=True)
        changed.pop("external", None)
        flat = {f"{PREFIX}{key}": text for key, text in changed.items()}
        return flat | {f"{PREFIX}external.{key}": id for key, id in self.external.items()}


UNCONTROLLED: Final = Controls()
"""Nothing is asked of the operator beyond the spec."""


class _Items(BaseModel):
    """The place of the controls among the items, so that mistakes are told by their whole keys."""

    operator: Controls = Controls()


def split_controls(items: Mapping[str, str]) -> tuple[dict[str, str], Controls, list[Problem]]:
    """The items that are no controls, the controls, and what is wrong with those; a wrong one is as if it were absent."""
    controls = {key: text for key, text in items.items() if key.startswith(PREFIX)}
    if not controls:
        return dict(items), UNCONTROLLED, []
    rest = {key: text for key, text in items.items() if key not in controls}
    try:
        return rest, decode(_Items, controls).operator, []
    except InvalidItems as error:
        wrong = tuple(problem.key for problem in error.problems)
        right = {key: text for key, text in controls.items() if not key.startswith(wrong)}
        return rest, split_controls(right)[1] if len(right) < len(controls) else Controls(), error.problems
