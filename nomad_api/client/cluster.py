"""The smaller groups of endpoints: evaluations, deployments, nodes, node pools, namespaces, services, agent, status …"""

import builtins
from collections.abc import AsyncIterator
from typing import Any

from nomad_api.client.api import Snapshot, segment
from nomad_api.client.collection import Collection, Endpoints, models
from nomad_api.models.allocation import Allocation, AllocationStub
from nomad_api.models.base import Wire
from nomad_api.models.deployment import Deployment
from nomad_api.models.evaluation import Evaluation
from nomad_api.models.namespace import Namespace
from nomad_api.models.node import Node, NodeStub
from nomad_api.models.node_pool import NodePool
from nomad_api.models.service import ServiceList, ServiceRegistration


class Evaluations(Collection[Evaluation, Evaluation]):
    """`nomad.evaluations`."""

    plural = "evaluations"
    singular = "evaluation"
    stub = Evaluation
    item = Evaluation

    async def allocations(self, id: str) -> builtins.list[AllocationStub]:
        """The allocations that the evaluation created or stopped."""
        return await self._many(AllocationStub, self._path(id, "allocations"))


class Deployments(Collection[Deployment, Deployment]):
    """`nomad.deployments`."""

    plural = "deployments"
    singular = "deployment"
    stub = Deployment
    item = Deployment

    async def allocations(self, id: str) -> builtins.list[AllocationStub]:
        return await self._many(AllocationStub, f"deployment/allocations/{segment(id)}")

    async def fail(self, id: str) -> dict[str, Any]:
        """End a deployment as failed (and go back to the last stable version, if the job says so)."""
        return await self._change("fail", id, {})

    async def pause(self, id: str, pause: bool = True) -> dict[str, Any]:
        """Halt a deployment, or let it go on."""
        return await self._change("pause", id, {"Pause": pause})

    async def promote(self, id: str, groups: builtins.list[str] | None = None) -> dict[str, Any]:
        """Replace the old allocations by the canaries' version, in all groups or in some."""
        return await self._change("promote", id, {"All": groups is None, "Groups": groups})

    async def unblock(self, id: str) -> dict[str, Any]:
        """Let the part of a deployment over several regions go on that waits for the others."""
        return await self._change("unblock", id, {})

    async def _change(self, action: str, id: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"deployment/{action}/{segment(id)}"
        return dict(await self._api.write("PUT", path, {"DeploymentID": id, **body}))


class Nodes(Collection[NodeStub, Node]):
    """`nomad.nodes`."""

    plural = "nodes"
    singular = "node"
    stub = NodeStub
    item = Node

    async def allocations(self, id: str) -> builtins.list[Allocation]:
        return await self._many(Allocation, self._path(id, "allocations"))

    async def drain(
        self, id: str, spec: dict[str, Any] | None, *, mark_eligible: bool = False, meta: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Begin to drain a node (`{"Deadline": nanoseconds, "IgnoreSystemJobs": bool}`), or stop draining it (None)."""
        body = {"DrainSpec": spec, "MarkEligible": mark_eligible, "Meta": meta}
        return dict(await self._api.write("PUT", self._path(id, "drain"), body))

    async def eligibility(self, id: str, eligible: bool) -> dict[str, Any]:
        """Whether new allocations may be placed on the node."""
        body = {"Eligibility": "eligible" if eligible else "ineligible"}
        return dict(await self._api.write("PUT", self._path(id, "eligibility"), body))

    async def stats(self, id: str) -> dict[str, Any]:
        """Resource usage of the node's machine."""
        return dict((await self._api.read("client/stats", {"node_id": id})).value)


class NodePools(Collection[NodePool, NodePool]):
    """`nomad.node_pools`. The pools `default` and `all` are built in, and nobody's to change."""

    plural = "node/pools"
    singular = "node/pool"
    stub = NodePool
    item = NodePool

    async def apply(self, pool: NodePool) -> None:
        """Create or replace a node pool."""
        await self._api.write("PUT", "node/pools", pool.to_wire())

    async def delete(self, name: str) -> None:
        """Remove a node pool, which must have no nodes and no running jobs."""
        await self._api.write("DELETE", self._path(name))


class Namespaces(Collection[Namespace, Namespace]):
    """`nomad.namespaces`."""

    plural = "namespaces"
    singular = "namespace"
    stub = Namespace
    item = Namespace

    async def apply(self, namespace: Namespace) -> None:
        """Create or replace a namespace."""
        await self._api.write("PUT", "namespace", namespace.to_wire())

    async def delete(self, name: str) -> None:
        """Remove a namespace, which must be empty."""
        await self._api.write("DELETE", self._path(name))


class Services(Endpoints):
    """`nomad.services`: the services registered with Nomad itself."""

    async def list(self) -> builtins.list[ServiceList]:
        """The names and tags of all services, by namespace."""
        return await self._many(ServiceList, "services")

    async def get(self, name: str, *, filter: str | None = None) -> builtins.list[ServiceRegistration]:
        """The instances of a service; an unknown service has none."""
        return await self._many(ServiceRegistration, f"service/{segment(name)}", {"filter": filter})

    def watch(
        self, name: str, *, index: int = 0, wait: str | float | None = None, retry: bool = True
    ) -> AsyncIterator[Snapshot[builtins.list[ServiceRegistration]]]:
        """Snapshots of the instances of a service."""
        path = f"service/{segment(name)}"
        return self._api.watch(path, lambda value: models(ServiceRegistration, value), index=index, wait=wait, retry=retry)

    async def delete(self, name: str, id: str) -> None:
        """Forget one instance."""
        await self._api.write("DELETE", f"service/{segment(name)}/{segment(id)}")


class Agent(Endpoints):
    """`nomad.agent`: the agent that answers."""

    async def self(self) -> dict[str, Any]:
        """Configuration, member and statistics."""
        return dict((await self._api.read("agent/self")).value)

    async def health(self) -> dict[str, Any]:
        """`{"client": {"ok": …, "message": …}, "server": …}`."""
        return dict((await self._api.read("agent/health")).value)

    async def members(self) -> dict[str, Any]:
        return dict((await self._api.read("agent/members")).value)


class Status(Endpoints):
    """`nomad.status`: the cluster."""

    async def leader(self) -> str:
        """The RPC address of the leading server."""
        return str((await self._api.read("status/leader")).value)

    async def peers(self) -> builtins.list[str]:
        return list((await self._api.read("status/peers")).value)

    async def regions(self) -> builtins.list[str]:
        return list((await self._api.read("regions")).value)


class SearchResult(Wire):
    """Matches by context (`jobs`, `allocs` …), at most 20 in each; a context that has more is truncated."""

    matches: dict[str, list[str] | None] = {}
    truncations: dict[str, bool] = {}


class Search(Endpoints):
    """`nomad.search`."""

    async def prefix(self, prefix: str, context: str = "all") -> SearchResult:
        """IDs that begin with a prefix.

        Args:
            context: `jobs`, `evals`, `allocs`, `nodes`, `deployment`, `namespaces`, `node_pools`, `vars` … or `all`.
        """
        return SearchResult.model_validate(await self._api.write("PUT", "search", {"Prefix": prefix, "Context": context}))
