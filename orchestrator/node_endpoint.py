"""What the server half does for the node: the other side of the client's contract.

The client runs in the same process, so a call here is a call and not a request; the rules are those of Nomad's Node endpoint.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Node, ServiceRegistration, Variable, VariableMetadata, WorkloadIdentity
from orchestrator import jobs
from orchestrator.acl.resolver import Caller
from orchestrator.client.server import AllocationUpdate, Change
from orchestrator.scheduler.node_class import computed_class
from orchestrator.services import Services
from orchestrator.state.store import Commit, Transaction

if TYPE_CHECKING:
    from orchestrator.http.server import HTTPServer


class NodeEndpoint:
    """Implements `orchestrator.client.server.Server` on the state store."""

    def __init__(self, services: Services, http: "HTTPServer") -> None:
        self._services = services
        self._store = services.store
        self._http = http

    async def register_node(self, node: Node) -> None:
        """A node that is new, or was down, is first registered and then found ready, which is two events."""
        known = self._store.state.nodes.get(node.id)
        if known is None or known.status != "ready":
            await self._upsert("NodeRegistration", node.evolve(status="initializing"))
        await self._upsert("NodeStreamEvent" if known is None else "NodeRegistration", node.evolve(status="ready"))

    async def _upsert(self, kind: str, node: Node) -> None:
        def upsert(tx: Transaction) -> None:
            known = tx.state.nodes.get(node.id)
            kept = {"scheduling_eligibility": known.scheduling_eligibility, "events": known.events} if known else {}
            new = node.evolve(status_updated_at=tx.now // SECOND, computed_class=computed_class(node), **kept)
            if known is None or _without_indexes(known) != _without_indexes(new):
                tx.put(new)

        await self._store.write(kind, upsert)

    async def allocations(self, node_id: str) -> AsyncIterator[list[Allocation]]:
        with self._store.watch("allocations") as watch:
            while True:
                yield self._store.state.allocations.by("node", node_id)
                await watch.changed()

    async def update_allocations(self, updates: Sequence[AllocationUpdate]) -> None:
        await self._store.write("AllocationUpdated", lambda tx: jobs.apply_client_updates(tx, updates))

    async def upsert_services(self, registrations: Sequence[ServiceRegistration]) -> None:
        def upsert(tx: Transaction) -> None:
            for registration in registrations:
                known = tx.state.services.get(registration.namespace, registration.service_name, registration.id)
                if known is None or _without_indexes(known) != _without_indexes(registration):
                    tx.put(registration)

        await self._store.write("ServiceRegistration", upsert)

    async def delete_services(self, ids: Collection[str]) -> None:
        wanted = set(ids)

        def delete(tx: Transaction) -> None:
            for service in [service for service in tx.state.services if service.id in wanted]:
                tx.delete("services", service.namespace, service.service_name, service.id)

        await self._store.write("ServiceDeregistration", delete)

    async def sign_identity(self, allocation: Allocation, task: str, identity: WorkloadIdentity) -> str:
        return await self._services.keyring.sign_identity(allocation, task, identity)

    async def read_variable(self, allocation: Allocation, task: str, path: str) -> Variable | None:
        caller = self._caller(allocation, task)
        if not caller.acl.allow_variable(allocation.namespace, path, "read", caller.claims):
            raise PermissionError(f"the task may not read the variable {path}")
        sealed = self._store.state.variables.get(allocation.namespace, path)
        return self._services.variables.open(sealed) if sealed else None

    async def list_variables(self, allocation: Allocation, task: str, prefix: str) -> list[VariableMetadata]:
        caller = self._caller(allocation, task)
        return [
            VariableMetadata.model_validate(sealed.metadata(with_lock=False))
            for sealed in self._store.state.variables.prefixed(allocation.namespace, prefix)
            if caller.acl.allow_variable(sealed.namespace, sealed.path, "list", caller.claims)
        ]

    async def list_services(self, allocation: Allocation, task: str) -> list[ServiceRegistration]:
        return list(self._store.state.services.prefixed(allocation.namespace, ""))

    @contextmanager
    def changes(self, namespace: str) -> Iterator[AsyncIterator[Change]]:
        queue: asyncio.Queue[Change] = asyncio.Queue()

        def notice(commit: Commit) -> None:
            for change in commit.changes:
                row = change.new or change.old
                if change.table == "variables" and row.namespace == namespace:
                    queue.put_nowait(Change("variable", row.path))
                elif change.table == "services" and row.namespace == namespace:
                    queue.put_nowait(Change("service", row.service_name))

        async def changes() -> AsyncIterator[Change]:
            while True:
                yield await queue.get()

        unsubscribe = self._store.subscribe(notice)
        try:
            yield changes()
        finally:
            unsubscribe()

    @asynccontextmanager
    async def serve_task_api(self, allocation: Allocation, task: str, socket: Path) -> AsyncIterator[None]:
        runner = await self._http.listen_unix(socket)
        try:
            socket.chmod(0o666)
            yield
        finally:
            await self._http.stop_unix(runner)

    def _caller(self, allocation: Allocation, task: str) -> Caller:
        return self._services.resolver.workload(allocation, task)


def _without_indexes(row: Node | ServiceRegistration) -> dict[str, object]:
    return row.model_dump(exclude={"create_index", "modify_index", "status_updated_at"})
