"""What operators of a cluster set: /v1/operator/scheduler/configuration."""

from typing import Any

from orchestrator.http.call import Call
from orchestrator.http.permission import operator
from orchestrator.http.route import Answer, read

_SCHEDULER: dict[str, Any] = {
    "SchedulerAlgorithm": "binpack",
    "PreemptionConfig": {
        "SystemSchedulerEnabled": True,
        "SysBatchSchedulerEnabled": False,
        "BatchSchedulerEnabled": False,
        "ServiceSchedulerEnabled": False,
    },
    "MemoryOversubscriptionEnabled": False,
    "NodeLimitForFeasibilityChecks": 0,
    "RejectJobRegistration": False,
    "PauseEvalBroker": False,
    "CreateIndex": 1,
    "ModifyIndex": 1,
}


@read("/v1/operator/scheduler/configuration", needs=operator("read"))
def scheduler_configuration(call: Call) -> Answer:
    """How the scheduler works; it cannot be set."""
    return Answer({"SchedulerConfig": _SCHEDULER, "Index": 1, "KnownLeader": True, "LastContact": 0, "NextToken": ""}, 1)
