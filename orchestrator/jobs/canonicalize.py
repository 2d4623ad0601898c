"""Every default of a job, filled in as Nomad's server fills it.

What a user leaves unset gets its default, what the server alone decides (status, indexes) is reset, empty lists and maps become
absent, and policies given for the whole job are merged into its groups, from there into their tasks. The result says everything
the scheduler and the client need to know, and is what the API answers for the job.
"""

import posixpath
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from nomad_api.duration import HOUR, MINUTE, SECOND
from nomad_api.models.base import Wire
from nomad_api.models.job import (
    Affinity,
    Artifact,
    CheckRestart,
    EphemeralDisk,
    Job,
    LogConfig,
    Migrate,
    Network,
    Parameterized,
    Periodic,
    Port,
    RequestedDevice,
    ReschedulePolicy,
    Resources,
    RestartPolicy,
    Scaling,
    Service,
    ServiceCheck,
    Spread,
    Task,
    TaskGroup,
    Template,
    Update,
    WorkloadIdentity,
)
from orchestrator.jobs.constraints import with_implied_constraints

W = TypeVar("W", bound=Wire)

JOB_TYPES = ("service", "batch", "system", "sysbatch")
DEFAULT_PRIORITY = 50
DEFAULT_IDENTITY_AUDIENCE = "nomadproject.io"

DEFAULT_UPDATE = Update(
    stagger=30 * SECOND,
    max_parallel=1,
    health_check="checks",
    min_healthy_time=10 * SECOND,
    healthy_deadline=5 * MINUTE,
    progress_deadline=10 * MINUTE,
    auto_revert=False,
    auto_promote=False,
    canary=0,
)
NO_UPDATE = Update(
    stagger=0,
    max_parallel=0,
    health_check="",
    min_healthy_time=0,
    healthy_deadline=0,
    progress_deadline=0,
    auto_revert=False,
    auto_promote=False,
    canary=0,
)
"""The update block of a job whose type does not roll out versions; also "max_parallel is 0", which asks for no roll-out."""

_DEFAULT_MIGRATE = Migrate(max_parallel=1, health_check="checks", min_healthy_time=10 * SECOND, healthy_deadline=5 * MINUTE)
_SERVICE_RESTART = RestartPolicy(attempts=2, interval=30 * MINUTE, delay=15 * SECOND, mode="fail", render_templates=False)
_BATCH_RESTART = RestartPolicy(attempts=3, interval=24 * HOUR, delay=15 * SECOND, mode="fail", render_templates=False)
_RESCHEDULE = {
    "service": ReschedulePolicy(
        attempts=0, interval=0, delay=30 * SECOND, delay_function="exponential", max_delay=HOUR, unlimited=True
    ),
    "batch": ReschedulePolicy(
        attempts=1, interval=24 * HOUR, delay=5 * SECOND, delay_function="constant", max_delay=0, unlimited=False
    ),
}
_NO_RESCHEDULE = ReschedulePolicy(attempts=0, interval=0, delay=0, delay_function="", max_delay=0, unlimited=False)


