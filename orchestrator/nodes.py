"""Nodes: whether they take new work, and having the scheduler look at what they run."""

from nomad_api.models import Node
from nomad_api.models.node import NodeEvent
from orchestrator.errors import APIError
from orchestrator.jobs.evaluations import new_evaluation, put_evaluation
from orchestrator.state.store import Transaction
from orchestrator.timestamps import format_time

MAX_EVENTS = 10
"""How many events a node keeps."""


def find(tx: Transaction, node_id: str) -> Node:
    """Raises APIError 500: the ID is none, or there is no such node."""
    if len(node_id) != 36:
        raise APIError(500, "node lookup failed: index error: UUID must be 36 characters")
    node = tx.state.nodes.get(node_id)
    if node is None:
        raise APIError(500, "node not found")
    return node


def set_eligibility(tx: Transaction, node_id: str, eligibility: str) -> list[str]:
    """Let a node take new work (`eligible`) or not (`ineligible`); what runs there goes on.

    Returns:
        The evaluations made: one for each job that the node may have work of, when it becomes eligible.

    Raises:
        APIError: 500, there is no such node, it is being drained, or the word is another.
    """
    node = find(tx, node_id)
    if eligibility not in ("eligible", "ineligible"):
        raise APIError(500, f'invalid scheduling eligibility "{eligibility}"')
    if node.drain_strategy and eligibility == "eligible":
        raise APIError(500, "can not set node's scheduling eligibility to eligible while it is draining")
    if node.scheduling_eligibility == eligibility:
        return []
    event = NodeEvent(
        message=f"Node marked as {eligibility} for scheduling",
        subsystem="Cluster",
        timestamp=format_time(tx.now),
        create_index=tx.index,
    )
    events = [*(node.events or ()), event][-MAX_EVENTS:]
    tx.put(node.evolve(scheduling_eligibility=eligibility, events=events))
    return evaluate(tx, node_id) if eligibility == "eligible" else []


def evaluate(tx: Transaction, node_id: str) -> list[str]:
    """Make an evaluation for each job with allocations on the node and for each system job; returns their IDs.

    Raises:
        APIError: 500, there is no such node.
    """
    node = find(tx, node_id)
    jobs = {(alloc.namespace, alloc.job_id): None for alloc in tx.state.allocations.by("node", node_id) if not alloc.terminal}
    jobs |= {(job.namespace, job.id): None for job in tx.state.jobs if job.type in ("system", "sysbatch") and not job.stop}
    evaluations = []
    for key in jobs:
        job = tx.state.jobs.get(*key)
        if job:
            made = new_evaluation(tx, job, "node-update", node_id=node_id, node_modify_index=node.modify_index)
            evaluations.append(put_evaluation(tx, made).id)
    return evaluations
