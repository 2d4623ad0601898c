"""What is allowed in a job but probably not meant."""

from collections.abc import Iterable, Iterator

from nomad_api.models.job import Job, Service, Task, TaskGroup, WorkloadIdentity
from orchestrator.jobs.validation.problems import inside, quoted, together


def job_warnings(job: Job) -> Iterator[str]:
    """Warnings about a canonical job, in the order in which Nomad tells them."""
    groups = job.task_groups or []
    for group in groups:
        yield from inside(f"Group {quoted(group.name)} has warnings", _group(group))
    for group in groups:
        yield from _shutdown_delays(group)
    updates = [group.update for group in groups if group.update]
    if any(update.auto_promote for update in updates) and any(update.canary and not update.auto_promote for update in updates):
        yield "auto_promote must be true for all groups to enable automatic promotion"
    if job.periodic and job.periodic.spec:
        yield "cron is deprecated and may be removed in a future release. Use crons instead"
    for group in groups:
        for task in group.tasks or ():
            if task.resources and task.resources.memory_max_mb:
                yield (
                    f'Memory oversubscription is not enabled; Task "{group.name}.{task.name}" memory_max value will be '
                    "ignored. Update the Scheduler Configuration to allow oversubscription."
                )


def warnings_text(warnings: Iterable[str]) -> str:
    """Warnings as the API shows them."""
    found = list(warnings)
    if not found:
        return ""
    count = "1 warning" if len(found) == 1 else f"{len(found)} warnings"
    return f"{count}:\n" + "".join(f"\n* {warning.strip()}" for warning in found)


def _group(group: TaskGroup) -> Iterator[str]:
    count, parallel = group.count or 0, (group.update.max_parallel if group.update else 0) or 0
    if count > 1 and parallel > count:
        yield (
            f"Update max parallel count is greater than task group count ({parallel} > {count}). "
            "A destructive change would result in the simultaneous replacement of all allocations."
        )
    if group.max_client_disconnect is not None:
        yield "MaxClientDisconnect is deprecated and ignored in favor of Disconnect.LostAfter"
    if group.stop_after_client_disconnect is not None:
        yield "StopAfterClientDisconnect is deprecated and ignored favor of Disconnect.StopOnClientAfter"
    if group.prevent_reschedule_on_lost:
        yield "PreventRescheduleOnLost is deprecated and ignored in favor of Disconnect.Replace"
    if group.networks and group.networks[0].mbits:
        yield "mbits has been deprecated as of Nomad 0.12.0. Please remove mbits from the network block"
    yield from _services(group.services)
    for task in group.tasks or ():
        yield from inside(f"Task {quoted(task.name)} has warnings", _task(task))


def _task(task: Task) -> Iterator[str]:
    if task.resources and task.resources.iops:
        yield "IOPS has been deprecated as of Nomad 0.9.0. Please remove IOPS from resource block."
    if task.resources and task.resources.networks:
        yield (
            "task network resources have been deprecated as of Nomad 0.12.0. "
            "Please configure networking via group network block."
        )
    for number, template in enumerate(task.templates or ()):
        if template.vault_grace:
            yield (
                f"Template[{number}] VaultGrace has been deprecated as of Nomad 0.11 and ignored since Vault 0.5. "
                "Please remove VaultGrace / vault_grace from template block."
            )
    yield from _services(task.services)
    for identity in task.identities or ():
        yield from together(f"Identity[{identity.name}] {text}" for text in _identity(identity))


def _services(services: Iterable[Service] | None) -> Iterator[str]:
    for service in services or ():
        if service.identity:
            for text in _identity(service.identity):
                yield f"Service {quoted(service.name)}: {text}"


def _identity(identity: WorkloadIdentity) -> Iterator[str]:
    audiences = len(identity.audience or ())
    if audiences == 0:
        yield "identities without an audience are insecure"
    elif audiences > 1:
        yield "while multiple audiences is allowed, it is more secure to use 1 audience per identity"
    if identity.name not in ("", "default") and identity.ttl == 0:
        yield "identities without an expiration are insecure"
    if identity.env and identity.change_mode != "restart":
        yield 'using env=true without change_mode="restart" may result in task not getting updated identity'


def _shutdown_delays(group: TaskGroup) -> Iterator[str]:
    """A task that stops before its service is gone from discovery still gets requests."""
    services = group.services or []
    referenced = {service.task_name for service in services if service.task_name}
    unscoped = any(not service.task_name for service in services)
    delayed = bool(group.shutdown_delay and group.shutdown_delay > 0)
    for task in group.tasks or ():
        if task.name in referenced and task.shutdown_delay == 0:
            yield (
                f"group {quoted(group.name)} references task {quoted(task.name)} in a service definition, "
                "but the task has no shutdown_delay set"
            )
        if task.shutdown_delay > 0:
            delayed = True
        elif task.services:
            yield f"task {quoted(task.name)} in group {quoted(group.name)} defines services, but has no shutdown_delay set"
    if unscoped and not delayed:
        yield (
            f"group {quoted(group.name)} defines services, but neither the group nor any of its tasks have shutdown_delay set"
        )
