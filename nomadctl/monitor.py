"""Following an evaluation, and the deployment that comes of it, until both have ended.

What is new is told as it is seen: lines of the monitor itself begin with `==>`, what it sees is indented.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.allocation_view import allocation_table
from nomadctl.deployment_view import deployment_text
from nomadctl.failure import Failure, failing
from nomadctl.order import newest_first
from nomadctl.output import FULL_ID, SHORT_ID, heading, limit, now, quoted
from nomadctl.placement_view import failed_groups

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import AllocationStub, Deployment, Evaluation
    from nomadctl.framework import Call

PLACEMENT_FAILURE: Final = 2
"""Exit code of an evaluation that could not place everything."""

_ROLL_BACK: Final = 1.0
"""Seconds within which the deployment begins that rolls back a failed one."""


class Monitor:
    """Follows evaluations of one call."""

    def __init__(self, call: "Call", nomad: "Nomad | None" = None, *, verbose: bool = False) -> None:
        self._call = call
        self._nomad = nomad or call.nomad
        self._verbose = verbose
        self._length = FULL_ID if verbose else SHORT_ID

    async def evaluation(self, id: str) -> int:
        """Follow an evaluation, those after it, and their deployment; the exit code."""
        from nomad_api.errors import NomadError

        while True:
            self._say(f"Monitoring evaluation {self._id(id)}")
            try:
                evaluation = await self._until_terminal(id)
            except NomadError:
                self._call.warn(f"==> No evaluation with id {quoted(id)} found")
                return 1
            placed = self._tell_outcome(evaluation)
            if not evaluation.next_eval:
                break
            if evaluation.wait:
                self._say(f"Monitoring next evaluation {self._id(evaluation.next_eval)} in {evaluation.wait / 1e9:g}s")
                await asyncio.sleep(evaluation.wait / 1e9)
            id = evaluation.next_eval
        if evaluation.deployment_id:
            self._say(f"Monitoring deployment {self._id(evaluation.deployment_id)}")
            status = await self.deployment(evaluation.deployment_id, indent="    ")
            return 0 if status == "successful" else 1
        return 0 if placed else PLACEMENT_FAILURE

    async def deployment(self, id: str, *, indent: str = "") -> str:
        """Follow a deployment, and the one that rolls it back; the status of the first."""
        with failing(f"{now()}: Error fetching deployment"):
            deployment = None
            async for snapshot in self._nomad.deployments.watch(id):
                if snapshot.value is None:
                    raise Failure(f"{now()}: Error fetching deployment: the deployment is gone")
                deployment = snapshot.value
                self._call.out(f"{indent}\n{await self._progress(deployment)}")
                if deployment.status in ("successful", "failed", "cancelled", "blocked"):
                    break
            assert deployment is not None  # a watch begins with a snapshot
            if deployment.status == "failed" and any(state.auto_revert for state in (deployment.task_groups or {}).values()):
                await self._roll_back(deployment, indent)
        return deployment.status

    async def _until_terminal(self, id: str) -> "Evaluation":
        seen: Evaluation | None = None
        known: dict[str, str] = {}
        async for snapshot in self._nomad.evaluations.watch(id):
            evaluation = snapshot.value
            if evaluation is None:
                break
            allocations = await self._nomad.evaluations.allocations(id)
            self._tell_changes(seen, evaluation)
            self._tell_allocations(evaluation, allocations, known)
            if evaluation.status not in ("pending", seen.status if seen else "pending"):
                before = seen.status if seen else "pending"
                self._tell(f"Evaluation status changed: {quoted(before)} -> {quoted(evaluation.status)}")
            if evaluation.terminal:
                return evaluation
            seen = evaluation
        raise Failure(f"==> No evaluation with id {quoted(id)} found")

    def _tell_changes(self, seen: "Evaluation | None", evaluation: "Evaluation") -> None:
        if evaluation.node_id and not (seen and seen.node_id):
            self._tell(f"Evaluation triggered by node {self._id(evaluation.node_id)}")
        if evaluation.job_id and not (seen and seen.job_id):
            self._tell(f"Evaluation triggered by job {quoted(evaluation.job_id)}")
        if evaluation.deployment_id and not (seen and seen.deployment_id):
            self._tell(f"Evaluation within deployment: {self._id(evaluation.deployment_id)}")

    def _tell_allocations(
        self, evaluation: "Evaluation", allocations: "Sequence[AllocationStub]", known: dict[str, str]
    ) -> None:
        """`known` are the client statuses seen so far, by allocation."""
        for allocation in allocations:
            where = f"node {self._id(allocation.node_id)}, group {quoted(allocation.task_group)}"
            before = known.get(allocation.id)
            if before is None and allocation.create_index < evaluation.create_index:
                self._tell(f"Allocation {self._id(allocation.id)} modified: {where}")
            elif before is None and allocation.desired_status == "run":
                self._tell(f"Allocation {self._id(allocation.id)} created: {where}")
            elif before is not None and before != allocation.client_status:
                why = f" ({allocation.client_description})" if allocation.client_description else ""
                change = f"{quoted(before)} -> {quoted(allocation.client_status)}{why}"
                self._tell(f"Allocation {self._id(allocation.id)} status changed: {change}")
            known[allocation.id] = allocation.client_status

    def _tell_outcome(self, evaluation: "Evaluation") -> bool:
        """Say how an evaluation ended; whether everything was placed."""
        ended = f"Evaluation {self._id(evaluation.id)} finished with status {quoted(evaluation.status)}"
        if not evaluation.failed_tg_allocs:
            self._say(ended)
            return True
        self._say(f"{ended} but failed to place all allocations:")
        for title, why in failed_groups(evaluation.failed_tg_allocs, "  "):
            self._tell(title)
            for line in why.splitlines():
                self._call.out(f"    {line}")
        if evaluation.blocked_eval:
            self._tell(f"Evaluation {self._id(evaluation.blocked_eval)} waiting for additional capacity to place remainder")
        return False

    async def _progress(self, deployment: "Deployment") -> str:
        text = f"{now()}\n{deployment_text(deployment, self._length)}"
        if self._verbose:
            allocations = newest_first(await self._nomad.deployments.allocations(deployment.id))
            text += f"\n{heading('Allocations')}\n{allocation_table(allocations, verbose=True, length=self._length)}"
        return text

    async def _roll_back(self, failed: "Deployment", indent: str) -> None:
        """Follow the deployment that goes back to the last stable version, if one begins soon."""
        with contextlib.suppress(TimeoutError), failing(f"{now()}: Error fetching deployment of previous job version"):
            async with asyncio.timeout(_ROLL_BACK):
                async for snapshot in self._nomad.jobs.watch_latest_deployment(failed.job_id):
                    if snapshot.value is not None and snapshot.value.id != failed.id:
                        break
            if snapshot.value is not None:
                self._call.out()
                await self.deployment(snapshot.value.id, indent=indent)

    def _say(self, text: str) -> None:
        self._call.out(f"==> {now()}: {text}")

    def _tell(self, text: str) -> None:
        self._call.out(f"    {now()}: {text}")

    def _id(self, id: str) -> str:
        return quoted(limit(id, self._length))