def canonicalize(job: Job) -> Job:
    """The job with every field filled in. Server-owned fields are those of a new job; `register` sets them."""
    job = _filled(
        job,
        id="",
        region="global",
        type="service",
        all_at_once=False,
        meta=None,
        consul_namespace="",
        vault_namespace="",
        stop=False,
    )
    job_id = job.id or ""
    job = job.evolve(
        name=job.name if job.name is not None else job_id,
        namespace=job.namespace or "default",
        priority=job.priority or DEFAULT_PRIORITY,
        node_pool=job.node_pool or "default",
        datacenters=job.datacenters or ["*"],
        constraints=job.constraints or None,
        affinities=_each(job.affinities, _affinity),
        spreads=_each(job.spreads, _spread),
        meta=job.meta or None,
        periodic=_periodic(job.periodic) if job.periodic else None,
        parameterized_job=_parameterized(job.parameterized_job) if job.parameterized_job else None,
        ui=_ui(job.ui) if job.ui else None,
        version=job.version or 0,
        consul_namespace="",
        parent_id="",
        dispatched=False,
        dispatch_idempotency_token="",
        nomad_token_id="",
        status="",
        status_description="",
        stable=False,
        submit_time=0,
        create_index=0,
        modify_index=0,
        job_modify_index=0,
    )
    rollout = job.update
    if rollout is not None:
        rollout = _merged(DEFAULT_UPDATE, rollout)
    elif job.type in ("service", "system"):
        rollout = DEFAULT_UPDATE
    own = NO_UPDATE
    if rollout and (rollout.max_parallel or 0) > 0:
        own = NO_UPDATE.evolve(stagger=rollout.stagger, max_parallel=rollout.max_parallel)
    groups = _each(job.task_groups, lambda group: _group(job, group, rollout))
    job = job.evolve(update=own, task_groups=groups, reschedule=None, migrate=None)
    return with_implied_constraints(job)


def _group(job: Job, group: TaskGroup, rollout: Update | None) -> TaskGroup:
    scaling = group.scaling
    count = group.count
    if count is None:
        count = scaling.min if scaling and scaling.min is not None else 1
    update = group.update
    if rollout and (update or not _is_zero(rollout)):
        update = _merged(rollout, update)
    reschedule = _merged(job.reschedule, group.reschedule_policy)
    if reschedule or job.type not in ("system", "sysbatch"):
        reschedule = _merged(_RESCHEDULE.get(job.type or "", _NO_RESCHEDULE), reschedule)
    migrate = _merged(job.migrate, group.migrate)
    if migrate or job.type == "service":
        migrate = _merged(_DEFAULT_MIGRATE, migrate)
    restart = _merged(_SERVICE_RESTART if job.type in ("service", "system") else _BATCH_RESTART, group.restart_policy)
    group = group.evolve(
        count=count,
        constraints=group.constraints or None,
        affinities=_each(group.affinities, _affinity),
        spreads=_each(group.spreads, _spread),
        meta=group.meta or None,
        update=_merged(DEFAULT_UPDATE, update) if update else None,
        reschedule_policy=reschedule,
        migrate=migrate,
        restart_policy=restart,
        disconnect=_filled(group.disconnect, lost_after=0, replace=True, reconcile="best_score") if group.disconnect else None,
        ephemeral_disk=_filled(group.ephemeral_disk or EphemeralDisk(), sticky=False, migrate=False, size_mb=300),
        volumes={name: volume for name, volume in (group.volumes or {}).items() if volume.type in ("host", "csi")} or None,
        networks=_each(group.networks, _network),
        prevent_reschedule_on_lost=group.prevent_reschedule_on_lost or False,
    )
    return group.evolve(
        scaling=_scaling(scaling, count, _target(job, group)) if scaling else None,
        services=_each(group.services, lambda service: _service(job, group, None, service)),
        tasks=_each(group.tasks, lambda task: _task(job, group, task)),
    )


def _task(job: Job, group: TaskGroup, task: Task) -> Task:
    task = task.evolve(
        config=task.config or None,
        constraints=task.constraints or None,
        affinities=_each(task.affinities, _affinity),
        env=task.env or None,
        resources=_resources(task.resources or Resources()),
        restart_policy=_merged(group.restart_policy, task.restart_policy),
        meta=task.meta or None,
        kill_timeout=task.kill_timeout or 5 * SECOND,
        log_config=_filled(task.log_config or LogConfig(), max_files=10, max_file_size_mb=10, disabled=False),
        artifacts=_each(task.artifacts, _artifact),
        vault=_vault(job, task.vault) if task.vault is not None else None,
        consul={"Namespace": "", "Cluster": "default", "Partition": "", **task.consul} if task.consul is not None else None,
        templates=_each(task.templates, _template),
        volume_mounts=_each(
            [mount for mount in task.volume_mounts or () if mount.volume is not None],
            lambda mount: _filled(mount, destination="", read_only=False, propagation_mode="private", selinux_label=""),
        ),
        scaling_policies=_each(
            task.scaling_policies, lambda policy: _scaling(policy, 0, _target(job, group) | {"Task": task.name})
        ),
        actions=task.actions or None,
        secrets=task.secrets or None,
    )
    identity, others = task.identity, []
    for each in task.identities or ():
        candidate = _identity(each)
        if candidate.name == "default":
            identity = candidate
        else:
            others.append(candidate)
    return task.evolve(
        identity=_identity(identity or WorkloadIdentity()),
        identities=others if task.identities else None,
        services=_each(task.services, lambda service: _service(job, group, task, service)),
    )


