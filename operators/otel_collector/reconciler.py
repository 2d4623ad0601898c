"""`CollectorReconciler`: keeps the job of each collector as declared, and says how it is.

The conditions that it adds to the kit's:

    ConfigValid   the collector's configuration can be run, as far as that shows without running it
    Progressing   a change is being rolled out
    UpToDate      every instance that runs has the wanted configuration
    Degraded      an instance fails: what happened to it last, and the last line it wrote
    Ready         as many instances as wanted are healthy **and** run the wanted configuration

A configuration that cannot run leaves the collector that runs an earlier one as it is.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Final, NoReturn

from nomad_api.errors import NomadError, NotFound
from nomad_api.models import AllocationStub, Job, ServiceRegistration
from operator_kit import Context, PermanentError, Reconciler, Result, Rollout
from operator_kit.failures import task_failures
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.job import TASK, Plan, name_problem, plan_job
from operators.otel_collector.resource import MOST_ENDPOINTS, SHORT_HASH, Collector, Endpoint

STILL_STOPPING: Final = 0.5
"""Seconds until a deletion is looked at again: nothing tells of the allocations of a job that is gone."""

_LOG_TAIL: Final = 4096
_LOG_PATIENCE: Final = 5.0
_VERSION: Final = re.compile(r"v?(\d+\.\d+\.\d+[\w.-]*)")


class CollectorReconciler(Reconciler[Collector]):
    """See the module's text."""

    owns = [Job]

    async def reconcile(self, collector: Collector, ctx: Context[Collector]) -> None:
        if collector.spec.management_state == "unmanaged":
            ctx.set_condition("Ready", None, "Unmanaged", "management_state is unmanaged: the job is left alone")
            return
        plan = self._plan(collector, ctx)
        job = await ctx.apply(plan.job)
        status, spec = collector.status, collector.spec
        status.job_id, status.mode = str(job.id), spec.mode
        status.config_hash = plan.config.sha256[:SHORT_HASH]
        status.image = spec.image if spec.driver == "docker" else spec.binary
        status.version = image_version(spec.image) if spec.driver == "docker" else ""
        rollout = await ctx.rollout(job)
        status.replicas = rollout.desired
        status.ready_replicas = f"{rollout.running}/{rollout.desired}"
        status.endpoints = endpoints(plan, await ctx.nomad.jobs.services(status.job_id), rollout.allocations)
        up_to_date = self._tell_up_to_date(ctx, rollout, status.config_hash)
        ctx.set_condition("Progressing", rollout.reason == "Progressing", rollout.reason, rollout.message)
        await self._tell_degraded(ctx, rollout)
        ctx.set_condition("Ready", rollout.healthy and up_to_date, rollout.reason, rollout.message)

    async def finalize(self, collector: Collector, ctx: Context[Collector]) -> Result | None:
        """Remove the job, and wait until its instances have come to their end."""
        for job in await ctx.owned_jobs():
            await ctx.delete(job)
        if not (job_id := collector.status.job_id):
            return None
        try:
            await ctx.nomad.jobs.get(job_id)
        except NotFound:
            allocations = await ctx.nomad.jobs.allocations(job_id)
            running = [allocation for allocation in allocations if allocation.client_status in ("pending", "running")]
            return Result(requeue_after=STILL_STOPPING) if running else None
        return None  # somebody else's job by now

    def _plan(self, collector: Collector, ctx: Context[Collector]) -> Plan:
        """The job that is wanted.

        Raises:
            PermanentError: there is none for this spec; the conditions tell why.
        """
        if problem := name_problem(collector.name):
            self._refuse(collector, ctx, "InvalidName", problem)
        mode = collector.status.mode
        if mode and mode != collector.spec.mode:
            message = f"mode: it cannot be changed from {mode} to {collector.spec.mode}; delete the resource and create it anew"
            self._refuse(collector, ctx, "ModeIsFixed", message)
        try:
            plan = plan_job(collector)
        except ConfigError as error:
            message = "; ".join(error.problems)
            ctx.set_condition("ConfigValid", False, "InvalidConfig", message)
            self._refuse(collector, ctx, "InvalidConfig", message)
        ctx.set_condition("ConfigValid", True, "Warnings" if plan.warnings else "Valid", "; ".join(plan.warnings))
        return plan

    def _refuse(self, collector: Collector, ctx: Context[Collector], reason: str, message: str) -> NoReturn:
        ctx.set_condition("Accepted", False, reason, message)
        if not collector.status.job_id:
            ctx.set_condition("Ready", False, reason, "no collector runs: its spec was never valid")
        raise PermanentError(message, reason=reason)

    def _tell_up_to_date(self, ctx: Context[Collector], rollout: Rollout, config_hash: str) -> bool:
        running = [allocation for allocation in rollout.allocations if allocation.client_status == "running"]
        current = [allocation for allocation in running if allocation.job_version == rollout.version]
        up_to_date = len(current) == len(running) and (bool(current) or not rollout.desired)
        reason = "WantedConfigRuns" if up_to_date else "OlderConfigRuns" if running else "NothingRuns"
        message = f"{len(current)} of {len(running)} running instances have {config_hash}" if running else "no instance runs"
        ctx.set_condition("UpToDate", up_to_date, reason, message)
        return up_to_date

    async def _tell_degraded(self, ctx: Context[Collector], rollout: Rollout) -> None:
        failing = next((allocation for allocation in rollout.allocations if trouble(allocation)), None)
        if failing is None:
            message = "" if rollout.healthy else rollout.message
            ctx.set_condition("Degraded", rollout.failed, "RolloutFailed" if rollout.failed else "NoFailures", message)
            return
        line = await self._last_line(ctx, failing.id)
        message = f"{failing.name}: {trouble(failing)}" + (f"; it wrote: {line}" if line else "")
        ctx.set_condition("Degraded", True, "InstanceFails", message)

    async def _last_line(self, ctx: Context[Collector], allocation_id: str) -> str:
        """The last line on stderr of an instance; empty where there is none, or it cannot be had."""
        logs = ctx.nomad.allocations.logs(allocation_id, TASK, stderr=True, offset=_LOG_TAIL, origin="end")
        try:
            async with asyncio.timeout(_LOG_PATIENCE):
                text = b"".join([piece async for piece in logs]).decode(errors="replace")
        except (NomadError, TimeoutError):
            return ""
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def trouble(allocation: AllocationStub) -> str:
    """What happened last to an instance that has failed or is being restarted; empty while all is well with it."""
    state = (allocation.task_states or {}).get(TASK)
    if state is None or not (state.failed or (state.restarts and state.state != "running")):
        return ""
    failures = [failure for failure in task_failures([allocation]) if failure.task == TASK]
    return failures[-1].message if failures else "it fails"


def endpoints(
    plan: Plan, registrations: Iterable[ServiceRegistration], allocations: Iterable[AllocationStub]
) -> list[Endpoint]:
    """Where the instances that run can be reached, by the order of ports and the age of instances."""
    order = {allocation.id: allocation.create_index for allocation in allocations if allocation.client_status == "running"}
    services = plan.services
    ranks = {name: rank for rank, name in enumerate(services)}
    offered = [one for one in registrations if one.alloc_id in order and one.service_name in services]
    offered.sort(key=lambda one: (order[one.alloc_id], one.alloc_id, ranks[one.service_name]))
    return [
        Endpoint(
            name=services[one.service_name].name,
            port=one.port,
            address=f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}",
            service=one.service_name,
        )
        for one in offered[:MOST_ENDPOINTS]
    ]


def image_version(image: str) -> str:
    """The version in an image's tag; empty where the tag is none."""
    match = _VERSION.fullmatch(image.rpartition("/")[2].partition("@")[0].partition(":")[2])
    return match[1] if match else ""
