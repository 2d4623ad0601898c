"""The text of a collector configuration, and its identity.

Equal configurations give equal text whatever the order of their keys, so the text's digest says whether a running
collector has the wanted configuration.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from operator_kit.crd_store.yaml_text import CORE_SCHEMA


@dataclass(frozen=True, slots=True)
class RenderedConfig:
    """YAML text as it is delivered to a collector, and the SHA-256 of its UTF-8 bytes in hex."""

    text: str
    sha256: str


def render(config: Mapping[str, Any]) -> RenderedConfig:
    """The canonical YAML of a configuration: keys sorted, no anchors, no folded lines."""
    text = yaml.dump(
        dict(config),
        Dumper=_Dumper,
        sort_keys=True,
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
    )
    return RenderedConfig(text, hashlib.sha256(text.encode()).hexdigest())


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that YAML 1.1 or YAML 1.2 would take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _pattern, _first in CORE_SCHEMA:
    _characters = ["" if character == "\0" else character for character in _first]
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _characters)
