"""What the routes below /v1/client have in common: they ask the node about one of its allocations.

Nomad finds the allocation first and asks for the caller's rights after that, so an unknown ID is told to anybody.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from nomad_api.models import Allocation
from orchestrator.client.client import Client
from orchestrator.client.drivers.base import DriverError
from orchestrator.client.errors import ClientError, MissingFile, TaskNotStarted, UnknownAllocation
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http.call import Call


def client_of(call: Call) -> Client:
    """The node of this agent. Raises APIError if the agent runs none."""
    if call.services.client is None:
        raise APIError(500, "client is not enabled")
    return call.services.client


def allocation_of(call: Call, capability: str) -> Allocation:
    """The allocation named in the path, if the caller has that capability in its namespace.

    Raises:
        APIError: no or a malformed ID, an unknown allocation, or no permission.
    """
    alloc_id = call.path["alloc_id"]
    if not alloc_id:
        raise APIError(400, "must provide a valid alloc id")
    if len(alloc_id) != 36:
        raise APIError(500, "alloc lookup failed: index error: UUID must be 36 characters")
    found = call.state.allocations.get(alloc_id)
    if found is None:
        raise APIError(404, f'Unknown allocation "{alloc_id}"')
    if not call.acl.allow_namespace(found.namespace, capability):
        raise PermissionDenied
    return found


@contextmanager
def node_errors(status: int = 500) -> Iterator[None]:
    """What the node refuses becomes an answer: 404 for what is not there, `status` for the rest."""
    try:
        yield
    except (UnknownAllocation, TaskNotStarted) as error:
        raise APIError(404, str(error)) from None
    except MissingFile as error:
        raise APIError(404 if status == 500 else status, str(error)) from None
    except (ClientError, DriverError) as error:
        raise APIError(status, str(error)) from None
