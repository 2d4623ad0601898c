"""The `job` block: what is peculiar in decoding it, and what Nomad fills in afterwards."""

from __future__ import annotations

from typing import Any

from jobspec.content import Body
from jobspec.decode import Decoder, Found
from jobspec.job_schema import GROUP, JOB, SCALING, TASK
from jobspec.placement import affinity, constraint
from jobspec.schema import Schema
from jobspec.task_schema import AFFINITY, CONSTRAINT
from nomad_api.duration import SECOND

_VERTICAL_SCALING = {"cpu": "vertical_cpu", "mem": "vertical_mem"}
_TEMPLATE_DEFAULTS = {"ChangeMode": "restart", "Perms": "0644", "Splay": 5 * SECOND, "ErrMissingKey": False}
_CHANGE_SCRIPT_DEFAULTS = {"Args": [], "Timeout": 5 * SECOND, "FailOnError": False, "RunOnFirstRender": False}
_VAULT_DEFAULTS = {"Env": True, "DisableFile": False, "ChangeMode": "restart"}


def decode_job(decoder: Decoder, body: Body, name: str) -> dict[str, Any]:
    """The job of the API, filled in as Nomad's parser does; not yet canonicalized."""
    job = decoder.decode(JOB, body)
    job["Name"] = name if job["Name"] is None else job["Name"]
    job["ID"] = name if job["ID"] is None else job["ID"]
    periodic = job["Periodic"]
    if periodic and (periodic["Spec"] is not None or periodic["Specs"] is not None):
        periodic["SpecType"] = "cron"
    vault, secrets, lone_tasks = job.pop("Vault"), job.pop("Secrets"), job.pop("Tasks")
    if lone_tasks:
        empty = _empty_group()
        groups = [empty | {"Name": task["Name"], "Tasks": [task]} for task in lone_tasks]
        job["TaskGroups"] = groups + (job["TaskGroups"] or [])
    for group in job["TaskGroups"] or []:
        _sort_ports(group["Networks"])
        for task in group["Tasks"] or []:
            _finish_task(task, vault, secrets)
    return job


def _empty_group() -> dict[str, Any]:
    return {key: None for key in GROUP.keys.values() if key not in ("Vault", "Secrets")}


def _finish_task(task: dict[str, Any], vault: dict[str, Any] | None, secrets: list[dict[str, Any]] | None) -> None:
    _sort_ports((task["Resources"] or {}).get("Networks"))
    for template in task["Templates"] or []:
        _set_defaults(template, _TEMPLATE_DEFAULTS)
        _set_defaults(template["ChangeScript"], _CHANGE_SCRIPT_DEFAULTS)
    task["Vault"] = task["Vault"] if task["Vault"] is not None else vault
    _set_defaults(task["Vault"], _VAULT_DEFAULTS)
    task["Secrets"] = [*task["Secrets"], *(secrets or [])] if task["Secrets"] else secrets
    if task["CSIPluginConfig"] is None:
        del task["CSIPluginConfig"]
    default = next((one for one in task["Identities"] or [] if one["Name"] in ("", "default")), None)
    if default is not None:
        task["Identity"] = default
        task["Identities"] = [one for one in task["Identities"] if one is not default]


def _set_defaults(target: dict[str, Any] | None, defaults: dict[str, Any]) -> None:
    if target is not None:
        target.update({key: value for key, value in defaults.items() if target[key] is None})


def _sort_ports(networks: list[dict[str, Any]] | None) -> None:
    """Ports with a fixed number are reserved ones; `reserved_ports` blocks only count where there is no `port`."""
    for network in networks or []:
        ports = network["DynamicPorts"]
        if ports:
            network["DynamicPorts"] = [port for port in ports if port["Value"] <= 0] or None
            network["ReservedPorts"] = [port for port in ports if port["Value"] > 0] or None


def _group(decoder: Decoder, body: Body) -> dict[str, Any]:
    parts = decoder.parts(GROUP, body)
    scaling_type = next((found.block.body for found in parts.blocks.get("scaling", [])), None)
    group = decoder.fill(GROUP, parts)
    vault, secrets = group.pop("Vault"), group.pop("Secrets")
    for task in group["Tasks"] or []:
        task["Vault"] = task["Vault"] if task["Vault"] is not None else vault
        if secrets:  # Nomad means to append the group's to the task's own, and appends those to themselves
            task["Secrets"] = task["Secrets"] * 2 if task["Secrets"] else secrets
    if group["Scaling"] and scaling_type:
        group["Scaling"]["Type"] = group["Scaling"]["Type"] or "horizontal"
        _check_group_scaling(decoder, scaling_type, group["Scaling"])
    return group


def _check_group_scaling(decoder: Decoder, body: Body, scaling: dict[str, Any]) -> None:
    attributes = body.free_form()
    if scaling["Type"] == "horizontal" and scaling["Max"] is not None:
        return
    if "max" not in attributes:
        detail = 'The argument "max" is required, but no definition was found.'
        decoder.evaluator.report("Missing required argument", detail, body.missing)
    if scaling["Type"] != "horizontal" and "type" in attributes:
        detail = f'task group scaling policy had invalid type: "{scaling["Type"]}"'
        where = attributes["type"].expression.range
        decoder.evaluator.report("Invalid group scaling type", detail, where)


def _task(decoder: Decoder, body: Body) -> dict[str, Any]:
    parts = decoder.parts(TASK, body)
    scaling = parts.blocks.pop("scaling", [])
    task = decoder.fill(TASK, parts)
    policies = _scaling_policies(decoder, scaling)
    return task | {"ScalingPolicies": policies or None}


def _scaling_policies(decoder: Decoder, blocks: list[Found]) -> list[dict[str, Any]]:
    policies = []
    seen: dict[str, Found] = {}
    for found in blocks:
        block = found.block
        label = block.labels[0].lower()
        if label not in _VERTICAL_SCALING:
            detail = 'scaling policy name must be "cpu" or "mem"'
            decoder.evaluator.report("Invalid scaling policy name", detail, block.label_ranges[0])
            continue
        if label in seen:
            before = seen[label].block.header
            detail = f"Only one scaling {label} block is allowed. Another was defined at {before}."
            decoder.evaluator.report(f'Duplicate scaling "{label}" block', detail, block.header)
            continue
        seen[label] = found
        policy = decoder.within(found, SCALING)
        wanted = _VERTICAL_SCALING[label]
        policy["Type"] = policy["Type"] or wanted
        if policy["Type"] != wanted:
            detail = f'Invalid policy type, expected "{policy["Type"]}" but found "{wanted}"'
            decoder.evaluator.report("Invalid scaling policy type", detail, block.header)
            continue
        policies.append(policy)
    return policies


SPECIAL: dict[Schema, Any] = {CONSTRAINT: constraint, AFFINITY: affinity, GROUP: _group, TASK: _task}
"""The schemas whose bodies are not simply walked."""
