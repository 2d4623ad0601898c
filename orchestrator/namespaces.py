"""Namespaces: written and deleted. `default` always exists."""

import base64
import hashlib
import re

from nomad_api.models import Namespace
from orchestrator.errors import APIError, multiple_errors
from orchestrator.state.store import Store, Transaction

DEFAULT = "default"
KIND = "NamespaceUpserted"
_NAME = re.compile(r"[a-zA-Z0-9-]{1,128}")
_MAX_DESCRIPTION = 256
_CAPABILITIES = ("EnabledTaskDrivers", "DisabledTaskDrivers", "EnabledNetworkModes", "DisabledNetworkModes")


async def ensure_default(store: Store) -> None:
    """Make the namespace `default` if there is none."""
    if store.state.namespaces.get(DEFAULT) is None:
        await store.write(KIND, lambda tx: upsert(tx, Namespace(name=DEFAULT, description="Default shared namespace")))


def upsert(tx: Transaction, namespace: Namespace) -> Namespace:
    """Create or replace a namespace.

    Raises:
        APIError: 500, the name or the description is refused.
    """
    problems = []
    if not _NAME.fullmatch(namespace.name):
        problems.append(f'invalid name "{namespace.name}". Must match regex ^[a-zA-Z0-9-]{{1,128}}$')
    if len(namespace.description) > _MAX_DESCRIPTION:
        problems.append(f"description longer than {_MAX_DESCRIPTION}")
    if problems:
        raise APIError(500, f'Invalid namespace "{namespace.name}": {multiple_errors(problems)}')
    if namespace.capabilities is not None:
        given = {key.lower(): value for key, value in namespace.capabilities.items()}
        namespace = namespace.evolve(capabilities={key: given.get(key.lower()) for key in _CAPABILITIES})
    return tx.put(namespace.evolve(hash=_hash(namespace)))


def delete(tx: Transaction, name: str, region: str) -> None:
    """Delete a namespace that nothing lives in any more.

    Raises:
        APIError: 500, there is no such namespace, it is `default`, or something is still in it.
    """
    if name == DEFAULT:
        raise APIError(500, "can not delete default namespace")
    if tx.state.namespaces.get(name) is None:
        raise APIError(500, "namespace not found")
    jobs = any(job.status != "dead" for job in tx.state.jobs.prefixed(name, ""))
    allocations = any(alloc.namespace == name and not alloc.client_terminal for alloc in tx.state.allocations)
    variables = any(tx.state.variables.prefixed(name, ""))
    in_use = [
        f'namespace "{name}" has {what} in regions: [{region}]'
        for found, what in (
            (jobs, "non-terminal jobs"),
            (allocations, "non-terminal allocations"),
            (variables, "variables associated with it"),
        )
        if found
    ]
    if in_use:
        raise APIError(500, multiple_errors(in_use))
    tx.delete("namespaces", name)


def _hash(namespace: Namespace) -> str:
    """Tells whether a namespace has changed; its indexes do not count."""
    content = namespace.evolve(hash=None, create_index=0, modify_index=0).to_json()
    return base64.b64encode(hashlib.blake2b(content, digest_size=32).digest()).decode()
