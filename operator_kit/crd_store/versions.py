"""Versions of a kind's spec: one hub that the operator works with, and spokes for what users wrote before.

    class WebsiteV1(Version, version="v1"):
        class Spec(BaseModel):
            size: int

        @staticmethod
        def up(spec: "WebsiteV1.Spec") -> "Website.Spec":
            return Website.Spec(replicas=spec.size)

        @staticmethod
        def down(spec: "Website.Spec") -> "WebsiteV1.Spec":
            return WebsiteV1.Spec(size=spec.replicas)


    class Website(Resource, group="example", kind="website", version="v2", versions=[WebsiteV1]):
        class Spec(BaseModel):
            replicas: int

The `Spec` of the kind itself is the hub; each spoke knows the way to it and back, so a new version costs one pair of functions.
Conversion is done in the operator when it reads, where Kubernetes needs a webhook with certificates; what users wrote stays as
they wrote it. A reconciler only ever sees the hub.

Which version are the items of a resource in? The item `operator.version=v1` says so. A resource without it keeps the version
that it was first read in, which its status remembers; one that is new is of the kind's *stored* version. That is the oldest
declared one, unless the class names another (`stored="v2"`): so neither a new version of an operator nor a later move of the
stored version changes what a resource means that is there already.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, cast

from pydantic import BaseModel

from operator_kit.crd_store.codec import InvalidItems, Problem, decode, validate

ITEM: Final = "operator.version"


class Version:
    """A spoke: an older spec of a kind, and how it becomes the newest and again itself.

    Class arguments:
        version: its name.
        deprecated: why and for what users should leave it; published, and told in the condition `Accepted`.

    `up` makes of this spec the hub's, `down` the reverse. Every value of the spoke must survive both, one after the other:
    `operator_kit.testing.roundtrip` makes the tests of that. What `up` raises is told to the user as a mistake in the resource.
    """

    version: ClassVar[str]
    deprecated: ClassVar[str]
    Spec: ClassVar[type[BaseModel]]

    def __init_subclass__(cls, *, version: str = "", deprecated: str = "", **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not version:
            raise TypeError(f'{cls.__name__} needs the name of its version: class {cls.__name__}(Version, version="v1")')
        spec = getattr(cls, "Spec", None)
        if not (isinstance(spec, type) and issubclass(spec, BaseModel)):
            raise TypeError(f"{cls.__name__} needs a nested class Spec(BaseModel)")
        for way in ("up", "down"):
            if getattr(cls, way) is getattr(Version, way):
                raise TypeError(f"{cls.__name__} needs a static method {way}(spec)")
        cls.version, cls.deprecated = version, deprecated

    @staticmethod
    def up(spec: Any) -> Any:
        """The hub's spec that means the same."""
        raise NotImplementedError

    @staticmethod
    def down(spec: Any) -> Any:
        """This version's spec that means the same as the hub's, as far as it can say it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Versions:
    """All versions of a kind.

    Attributes:
        hub: the version that the operator works with.
        model: the hub's spec.
        spokes: the older ones by name, oldest first.
        stored: the version of a new resource that does not name its own.
    """

    hub: str
    model: type[BaseModel]
    spokes: Mapping[str, type[Version]]
    stored: str

    @classmethod
    def of(cls, hub: str, model: type[BaseModel], spokes: Sequence[type[Version]], stored: str) -> Self:
        """The versions of a kind; `stored` may be empty.

        Raises:
            TypeError: a name stands for two of them, or `stored` for none.
        """
        names = [*(spoke.version for spoke in spokes), hub]
        for name in names:
            if names.count(name) > 1:
                raise TypeError(f'version "{name}" is declared twice')
        if stored and stored not in names:
            raise TypeError(f'stored="{stored}" is none of the versions {", ".join(names)}')
        return cls(hub, model, {spoke.version: spoke for spoke in spokes}, stored or names[0])

    @property
    def names(self) -> list[str]:
        """All of them, the hub last."""
        return [*self.spokes, self.hub]

    def spec_of(self, version: str) -> type[BaseModel]:
        """The model of that version's spec.

        Raises:
            InvalidItems: there is no such version.
        """
        if version == self.hub:
            return self.model
        if version in self.spokes:
            return self.spokes[version].Spec
        nearest = difflib.get_close_matches(version, self.names, 1)
        known = ", ".join(self.names)
        cure = f"did you mean {nearest[0]}?" if nearest else f"rewrite the resource, and say {ITEM}={self.hub}"
        raise InvalidItems([Problem(ITEM, f'the operator knows no version "{version}", only {known}', cure)])

    def deprecated(self, version: str) -> str:
        """Why users should leave that version; empty if they need not."""
        return self.spokes[version].deprecated if version in self.spokes else ""

    def decode(self, items: Mapping[str, str], version: str, *, named: bool = True) -> BaseModel:
        """The hub's spec that items of that version mean; `named` is whether the resource says its version itself.

        Raises:
            InvalidItems: they do not make a spec of that version, or it cannot be converted.
        """
        try:
            return self._up(decode(self.spec_of(version), items), version)
        except InvalidItems as error:
            if named or not self.spokes:
                raise
            hint = Problem(ITEM, f"it is not given, so the items were read as {version}", f"known: {', '.join(self.names)}")
            raise InvalidItems([*error.problems, hint]) from error

    def load(self, data: Any, version: str) -> BaseModel:
        """The hub's spec that plain data of that version means: a spec that a status remembers.

        Raises:
            InvalidItems: as with `decode`.
        """
        return self._up(validate(self.spec_of(version), data), version)

    def down(self, spec: BaseModel, version: str) -> BaseModel:
        """The spec of that version which means the same as the hub's.

        Raises:
            InvalidItems: there is no such version.
        """
        self.spec_of(version)
        return spec if version == self.hub else cast(BaseModel, self.spokes[version].down(spec))

    def _up(self, spec: BaseModel, version: str) -> BaseModel:
        if version == self.hub:
            return spec
        try:
            return cast(BaseModel, self.spokes[version].up(spec))
        except Exception as error:  # the author's code, met with a user's values: it must not stop the others
            reason = f"{version} cannot be converted to {self.hub}: {error or type(error).__name__}"
            raise InvalidItems([Problem(ITEM, reason, f"rewrite the resource, and say {ITEM}={self.hub}")]) from error
