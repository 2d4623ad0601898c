"""Figures about the cluster as gauges, under the names that a Nomad agent has for them."""

from collections import Counter
from dataclasses import dataclass, field

import psutil

from orchestrator.services import Services


@dataclass(frozen=True)
class Gauge:
    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def gauges(services: Services) -> list[Gauge]:
    """What there is now; nothing is kept between calls."""
    state, node = services.store.state, next(iter(services.store.state.nodes), None)
    jobs = Counter(job.status for job in state.jobs)
    evaluations = Counter(evaluation.status for evaluation in state.evaluations)
    allocations = Counter(alloc.client_status for alloc in state.allocations)
    of_node = {"node_id": node.id, "datacenter": node.datacenter} if node else {}
    return [
        *(Gauge(f"nomad.nomad.job_status.{status}", jobs[status]) for status in ("pending", "running", "dead")),
        Gauge("nomad.nomad.broker.total_pending", evaluations["pending"]),
        Gauge("nomad.nomad.blocked_evals.total_blocked", evaluations["blocked"]),
        *(Gauge(f"nomad.client.allocations.{status}", allocations[status], of_node) for status in ("pending", "running")),
        Gauge("nomad.nomad.variables.count", len(state.variables)),
        Gauge("nomad.raft.appliedIndex", services.store.index),
        Gauge("nomad.runtime.rss_bytes", psutil.Process().memory_info().rss),
    ]


def prometheus(services: Services) -> str:
    """The gauges in Prometheus' text format."""
    lines = []
    for gauge in gauges(services):
        name = gauge.name.replace(".", "_")
        labels = ",".join(f'{key}="{value}"' for key, value in gauge.labels.items())
        lines += [f"# TYPE {name} gauge", f"{name}{{{labels}}} {gauge.value:g}" if labels else f"{name} {gauge.value:g}"]
    return "\n".join(lines) + "\n"
