"""Namespaces."""

from typing import Any

from nomad_api.models.base import Wire


class Namespace(Wire):
    name: str = ""
    description: str = ""
    quota: str = ""
    capabilities: dict[str, Any] | None = None
    node_pool_configuration: dict[str, Any] | None = None
    vault_configuration: dict[str, Any] | None = None
    consul_configuration: dict[str, Any] | None = None
    meta: dict[str, str] | None = None
    required_extra_claims: dict[str, str] | None = None
    optional_extra_claims: dict[str, str] | None = None
    hash: str | None = None
    create_index: int = 0
    modify_index: int = 0
