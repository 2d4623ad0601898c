"""A resource as its variable declares it, and as its status remembers it after that is gone.

What is remembered is the hub's spec, defaults and all, with the version it is of: a newer operator converts it before it
finalizes from it. Beside it stands the version that the items were written in, which a resource keeps that does not name one.
"""

from typing import Final, TypeVar

from operator_kit.admission import admit, default
from operator_kit.conditions import ACCEPTED
from operator_kit.controls import ABSENT, PREFIX, UNCONTROLLED, Controls, split_controls
from operator_kit.crd_store.codec import LABELS, InvalidItems, Problem, split_labels
from operator_kit.informers.variables import Record
from operator_kit.resource import Resource
from operator_kit.status import LastApplied, ResourceStatus

R = TypeVar("R", bound=Resource)

_BESIDE_THE_SPEC: Final = (PREFIX, LABELS)


class Declaration:
    """A variable that declares a resource, with its items sorted by what they are for, but the spec not yet read.

    Attributes:
        uid, generation: of the resource: CreateIndex and ModifyIndex of the variable.
        items: those of the spec.
        labels, controls: what the others say.
        problems: what is wrong with the controls.
    """

    __slots__ = ("controls", "generation", "items", "labels", "problems", "uid")

    def __init__(self, record: Record) -> None:
        self.uid = record.create_index
        self.generation = record.modify_index
        self.items = record.items()
        self.labels: dict[str, str] = {}
        self.controls = UNCONTROLLED
        self.problems: list[Problem] = []
        if any(key.startswith(_BESIDE_THE_SPEC) for key in self.items):
            rest, self.controls, self.problems = split_controls(self.items)
            self.items, self.labels = split_labels(rest)


def read(kind: type[R], name: str, namespace: str, declared: Declaration, status: ResourceStatus) -> R:
    """The resource that is declared, converted to the hub, with its defaults, and admitted if it is new or changed.

    Raises:
        InvalidItems: the items do not make its spec, a control is wrong, or the kind's own code refuses it.
    """
    controls = declared.controls
    applied = status.last_applied if status.uid == declared.uid else None
    version = controls.version or (applied.written_as if applied else "") or kind.versions.stored
    try:
        spec = kind.versions.decode(declared.items, version, named=bool(controls.version))
    except InvalidItems as error:
        raise InvalidItems([*declared.problems, *error.problems]) from error
    if declared.problems:
        raise InvalidItems(declared.problems)
    resource = kind(
        name,
        spec,
        namespace=namespace,
        uid=declared.uid,
        generation=declared.generation,
        labels=declared.labels,
        status=status,
        controls=controls,
        written_as=version,
    )
    default(resource)
    if applied is None:
        admit(resource, None)
    elif applied.generation != resource.generation:
        admit(resource, kind.versions.load(applied.spec, applied.version or kind.version))
    return resource


def is_remembered(resource: Resource) -> bool:
    """Whether the status remembers this very spec, as accepted, in the version that the operator works with.

    A former leader, who still saw an older spec, may have written a moment too late that it is not valid.
    """
    status: ResourceStatus = resource.status
    applied = status.last_applied
    return (
        applied is not None
        and status.uid == resource.uid
        and status.condition(ACCEPTED).status == "True"
        and (applied.generation, applied.version) == (resource.generation, resource.version)
    )


def remember(resource: Resource) -> LastApplied:
    """What the status is to remember of a resource, so that it can be finalized when it is gone."""
    return LastApplied(
        generation=resource.generation,
        version=resource.version,
        written_as=resource.written_as,
        labels=resource.labels,
        deletion=resource.controls.deletion,
        spec=resource.spec.model_dump(mode="json", by_alias=True),
    )


def caution(resource: Resource) -> str:
    """What a user should know of an accepted resource: that the version it is written in is deprecated. Mostly empty."""
    why = resource.versions.deprecated(resource.written_as)
    return f"version {resource.written_as} is deprecated: {why}" if why else ""


def recall(
    kind: type[R],
    name: str,
    namespace: str,
    status: ResourceStatus,
    applied: LastApplied,
    successor: Declaration | None,
) -> R:
    """The resource as a status remembers it, converted to the hub if an older operator wrote it.

    Args:
        successor: a resource that was declared under the same name meanwhile. By its controls people can say of the old
            one's things outside of Nomad that they are absent, for there is no other place left; any ID is the new one's.

    Raises:
        InvalidItems: it is of a version that this operator does not know, or cannot be read.
    """
    answers = successor.controls.external if successor else {}
    absent = {key: answer for key, answer in answers.items() if answer == ABSENT}
    return kind(
        name,
        kind.versions.load(applied.spec, applied.version or kind.version),
        namespace=namespace,
        uid=status.uid,
        generation=applied.generation,
        labels=applied.labels,
        status=status,
        controls=Controls(deletion=applied.deletion, external=absent),
        written_as=applied.written_as,
    )