def _service(job: Job, group: TaskGroup, task: Task | None, service: Service) -> Service:
    owner = task.name if task else "group"
    default_name = f"{job.name}-{group.name}" + (f"-{task.name}" if task else "")
    name = service.name or default_name
    for variable, value in {
        "JOB": job.name or "",
        "TASKGROUP": group.name,
        "TASK": owner,
        "BASE": f"{job.name}-{group.name}-{owner}",
    }.items():
        name = name.replace(f"${{{variable}}}", value)
    service = service.evolve(
        name=name,
        task_name=service.task_name or (task.name if task else ""),
        address_mode=service.address_mode or "auto",
        on_update=service.on_update or "require_healthy",
        provider=service.provider or "consul",
        cluster=service.cluster or "default",
        tags=service.tags or None,
        canary_tags=service.canary_tags or None,
        meta=service.meta or None,
        canary_meta=service.canary_meta or None,
        tagged_addresses=service.tagged_addresses or None,
    )
    checks = _each(service.checks, lambda check: _check(service, check, in_task=task is not None))
    return service.evolve(checks=checks, check_restart=None)


def _check(service: Service, check: ServiceCheck, *, in_task: bool) -> ServiceCheck:
    restart = check.check_restart
    if service.check_restart and not restart:
        restart = service.check_restart
    elif service.check_restart and restart:
        restart = CheckRestart(
            limit=restart.limit if restart.limit > 0 else service.check_restart.limit,
            grace=restart.grace if restart.grace is not None else service.check_restart.grace,
            ignore_warnings=restart.ignore_warnings or service.check_restart.ignore_warnings,
        )
    return check.evolve(
        name=check.name or f'service: "{service.name}" check',
        args=check.args or None,
        header={name: values or None for name, values in check.header.items()} if check.header else None,
        task_name=service.task_name if in_task or not check.task_name else check.task_name,
        on_update=check.on_update or service.on_update,
        check_restart=_filled(restart, grace=SECOND) if restart else None,
        success_before_passing=max(0, check.success_before_passing),
        failures_before_critical=max(0, check.failures_before_critical),
        failures_before_warning=max(0, check.failures_before_warning),
    )


def _resources(resources: Resources) -> Resources:
    return _filled(
        resources.evolve(networks=_each(resources.networks, _network), devices=_each(resources.devices, _device)),
        cpu=0 if resources.cores else 100,
        cores=0,
        memory_mb=300,
        memory_max_mb=0,
        disk_mb=0,
        iops=0,
        secrets_mb=0,
    )


def _device(device: RequestedDevice) -> RequestedDevice:
    return _filled(device.evolve(affinities=_each(device.affinities, _affinity)), count=1)


def _network(network: Network) -> Network:
    return network.evolve(
        device="",
        mbits=network.mbits or 0,
        reserved_ports=_each(network.reserved_ports, _port),
        dynamic_ports=_each(network.dynamic_ports, _port),
    )


def _port(port: Port) -> Port:
    return port.evolve(host_network=port.host_network or "default")


def _affinity(affinity: Affinity) -> Affinity:
    return _filled(affinity, weight=50)


def _spread(spread: Spread) -> Spread:
    return _filled(spread, weight=50)


