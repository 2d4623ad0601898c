"""Checks of a task and the blocks in it."""

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import Any, Final

from nomad_api.duration import format_duration
from nomad_api.models.job import (
    Action,
    Artifact,
    EphemeralDisk,
    LogConfig,
    Resources,
    Task,
    TaskGroup,
    Template,
    VolumeMount,
    WorkloadIdentity,
)
from orchestrator.jobs.validation.constraints import affinity_blocks, constraint_blocks
from orchestrator.jobs.validation.problems import inside, quoted, together
from orchestrator.jobs.validation.services import task_services

_IDENTITY_NAME: Final = re.compile(r"[a-zA-Z0-9-_]{1,128}")
_ACTION_NAME: Final = re.compile(r"[^\x00\s]{1,128}")
_SECRET_NAME: Final = re.compile(r"[a-zA-Z0-9_]{1,128}")
_OCTAL: Final = re.compile(r"[0-7]+")
_CHECKSUM_LENGTHS: Final = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
_CHANGE_MODES: Final = "Invalid change mode. Must be one of the following: noop, signal, script, restart"
_ESCAPES: Final = "destination escapes allocation directory"


def task_problems(task: Task, group: TaskGroup, job_type: str | None) -> Iterator[str]:
    """All that is wrong with a task."""
    yield from _names(task)
    yield from _times(task, group, job_type)
    yield from together(_resources(task.resources)) if task.resources else ("Missing task resources",)
    if task.log_config:
        yield from together(_logs(task.log_config, group.ephemeral_disk))
    yield from _constraints(task)
    yield from affinity_blocks(task.affinities, job_type)
    yield from together(task_services(task, group))
    for number, artifact in enumerate(task.artifacts or (), 1):
        yield from inside(f"Artifact {number} validation failed", _artifact(artifact))
    if task.vault is not None:
        yield from inside("Vault validation failed", _vault(task.vault))
    yield from _templates(task)
    yield from _actions(task)
    if task.dispatch_payload and _escapes(task.dispatch_payload.file, "task/local"):
        yield f"Dispatch Payload validation failed: {_ESCAPES}"
    yield from _lifecycle(task)
    yield from _mounts(task, group)
    yield from _identities(task)
    yield from _secrets(task)


def _names(task: Task) -> Iterator[str]:
    if not task.name:
        yield "Missing task name"
    if task.name == "alloc":
        yield 'Task cannot be named "alloc"'
    if "/" in task.name or "\\" in task.name:
        yield "Task name cannot include slashes"
    elif "\0" in task.name:
        yield "Task name cannot include null characters"
    if not task.driver:
        yield "Missing task driver"


def _times(task: Task, group: TaskGroup, job_type: str | None) -> Iterator[str]:
    timeout = task.kill_timeout or 0
    deadline = (group.update.progress_deadline if group.update else 0) or 0
    if timeout < 0:
        yield "KillTimeout must be a positive value"
    elif job_type == "service" and 0 < deadline < timeout:
        # The misspelling is Nomad's.
        yield (
            f"KillTimout ({format_duration(timeout)}) longer than the group's ProgressDeadline ({format_duration(deadline)})"
        )
    if task.shutdown_delay < 0:
        yield "ShutdownDelay must be a positive value"


def _resources(resources: Resources) -> Iterator[str]:
    cpu, cores, memory = resources.cpu or 0, resources.cores or 0, resources.memory_mb or 0
    most, secrets = resources.memory_max_mb or 0, resources.secrets_mb or 0
    if cores > 0 and cpu > 0:
        yield "Task can only ask for 'cpu' or 'cores' resource, not both."
    if cores < 0:
        yield f"cores value ({cores}) cannot be negative"
    least = []
    if cpu < 1 and cores == 0:
        least.append(f"minimum CPU value is 1; got {cpu}")
    if memory < 10:
        least.append(f"minimum MemoryMB value is 10; got {memory}")
    yield from together(least)
    if (resources.disk_mb or 0) > 0:
        yield "Task can't ask for disk resources, they have to be specified at the task group level."
    if most not in (0, -1) and most < memory:
        yield f"MemoryMaxMB value ({most}) should be larger than MemoryMB value ({memory})"
    if secrets > memory:
        yield f"SecretsMB value ({secrets}) cannot be larger than MemoryMB value ({memory})"
    if secrets < 0:
        yield f"SecretsMB value ({secrets}) cannot be negative"


