"""Jobs: how soon a registered job runs."""

import asyncio
import time
import uuid

from benchmarks.measure import Figure, latency
from nomad_api.client import Nomad
from nomad_api.models import Job, Resources, Task, TaskGroup

SAMPLES = 30


def _job(job_id: str) -> Job:
    task = Task(
        name="sleep",
        driver="raw_exec",
        config={"command": "/bin/sleep", "args": ["60"]},
        resources=Resources(cpu=10, memory_mb=10),
    )
    return Job(id=job_id, type="batch", datacenters=["*"], task_groups=[TaskGroup(name="g", tasks=[task])])


async def run(nomad: Nomad) -> list[Figure]:
    seconds = []
    for _ in range(SAMPLES):
        job_id = f"bench-{uuid.uuid4().hex[:8]}"
        running = asyncio.create_task(_running(nomad, job_id))
        await asyncio.sleep(0)
        began = time.perf_counter()
        await nomad.jobs.register(_job(job_id))
        seconds.append(await running - began)
        await nomad.jobs.deregister(job_id, purge=True)
    return latency("job register → running (raw_exec)", seconds)


async def _running(nomad: Nomad, job_id: str) -> float:
    """When an allocation of the job is first seen running, by a blocking query."""
    index = 0
    while True:
        snapshot = await nomad.read(f"/v1/job/{job_id}/allocations", index=index, wait="10s")
        index = max(snapshot.index, 1)
        if any(alloc["ClientStatus"] == "running" for alloc in snapshot.value):
            return time.perf_counter()
