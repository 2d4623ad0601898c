"""The difference of two versions of a job: what a plan shows, and what changed from version to version."""

from typing import Any

from nomad_api.models.base import Wire
from nomad_api.models.job import Job, Service, Task, TaskGroup
from orchestrator.jobs.diff import objects
from orchestrator.jobs.diff.fields import Diff, field_diffs, flat, set_diff

_JOB_SKIP = (
    "id",
    "status",
    "status_description",
    "version",
    "stable",
    "create_index",
    "modify_index",
    "job_modify_index",
    "submit_time",
    "nomad_token_id",
)
_BY_TEXT = objects.by_key(lambda each: (each.l_target, each.operand, each.r_target, getattr(each, "weight", None)))


def diff_jobs(old: Job | None, new: Job) -> Diff:
    """How `new` differs from `old`; without `old` all of it is new. Both are canonical."""
    found = [
        set_diff("Datacenters", old.datacenters if old else None, new.datacenters, context=True),
        *objects.blocks("Constraint", old.constraints if old else None, new.constraints, _BY_TEXT),
        *objects.blocks("Affinity", old.affinities if old else None, new.affinities, _BY_TEXT),
        objects.block("Periodic", old.periodic if old else None, new.periodic),
        objects.block("ParameterizedJob", old.parameterized_job if old else None, new.parameterized_job),
        objects.data("Multiregion", old.multiregion if old else None, new.multiregion),
        objects.data("UI", old.ui if old else None, new.ui),
    ]
    shown = [each for each in found if each and not (each["Name"] == "Datacenters" and each["Type"] == "None")]
    fields = field_diffs(flat(old, _JOB_SKIP), flat(new, _JOB_SKIP), context=False)
    groups = [_group(*pair, old, new) for pair in _by_name(old.task_groups if old else None, new.task_groups)]
    kind = "Added" if old is None else "None"
    if old and any(each["Type"] != "None" for each in (*fields, *shown, *groups)):
        kind = "Edited"
    return {
        "Type": kind,
        "ID": new.id,
        "Fields": fields or None,
        "Objects": shown or None,
        "TaskGroups": groups or None,
    }


def _group(old: TaskGroup | None, new: TaskGroup | None, old_job: Job | None, new_job: Job) -> Diff:
    def both(name: str) -> tuple[Any, Any]:
        return getattr(old, name, None), getattr(new, name, None)

    def namespace(service: Service) -> dict[str, str]:
        # A service of Nomad's own discovery is in the job's namespace.
        return {"Namespace": (new_job.namespace or "") if service.provider == "nomad" else "default"}

    found = [
        *objects.blocks("Constraint", *both("constraints"), _BY_TEXT),
        *objects.blocks("Affinity", *both("affinities"), _BY_TEXT),
        objects.plain_block("RestartPolicy", *both("restart_policy")),
        objects.plain_block("Migrate", *both("migrate")),
        objects.plain_block("ReschedulePolicy", *both("reschedule_policy")),
        objects.plain_block("EphemeralDisk", *both("ephemeral_disk")),
        objects.data("Consul", *both("consul")),
        objects.plain_block("Update", *both("update"), skip=("stagger",)),
        objects.block("Disconnect", *both("disconnect")),
        *objects.blocks("Network", *both("networks"), objects.CONTENT),
        objects.block("Scaling", *both("scaling"), skip=("create_index", "modify_index", "id", "type")),
        *objects.blocks("Service", *both("services"), objects.SERVICES, extra=namespace),
        *_volumes(*both("volumes")),
    ]
    tasks = [_task(*pair, namespace) for pair in _by_name(*both("tasks"))]
    return {
        "Type": _kind(old, new),
        "Name": (new or old).name,  # type: ignore[union-attr]
        "Fields": field_diffs(flat(old, ("name",)), flat(new, ("name",)), context=False) or None,
        "Objects": [each for each in found if each] or None,
        "Tasks": tasks or None,
        "Updates": None,
    }


def _task(old: Task | None, new: Task | None, namespace: Any) -> Diff:
    def both(name: str) -> tuple[Any, Any]:
        return getattr(old, name, None), getattr(new, name, None)

    found = [
        *objects.blocks("Constraint", *both("constraints"), _BY_TEXT),
        *objects.blocks("Affinity", *both("affinities"), _BY_TEXT),
        objects.data("Config", *both("config")),
        objects.block("Resources", *both("resources")),
        objects.plain_block("LogConfig", *both("log_config")),
        objects.plain_block("DispatchPayload", *both("dispatch_payload")),
        *objects.blocks("Artifact", *both("artifacts"), objects.by_key(lambda artifact: artifact.relative_dest)),
        *objects.blocks("Service", *both("services"), objects.SERVICES, extra=namespace),
        objects.data("Vault", *both("vault")),
        objects.data("Consul", *both("consul")),
        *objects.blocks("Template", *both("templates"), objects.TEMPLATES),
        objects.block("Identity", *both("identity")),
        *objects.blocks("Identity", *both("identities"), objects.by_key(lambda identity: identity.name)),
        *objects.blocks("Action", *both("actions"), objects.by_position),
        *objects.blocks("VolumeMount", *both("volume_mounts"), objects.by_position),
        objects.data("Schedule", *both("schedule")),
    ]
    return {
        "Type": _kind(old, new),
        "Name": (new or old).name,  # type: ignore[union-attr]
        "Fields": field_diffs(flat(old, ("name",)), flat(new, ("name",)), context=False) or None,
        "Objects": [each for each in found if each] or None,
        "Annotations": None,
    }


def _volumes(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[Diff]:
    pairs = [((old or {}).get(name), (new or {}).get(name)) for name in {**(old or {}), **(new or {})}]
    return [diff for pair in pairs if (diff := objects.block("Volume", *pair))]


def _by_name(old: list[Any] | None, new: list[Any] | None) -> list[tuple[Any, Any]]:
    pairs = objects.by_key(lambda each: each.name)(old or (), new or ())
    return sorted(pairs, key=lambda pair: (pair[1] or pair[0]).name)


def _kind(old: Wire | None, new: Wire | None) -> str:
    if old is None:
        return "Added"
    if new is None:
        return "Deleted"
    return "None" if old.evolve() == new.evolve() else "Edited"
