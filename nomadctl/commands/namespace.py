"""`namespace list`, `status`, `inspect`, `apply` and `delete`."""

import json as json_module
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, nothing, one, option
from nomadctl.order import newest_first
from nomadctl.output import heading, pairs, table
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.models import Namespace

_BLOCKS: Final = {
    "meta": "Meta",
    "node_pool_config": "NodePoolConfiguration",
    "vault": "VaultConfiguration",
    "consul": "ConsulConfiguration",
}


@command("namespace list", nothing(), flag("json", "As JSON."), option("t", "A Go template for the output."))
async def list_(call: Call, *, json: bool, t: str | None) -> None:
    """List namespaces."""
    with failing("Error retrieving namespaces"):
        namespaces = newest_first(await call.nomad.namespaces.list())
    call.out(structured(json, t, namespaces) if json or t else _table(namespaces))


@command("namespace status", one("<namespace>"), flag("json", "As JSON."), option("t", "A Go template for the output."))
async def status(call: Call, prefix: str, *, json: bool = False, t: str | None = None) -> None:
    """Show a namespace."""
    namespace = await _find(call, prefix)
    if json or t:
        call.out(structured(json, t, namespace))
        return
    capabilities = namespace.capabilities or {}

    def listed(key: str, none: str) -> str:
        return ",".join(capabilities.get(key) or ()) or none

    call.out(
        pairs(
            [
                ("Name", namespace.name),
                ("Description", namespace.description),
                ("Quota", namespace.quota),
                ("Enabled Drivers", listed("EnabledTaskDrivers", "*")),
                ("Disabled Drivers", listed("DisabledTaskDrivers", "")),
                ("Enabled Network Modes", listed("EnabledNetworkModes", "*")),
                ("Disabled Network Modes", listed("DisabledNetworkModes", "")),
            ]
        )
    )
    if namespace.meta:
        call.out(f"{heading('Metadata')}\n{pairs(sorted(namespace.meta.items()))}")
    for title, configuration in (
        ("Node Pool Configuration", namespace.node_pool_configuration),
        ("Vault Configuration", namespace.vault_configuration),
        ("Consul Configuration", namespace.consul_configuration),
    ):
        if configuration is not None:
            call.out(f"{heading(title)}\n{_configuration(configuration)}")


@command("namespace inspect", one("<namespace>"), option("t", "A Go template for the output."))
async def inspect(call: Call, prefix: str, *, t: str | None) -> None:
    """Print a namespace as JSON."""
    call.out(structured(not t, t, await _find(call, prefix)))


@command(
    "namespace apply",
    one("<input>"),
    option("description", "A description."),
    option("quota", "A quota, on servers that know quotas."),
    flag("json", "The file is JSON."),
)
async def apply(call: Call, source: str, *, description: str | None, quota: str | None, json: bool) -> None:
    """Create or change a namespace, given by its name or by a file (HCL, JSON; `-` is stdin)."""
    from nomad_api.errors import NotFound
    from nomad_api.models import Namespace

    if source == "-" or Path(source).is_file():
        if description is not None or quota is not None:
            call.warn("Flags are ignored when a file is specified!")
        namespace = _from_json(_read(source)) if json else _from_hcl(source, _read(source))
    elif not source:
        raise Failure("Namespace name required")
    else:
        try:
            with failing("Error looking up namespace"):
                namespace = await call.nomad.namespaces.get(source)
        except Failure as failure:
            if not isinstance(failure.__cause__, NotFound):
                raise
            namespace = Namespace(name=source)
        changes = {"description": description, "quota": quota}
        namespace = namespace.evolve(**{name: value for name, value in changes.items() if value is not None})
    with failing("Error applying namespace"):
        await call.nomad.namespaces.apply(namespace)
    call.out(f'Successfully applied namespace "{namespace.name}"!')


@command("namespace delete", one("<namespace>"))
async def delete(call: Call, name: str) -> None:
    """Remove a namespace, which must be empty."""
    with failing("Error deleting namespace"):
        await call.nomad.namespaces.delete(name)
    call.out(f'Successfully deleted namespace "{name}"!')


async def _find(call: Call, prefix: str) -> "Namespace":
    with failing("Error retrieving namespaces"):
        found = await call.nomad.namespaces.list(prefix)
    exact = next((namespace for namespace in found if namespace.name == prefix), None)
    if exact is not None or len(found) == 1:
        return exact or found[0]
    if not found:
        raise Failure(f'Error retrieving namespaces: Namespace "{prefix}" matched no namespaces')
    raise Failure(f"Prefix matched multiple namespaces\n\n{_table(found)}")


def _table(namespaces: "Sequence[Namespace]") -> str:
    if not namespaces:
        return "No namespaces found"
    return table([("Name", "Description"), *sorted((namespace.name, namespace.description) for namespace in namespaces)])


def _configuration(configuration: Mapping[str, Any]) -> str:
    rows = [("Default", configuration.get("Default"))]
    rows += [(key, ", ".join(configuration[key])) for key in ("Allowed", "Denied") if configuration.get(key)]
    return pairs(rows)


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"Failed to read file: {error}") from error


def _from_json(text: str) -> "Namespace":
    from nomad_api.models import Namespace

    try:
        return Namespace.model_validate(json_module.loads(text))
    except ValueError as error:
        raise Failure(f"Failed to parse namespace: {error}") from error


def _from_hcl(source: str, text: str) -> "Namespace":
    from jobspec import JobspecError
    from jobspec.hcl import parse_document
    from nomad_api.models import Namespace
    from nomad_api.models.base import wire_name

    try:
        document = parse_document(text, source)
    except JobspecError as error:
        raise Failure(f"Error parsing namespace specification: {error}") from error
    data: dict[str, Any] = {wire_name(name): attribute.value for name, attribute in document.attributes.items()}
    for block in document.blocks:
        content = block.body.to_dict()
        if block.type == "capabilities":
            data["Capabilities"] = {wire_name(name): value for name, value in content.items()}
        elif block.type in _BLOCKS:
            plain = block.type == "meta"
            data[_BLOCKS[block.type]] = content if plain else {wire_name(name): value for name, value in content.items()}
        else:
            raise Failure(f"Error parsing namespace specification: {block.error('Unsupported block', block.type)}")
    return Namespace.model_validate(data)
