"""The backup operator: jobs ask in their meta, and what was missed while it was down shows when it is back."""

import asyncio

import pytest

from examples.cron_backup.cron_backup import BackupReconciler, backup_of
from nomad_api.models import Job, Task, TaskGroup
from nomad_api.models.job import VolumeRequest
from operator_kit import PermanentError
from operator_kit.testing import MemoryNomad, eventually, running, virtual_time

ASKS = {"backup.schedule": "0 3 * * *", "backup.command": "restic backup /data", "backup.image": "restic/restic:0.17"}


def shop(meta: dict[str, str] | None = None, id: str = "shop") -> Job:
    data = VolumeRequest(name="data", type="host", source="shop-data")
    group = TaskGroup(name="web", count=1, volumes={"data": data}, tasks=[Task(name="web", driver="mock_driver")])
    return Job(id=id, type="service", meta=meta, task_groups=[group])


def schedules(nomad: MemoryNomad, id: str = "backup-shop") -> list[str] | None:
    job = nomad.job(id)
    return None if job is None or job.periodic is None else job.periodic.specs


@virtual_time
async def test_a_job_that_asks_gets_its_backup_which_follows_it_and_goes_with_it() -> None:
    nomad = MemoryNomad()
    async with running(nomad, BackupReconciler()):
        await nomad.jobs.register(shop(ASKS))
        await nomad.jobs.register(shop(id="other"))
        await eventually(lambda: schedules(nomad) == ["0 3 * * *"])
        await nomad.jobs.register(shop({**ASKS, "backup.schedule": "@hourly"}))
        await eventually(lambda: schedules(nomad) == ["@hourly"])
        await nomad.jobs.register(shop())
        await eventually(lambda: nomad.job("backup-shop") is None)
        await nomad.jobs.register(shop(ASKS))
        await eventually(lambda: nomad.job("backup-shop") is not None)
        await nomad.jobs.deregister("shop")
        await eventually(lambda: nomad.job("backup-shop") is None)
        assert nomad.job("backup-other") is None


@virtual_time
async def test_what_happened_while_the_operator_was_down_is_made_good() -> None:
    nomad = MemoryNomad()
    async with running(nomad, BackupReconciler()):
        await nomad.jobs.register(shop(ASKS))
        await nomad.jobs.register(shop(ASKS, id="blog"))
        await eventually(lambda: schedules(nomad) is not None and schedules(nomad, "backup-blog") is not None)
    await nomad.jobs.register(shop())
    await nomad.jobs.deregister("blog", purge=True)
    await nomad.jobs.register(shop(ASKS, id="wiki"))
    async with running(nomad, BackupReconciler()):
        await eventually(lambda: schedules(nomad, "backup-wiki") is not None)
        await eventually(lambda: nomad.job("backup-shop") is None and nomad.job("backup-blog") is None)


@virtual_time
async def test_a_backup_that_somebody_removed_or_altered_is_put_right() -> None:
    nomad = MemoryNomad()
    async with running(nomad, BackupReconciler()):
        await nomad.jobs.register(shop(ASKS))
        await eventually(lambda: schedules(nomad) is not None)
        await nomad.jobs.deregister("backup-shop", purge=True)
        await eventually(lambda: schedules(nomad) is not None)
        altered = nomad.job("backup-shop")
        assert altered is not None
        assert altered.periodic is not None
        await nomad.jobs.register(altered.evolve(periodic=altered.periodic.evolve(specs=["@yearly"])))
        await eventually(lambda: schedules(nomad) == ["0 3 * * *"])


@virtual_time
async def test_the_instances_of_a_periodic_job_get_no_backups_of_their_own() -> None:
    nomad = MemoryNomad()
    async with running(nomad, BackupReconciler()):
        await nomad.jobs.register(shop(ASKS))
        await eventually(lambda: schedules(nomad) is not None)
        await nomad.jobs.force_periodic("backup-shop")
        await asyncio.sleep(60)
    jobs = [row["ID"] for row in nomad.cluster.jobs.values()]
    assert len(jobs) == 3
    assert not any(id.startswith("backup-backup") for id in jobs)


@virtual_time
async def test_a_job_of_that_name_that_is_no_backup_is_left_alone() -> None:
    nomad = MemoryNomad()
    await nomad.jobs.register(shop(id="backup-shop"))
    async with running(nomad, BackupReconciler()):
        await nomad.jobs.register(shop(ASKS))
        await asyncio.sleep(60)
        kept = nomad.job("backup-shop")
        assert kept is not None
        assert (kept.version, kept.type) == (0, "service")
        await nomad.jobs.deregister("backup-shop", purge=True)
        await eventually(lambda: schedules(nomad) is not None, within=400)


@virtual_time
async def test_a_look_at_backups_in_order_writes_nothing() -> None:
    nomad = MemoryNomad()
    await nomad.jobs.register(shop(ASKS))
    async with running(nomad, BackupReconciler()):
        await eventually(lambda: schedules(nomad) is not None)
    version = nomad.cluster.index
    async with running(nomad, BackupReconciler()):
        await asyncio.sleep(10)
    backup = nomad.job("backup-shop")
    assert backup is not None
    assert (backup.job_modify_index or 0) <= version


def test_a_backup_sees_the_volumes_of_its_job_for_reading_only() -> None:
    group = (backup_of(shop(ASKS)).task_groups or [])[0]
    task = (group.tasks or [])[0]
    assert {name: volume.read_only for name, volume in (group.volumes or {}).items()} == {"data": True}
    assert [(mount.destination, mount.read_only) for mount in task.volume_mounts or ()] == [("/data/data", True)]
    assert (task.driver, task.config) == (
        "docker",
        {"image": "restic/restic:0.17", "command": "/bin/sh", "args": ["-c", "restic backup /data"]},
    )


def test_without_an_image_the_command_runs_on_the_host() -> None:
    group = (backup_of(shop({"backup.schedule": "@daily", "backup.command": "true"})).task_groups or [])[0]
    assert (group.tasks or [])[0].driver == "raw_exec"


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"backup.schedule": "at night", "backup.command": "true"}, 'backup.schedule of job shop is "at night": '),
        ({"backup.schedule": "@daily"}, "job shop has backup.schedule and no backup.command; say what is to run"),
    ],
)
def test_meta_that_does_not_say_how_is_told(meta: dict[str, str], message: str) -> None:
    with pytest.raises(PermanentError) as caught:
        backup_of(shop(meta))
    assert str(caught.value).startswith(message)
