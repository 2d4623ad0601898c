"""The text of a collector configuration, and its identity.

Equal configurations give equal text whatever the order of their keys, so the text's digest says whether a running
collector has the wanted configuration.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operator_kit.crd_store.yaml_text import dump_yaml


@dataclass(frozen=True, slots=True)
class RenderedConfig:
    """YAML text as it is delivered to a collector, and the SHA-256 of its UTF-8 bytes in hex."""

    text: str
    sha256: str


def render(config: Mapping[str, Any]) -> RenderedConfig:
    """The canonical YAML of a configuration: keys sorted, no anchors, no folded lines."""
    text = dump_yaml(dict(config))
    return RenderedConfig(text, hashlib.sha256(text.encode()).hexdigest())
