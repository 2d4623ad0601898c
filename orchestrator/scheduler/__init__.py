"""The scheduler: evaluations come in, allocations and deployments come out.

`broker` hands evaluations to `worker`; `reconcile` tells the difference between a job and its allocations, `placement` finds
nodes (`feasibility`, `networks`, `rank`), `plan` makes it all the state. `generic` and `system` put these together.
"""

from orchestrator.scheduler.dry_run import plan_job
from orchestrator.scheduler.service import Scheduler

__all__ = ["Scheduler", "plan_job"]
