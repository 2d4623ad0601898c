"""Custom resources as users see them: which kinds there are, which resources, what their operators say of them.

Read from the variables of `operator_kit.crd_store` without any kind's Python class: the published kind tells the columns, the
status tells the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from nomadctl.failure import Failure, failing
from nomadctl.output import quoted

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Variable
    from operator_kit.crd_store.schema import PublishedKind
    from operator_kit.crd_store.selectors import Selector
    from operator_kit.status import ResourceStatus


class NamedKind(Protocol):
    """A kind, as far as its name goes: a published one, or one that only somebody's resources tell of."""

    @property
    def group(self) -> str: ...

    @property
    def kind(self) -> str: ...


class KindName(NamedTuple):
    """The name of a kind that no operator has published."""

    group: str
    kind: str


@dataclass(frozen=True)
class Found:
    """A resource, its status, or both: a status alone is a resource that is being deleted."""

    name: str
    resource: "Variable | None"
    status: "ResourceStatus"
    details: Mapping[str, Any]
    """The kind's own fields of the status."""

    @property
    def deleting(self) -> bool:
        """Whether the resource is gone and its operator is still undoing it."""
        return self.resource is None

    @property
    def behind(self) -> bool:
        """Whether the operator has not dealt with the latest change yet."""
        return self.resource is not None and self.status.observed_generation != self.resource.modify_index

    @property
    def observed(self) -> bool:
        """Whether any operator has looked at it."""
        return bool(self.status.conditions)

    @property
    def readiness(self) -> tuple[str, str]:
        """Whether it is ready (True, False or Unknown), and in a word why.

        Work that is going on is told before what was true of an older version.
        """
        accepted, ready = self.status.condition("Accepted"), self.status.condition("Ready")
        if self.deleting:
            return "False", "Deleting"
        if accepted.status == "False":
            return "False", accepted.reason
        if not self.observed:
            return "Unknown", "NotSeen"
        return ready.status, "Progressing" if self.behind and ready.status == "True" else ready.reason

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels as they are written; those of a deleted resource as they last were."""
        from operator_kit.crd_store.codec import split_labels

        if self.resource is not None:
            return split_labels(self.resource.items or {})[1]
        return self.status.last_applied.labels if self.status.last_applied else {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec as the operator understood it, else as it is written."""
        if self.status.last_applied is not None:
            return self.status.last_applied.spec
        return {key: _value(text) for key, text in ((self.resource and self.resource.items) or {}).items()}

    def column(self, path: str) -> object:
        """The value at a column's path, such as `spec.replicas` or `status.url`; None if there is none."""
        value: Any = {"spec": self.spec, "status": self.details, "name": self.name}
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


async def published_kinds(nomad: "Nomad") -> "list[PublishedKind]":
    """All kinds that operators have made known."""
    from operator_kit.crd_store.codec import InvalidItems
    from operator_kit.crd_store.paths import CRDS
    from operator_kit.crd_store.schema import PublishedKind

    kinds = []
    with failing("Error reading the published kinds"):
        for entry in await nomad.variables.list(CRDS):
            variable = await nomad.variables.get(entry.path)
            try:
                kinds.append(PublishedKind.from_items(variable.items or {}))
            except InvalidItems:
                continue  # not written by an operator of this framework; nothing can be said of it
    return kinds


async def find_kinds(nomad: "Nomad", wanted: str) -> "list[PublishedKind]":
    """The kinds that a user means: all of a category, or the one of a name. A name goes before a category.

    Raises:
        Failure: there is none, or several have that name.
    """
    kinds = await published_kinds(nomad)
    listed = [kind for kind in kinds if wanted.lower() in kind.categories]
    return listed if listed and not _named(kinds, wanted) else [_the_kind(kinds, wanted)]


async def find_kind(nomad: "Nomad", wanted: str) -> "PublishedKind":
    """The kind that a user means: `collector`, `otel/collector`, a short name, or a plural.

    Raises:
        Failure: there is none, or several.
    """
    return _the_kind(await published_kinds(nomad), wanted)