def _identity(identity: WorkloadIdentity) -> WorkloadIdentity:
    name = identity.name or "default"
    audience = [DEFAULT_IDENTITY_AUDIENCE] if name == "default" else identity.audience
    return identity.evolve(name=name, audience=audience, change_signal=identity.change_signal.upper())


def _artifact(artifact: Artifact) -> Artifact:
    mode = artifact.getter_mode if artifact.getter_mode is not None else "any"
    destination = "local/"
    if mode == "file":
        destination = posixpath.join("local", posixpath.basename(artifact.getter_source or ""))
    return _filled(
        artifact.evolve(getter_options=artifact.getter_options or None, getter_headers=artifact.getter_headers or None),
        getter_mode="any",
        getter_insecure=False,
        getter_source="",
        relative_dest=destination,
    )


def _template(template: Template) -> Template:
    signal = template.change_signal
    if signal is None:
        signal = "SIGHUP" if template.change_mode == "signal" else ""
    script = template.change_script
    if script:
        script = _filled(script, command="", args=[], timeout=5 * SECOND, fail_on_error=False, run_on_first_render=False)
    return _filled(
        template.evolve(change_signal=signal.upper(), change_script=script),
        source_path="",
        dest_path="",
        embedded_tmpl="",
        change_mode="restart",
        once=False,
        splay=5 * SECOND,
        perms="0644",
        left_delim="{{",
        right_delim="}}",
        envvars=False,
        err_missing_key=False,
        vault_grace=0,
    )


def _periodic(periodic: Periodic) -> Periodic:
    periodic = _filled(periodic, enabled=True, spec="", specs=[], spec_type="cron", prohibit_overlap=False)
    return periodic.evolve(time_zone=periodic.time_zone or "UTC")


def _parameterized(parameterized: Parameterized) -> Parameterized:
    return parameterized.evolve(payload=parameterized.payload or "optional")


def _scaling(scaling: Scaling, count: int, target: dict[str, str]) -> Scaling:
    scaling = _filled(scaling, min=count, max=-1, enabled=True)
    return scaling.evolve(id="", type=scaling.type or "horizontal", target=target)


def _target(job: Job, group: TaskGroup) -> dict[str, str]:
    return {"Namespace": job.namespace or "", "Job": job.id or "", "Group": group.name}


def _vault(job: Job, vault: dict[str, Any]) -> dict[str, Any]:
    defaults = {
        "Role": "",
        "Namespace": job.vault_namespace or "",
        "Cluster": "default",
        "Env": True,
        "DisableFile": False,
        "ChangeMode": "restart",
        "ChangeSignal": "SIGHUP",
        "AllowTokenExpiration": False,
    }
    given = {key: value for key, value in vault.items() if key in defaults and value not in (None, "")}
    return defaults | given | {"ChangeSignal": str(given.get("ChangeSignal", "SIGHUP")).upper()}


def _ui(ui: dict[str, Any]) -> dict[str, Any]:
    links = [{"Label": link.get("Label", ""), "Url": link.get("Url", link.get("URL", ""))} for link in ui.get("Links") or ()]
    return {"Description": ui.get("Description") or "", "Links": links or None}


def _each(items: Iterable[W] | None, change: Callable[[W], W]) -> list[W] | None:
    """The items changed one by one; None where there are none, because Nomad does not tell an empty list from an absent one."""
    return [change(item) for item in items] or None if items else None


def _filled(model: W, **defaults: Any) -> W:
    """The model with defaults where it says nothing."""
    missing = {name: value for name, value in defaults.items() if getattr(model, name) is None}
    return model.evolve(**missing) if missing else model


def _merged(base: W | None, over: W | None) -> W | None:
    """`base`, with what `over` sets."""
    if base is None or over is None:
        return over if base is None else base
    given = {name: value for name in type(over).model_fields if (value := getattr(over, name)) is not None}
    return base.evolve(**given)


def _is_zero(update: Update) -> bool:
    return not any(getattr(update, name) for name in Update.model_fields)
