"""What the groups of endpoints share: `Endpoints` holds the client, `Collection` is a list and its members."""

import builtins
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Generic, TypeVar

from nomad_api.client.api import Api, Snapshot, segment
from nomad_api.client.request import Params
from nomad_api.models.base import Wire

Stub = TypeVar("Stub", bound=Wire)
Item = TypeVar("Item", bound=Wire)
Model = TypeVar("Model", bound=Wire)


class Endpoints:
    """A group of endpoints of one client."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def _one(self, model: type[Model], path: str, params: Params | None = None) -> Model:
        return model.model_validate((await self._api.read(path, params)).value)

    async def _many(self, model: type[Model], path: str, params: Params | None = None) -> list[Model]:
        return models(model, (await self._api.read(path, params)).value)


class Collection(Endpoints, Generic[Stub, Item]):
    """A list of objects and the objects by ID. A subclass declares two paths and two models."""

    plural: ClassVar[str]
    """Path of the list."""
    singular: ClassVar[str]
    """Path above one object's ID."""
    stub: type[Stub]
    """Model of an object in the list."""
    item: type[Item]
    """Model of one object."""

    async def get(self, id: str, **params: Any) -> Item:
        """The object with that whole ID; further parameters of the endpoint go as they are.

        Raises:
            NotFound: there is none.
        """
        return await self._one(self.item, self._path(id), params)

    def watch(
        self, id: str, *, index: int = 0, wait: str | float | None = None, retry: bool = True
    ) -> AsyncIterator[Snapshot[Item | None]]:
        """Snapshots of one object, each newer than the last; the value is None while the object does not exist."""
        return self._api.watch_object(self._path(id), self.item.model_validate, index=index, wait=wait, retry=retry)

    def watch_list(
        self,
        prefix: str = "",
        *,
        filter: str | None = None,
        index: int = 0,
        wait: str | float | None = None,
        retry: bool = True,
    ) -> AsyncIterator[Snapshot[builtins.list[Stub]]]:
        """Snapshots of the list, each newer than the last."""
        query: dict[str, Any] = {"prefix": prefix or None, "filter": filter}
        return self._api.watch(self.plural, self._stubs, query, index=index, wait=wait, retry=retry)

    async def list(self, prefix: str = "", *, filter: str | None = None, **params: Any) -> builtins.list[Stub]:
        """The objects whose ID begins with `prefix` and that fulfil `filter`, an expression such as `Status == "running"`.

        Other parameters of Nomad's lists (`per_page`, `next_token`, `reverse` …) go as they are.
        """
        return await self._many(self.stub, self.plural, {"prefix": prefix or None, "filter": filter, **params})

    def _path(self, id: str, *rest: str) -> str:
        return "/".join((self.singular, segment(id), *rest))

    def _stubs(self, value: Any) -> builtins.list[Stub]:
        return models(self.stub, value)


def models(model: type[Model], value: Any) -> list[Model]:
    """A list of models from a JSON list, which Nomad writes as `null` when it is empty here and there."""
    return [model.model_validate(entry) for entry in value or ()]
