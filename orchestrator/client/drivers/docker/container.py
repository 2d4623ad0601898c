"""What a task's `config` means to the engine: the body of the request that creates its container.

Most options are the engine's own under another name and stand in a table; what needs a decision stands below it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nomad_api.models.allocation import AllocatedPort
from orchestrator.client.drivers.base import DriverError, TaskConfig
from orchestrator.client.drivers.schema import Kind, Schema

SCHEMA: Final = Schema(
    {
        "advertise_ipv6_address": Kind.BOOL,
        "args": Kind.STRINGS,
        "auth": Kind.BLOCK,
        "auth_soft_fail": Kind.BOOL,
        "cap_add": Kind.STRINGS,
        "cap_drop": Kind.STRINGS,
        "cgroupns": Kind.STRING,
        "command": Kind.STRING,
        "container_exists_attempts": Kind.NUMBER,
        "cpu_cfs_period": Kind.NUMBER,
        "cpu_hard_limit": Kind.BOOL,
        "cpuset_cpus": Kind.STRING,
        "devices": Kind.BLOCK,
        "dns_options": Kind.STRINGS,
        "dns_search_domains": Kind.STRINGS,
        "dns_servers": Kind.STRINGS,
        "entrypoint": Kind.STRINGS,
        "extra_hosts": Kind.STRINGS,
        "force_pull": Kind.BOOL,
        "group_add": Kind.STRINGS,
        "healthchecks": Kind.BLOCK,
        "hostname": Kind.STRING,
        "image": Kind.STRING,
        "image_pull_timeout": Kind.STRING,
        "init": Kind.BOOL,
        "interactive": Kind.BOOL,
        "ipc_mode": Kind.STRING,
        "ipv4_address": Kind.STRING,
        "ipv6_address": Kind.STRING,
        "isolation": Kind.STRING,
        "labels": Kind.MAP,
        "load": Kind.STRING,
        "logging": Kind.BLOCK,
        "mac_address": Kind.STRING,
        "memory_hard_limit": Kind.NUMBER,
        "mount": Kind.BLOCK,
        "mounts": Kind.BLOCK,
        "network_aliases": Kind.STRINGS,
        "network_mode": Kind.STRING,
        "oom_score_adj": Kind.NUMBER,
        "pid_mode": Kind.STRING,
        "pids_limit": Kind.NUMBER,
        "port_map": Kind.MAP,
        "ports": Kind.STRINGS,
        "privileged": Kind.BOOL,
        "readonly_rootfs": Kind.BOOL,
        "runtime": Kind.STRING,
        "security_opt": Kind.STRINGS,
        "shm_size": Kind.NUMBER,
        "storage_opt": Kind.MAP,
        "sysctl": Kind.MAP,
        "tty": Kind.BOOL,
        "ulimit": Kind.MAP,
        "userns_mode": Kind.STRING,
        "uts_mode": Kind.STRING,
        "volume_driver": Kind.STRING,
        "volumes": Kind.STRINGS,
        "work_dir": Kind.STRING,
    },
    required=("image",),
)

ENGINE_LOG_SIZE: Final = "1g"

_CONTAINER: Final = {
    "entrypoint": "Entrypoint",
    "hostname": "Hostname",
    "interactive": "OpenStdin",
    "mac_address": "MacAddress",
    "tty": "Tty",
    "work_dir": "WorkingDir",
}
_HOST: Final = {
    "cap_add": "CapAdd",
    "cap_drop": "CapDrop",
    "cgroupns": "CgroupnsMode",
    "cpuset_cpus": "CpusetCpus",
    "dns_options": "DnsOptions",
    "dns_search_domains": "DnsSearch",
    "dns_servers": "Dns",
    "extra_hosts": "ExtraHosts",
    "group_add": "GroupAdd",
    "init": "Init",
    "ipc_mode": "IpcMode",
    "isolation": "Isolation",
    "oom_score_adj": "OomScoreAdj",
    "pid_mode": "PidMode",
    "pids_limit": "PidsLimit",
    "privileged": "Privileged",
    "readonly_rootfs": "ReadonlyRootfs",
    "runtime": "Runtime",
    "security_opt": "SecurityOpt",
    "shm_size": "ShmSize",
    "storage_opt": "StorageOpt",
    "sysctl": "Sysctls",
    "userns_mode": "UsernsMode",
    "uts_mode": "UTSMode",
    "volume_driver": "VolumeDriver",
}
_NO_PORTS: Final = ("host", "none", "container:")


def creation(task: TaskConfig, *, privileged: bool, volumes: bool) -> dict[str, Any]:
    """The body of `POST /containers/create`. `privileged`, `volumes`: what the agent's owner allows.

    Raises:
        DriverError: the config asks for something that is not allowed or not there.
    """
    config = task.config
    if config.get("privileged") and not privileged:
        raise DriverError("Docker privileged mode is disabled on this Nomad agent")
    for option in ("pid_mode", "ipc_mode", "userns_mode", "uts_mode"):
        if config.get(option) == "host" and not privileged:
            raise DriverError(f'{option} "host" is not allowed on this Nomad agent')
    mode = _network_mode(task)
    bindings = _port_bindings(task, mode)
    host = {theirs: config[ours] for ours, theirs in _HOST.items() if ours in config}
    host |= {
        "NetworkMode": mode,
        "PortBindings": bindings,
        "CpuShares": task.cpu_shares,
        "Binds": _binds(task, volumes=volumes),
        "Mounts": [_mount(task, mount, volumes=volumes) for mount in [*config.get("mount", ()), *config.get("mounts", ())]],
        "LogConfig": _log_config(task),
        "Ulimits": [_ulimit(name, value) for name, value in config.get("ulimit", {}).items()],
        "Devices": [_device(device) for device in config.get("devices", ())],
        **_memory(task),
    }
    if config.get("cpu_hard_limit"):
        period = int(config.get("cpu_cfs_period") or 100_000)
        host |= {"CpuPeriod": period, "CpuQuota": max(1000, task.cpu_shares * period // 1000)}
    host.setdefault("Dns", list(task.dns.get("servers", ())))
    host.setdefault("DnsSearch", list(task.dns.get("searches", ())))
    host.setdefault("DnsOptions", list(task.dns.get("options", ())))
    command = [config["command"]] if config.get("command") else []
    body = {theirs: config[ours] for ours, theirs in _CONTAINER.items() if ours in config}
    body |= {
        "Image": config["image"],
        "Env": [f"{key}={value}" for key, value in task.env.items()],
        "Cmd": [*command, *config.get("args", ())],
        "Labels": {**config.get("labels", {}), **task.labels},
        "ExposedPorts": {port: {} for port in bindings},
        "HostConfig": host,
    }
    if task.user:
        body["User"] = task.user
    if any(block.get("disable") for block in config.get("healthchecks", ())):
        body["Healthcheck"] = {"Test": ["NONE"]}
    if endpoint := _endpoint(config):
        body["NetworkingConfig"] = {"EndpointsConfig": {mode: endpoint}}
    return body


def _network_mode(task: TaskConfig) -> str:
    """The config's own, else what the group's network says. A container in a bridge has a network of its own."""
    chosen = task.config.get("network_mode")
    if chosen:
        return str(chosen)
    return "none" if task.network_mode == "none" else "bridge"


def _port_bindings(task: TaskConfig, mode: str) -> dict[str, list[dict[str, str]]]:
    """Which ports of the container are reached at which of the host: those listed, or in a bridge group all of them."""
    config = task.config
    if mode.startswith(_NO_PORTS):
        return {}
    allocated = {port.label: port for port in task.ports}
    wanted = config.get("ports") or (list(allocated) if task.network_mode == "bridge" else [])
    inside = {label: _container_port(allocated, label) for label in wanted}
    inside |= {label: int(port) for label, port in config.get("port_map", {}).items() if label in allocated}
    bindings: dict[str, list[dict[str, str]]] = {}
    for label, port in inside.items():
        at = {"HostIp": allocated[label].host_ip, "HostPort": str(allocated[label].value)}
        for protocol in ("tcp", "udp"):
            bindings.setdefault(f"{port}/{protocol}", []).append(at)
    return bindings


def _container_port(allocated: Mapping[str, AllocatedPort], label: str) -> int:
    if label not in allocated:
        raise DriverError(f'Port "{label}" not found, check network block')
    port = allocated[label]
    return port.to if port.to > 0 else port.value


def _memory(task: TaskConfig) -> dict[str, int]:
    """A hard limit, and what the task may count on if that is less. Swap is not given: it would hide the limit."""
    limit = int(task.config.get("memory_hard_limit") or max(task.memory_mb, task.memory_max_mb)) << 20
    reserved = task.memory_mb << 20
    memory = {"Memory": limit, "MemorySwap": limit}
    return memory | {"MemoryReservation": reserved} if reserved < limit else memory


def _binds(task: TaskConfig, *, volumes: bool) -> list[str]:
    directory = task.directory
    binds = [f"{directory.shared}:/alloc", f"{directory.local}:/local", f"{directory.secrets}:/secrets"]
    for volume in task.config.get("volumes", ()):
        source, _, rest = volume.partition(":")
        if not rest:
            raise DriverError(
                f'invalid docker volume "{volume}": write host-path:container-path or host-path:container-path:mode'
            )
        named = "/" not in source and not source.startswith(".") and bool(task.config.get("volume_driver"))
        binds.append(volume if named else f"{_host_path(task, source, volume, volumes=volumes)}:{rest}")
    return binds


def _host_path(task: TaskConfig, source: str, shown: str, *, volumes: bool) -> str:
    """A path of the host: a relative one is below the task's folder, others need the owner's leave."""
    path = Path(source) if source.startswith("/") else task.directory.root / source
    allocation = task.directory.root.parent
    if not volumes and not path.resolve().is_relative_to(allocation.resolve()):
        raise DriverError(f'volumes are not enabled; cannot mount host path: "{shown}"')
    return str(path)


def _mount(task: TaskConfig, mount: Mapping[str, Any], *, volumes: bool) -> dict[str, Any]:
    kind = mount.get("type", "volume")
    body: dict[str, Any] = {"Type": kind, "Target": mount.get("target", ""), "ReadOnly": bool(mount.get("readonly"))}
    source = mount.get("source", "")
    match kind:
        case "bind":
            body["Source"] = _host_path(task, source, source, volumes=volumes)
            if propagation := _block(mount, "bind_options").get("propagation"):
                body["BindOptions"] = {"Propagation": propagation}
        case "tmpfs":
            options = _block(mount, "tmpfs_options")
            body["TmpfsOptions"] = {"SizeBytes": int(options.get("size", 0)), "Mode": int(options.get("mode", 0))}
        case "volume":
            options = _block(mount, "volume_options")
            driver = _block(options, "driver_config")
            body["Source"] = source
            body["VolumeOptions"] = {
                "NoCopy": bool(options.get("no_copy")),
                "Labels": _block(options, "labels"),
                "DriverConfig": {"Name": driver.get("name", ""), "Options": _block(driver, "options")},
            }
        case _:
            raise DriverError(f'invalid mount type "{kind}": it is bind, tmpfs or volume')
    return body


def _log_config(task: TaskConfig) -> dict[str, Any]:
    """Where the engine keeps the output until it is copied. When it begins a new file it may send lines twice to whoever
    follows, so its files are large: that bounds the disk and hardly ever happens."""
    if logging := task.config.get("logging"):
        kind = logging[0].get("type") or logging[0].get("driver") or "json-file"
        return {"Type": kind, "Config": _block(logging[0], "config")}
    if task.logs is None:
        return {"Type": "none"}
    return {"Type": "json-file", "Config": {"max-file": "2", "max-size": ENGINE_LOG_SIZE}}


def _ulimit(name: str, value: str) -> dict[str, Any]:
    soft, _, hard = value.partition(":")
    try:
        return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}
    except ValueError:
        raise DriverError(f'Malformed ulimit specification {name}: "{value}": write soft:hard or one number') from None


def _device(device: Mapping[str, Any]) -> dict[str, str]:
    path = device.get("host_path", "")
    return {
        "PathOnHost": path,
        "PathInContainer": device.get("container_path") or path,
        "CgroupPermissions": device.get("cgroup_permissions") or "rwm",
    }


def _endpoint(config: Mapping[str, Any]) -> dict[str, Any]:
    endpoint: dict[str, Any] = {}
    if aliases := config.get("network_aliases"):
        endpoint["Aliases"] = aliases
    addresses = {"ipv4_address": "IPv4Address", "ipv6_address": "IPv6Address"}
    if ipam := {theirs: config[ours] for ours, theirs in addresses.items() if config.get(ours)}:
        endpoint["IPAMConfig"] = ipam
    return endpoint


def _block(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A nested block: the parser gives a list of objects for it, JSON jobs an object."""
    value = values.get(name) or {}
    return value[0] if isinstance(value, list) else value
