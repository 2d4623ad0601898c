"""What belongs to a resource, also where an informer has not heard of it."""

from random import Random

from nomad_api.models import Job, Task, TaskGroup
from operator_kit.apply.holdings import Holdings
from operator_kit.apply.owned_index import ObjectKey, OwnedIndex
from operator_kit.informers.jobs import JobInformer
from operator_kit.ownership import Owner
from operator_kit.status import ResourceStatus
from operator_kit.testing import MemoryNomad, virtual_time

OWNER = Owner("resources/test/widget/one", 7)


@virtual_time
async def test_a_deletion_finds_jobs_that_the_informer_has_not_heard_of() -> None:
    nomad = MemoryNomad()
    group = TaskGroup(name="g", tasks=[Task(name="t", driver="mock_driver")])
    for job_id, owner in (
        ("mine", OWNER),
        ("of-a-former-one", Owner(OWNER.path, 3)),
        ("of-another", Owner(f"{OWNER.path}-more", 7)),
        ("of-nobody", None),
    ):
        await nomad.jobs.register(Job(id=job_id, type="service", meta=owner.marks() if owner else None, task_groups=[group]))
    blind = JobInformer(nomad, Random(1))
    holdings = Holdings(OWNER, "default", ResourceStatus(), nomad, blind, OwnedIndex())
    assert holdings.keys() == []
    await holdings.find_jobs()
    assert holdings.keys() == [ObjectKey("Job", "default", "mine")]
