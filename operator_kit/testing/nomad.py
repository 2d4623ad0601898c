"""`MemoryNomad`: the real client, over a transport that answers from memory.

Everything above the wire is the code that runs in production: paths, JSON, errors, blocking queries, leases, the event stream.
"""

from nomad_api.client import Nomad
from nomad_api.models import Job, Variable
from operator_kit.testing import allocations, deployments
from operator_kit.testing.faults import Faults
from operator_kit.testing.state import DEFAULT, Cluster, Row, key_of
from operator_kit.testing.transport import MemoryTransport


class MemoryNomad(Nomad):
    """A Nomad for tests: the client, and with `cluster` what is behind it.

    Several clients can share one cluster: `MemoryNomad(cluster=other.cluster)`. One of them can be cut off from it, or have
    `faults` of its own. `memory` is its way there.
    """

    def __init__(self, *, cluster: Cluster | None = None, faults: Faults | None = None) -> None:
        self.cluster = cluster or Cluster()
        self.memory = MemoryTransport(self.cluster, faults)
        super(Nomad, self).__init__(self.memory)

    @property
    def cut_off(self) -> bool:
        """Whether every request of this client fails."""
        return self.memory.cut_off

    @cut_off.setter
    def cut_off(self, value: bool) -> None:
        self.memory.cut_off = value

    async def declare(self, path: str, **items: str) -> Variable:
        """Write a resource as a user does: items by name, with `__` for a dot."""
        return await self.variables.put(path, {name.replace("__", "."): text for name, text in items.items()})

    def job(self, job_id: str, namespace: str = DEFAULT) -> Job | None:
        """A job as it is, without a request."""
        row = self.cluster.jobs.get(key_of(namespace, job_id))
        return None if row is None else Job.model_validate(row)

    def items(self, path: str, namespace: str = DEFAULT) -> dict[str, str] | None:
        """The items of a variable as they are, without a request."""
        row = self.cluster.variables.get(key_of(namespace, path))
        return None if row is None else dict(row["Items"])

    def crash(self, job_id: str, message: str, log: str = "") -> None:
        """Let the job's tasks end with that message, their output being `log`; they wait for a restart then."""
        job = self._job(job_id)
        for row in allocations.of_job(self.cluster, job):
            self.cluster.logs[row["ID"]] = log.encode()
        allocations.crash(self.cluster, job, message)

    def complete(self, job_id: str, exit_code: int = 0) -> None:
        """Let the tasks of the job's allocations end by themselves, as those of a batch job do."""
        for row in allocations.of_job(self.cluster, self._job(job_id)):
            allocations.end(self.cluster, row["ID"], exit_code)

    def make_healthy(self, job_id: str) -> None:
        """Let the allocations of the job's current version be healthy, and its deployment succeed."""
        job = self._job(job_id)
        allocations.make_healthy(self.cluster, job, job["Version"])

    def fail_deployment(self, job_id: str, description: str = "Failed due to progress deadline") -> None:
        """Let the job's latest deployment fail."""
        if (deployment := deployments.latest(self.cluster, self._job(job_id))) is None:
            raise LookupError(f"job {job_id} has no deployment")
        deployments.settle(self.cluster, deployment, "failed", description)

    def _job(self, job_id: str) -> Row:
        job = self.cluster.jobs.get(job_id)
        if job is None:
            raise LookupError(f"there is no job {job_id}; there are: {', '.join(self.cluster.jobs) or 'none'}")
        return job