def _named(kinds: "list[PublishedKind]", wanted: str) -> "list[PublishedKind]":
    name = wanted.lower()
    plurals = {name, name.removesuffix("s")}
    return [
        kind
        for kind in kinds
        if f"{kind.group}/{kind.kind}" in plurals or kind.kind in plurals or plurals & set(kind.short_names)
    ]


def _the_kind(kinds: "list[PublishedKind]", wanted: str) -> "PublishedKind":
    matching = _named(kinds, wanted)
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(f"{kind.group}/{kind.kind}" for kind in matching or kinds)
    if matching:
        raise Failure(f"Kind {quoted(wanted)} is ambiguous: {names}")
    hint = f"known kinds: {names}" if names else "no operator has published any; see: nomadctl operator list"
    raise Failure(f"No kind {quoted(wanted)}; {hint}")


def parse_selector(text: str, kind: "PublishedKind") -> "Selector":
    """What a user selects by, among the resources of a kind.

    Raises:
        Failure: it is no selector, or asks for a field that the kind does not offer.
    """
    from operator_kit.crd_store.selectors import Selector, SelectorError

    try:
        selector = Selector.parse(text)
        selector.check(kind.selectable)
    except SelectorError as error:
        raise Failure(f"Error reading the selector: {error}") from error
    return selector


async def find_target(nomad: "Nomad", wanted: str, name: str) -> "tuple[NamedKind, str]":
    """The kind and name that a user means by a kind and a name, or by the path of a resource (or of its status) alone.

    A kind that no operator has published must be written in full, `group/kind`.

    Raises:
        Failure: there is no such kind, or several.
    """
    from operator_kit.crd_store.paths import ResourcePath

    if not name:
        path = ResourcePath.parse(wanted.strip("/"))
        if path is None:
            raise Failure(f"Give a kind and a name, or a path such as resources/<group>/<kind>/<name>; not {quoted(wanted)}")
        wanted, name = f"{path.group}/{path.kind}", path.name
    try:
        return await find_kind(nomad, wanted), name
    except Failure as failure:
        group, slash, kind = wanted.partition("/")
        if slash and failure.__cause__ is None:
            return KindName(group, kind), name
        raise


async def find_all(nomad: "Nomad", kind: "NamedKind") -> list[Found]:
    """All resources of a kind, those that are being deleted too, by name."""
    found = [await find_one(nomad, kind, name) for name in await names_of(nomad, kind)]
    return [one for one in found if one is not None]


async def names_of(nomad: "Nomad", kind: "NamedKind") -> list[str]:
    """The names of all resources of a kind, those that are being deleted too, sorted."""
    from operator_kit.crd_store import paths

    names: set[str] = set()
    with failing("Error listing resources"):
        for prefix in (paths.resources(kind.group, kind.kind), paths.statuses(kind.group, kind.kind)):
            names.update(entry.path.removeprefix(prefix) for entry in await nomad.variables.list(prefix))
    return sorted(names)


async def find_one(nomad: "Nomad", kind: "NamedKind", name: str) -> Found | None:
    """A resource by name, None if there is neither it nor a status of it."""
    from operator_kit.crd_store import paths
    from operator_kit.crd_store.status_items import unpack
    from operator_kit.status import ResourceStatus

    resource = await _variable(nomad, paths.resource(kind.group, kind.kind, name))
    status = await _variable(nomad, paths.status(kind.group, kind.kind, name))
    if resource is None and status is None:
        return None
    items = (status and status.items) or {}
    return Found(
        name,
        resource,
        unpack(ResourceStatus, items),
        {key: _value(text) for key, text in items.items() if key not in _common()},
    )


async def _variable(nomad: "Nomad", path: str) -> "Variable | None":
    from nomad_api.errors import NotFound

    try:
        with failing("Error reading resource"):
            return await nomad.variables.get(path)
    except Failure as failure:
        if isinstance(failure.__cause__, NotFound):
            return None
        raise


def _value(text: str) -> Any:
    from operator_kit.crd_store.documents import load_scalar_or_json

    return load_scalar_or_json(text)


def _common() -> set[str]:
    """The items that every kind's status has."""
    from operator_kit.status import ResourceStatus

    return {str(field.alias or name) for name, field in ResourceStatus.model_fields.items()}
