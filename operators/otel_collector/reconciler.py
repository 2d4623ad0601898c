"""The reconciler: a collector is Ready only when enough allocations are healthy **and** run the wanted configuration.

What is told apart: `ConfigValid` (checked before anything is written), `Reconciled` (by the kit), `UpToDate` (the running
configuration is the wanted one), `Degraded` (a collector fails; with its last words), `Ready` (all of it).
"""

from nomad_api.errors import NomadError
from nomad_api.models import Allocation, AllocationStub, Job
from operator_kit import Context, PermanentError, Reconciler, Rollout
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.job import TASK, CollectorJob, collector_job
from operators.otel_collector.resource import Collector, Endpoint

_LAST_WORDS = 2_000
"""Bytes at the end of a failing collector's stderr that are looked at."""


class CollectorReconciler(Reconciler[Collector]):
    owns = [Job]

    async def reconcile(self, collector: Collector, ctx: Context[Collector]) -> None:
        if collector.spec.management_state == "unmanaged":
            ctx.set_condition("Ready", None, "Unmanaged", "management_state is unmanaged: the operator leaves it alone")
            return
        wanted = self._wanted(collector, ctx)
        job = await ctx.apply(wanted.job)
        rollout = await ctx.rollout(job)
        allocations = await self._current(ctx, str(job.id))
        status = collector.status
        status.job = str(job.id)
        status.config_hash = wanted.config.sha256[:12]
        status.ready_replicas = f"{rollout.running}/{rollout.desired}"
        status.endpoints = [endpoint for allocation in allocations for endpoint in _endpoints(allocation, wanted)]
        await self._judge(ctx, rollout, allocations)

    def _wanted(self, collector: Collector, ctx: Context[Collector]) -> CollectorJob:
        try:
            wanted = collector_job(collector)
        except ConfigError as error:
            message = "; ".join(error.problems)
            ctx.set_condition("ConfigValid", False, "InvalidConfig", message)
            if not collector.status.job:
                ctx.set_condition("Ready", False, "InvalidConfig", message)
            raise PermanentError(message, reason="InvalidConfig") from None
        ctx.set_condition("ConfigValid", True, "Warnings" if wanted.warnings else "Valid", "; ".join(wanted.warnings))
        return wanted

    async def _current(self, ctx: Context[Collector], job_id: str) -> list[Allocation]:
        """The running allocations of the job's newest version, whole: a list does not show ports."""
        stubs = [stub for stub in await ctx.nomad.jobs.allocations(job_id) if _runs(stub)]
        newest = max((stub.job_version for stub in stubs), default=0)
        return [await ctx.nomad.allocations.get(stub.id) for stub in stubs if stub.job_version == newest]

    async def _judge(self, ctx: Context[Collector], rollout: Rollout, allocations: list[Allocation]) -> None:
        up_to_date = rollout.healthy
        ctx.set_condition("UpToDate", up_to_date, "RunsWantedConfig" if up_to_date else rollout.reason, rollout.message)
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)
        failing = next((allocation for allocation in allocations if _fails(allocation)), None)
        if rollout.healthy or not (failing or rollout.failed):
            ctx.set_condition("Degraded", False, "Healthy" if rollout.healthy else "Progressing")
            return
        words = await self._last_words(ctx, failing) if failing else ""
        ctx.set_condition("Degraded", True, "CollectorFails", f"{rollout.message}: {words}" if words else rollout.message)

    async def _last_words(self, ctx: Context[Collector], allocation: Allocation) -> str:
        """The last line that a failing collector wrote to stderr; nothing if that cannot be had."""
        try:
            logs = ctx.nomad.allocations.logs(allocation.id, TASK, stderr=True, origin="end", offset=_LAST_WORDS)
            text = b"".join([piece async for piece in logs]).decode(errors="replace")
        except NomadError as error:
            ctx.log.debug("no logs", allocation=allocation.id, error=str(error))
            return ""
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _runs(stub: AllocationStub) -> bool:
    return stub.desired_status == "run" and stub.client_status in ("pending", "running")


def _fails(allocation: Allocation) -> bool:
    return any(state.failed or state.restarts for state in (allocation.task_states or {}).values())


def _endpoints(allocation: Allocation, wanted: CollectorJob) -> list[Endpoint]:
    """Where an allocation listens; what it has on loopback is of no use to others."""
    return [
        Endpoint(
            name=wanted.names[label],
            address=f"[{port.host_ip}]:{port.value}" if ":" in port.host_ip else f"{port.host_ip}:{port.value}",
            service=wanted.services[label],
            allocation=allocation.id,
        )
        for label, port in allocation.ports.items()
        if label in wanted.services
    ]
