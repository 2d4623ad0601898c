"""The agent's configuration: files in HCL or JSON, merged in order, then the command line.

Unknown keys are errors, as with Nomad: a misspelled setting must not be lost in silence. Settings that a Nomad configuration
commonly has and that mean nothing on one machine (serf, update checks …) are accepted.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator import hcl1


class ConfigurationError(Exception):
    """A configuration that cannot be used; the message names the file, the key and what is wrong with it."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ports(_Block):
    http: int = 4646
    rpc: int = 4647
    serf: int = 4648


class Addresses(_Block):
    http: str = ""
    rpc: str = ""
    serf: str = ""


class ClientBlock(_Block):
    enabled: bool = False
    options: dict[str, str] = {}
    meta: dict[str, str] = {}
    node_class: str = ""
    node_pool: str = "default"
    alloc_dir: str = ""
    state_dir: str = ""
    servers: list[str] = []
    network_interface: str = ""
    max_kill_timeout: str = "30s"
    min_dynamic_port: int = 20000
    max_dynamic_port: int = 32000


class ServerBlock(_Block):
    enabled: bool = False
    bootstrap_expect: int = 1
    oidc_issuer: str = ""


class ACLBlock(_Block):
    enabled: bool = False
    token_ttl: str = ""
    policy_ttl: str = ""


class TLSBlock(_Block):
    http: bool = False
    rpc: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify_https_client: bool = False
    verify_server_hostname: bool = False


class Plugin(_Block):
    config: dict[str, Any] = {}


class Configuration(_Block):
    """All settings of an agent."""

    name: str = ""
    region: str = "global"
    datacenter: str = "dc1"
    data_dir: str = ""
    bind_addr: str = "0.0.0.0"
    log_level: str = "INFO"
    log_json: bool = False
    disable_update_check: bool = False
    leave_on_interrupt: bool = False
    leave_on_terminate: bool = False
    enable_debug: bool = False
    ports: Ports = Ports()
    addresses: Addresses = Addresses()
    advertise: Addresses = Addresses()
    client: ClientBlock = ClientBlock()
    server: ServerBlock = ServerBlock()
    acl: ACLBlock = ACLBlock()
    tls: TLSBlock = TLSBlock()
    plugin: dict[str, Plugin] = {}
    telemetry: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    ui: dict[str, Any] = {}
    dev: bool = Field(default=False, description="everything in memory, raw_exec on, bound to loopback")

    @property
    def http_host(self) -> str:
        """The address that the HTTP API is bound to."""
        return self.addresses.http or self.bind_addr

    @property
    def advertised_host(self) -> str:
        """The address that others reach the HTTP API at."""
        host = self.advertise.http.rsplit(":", 1)[0] if self.advertise.http else self.http_host
        return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def is_true(setting: object) -> bool:
    """Whether a setting of a plugin or option, whose type nothing declares, is on."""
    return str(setting).lower() in ("1", "true")


DEV_DEFAULTS: dict[str, Any] = {
    "dev": True,
    "bind_addr": "127.0.0.1",
    "client": {"enabled": True},
    "server": {"enabled": True},
}


def load(paths: list[str], overrides: dict[str, Any]) -> Configuration:
    """Merge development defaults (if `overrides` has `dev`), the files and folders in order, and the overrides.

    Raises:
        ConfigurationError: a file cannot be read, or a setting is unknown or of a wrong type.
    """
    merged: dict[str, Any] = {}
    if overrides.get("dev"):
        _merge(merged, DEV_DEFAULTS)
    for path in paths:
        for file in _files(Path(path)):
            _merge(merged, _read(file))
    _merge(merged, overrides)
    try:
        configuration = Configuration.model_validate(merged)
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None
    if not configuration.dev and not configuration.data_dir:
        raise ConfigurationError('Must specify "data_dir" config option or "-data-dir" CLI flag (or run with -dev)')
    if configuration.data_dir and not Path(configuration.data_dir).is_absolute():
        raise ConfigurationError(f'"data_dir" must be an absolute path, not "{configuration.data_dir}"')
    return configuration


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise ConfigurationError(f"Error loading configuration from {path}: no such file or directory")
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".hcl", ".json"))
    return [path]


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Error loading configuration from {path}: {error}") from None
    if text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(f"Error loading configuration from {path}: {error}") from None
    else:
        document = _read_hcl(text, path)
    if not isinstance(document, dict):
        raise ConfigurationError(f"Error loading configuration from {path}: it must be one object of settings")
    return document


def _read_hcl(text: str, path: Path) -> dict[str, Any]:
    """Values stay text: the settings know what they want to be."""
    try:
        return _settings(hcl1.parse(text))
    except hcl1.SyntaxFailure as error:
        raise ConfigurationError(f"Error loading configuration from {path}: {error}") from None


def _settings(document: hcl1.Object) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for item in document.items:
        value = _plain(item.value)
        for key in reversed(item.keys[1:]):
            value = {key: value}
        _merge(settings, {item.keys[0]: value})
    return settings


def _plain(node: hcl1.Node) -> Any:
    if isinstance(node, hcl1.Object):
        return _settings(node)
    if isinstance(node, hcl1.Sequence):
        return [_plain(item) for item in node.items]
    return node.text


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            into[key] = {**into[key]}
            _merge(into[key], value)
        else:
            into[key] = value


def _explain(error: ValidationError) -> str:
    unknown = [".".join(map(str, item["loc"])) for item in error.errors() if item["type"] == "extra_forbidden"]
    if unknown:
        return f"unexpected keys {', '.join(unknown)}"
    first = error.errors()[0]
    return f'setting "{".".join(map(str, first["loc"]))}": {first["msg"]} (got {first["input"]!r})'
