"""Jobs: register, plan, stop, and all that belongs to a job. A job is a `Job`, or its JSON as plain dictionaries."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from nomad_api.client.api import Snapshot, segment
from nomad_api.client.collection import Collection, models
from nomad_api.models.allocation import AllocationStub
from nomad_api.models.deployment import Deployment
from nomad_api.models.evaluation import Evaluation
from nomad_api.models.job import Job, JobStub, JobSubmission, JobSummary
from nomad_api.models.plan import JobPlan, JobRegistration, JobValidation
from nomad_api.models.service import ServiceRegistration

JobSpec = Job | Mapping[str, Any]


class Jobs(Collection[JobStub, Job]):
    """`nomad.jobs`."""

    plural = "jobs"
    singular = "job"
    stub = JobStub
    item = Job

    async def register(
        self,
        job: JobSpec,
        *,
        check_index: int | None = None,
        submission: JobSubmission | None = None,
        preserve_counts: bool = False,
        preserve_resources: bool = False,
        eval_priority: int = 0,
    ) -> JobRegistration:
        """Create or change a job. An unchanged job keeps its version and gets a new evaluation nevertheless.

        Args:
            check_index: register only if the job's JobModifyIndex is this; 0 only if there is no such job.
            submission: the source text that the job was parsed from, kept for people to read.

        Raises:
            ServerError: the job is invalid, or `check_index` does not fit; Nomad's text says what is wrong.
        """
        body: dict[str, Any] = {"Job": _plain(job)}
        if check_index is not None:
            body |= {"EnforceIndex": True, "JobModifyIndex": check_index}
        if submission is not None:
            body["Submission"] = submission.to_wire()
        if preserve_counts:
            body["PreserveCounts"] = True
        if preserve_resources:
            body["PreserveResources"] = True
        if eval_priority:
            body["EvalPriority"] = eval_priority
        return JobRegistration.model_validate(await self._api.write("PUT", "jobs", body, _namespace(job)))

    async def plan(self, job: JobSpec, *, diff: bool = True) -> JobPlan:
        """What registering the job would do, without doing it."""
        body = {"Job": _plain(job), "Diff": diff}
        path = self._path(str(_plain(job).get("ID") or ""), "plan")
        return JobPlan.model_validate(await self._api.write("PUT", path, body, _namespace(job)))

    async def validate(self, job: JobSpec) -> JobValidation:
        """What is wrong with a job; an invalid one is an ordinary answer with `validation_errors`."""
        answer = await self._api.write("PUT", "validate/job", {"Job": _plain(job)}, _namespace(job))
        return JobValidation.model_validate(answer)

    async def parse(self, hcl: str, *, variables: str = "", canonicalize: bool = False) -> Job:
        """A job from HCL, read by the server (which has no file functions).

        Raises:
            BadRequest: with the parser's message.
        """
        body = {"JobHCL": hcl, "Variables": variables, "Canonicalize": canonicalize}
        return Job.model_validate(await self._api.write("PUT", "jobs/parse", body))

    async def deregister(
        self, id: str, *, purge: bool = False, global_: bool = False, eval_priority: int = 0, no_shutdown_delay: bool = False
    ) -> JobRegistration:
        """Stop a job; with `purge` forget it at once. Stopping a job that does not exist succeeds."""
        params = {
            "purge": purge or None,
            "global": global_ or None,
            "eval_priority": eval_priority or None,
            "no_shutdown_delay": no_shutdown_delay or None,
        }
        return await self._registration("DELETE", self._path(id), None, params)

    async def evaluate(self, id: str, *, force_reschedule: bool = False) -> JobRegistration:
        """Let the scheduler look at a job again."""
        body = {"JobID": id, "EvalOptions": {"ForceReschedule": force_reschedule}}
        return await self._registration("PUT", self._path(id, "evaluate"), body)

    async def allocations(self, id: str, *, all: bool = False) -> list[AllocationStub]:
        """The job's allocations; `all` adds those of earlier jobs with the same ID."""
        return await self._many(AllocationStub, self._path(id, "allocations"), {"all": all or None})

    async def evaluations(self, id: str) -> list[Evaluation]:
        return await self._many(Evaluation, self._path(id, "evaluations"))

    async def deployments(self, id: str, *, all: bool = False) -> list[Deployment]:
        return await self._many(Deployment, self._path(id, "deployments"), {"all": all or None})

    async def latest_deployment(self, id: str) -> Deployment | None:
        return _deployment((await self._api.read(self._path(id, "deployment"))).value)

    def watch_latest_deployment(self, id: str, *, index: int = 0) -> AsyncIterator[Snapshot[Deployment | None]]:
        """Snapshots of the job's latest deployment, None while there is none."""
        return self._api.watch(self._path(id, "deployment"), _deployment, index=index)

    async def summary(self, id: str) -> JobSummary:
        return await self._one(JobSummary, self._path(id, "summary"))

    async def services(self, id: str) -> list[ServiceRegistration]:
        return await self._many(ServiceRegistration, self._path(id, "services"))

    async def versions(self, id: str) -> list[Job]:
        """The versions that Nomad still knows, the newest first."""
        return models(Job, (await self._api.read(self._path(id, "versions"))).value["Versions"])

    async def submission(self, id: str, version: int) -> JobSubmission:
        """The source text of a version.

        Raises:
            NotFound: no source was kept.
        """
        return await self._one(JobSubmission, self._path(id, "submission"), {"version": version})

    async def revert(self, id: str, version: int, *, enforce_prior_version: int | None = None) -> JobRegistration:
        """Make an old version the newest."""
        body = {"JobID": id, "JobVersion": version, "EnforcePriorVersion": enforce_prior_version}
        return await self._registration("PUT", self._path(id, "revert"), body)

    async def scale(self, id: str, group: str, count: int | None, *, message: str = "", **options: Any) -> JobRegistration:
        """Set the count of a group; without a count only the message is recorded."""
        body = {"Target": {"Group": group}, "Count": count, "Message": message, **options}
        return await self._registration("PUT", self._path(id, "scale"), body)

    async def force_periodic(self, id: str) -> JobRegistration:
        """Launch an instance of a periodic job now."""
        return await self._registration("PUT", self._path(id, "periodic", "force"), None)

    async def tag(self, id: str, name: str, version: int, description: str = "") -> None:
        """Tag a version, so that it is kept however many come after it."""
        body = {"Version": version, "Description": description}
        await self._api.write("PUT", self._path(id, "versions", segment(name), "tag"), body)

    async def untag(self, id: str, name: str) -> None:
        """Remove a tag."""
        await self._api.write("DELETE", self._path(id, "versions", segment(name), "tag"))

    async def dispatch(
        self,
        id: str,
        *,
        payload: str | None = None,
        meta: Mapping[str, str] | None = None,
        id_prefix: str = "",
        idempotency_token: str | None = None,
    ) -> dict[str, Any]:
        """Start an instance of a parameterized job.

        Args:
            payload: base64.
            idempotency_token: a second dispatch with the same token answers with the first one's child.
        """
        body = {"Payload": payload, "Meta": dict(meta or {}), "IdPrefixTemplate": id_prefix}
        answer = await self._api.write("PUT", self._path(id, "dispatch"), body, {"idempotency_token": idempotency_token})
        return dict(answer)

    async def _registration(
        self, method: str, path: str, body: object, params: Mapping[str, Any] | None = None
    ) -> JobRegistration:
        return JobRegistration.model_validate(await self._api.write(method, path, body, params))


def _plain(job: JobSpec) -> Mapping[str, Any]:
    return job.to_wire() if isinstance(job, Job) else job


def _namespace(job: JobSpec) -> dict[str, str]:
    """The namespace a job itself names wins over the client's, as for Nomad's own command line."""
    namespace = _plain(job).get("Namespace")
    return {"namespace": namespace} if namespace else {}


def _deployment(value: Any) -> Deployment | None:
    return None if value is None else Deployment.model_validate(value)
