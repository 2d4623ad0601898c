import pytest

from nomad_api.models import JobSubmission, Namespace
from nomad_api.models.job import Parameterized, VersionTag
from orchestrator import jobs
from orchestrator.errors import APIError
from orchestrator.jobs.register import put_version
from orchestrator.state.store import Store


@pytest.fixture
async def store():
    made = Store(lambda: 1_700_000_000_000_000_000)
    made.start()
    await made.write("NamespaceUpserted", lambda tx: tx.put(Namespace(name="default")))
    return made


async def register(store, job, **options):
    return await store.write("JobRegistered", lambda tx: jobs.register(tx, job, **options))


def versions(store):
    return sorted(job.version for job in store.state.job_versions.by("job", ("default", "web")))


async def test_a_first_version(store, new_job):
    committed = await register(store, new_job())
    job = store.state.jobs.get("default", "web")
    assert (job.version, job.status, job.job_modify_index) == (0, "pending", committed.index)
    evaluation = store.state.evaluations.get(committed.value.eval_id)
    assert (evaluation.triggered_by, evaluation.status, evaluation.job_modify_index) == (
        "job-register",
        "pending",
        committed.index,
    )
    assert store.state.job_summaries.get("default", "web").summary["g"].starting == 0


async def test_the_same_again_only_makes_an_evaluation(store, new_job):
    kinds = []
    store.subscribe(lambda commit: kinds.append(commit.kind))
    first = await register(store, new_job())
    second = await register(store, new_job())
    assert kinds == ["JobRegistered", "EvaluationUpdated"]
    assert second.value.job_modify_index == first.index
    assert second.value.eval_id != first.value.eval_id
    assert versions(store) == [0]


async def test_a_change_makes_a_version(store, new_job):
    await register(store, new_job())
    second = await register(store, new_job(Count=2))
    job = store.state.jobs.get("default", "web")
    assert (job.version, job.job_modify_index) == (1, second.index)
    assert versions(store) == [0, 1]


async def test_six_versions_are_kept_and_the_stable_and_the_tagged(store, new_job):
    await register(store, new_job(Count=0))
    await store.write("JobStability", lambda tx: jobs.set_stable(tx, "default", "web", 0, True))
    await register(store, new_job(Count=1))
    tagged = store.state.job_versions.get("default", "web", 1).evolve(version_tag=VersionTag(name="keep"))
    await store.write("JobVersionTag", lambda tx: tx.put_exactly(tagged, table="job_versions"))
    for count in range(2, 10):
        await register(store, new_job(Count=count))
    assert versions(store) == [0, 1, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (0, "Enforcing job modify index 0: job already exists"),
        (7, "Enforcing job modify index 7: job exists with conflicting job modify index: 3"),
    ],
)
async def test_the_index_is_enforced(store, new_job, index, text):
    with pytest.raises(APIError, match="Enforcing job modify index 7: job does not exist"):
        await register(store, new_job(), enforce_index=7)
    await register(store, new_job(), enforce_index=0)
    assert store.state.jobs.get("default", "web").job_modify_index == 3
    with pytest.raises(APIError, match=text):
        await register(store, new_job(Count=2), enforce_index=index)
    await register(store, new_job(Count=2), enforce_index=3)


async def test_what_a_job_is_cannot_change(store, new_job):
    await register(store, new_job())
    with pytest.raises(APIError, match='cannot update job from type "service" to "batch"'):
        await register(store, new_job(kind="batch"))


async def test_a_refused_job_leaves_nothing(store, new_job):
    before = store.index
    with pytest.raises(APIError, match='job "web" is in nonexistent namespace "moon"'):
        await register(store, new_job().evolve(namespace="moon"))
    assert store.index == before
    assert not list(store.state.jobs)


async def test_the_source_is_kept_for_each_version(store, new_job):
    await register(store, new_job(), submission=JobSubmission(source="job {}", format="hcl2"))
    await register(store, new_job(Count=2))
    assert store.state.job_submissions.get("default", "web", 1).source == "job {}"
    huge = await register(store, new_job(Count=3), submission=JobSubmission(source="x" * 1_500_000))
    assert "job source size of 1.5 MB exceeds maximum of 1.0 MB and will be discarded" in huge.value.warnings


async def test_counts_and_resources_may_be_preserved(store, new_job):
    await register(store, new_job(Count=5))
    big = [{"Name": "t", "Driver": "mock_driver", "Resources": {"CPU": 500, "MemoryMB": 64}}]
    await register(store, new_job(Count=1, Tasks=big), preserve_counts=True, preserve_resources=True)
    (group,) = store.state.jobs.get("default", "web").task_groups
    assert (group.count, group.tasks[0].resources.cpu) == (5, 10)


async def test_scaling_policies_keep_their_identifier(store, new_job):
    await register(store, new_job(Scaling={"Max": 5}))
    (before,) = store.state.jobs.get("default", "web").task_groups
    await register(store, new_job(Scaling={"Max": 9}))
    (after,) = store.state.jobs.get("default", "web").task_groups
    assert (before.scaling.id, after.scaling.max) == (after.scaling.id, 9)


async def test_jobs_that_are_not_scheduled_get_no_evaluation(store, new_job):
    committed = await register(store, new_job(kind="batch").evolve(parameterized_job=Parameterized()))
    assert committed.value.eval_id == ""
    assert store.state.jobs.get("default", "web").status == "running"


async def test_a_version_that_the_server_makes_is_numbered_too(store, new_job):
    await register(store, new_job())
    job = store.state.jobs.get("default", "web")
    await store.write("JobRegistered", lambda tx: put_version(tx, job))
    assert versions(store) == [0, 1]
