"""Nodes of the in-memory Nomad. Jobs are placed on those that are ready and eligible; nothing moves when one is drained."""

from collections.abc import Callable
from typing import Final

from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Row


def listed(request: Request) -> list[Row]:
    return request.listed(request.cluster.nodes.values(), "ID")


def get(request: Request) -> Row:
    if (row := request.cluster.nodes.get(request.id)) is None:
        raise Refused(404, "node not found")
    return row


def _changed(type: str, change: Callable[[Request], Row]) -> Callable[[Request], Row]:
    """The handler of a change of a node: what `change` gives is taken over."""

    def handler(request: Request) -> Row:
        cluster, row = request.cluster, get(request)
        index = cluster.change(f"nodes/{request.id}")
        row |= change(request) | {"ModifyIndex": index}
        cluster.publish("Node", type, request.id, {"Node": dict(row)}, namespace="")
        return {"NodeModifyIndex": index, "EvalIDs": None, "EvalCreateIndex": 0, "Index": index}

    return handler


set_eligibility: Final = _changed("NodeEligibility", lambda request: {"SchedulingEligibility": request.body["Eligibility"]})
drain: Final = _changed(
    "NodeDrain",
    lambda request: {
        "Drain": request.body.get("DrainSpec") is not None,
        "SchedulingEligibility": "eligible" if request.body.get("MarkEligible") else "ineligible",
    },
)
