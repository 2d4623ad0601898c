"""What a reconciliation looks at, and what it finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nomad_api.models import Allocation, Deployment, DeploymentState, Evaluation, Job, Node
from nomad_api.models.evaluation import DesiredUpdates
from nomad_api.models.job import TaskGroup
from orchestrator.scheduler.names import NameIndex
from orchestrator.scheduler.plan import DeploymentUpdate

Allocations = dict[str, Allocation]
"""Allocations by identifier, in the order of their names."""

Change = Literal["ignore", "destructive"] | Allocation
"""What becomes of an allocation of an older version: nothing, a replacement, or itself updated in place."""


@dataclass(frozen=True)
class Placement:
    """An allocation to be placed."""

    name: str
    group: TaskGroup
    previous: Allocation | None = None
    rescheduling: bool = False
    canary: bool = False
    lost: bool = False
    old_version: bool = False
    """While canaries are tried, what else must be placed runs the version before; at least `min_version`."""
    min_version: int = 0
    stop_previous: str = ""
    """Why the predecessor is stopped if, and only if, the placement succeeds."""


@dataclass(frozen=True)
class Stop:
    """An allocation to be stopped."""

    alloc: Allocation
    description: str
    client_status: str = ""


@dataclass
class Reconciliation:
    """What to do about a job."""

    place: list[Placement] = field(default_factory=list)
    destructive: list[Placement] = field(default_factory=list)
    in_place: list[Allocation] = field(default_factory=list)
    attributes: list[Allocation] = field(default_factory=list)
    """Allocations of which only the bookkeeping changes."""
    stop: list[Stop] = field(default_factory=list)
    desired: dict[str, DesiredUpdates] = field(default_factory=dict)
    followups: list[Evaluation] = field(default_factory=list)
    """Evaluations for the time when failed allocations are due for replacement."""
    deployment: Deployment | None = None
    """A new deployment."""
    deployment_updates: list[DeploymentUpdate] = field(default_factory=list)
    names: dict[str, NameIndex] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """What a reconciliation looks at.

    `tainted` are the nodes of allocations that are down or draining, None where a node is gone. `change` tells what becomes of
    an allocation of another version; `new_evaluation` and `new_deployment` make objects that need an identifier.
    """

    job: Job | None
    allocations: Sequence[Allocation]
    deployment: Deployment | None
    tainted: Mapping[str, Node | None]
    now: int
    evaluation_id: str
    batch: bool
    change: Callable[[Allocation, TaskGroup], Change]
    new_evaluation: Callable[..., Evaluation]
    new_deployment: Callable[[dict[str, DeploymentState]], Deployment]
