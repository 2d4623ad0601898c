"""`Resource`: a kind of thing that users declare and an operator brings about.

    class Website(Resource, group="example", kind="website"):
        class Spec(BaseModel):
            image: str
            replicas: int = 1

        class Status(ResourceStatus):
            url: str = ""

`website.spec` and `website.status` have the types of the nested classes, for people and for type checkers. The object is
not a model itself: it is the pair of them with the identity of the variable that it comes from.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel

from operator_kit.crd_store import paths
from operator_kit.status import ResourceStatus

SpecT = TypeVar("SpecT", bound=BaseModel, covariant=True)
StatusT = TypeVar("StatusT", bound=ResourceStatus, covariant=True)

RESERVED: Final = ("spec", "labels")
"""Items of a resource's variable that are not fields of its spec: the document and the labels."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


class HasSpec(Protocol[SpecT]):
    """A class with a nested `Spec`; it lets a type checker see what `spec` is."""

    @property
    def Spec(self) -> type[SpecT]: ...


class HasStatus(Protocol[StatusT]):
    """A class with a nested `Status`; it lets a type checker see what `status` is."""

    @property
    def Status(self) -> type[StatusT]: ...


class Resource:
    """The base of every kind; see the module's text.

    Class arguments:
        group, kind: where its resources live: `resources/<group>/<kind>/<name>`. Lower case, digits, `-` and `_`.
        version: the version of the schema that is published.
        short_names: what users may type in place of the kind.
        columns: what a list shows, as title and path: `{"URL": "status.url"}`.

    Attributes:
        name: unique within kind and namespace.
        uid: CreateIndex of the variable. Path and uid are the identity: made anew, a resource is another one.
        generation: ModifyIndex of the variable; it rises with every write of the spec.
        labels: from the items `labels.<key>`.
        spec: the desired state. Never changed by an operator.
        status: the observed state. Set its fields in `reconcile`; the kit writes it if anything changed.
    """

    group: ClassVar[str]
    kind: ClassVar[str]
    version: ClassVar[str]
    short_names: ClassVar[tuple[str, ...]]
    columns: ClassVar[Mapping[str, str]]
    Spec: ClassVar[type[BaseModel]]
    Status: ClassVar[type[ResourceStatus]] = ResourceStatus

    def __init_subclass__(
        cls,
        *,
        group: str = "",
        kind: str = "",
        version: str = "v1",
        short_names: tuple[str, ...] = (),
        columns: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init_subclass__(**arguments)
        for what, name in (("group", group), ("kind", kind)):
            if not _NAME.fullmatch(name):
                raise TypeError(f'{cls.__name__}: {what} "{name}" must begin with a letter and hold only a-z, 0-9, - and _')
        spec = getattr(cls, "Spec", None)
        if not (isinstance(spec, type) and issubclass(spec, BaseModel)):
            raise TypeError(f"{cls.__name__} needs a nested class Spec(BaseModel)")
        if not issubclass(cls.Status, ResourceStatus):
            raise TypeError(f"{cls.__name__}.Status must derive from ResourceStatus")
        required = [name for name, field in cls.Status.model_fields.items() if field.is_required()]
        if required:
            raise TypeError(f"{cls.__name__}.Status.{required[0]} needs a default: a new resource has no status yet")
        taken = [name for name in RESERVED if name in spec.model_fields]
        if taken:
            raise TypeError(f'{cls.__name__}.Spec has a field "{taken[0]}", which means something else in a variable')
        cls.group, cls.kind, cls.version = group, kind, version
        cls.short_names, cls.columns = short_names, dict(columns or {})

    def __init__(
        self,
        name: str,
        spec: BaseModel,
        *,
        namespace: str = "default",
        uid: int = 0,
        generation: int = 0,
        labels: Mapping[str, str] | None = None,
        status: ResourceStatus | None = None,
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.generation = generation
        self.labels = dict(labels or {})
        self._spec = spec
        self._status = self.Status() if status is None else status

    @property
    def spec(self: HasSpec[SpecT]) -> SpecT:
        return self._spec  # type: ignore[attr-defined,no-any-return]

    @property
    def status(self: HasStatus[StatusT]) -> StatusT:
        return self._status  # type: ignore[attr-defined,no-any-return]

    @property
    def path(self) -> str:
        """Path of the variable that declares the resource."""
        return paths.resource(self.group, self.kind, self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.namespace}/{self.name} generation {self.generation}>"
