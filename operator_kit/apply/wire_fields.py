"""Objects of Nomad's API as trees of fields: what a `TreeKind` of such objects has in common with the others."""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

from nomad_api.models.base import Wire
from operator_kit.apply.fields import Tree, restricted

W = TypeVar("W", bound=Wire)

INDEXES: Final = frozenset({"Hash", "CreateIndex", "ModifyIndex", "CreateTime", "ModifyTime"})
"""Fields that the server sets by itself on whatever it keeps."""


def all_fields(servers: Collection[str] = INDEXES) -> Callable[[Wire], Tree]:
    """The fields of an object, without the server's."""
    return lambda thing: {key: value for key, value in thing.to_wire().items() if key not in servers}


def given_fields(servers: Collection[str] = INDEXES) -> Callable[[Wire], Tree]:
    """The fields that the maker of an object has set, without the server's."""

    def given(wish: Wire) -> Tree:
        data = restricted(wish.to_wire(), wish.model_dump(by_alias=True, exclude_unset=True))
        return {key: value for key, value in data.items() if key not in servers}

    return given


def built(model: type[W], servers: Collection[str] = INDEXES) -> Callable[[str, Tree, W | None], W]:
    """An object with these fields, and with what the server has set on the present one."""

    def build(id: str, tree: Tree, live: W | None) -> W:
        kept = {key: value for key, value in (live.to_wire() if live else {}).items() if key in servers}
        return model.model_validate({**kept, **tree})

    return build


def modify_index(thing: Any) -> int:
    """The ModifyIndex of an object."""
    return int(thing.modify_index)


def own_namespace(wish: Any) -> str:
    """The namespace that an object names."""
    return str(wish.namespace)