def _logs(logs: LogConfig, disk: EphemeralDisk | None) -> Iterator[str]:
    files, size = logs.max_files or 0, logs.max_file_size_mb or 0
    if files < 1:
        yield f"minimum number of files is 1; got {files}"
    if size < 1:
        yield f"minimum file size is 1MB; got {size}"
    room = (disk.size_mb if disk else None) or 0
    if disk and room <= files * size:
        yield f"log storage ({files * size} MB) must be less than requested disk capacity ({room} MB)"


def _constraints(task: Task) -> Iterator[str]:
    for number, constraint in enumerate(task.constraints or (), 1):
        yield from (text.replace("Constraint 1 ", f"Constraint {number} ", 1) for text in constraint_blocks([constraint]))
        if constraint.operand in ("distinct_hosts", "distinct_property"):
            yield f"Constraint {number} has disallowed Operand at task level: {constraint.operand}"


def _artifact(artifact: Artifact) -> Iterator[str]:
    if not artifact.getter_source:
        yield "source must be specified"
    if artifact.getter_mode not in ("", "any", "file", "dir"):
        yield f"invalid artifact mode {quoted(artifact.getter_mode)}; must be one of: any, file, dir"
    if _escapes(artifact.relative_dest or "", "task"):
        yield _ESCAPES
    checksum = (artifact.getter_options or {}).get("checksum")
    if checksum is not None and "${" not in checksum:
        yield from _checksum(checksum.strip())


def _checksum(checksum: str) -> Iterator[str]:
    if not checksum:
        yield "checksum value cannot be empty"
        return
    kind, *values = checksum.split(":")
    if len(values) != 1:
        yield f'checksum must be given as "type:value"; got {quoted(checksum)}'
        return
    value = values[0]
    wrong = next((letter for letter in value if letter not in "0123456789abcdefABCDEF"), None)
    if wrong:
        yield f"invalid checksum: encoding/hex: invalid byte: U+{ord(wrong):04X} '{wrong}'"
    elif len(value) % 2:
        yield "invalid checksum: encoding/hex: odd length hex string"
    elif kind not in _CHECKSUM_LENGTHS:
        yield f"unsupported checksum type: {kind}"
    elif len(value) != 2 * _CHECKSUM_LENGTHS[kind]:
        yield f"invalid {kind} checksum: {value}"


def _vault(vault: dict[str, Any]) -> Iterator[str]:
    mode = vault.get("ChangeMode")
    if mode == "signal":
        if not vault.get("ChangeSignal"):
            yield 'Signal must be specified when using change mode "signal"'
    elif mode not in ("noop", "restart"):
        yield f"Unknown change mode {quoted(mode)}"


def _templates(task: Task) -> Iterator[str]:
    destinations: dict[str, int] = {}
    for number, template in enumerate(task.templates or (), 1):
        yield from inside(f"Template {number} validation failed", _template(template))
        destination = template.dest_path or ""
        if destination in destinations:
            yield f"Template {number} has same destination as {destinations[destination]}"
        else:
            destinations[destination] = number


def _template(template: Template) -> Iterator[str]:
    if not template.source_path and not template.embedded_tmpl:
        yield "Must specify a source path or have an embedded template"
    if not template.dest_path:
        yield "Must specify a destination for the template"
    if _escapes(template.dest_path or "", "task"):
        yield _ESCAPES
    if template.change_mode == "signal":
        if not template.change_signal:
            yield "Must specify signal value when change mode is signal"
        if template.envvars:
            yield "cannot use signals with env var templates"
    elif template.change_mode == "script":
        if template.change_script is None:
            yield "must specify change script configuration value when change mode is script"
        elif not template.change_script.command:
            yield "must specify script path value when change mode is script"
    elif template.change_mode not in ("noop", "restart"):
        yield _CHANGE_MODES
    if (template.splay or 0) < 0:
        yield "Must specify positive splay value"
    perms = template.perms or ""
    if perms and not _OCTAL.fullmatch(perms):
        yield f"Failed to parse {quoted(perms)} as octal: strconv.ParseUint: parsing {quoted(perms)}: invalid syntax"
    elif perms and int(perms, 8) >= 1 << 12:
        yield f"Failed to parse {quoted(perms)} as octal: strconv.ParseUint: parsing {quoted(perms)}: value out of range"
    wait = template.wait
    if wait and wait.min is not None and wait.max is not None and wait.min > wait.max:
        yield f"wait min {format_duration(wait.min)} is greater than max {format_duration(wait.max)}"


