"""Node pools: the groups that nodes are divided into."""

from typing import Any

from nomad_api.duration import Duration
from nomad_api.models.base import Wire


class NodePool(Wire):
    """A node pool. The identities of its nodes live for `node_identity_ttl`, 24 hours unless it says otherwise."""

    name: str = ""
    description: str = ""
    meta: dict[str, str] | None = None
    node_identity_ttl: Duration = 0
    scheduler_configuration: dict[str, Any] | None = None
    create_index: int = 0
    modify_index: int = 0
