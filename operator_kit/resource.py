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
from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from typing import Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel

from operator_kit.controls import Controls
from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import Problem
from operator_kit.crd_store.immutable import immutable_fields
from operator_kit.crd_store.selectors import FIELDS, Selector
from operator_kit.crd_store.shapes import Scalar, Text, shape_at, value_at
from operator_kit.crd_store.versions import Version, Versions
from operator_kit.status import ResourceStatus

SpecT = TypeVar("SpecT", bound=BaseModel, covariant=True)
StatusT = TypeVar("StatusT", bound=ResourceStatus, covariant=True)

RESERVED: Final = ("spec", "labels", "operator")
"""Items of a resource's variable that are not fields of its spec: the document, the labels and the controls."""

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
        version: the version of `Spec`, which the operator works with.
        versions: older ones, oldest first; see `operator_kit.crd_store.versions`.
        stored: the version of new resources that do not name theirs; the oldest if left out.
        short_names: what users may type in place of the kind.
        columns: what a list shows, as title and path: `{"URL": "status.url"}`.
        categories: names of groups of kinds that it is listed with, as in `nomadctl get all`.
        selectable: fields that lists and watches may select by, besides labels: `("spec.mode",)`. Single values only.

    The docstring of the class is published with the kind, for its users to read.

    Attributes:
        name: unique within kind and namespace.
        uid: CreateIndex of the variable. Path and uid are the identity: made anew, a resource is another one.
        generation: ModifyIndex of the variable; it rises with every write of the spec.
        labels: from the items `labels.<key>`.
        controls: what people ask of the operator by the items `operator.…`.
        written_as: the version that the items are in; `spec` is converted from it.
        spec: the desired state. Never changed by an operator.
        status: the observed state. Set its fields in `reconcile`; the kit writes it if anything changed.
    """

    group: ClassVar[str]
    kind: ClassVar[str]
    version: ClassVar[str]
    versions: ClassVar[Versions]
    short_names: ClassVar[tuple[str, ...]]
    columns: ClassVar[Mapping[str, str]]
    categories: ClassVar[tuple[str, ...]]
    selectable: ClassVar[tuple[str, ...]]
    doc: ClassVar[str]
    Spec: ClassVar[type[BaseModel]]
    Status: ClassVar[type[ResourceStatus]] = ResourceStatus

    def __init_subclass__(
        cls,
        *,
        group: str = "",
        kind: str = "",
        version: str = "v1",
        versions: Sequence[type[Version]] = (),
        stored: str = "",
        short_names: tuple[str, ...] = (),
        columns: Mapping[str, str] | None = None,
        categories: tuple[str, ...] = ("all",),
        selectable: tuple[str, ...] = (),
        **arguments: Any,
    ) -> None:
        super().__init_subclass__(**arguments)
        for what, name in (("group", group), ("kind", kind), *(("category", category) for category in categories)):
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
        for path in selectable:
            model = {"spec": spec, "status": cls.Status}.get(path.partition(".")[0])
            if model is None or not isinstance(shape_at(model, path.partition(".")[2]), Text | Scalar):
                known = " or ".join(f"{prefix}<field>" for prefix in FIELDS)
                raise TypeError(f'{cls.__name__}: selectable "{path}" must be {known}, a field with a single value')
        if spec.__pydantic_complete__:
            immutable_fields(spec)
        cls.group, cls.kind, cls.version = group, kind, version
        cls.versions = Versions.of(version, spec, versions, stored)
        cls.short_names, cls.columns = short_names, dict(columns or {})
        cls.categories, cls.selectable = categories, selectable
        cls.doc = cleandoc(cls.__dict__.get("__doc__") or "")

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
        controls: Controls | None = None,
        written_as: str = "",
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.generation = generation
        self.labels = dict(labels or {})
        self.controls = controls or Controls()
        self.written_as = written_as or self.version
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

    def default(self) -> None:
        """Fill in, by setting fields of `spec`, what the user left open; see `operator_kit.admission`."""

    def validate(self, old: Any) -> Iterable[Problem]:
        """What is wrong with the spec beyond its types; `old` is the spec it replaces, None for a new resource."""
        return ()

    def field(self, path: str) -> Any:
        """The value at a path such as `spec.mode` or `status.url`, as users write it; None if there is none."""
        root, _, rest = path.partition(".")
        model = {"spec": self._spec, "status": self._status}.get(root)
        return None if model is None else value_at(model, rest)

    def selected_by(self, selector: Selector) -> bool:
        """Whether a selector of labels and fields means this resource."""
        return selector.matches(self.labels, self.field)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.namespace}/{self.name} generation {self.generation}>"
