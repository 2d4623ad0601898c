"""What the client asks of the server half: a small contract, so that either half can be tested without the other."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from nomad_api.models import Allocation, Node, ServiceRegistration, TaskState, Variable, VariableMetadata, WorkloadIdentity
from nomad_api.models.allocation import AllocationDeploymentStatus, NetworkStatus


@dataclass(frozen=True, slots=True)
class AllocationUpdate:
    """What the node reports of one allocation: always the whole picture, so that the newest update replaces all before it."""

    id: str
    client_status: str
    client_description: str
    task_states: dict[str, TaskState]
    deployment_status: AllocationDeploymentStatus | None
    network_status: NetworkStatus


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a template may depend on has changed: the variable at a path, or the instances of a service."""

    kind: Literal["variable", "service"]
    name: str


class Server(Protocol):
    """The server half of the agent, as one node sees it.

    Reads made for a task (`read_variable` …) use the rights of that task's own workload identity.
    """

    async def register_node(self, node: Node) -> None:
        """Add the node, or replace what is known of it; it is ready from now on."""

    def allocations(self, node_id: str) -> AsyncIterator[list[Allocation]]:
        """The allocations of the node with their jobs: at once, and again after every change.

        An allocation that is listed no longer was collected or purged: it is stopped and everything of it removed.
        """

    async def update_allocations(self, updates: Sequence[AllocationUpdate]) -> None:
        """Record what became of allocations. Updates of allocations that are gone are ignored."""

    async def upsert_services(self, registrations: Sequence[ServiceRegistration]) -> None: ...

    async def delete_services(self, ids: Collection[str]) -> None:
        """Remove registrations; those that are gone already are ignored."""

    async def sign_identity(self, allocation: Allocation, task: str, identity: WorkloadIdentity) -> str:
        """A JSON Web Token for the task."""

    async def read_variable(self, allocation: Allocation, task: str, path: str) -> Variable | None:
        """The variable, None if there is none.

        Raises:
            PermissionError: the identity of the task may not read it.
        """

    async def list_variables(self, allocation: Allocation, task: str, prefix: str) -> list[VariableMetadata]:
        """The variables with that prefix that the task may list, in the order of their paths."""

    async def list_services(self, allocation: Allocation, task: str) -> list[ServiceRegistration]:
        """All registrations in the namespace of the allocation."""

    def changes(self, namespace: str) -> AbstractContextManager[AsyncIterator[Change]]:
        """Changes of variables and services of a namespace. None that happens after entering the context is missed."""

    def serve_task_api(self, allocation: Allocation, task: str, socket: Path) -> AbstractAsyncContextManager[None]:
        """Serve the HTTP API on a unix socket while the context is open. Requests there always need a token.

        Raises:
            OSError: the socket cannot be made, for instance because its path is too long.
        """
