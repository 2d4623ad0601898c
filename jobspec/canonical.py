"""The canonical form of a parsed job: what `PUT /v1/jobs/parse` answers with `Canonicalize`.

It is the form of a *client*: defaults that any Nomad client fills in before it sends a job. The server fills in more when the
job is registered. Most of it is a table of what stands for `null` (or for an empty text); the rest is inheritance, from the job
to its groups and from groups to their tasks.
"""

from copy import deepcopy
from typing import Any

Fields = dict[str, Any]

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE

_JOB: Fields = {
    "AllAtOnce": False,
    "ConsulNamespace": "",
    "CreateIndex": 0,
    "JobModifyIndex": 0,
    "ModifyIndex": 0,
    "Namespace": "default",
    "NodePool": "",
    "NomadTokenID": "",
    "ParentID": "",
    "Priority": 50,
    "Region": "global",
    "Stable": False,
    "Status": "",
    "StatusDescription": "",
    "Stop": False,
    "Type": "service",
    "VaultNamespace": "",
    "Version": 0,
}
_PERIODIC: Fields = {
    "Enabled": True, "ProhibitOverlap": False, "Spec": "", "SpecType": "cron", "Specs": [], "TimeZone": "UTC",
}  # fmt: skip
_UPDATE: Fields = {
    "AutoPromote": False,
    "AutoRevert": False,
    "Canary": 0,
    "HealthCheck": "checks",
    "HealthyDeadline": 5 * _MINUTE,
    "MaxParallel": 1,
    "MinHealthyTime": 10 * _SECOND,
    "ProgressDeadline": 10 * _MINUTE,
    "Stagger": 30 * _SECOND,
}
_MIGRATE: Fields = {
    "HealthCheck": "checks", "HealthyDeadline": 5 * _MINUTE, "MaxParallel": 1, "MinHealthyTime": 10 * _SECOND,
}  # fmt: skip
_RESCHEDULE: dict[str, Fields] = {
    "service": {
        "Attempts": 0, "Delay": 30 * _SECOND, "DelayFunction": "exponential", "Interval": 0, "MaxDelay": _HOUR,
        "Unlimited": True,
    },
    "batch": {
        "Attempts": 1, "Delay": 5 * _SECOND, "DelayFunction": "constant", "Interval": 24 * _HOUR, "MaxDelay": 0,
        "Unlimited": False,
    },
}  # fmt: skip
_RESTART: dict[bool, Fields] = {
    True: {"Attempts": 3, "Delay": 15 * _SECOND, "Interval": 24 * _HOUR, "Mode": "fail", "RenderTemplates": False},
    False: {"Attempts": 2, "Delay": 15 * _SECOND, "Interval": 30 * _MINUTE, "Mode": "fail", "RenderTemplates": False},
}
_ROLLED_OUT = ("service", "system")
_DISK: Fields = {"Migrate": False, "SizeMB": 300, "Sticky": False}
_LOGS: Fields = {"Disabled": False, "Enabled": None, "MaxFileSizeMB": 10, "MaxFiles": 10}
_RESOURCES: Fields = {
    "CPU": None, "Cores": None, "Devices": None, "DiskMB": None, "IOPS": None, "MemoryMB": None, "MemoryMaxMB": None,
    "NUMA": None, "Networks": None, "SecretsMB": None,
}  # fmt: skip
_TEMPLATE: Fields = {
    "ChangeSignal": "", "DestPath": "", "EmbeddedTmpl": "", "Envvars": False, "LeftDelim": "{{", "Once": False,
    "RightDelim": "}}", "SourcePath": "", "VaultGrace": 0,
}  # fmt: skip
_ARTIFACT: Fields = {"GetterInsecure": False, "GetterMode": "any", "GetterSource": "", "RelativeDest": "local/"}
_MOUNT: Fields = {"PropagationMode": "private", "ReadOnly": False, "SELinuxLabel": ""}
_VAULT: Fields = {"AllowTokenExpiration": False, "ChangeSignal": "SIGHUP", "Namespace": ""}
_SERVICE_TEXTS: Fields = {"AddressMode": "auto", "Cluster": "default", "OnUpdate": "require_healthy", "Provider": "consul"}
_CSI_TEXTS: Fields = {"MountDir": "/csi", "StagePublishBaseDir": "/local/csi"}


def canonical(job: Fields) -> Fields:
    """A parsed job with its defaults filled in; `job` is not changed."""
    job = deepcopy(job)
    _fill(job, _JOB)
    if job["Periodic"]:
        _fill(job["Periodic"], _PERIODIC)
    if job["Type"] in _ROLLED_OUT and not job["Update"]:
        job["Update"] = {}
    if job["Update"] is not None:
        _fill(job["Update"], _UPDATE)
    _weights(job)
    for region in (job["Multiregion"] or {}).get("Regions") or ():
        _fill(region, {"Meta": {}})
    for group in job["TaskGroups"] or ():
        _group(job, group)
    return job


