"""Backups for any job that asks for them in its meta: an operator without a kind of its own.

    job "shop" {
      meta {
        "backup.schedule" = "0 3 * * *"
        "backup.command"  = "restic backup /data"
        "backup.image"    = "restic/restic:0.17"         # left out: the command runs on the host (raw_exec)
      }
      …

Such a job gets a periodic batch job `backup-shop`, which goes when the meta does, or the job. It is the pattern that Nomad's
users know: job meta says what is wanted, the event stream says when to look.

What it shows: the lowest layer of the framework is ids, streams that tell of them, and a look at one id. Both the jobs that ask
and the backups that exist are followed and lead to the same id, the asking job's. So whatever happened while the operator was
down shows at its start: a job that asks and has no backup, or a backup that nobody asks for any more. There is no status to
write to: what is wrong with a job's meta is in the log and in the metrics.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from nomad_api.client import Nomad
from nomad_api.cron import Cron
from nomad_api.errors import NotFound
from nomad_api.models import Job, Task, TaskGroup
from nomad_api.models.job import Periodic, VolumeMount
from operator_kit import PermanentError, TemporaryError
from operator_kit.id_reconciler import IdContext, IdReconciler
from operator_kit.informers.objects import Change
from operator_kit.watch import Watch

SCHEDULE: Final = "backup.schedule"
COMMAND: Final = "backup.command"
IMAGE: Final = "backup.image"
OF: Final = "backup.of"
"""Meta of a backup: the ID of the job that it is for."""


def concerned(change: Change, known: Collection[str]) -> Iterator[str]:
    """The jobs to look at when a job has changed: itself if it asks or asked for backups, or the one that it is a backup of."""
    for job in (change.old, change.new):
        meta: dict[str, str] = (job or {}).get("Meta") or {}
        if job is None or job.get("ParentID"):
            continue  # an instance of a periodic job has the meta of its parent
        if OF in meta:
            yield meta[OF]
        elif SCHEDULE in meta:
            yield job["ID"]


class BackupReconciler(IdReconciler):
    name = "cron-backup"
    watches = (Watch("Job", map=concerned),)

    async def reconcile(self, id: str, ctx: IdContext) -> None:
        job = await read(ctx.nomad, id)
        present = await read(ctx.nomad, backup_id(id))
        if present is not None and (present.meta or {}).get(OF) != id:
            raise TemporaryError(
                f"there is a job {present.id} that is no backup of {id}; rename one of them", reason="NameTaken"
            )
        if job is None or job.stop or SCHEDULE not in (job.meta or {}):
            if present is not None:
                await ctx.nomad.jobs.deregister(backup_id(id), purge=True)
                ctx.log.info("backups ended")
            return
        wanted = backup_of(job)
        plan = await ctx.nomad.jobs.plan(wanted)
        if present is None or present.stop or (plan.diff or {}).get("Type") != "None":
            await ctx.nomad.jobs.register(wanted, check_index=plan.job_modify_index)
            ctx.log.info("backups planned", schedule=(job.meta or {})[SCHEDULE])


async def read(nomad: Nomad, id: str) -> Job | None:
    """The job, None if there is none."""
    try:
        return await nomad.jobs.get(id)
    except NotFound:
        return None


def backup_id(id: str) -> str:
    return f"backup-{id}"


def backup_of(job: Job) -> Job:
    """The job that makes the backups of another.

    Raises:
        PermanentError: its meta does not say how.
    """
    meta = job.meta or {}
    try:
        Cron.parse(meta[SCHEDULE])
    except ValueError as error:
        raise PermanentError(f'{SCHEDULE} of job {job.id} is "{meta[SCHEDULE]}": {error}', reason="InvalidSchedule") from error
    if not meta.get(COMMAND):
        raise PermanentError(f"job {job.id} has {SCHEDULE} and no {COMMAND}; say what is to run", reason="CommandMissing")
    volumes = {name: volume for group in job.task_groups or () for name, volume in (group.volumes or {}).items()}
    group = TaskGroup(
        name="backup",
        count=1,
        volumes={name: volume.evolve(read_only=True) for name, volume in volumes.items()} or None,
        tasks=[task_of(meta, [VolumeMount(volume=name, destination=f"/data/{name}", read_only=True) for name in volumes])],
    )
    return Job(
        id=backup_id(job.id or ""),
        type="batch",
        namespace=job.namespace,
        node_pool=job.node_pool,
        datacenters=job.datacenters,
        meta={OF: job.id or ""},
        periodic=Periodic(specs=[meta[SCHEDULE]], prohibit_overlap=True),
        task_groups=[group],
    )


def task_of(meta: dict[str, str], mounts: list[VolumeMount]) -> Task:
    """The task: it sees the volumes of the job below `/data`, for reading only."""
    shell: dict[str, Any] = {"command": "/bin/sh", "args": ["-c", meta[COMMAND]]}
    if IMAGE in meta:
        return Task(name="backup", driver="docker", config={"image": meta[IMAGE], **shell}, volume_mounts=mounts or None)
    return Task(name="backup", driver="raw_exec", config=shell, volume_mounts=mounts or None)
