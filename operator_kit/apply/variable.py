"""Variables, and the resources that are declared in them: their items are their fields, and the marks stand among the items.

A resource is written in canonical items. Only the fields that its maker has set are his; the others, the labels that people put
on it and its other controls have other owners.
"""

from collections.abc import Collection
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import Variable
from operator_kit.apply.fields import Tree
from operator_kit.apply.object_kind import ObjectKind
from operator_kit.apply.tree_kind import TreeKind
from operator_kit.apply.wire_fields import modify_index, own_namespace
from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import LABELS, encode
from operator_kit.resource import Resource


def _items(variable: Variable) -> Tree:
    return dict(variable.items or {})


def _variable(id: str, items: Tree, live: Variable | None) -> Variable:
    return Variable(path=id, items={key: str(value) for key, value in items.items()})


async def _put_variable(nomad: Nomad, variable: Variable, index: int, fields: Collection[str]) -> int:
    return (await nomad.variables.put(variable.path, variable.items or {}, cas=index)).modify_index


async def _delete_variable(nomad: Nomad, variable: Variable, fields: Collection[str]) -> None:
    await nomad.variables.delete(variable.path, cas=variable.modify_index)


VARIABLE: Final = TreeKind[Variable](
    name="Variable",
    noun="variable",
    id=lambda wish: wish.path,
    namespace=own_namespace,
    wish=_items,
    tree=_items,
    build=_variable,
    index=modify_index,
    get=lambda nomad, id: nomad.variables.get(id),
    put=_put_variable,
    remove=_delete_variable,
    marks=(),
    never_empty=True,
)


def _resource_items(wish: Resource) -> Tree:
    """The items of a resource, as far as its maker has set the fields; the others have their defaults, or other owners."""
    controls = wish.controls.model_copy(update={"owner": "", "owner_uid": 0, "version": _version(type(wish))}).items()
    spec: BaseModel = wish.spec
    given = {field.alias or name for name, field in type(spec).model_fields.items() if name in spec.model_fields_set}
    items = {key: text for key, text in encode(spec).items() if key in given or key not in _keys(type(spec))}
    return {**items, **controls, **{LABELS + key: text for key, text in wish.labels.items()}}


def _version(kind: type[Resource]) -> str:
    """The version that the items have to name: none where new resources are taken to be of the newest anyhow."""
    return "" if kind.versions.stored == kind.version else kind.version


@cache
def _keys(spec: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in spec.model_fields.items())


@cache
def resource_kind(group: str, kind: str) -> ObjectKind[Any]:
    """The kind of the resources below `resources/<group>/<kind>/`; they are gone when their operator has finalized them."""

    async def lingers(nomad: Nomad, name: str) -> bool:
        try:
            await nomad.variables.get(paths.status(group, kind, name))
        except NotFound:
            return False
        return True

    async def listed(nomad: Nomad) -> list[str]:
        prefix = paths.resources(group, kind)
        return [variable.path.removeprefix(prefix) for variable in await nomad.variables.list(prefix)]

    return TreeKind[Variable](
        name=paths.resources(group, kind).rstrip("/"),
        noun=f"resource {group}/{kind}",
        id=lambda wish: wish.name,
        wish=_resource_items,
        tree=_items,
        build=lambda id, items, live: _variable(paths.resource(group, kind, id), items, live),
        index=modify_index,
        get=lambda nomad, id: nomad.variables.get(paths.resource(group, kind, id)),
        put=_put_variable,
        remove=_delete_variable,
        marks=(),
        never_empty=True,
        listed=listed,
        lingers=lingers,
    )
