"""What a cluster is divided into: namespaces and node pools. Their Meta is free, so the marks are there.

Nomad has no check-and-set for them: what is written was read just before, and that is all the care one can take.
"""

from collections.abc import Collection
from typing import Final

from nomad_api.client import Nomad
from nomad_api.models import Namespace, NodePool
from operator_kit.apply.tree_kind import TreeKind
from operator_kit.apply.wire_fields import all_fields, built, given_fields, modify_index


async def _put_namespace(nomad: Nomad, namespace: Namespace, index: int, fields: Collection[str]) -> None:
    await nomad.namespaces.apply(namespace)


async def _namespaces(nomad: Nomad) -> list[str]:
    return [namespace.name for namespace in await nomad.namespaces.list()]


async def _pools(nomad: Nomad) -> list[str]:
    return [pool.name for pool in await nomad.node_pools.list()]


async def _put_pool(nomad: Nomad, pool: NodePool, index: int, fields: Collection[str]) -> None:
    await nomad.node_pools.apply(pool)


NAMESPACE: Final = TreeKind[Namespace](
    name="Namespace",
    noun="namespace",
    namespaced=False,
    id=lambda wish: wish.name,
    wish=given_fields(),
    tree=all_fields(),
    build=built(Namespace),
    index=modify_index,
    get=lambda nomad, id: nomad.namespaces.get(id),
    listed=_namespaces,
    put=_put_namespace,
    remove=lambda nomad, namespace, fields: nomad.namespaces.delete(namespace.name),
)

NODE_POOL: Final = TreeKind[NodePool](
    name="NodePool",
    noun="node pool",
    namespaced=False,
    id=lambda wish: wish.name,
    wish=given_fields(),
    tree=all_fields(),
    build=built(NodePool),
    index=modify_index,
    get=lambda nomad, id: nomad.node_pools.get(id),
    listed=_pools,
    put=_put_pool,
    remove=lambda nomad, pool, fields: nomad.node_pools.delete(pool.name),
)
