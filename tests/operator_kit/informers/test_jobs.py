"""The informer of owned jobs believes its list more than events that are older."""

from random import Random
from typing import Any

from nomad_api.models.event import Event
from operator_kit.informers.jobs import JobInformer
from operator_kit.testing import MemoryNomad, virtual_time

OWNER = {"operator.owner": "resources/test/widget/one", "operator.owner_uid": "1"}


def told(index: int, job_id: str, **payload: Any) -> Event:
    job = {"ID": job_id, "Meta": OWNER, "ModifyIndex": index, "JobModifyIndex": index}
    return Event(topic="Job", key=job_id, index=index, payload={"Job": job, **payload})


@virtual_time
async def test_a_late_event_brings_no_job_back_that_the_list_knows_to_be_gone() -> None:
    informer = JobInformer(MemoryNomad(), Random(1))
    informer.replace([], 20)
    assert informer.see(told(10, "web"))
    assert informer.get("web") is None
    assert informer.see(told(21, "web"))
    assert informer.get("web") is not None
    assert informer.see(told(22, "web", Deleted=True))
    assert informer.get("web") is None
    informer.restart()
    informer.see(told(2, "web"))
    assert informer.get("web") is not None, "the indexes of another history begin anew"