def _actions(task: Task) -> Iterator[str]:
    count: dict[str, int] = {}
    for action in task.actions or ():
        yield from inside(f"Action {action.name} validation failed", _action(action))
        count[action.name] = count.get(action.name, 0) + 1
        if count[action.name] == 2:
            yield f"Action {action.name} defined multiple times"


def _action(action: Action) -> Iterator[str]:
    if not action.command:
        yield "command cannot be empty"
    if not _ACTION_NAME.fullmatch(action.name):
        yield f"invalid name '{action.name}'"


def _lifecycle(task: Task) -> Iterator[str]:
    if task.lifecycle is None:
        return
    if not task.lifecycle.hook:
        yield "Lifecycle validation failed: no lifecycle hook provided"
    elif task.lifecycle.hook not in ("prestart", "poststart", "poststop"):
        yield f"Lifecycle validation failed: invalid hook: {task.lifecycle.hook}"


def _mounts(task: Task, group: TaskGroup) -> Iterator[str]:
    for number, mount in enumerate(task.volume_mounts or ()):
        if mount.volume not in (group.volumes or {}):
            yield f"Volume Mount ({number}) references undefined volume {mount.volume}"
        for text in together(_mount(mount)):
            yield f'Volume Mount ({number}) is invalid: "{text}"'


def _mount(mount: VolumeMount) -> Iterator[str]:
    if not mount.volume:
        yield "volume mount references an empty volume"
    if mount.propagation_mode not in ("", None, "private", "host-to-task", "bidirectional"):
        yield f"volume mount has an invalid propagation mode: {quoted(mount.propagation_mode)}"
    if mount.selinux_label not in ("", None, "z", "Z"):
        yield f'volume mount has an invalid SELinux label: "{mount.selinux_label}"'


def _identities(task: Task) -> Iterator[str]:
    if task.identity:
        yield from inside(f"Identity {quoted(task.identity.name)} is invalid", _identity(task.identity))
    for identity in task.identities or ():
        yield from inside(f"Identity {quoted(identity.name)} is invalid", _identity(identity))


def _identity(identity: WorkloadIdentity) -> Iterator[str]:
    if not _IDENTITY_NAME.fullmatch(identity.name):
        yield f"invalid name {quoted(identity.name)}. Must match regex ^[a-zA-Z0-9-_]{{1,128}}$"
    for number, audience in enumerate(identity.audience or (), 1):
        if not audience:
            yield f"an empty string is an invalid audience ({number})"
    if identity.change_mode in ("", "noop", "restart"):
        if identity.change_signal:
            yield f'can only use change_signal={quoted(identity.change_signal)} with change_mode="signal"'
    elif identity.change_mode == "signal":
        if not identity.change_signal:
            yield 'change_signal must be specified when using change_mode="signal"'
    else:
        yield f"invalid change_mode: {identity.change_mode}"
    if identity.ttl > 0 and identity.name in ("", "default"):
        yield "ttl for default identity not yet supported"
    if identity.ttl < 0:
        yield "ttl must be >= 0"
    if identity.filepath and not identity.file:
        yield "file parameter must be true in order to specify filepath"


def _secrets(task: Task) -> Iterator[str]:
    known: set[str] = set()
    for secret in task.secrets or ():
        name, provider = secret.get("Name") or "", secret.get("Provider") or ""
        if name in known:
            yield f"Duplicate secret {quoted(name)} found"
        known.add(name)
        if provider == "vault" and task.vault is None:
            yield f'Secret {quoted(name)} has provider "vault" but no vault block'
        yield from inside(f"Secret {quoted(name)} is invalid", _secret(secret, name, provider))


def _secret(secret: dict[str, Any], name: str, provider: str) -> Iterator[str]:
    if not name:
        yield "secret name cannot be empty"
    if not _SECRET_NAME.fullmatch(name):
        yield "secret name must match regex ^[a-zA-Z0-9_]{1,128}$"
    if not provider:
        yield "secret provider cannot be empty"
    if not secret.get("Path"):
        yield "secret path cannot be empty"
    if provider in ("nomad", "vault"):
        if secret.get("Env"):
            yield f"{provider} provider cannot use the env block"
    elif secret.get("Config"):
        yield f"custom plugin provider {provider} cannot use the config block"


def _escapes(path: str, inside_of: str) -> bool:
    """Whether a path leaves the allocation's directory, seen from a folder in it."""
    return normpath(f"{inside_of}/{path}").startswith("..")
