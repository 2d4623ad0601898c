"""The computed class of a node: nodes that look the same to every constraint have the same.

What is unique to a node is named `unique.…` by convention and does not count. Blocked evaluations remember which classes they
did not fit on.
"""

from collections.abc import Mapping
from hashlib import blake2b

import orjson

from nomad_api.models import Node


def computed_class(node: Node) -> str:
    """The class of the node, as `v1:` and a number."""
    resources = node.node_resources or {}
    shared = {
        "datacenter": node.datacenter,
        "attributes": _common(node.attributes),
        "meta": _common(node.meta),
        "class": node.node_class,
        "pool": node.node_pool,
        "networks": sorted({str(network.get("Mode")) for network in resources.get("Networks") or ()}),
        "devices": resources.get("Devices"),
    }
    digest = blake2b(orjson.dumps(shared, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()
    return f"v1:{int.from_bytes(digest)}"


def _common(values: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (values or {}).items() if not name.startswith("unique.")}
