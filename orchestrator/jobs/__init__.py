"""Jobs as the state keeps them: registering, stopping, versions, status, and what their allocations report.

All functions that change something take a transaction, so a caller may do several things at once or roll all of it back.
"""

from orchestrator.jobs.allocations import apply_client_updates, stop_allocation
from orchestrator.jobs.canonicalize import canonicalize
from orchestrator.jobs.diff import annotate, diff_jobs
from orchestrator.jobs.lifecycle import DeregisterResult, deregister, evaluate, revert
from orchestrator.jobs.register import RegisterResult, register, set_stable
from orchestrator.jobs.validation import Validation, validate

__all__ = [
    "DeregisterResult",
    "RegisterResult",
    "Validation",
    "annotate",
    "apply_client_updates",
    "canonicalize",
    "deregister",
    "diff_jobs",
    "evaluate",
    "register",
    "revert",
    "set_stable",
    "stop_allocation",
    "validate",
]