def _group(job: Fields, group: Fields) -> None:
    kind = job["Type"]
    if group["Count"] is None:
        scaling = group["Scaling"] or {}
        group["Count"] = 1 if scaling.get("Min") is None else scaling["Min"]
    if group["Scaling"]:
        _fill(group["Scaling"], {"Enabled": True, "Min": group["Count"]})
    group["EphemeralDisk"] = _filled(group["EphemeralDisk"], _DISK)
    if group["Consul"]:
        _fill_texts(group["Consul"], {"Cluster": "default"})
    if group["Disconnect"]:
        _fill(group["Disconnect"], {"Reconcile": "best_score", "Replace": True})
    if kind in _ROLLED_OUT or group["Update"]:
        group["Update"] = _filled(group["Update"], job["Update"] or {}, _UPDATE)
    if kind == "service":
        group["Migrate"] = _filled(group["Migrate"], job.get("Migrate") or {}, _MIGRATE)
    if kind in _RESCHEDULE:
        group["ReschedulePolicy"] = _filled(group["ReschedulePolicy"], job.get("Reschedule") or {}, _RESCHEDULE[kind])
    group["RestartPolicy"] = _filled(group["RestartPolicy"], _RESTART[kind in ("batch", "sysbatch")])
    _weights(group)
    for service in group["Services"] or ():
        _service(service, f"{job['Name']}-{group['Name']}")
    for task in group["Tasks"] or ():
        _task(job, group, task)


def _task(job: Fields, group: Fields, task: Fields) -> None:
    _running(task)
    task["RestartPolicy"] = _filled(task["RestartPolicy"], group["RestartPolicy"])
    _weights(task)
    for template in task["Templates"] or ():
        _fill(template, _TEMPLATE)
        if template["ChangeMode"] == "signal" and not template["ChangeSignal"]:
            template["ChangeSignal"] = "SIGHUP"
    for artifact in task["Artifacts"] or ():
        _fill(artifact, _ARTIFACT)
    if task["Vault"]:
        _fill(task["Vault"], _VAULT)
        _fill_texts(task["Vault"], {"Cluster": "default"})
    if task["Consul"]:
        _fill_texts(task["Consul"], {"Cluster": "default"})
    if plugin := task.get("CSIPluginConfig"):
        _fill_texts(plugin, _CSI_TEXTS)
        plugin["HealthTimeout"] = plugin["HealthTimeout"] or 30 * _SECOND
    for service in task["Services"] or ():
        _service(service, f"{job['Name']}-{group['Name']}-{task['Name']}")


def _running(task: Fields) -> None:
    """What tasks and sidecar tasks have in common."""
    _fill(task, {"KillTimeout": 5 * _SECOND, "ShutdownDelay": 0})
    task["LogConfig"] = _filled(task["LogConfig"], _LOGS)
    resources = _filled(task["Resources"], _RESOURCES)
    _fill(resources, {"Cores": 0, "MemoryMB": 300})
    _fill(resources, {"CPU": 0 if resources["Cores"] else 100})
    for device in resources["Devices"] or ():
        _fill(device, {"Count": 1})
    if resources["NUMA"]:
        _fill_texts(resources["NUMA"], {"Affinity": "none"})
    task["Resources"] = resources
    for mount in task["VolumeMounts"] or ():
        _fill(mount, _MOUNT)


def _service(service: Fields, name: str) -> None:
    _fill_texts(service, {"Name": name, **_SERVICE_TEXTS})
    if weights := service["Weights"]:
        weights["Passing"] = weights["Passing"] or 1
        weights["Warning"] = weights["Warning"] or 1
    for check in service["Checks"] or ():
        _fill_texts(check, {"OnUpdate": service["OnUpdate"]})
        _check_restart(check, service["CheckRestart"])
    connect = service["Connect"] or {}
    if sidecar := connect.get("SidecarTask"):
        _running(sidecar)
    if gateway := connect.get("Gateway"):
        if gateway.get("Proxy"):
            _fill(gateway["Proxy"], {"ConnectTimeout": 5 * _SECOND})
        for listener in (gateway.get("Ingress") or {}).get("Listeners") or ():
            _fill_texts(listener, {"Protocol": "tcp"})


def _check_restart(check: Fields, of_service: Fields | None) -> None:
    """A check restarts its task by its own rules, and where it has none by those of its service."""
    if check["CheckRestart"] is None and of_service is None:
        return
    rules = _filled(check["CheckRestart"], of_service or {}, {"Grace": _SECOND})
    rules["Limit"] = rules.get("Limit") or (of_service or {}).get("Limit", 0)
    rules["IgnoreWarnings"] = rules.get("IgnoreWarnings") or (of_service or {}).get("IgnoreWarnings", False)
    check["CheckRestart"] = rules


def _weights(holder: Fields) -> None:
    for part in (*(holder["Affinities"] or ()), *(holder.get("Spreads") or ())):
        _fill(part, {"Weight": 50})


def _filled(block: Fields | None, *defaults: Fields) -> Fields:
    """A block, or an empty one, with defaults; earlier ones win."""
    filled = dict(block or {})
    for each in defaults:
        _fill(filled, each)
    return filled


def _fill(block: Fields, defaults: Fields) -> None:
    for key, value in defaults.items():
        if block.get(key) is None:
            block[key] = deepcopy(value)


def _fill_texts(block: Fields, defaults: Fields) -> None:
    """Defaults of plain texts, which are empty when unset."""
    for key, value in defaults.items():
        block[key] = block.get(key) or value
