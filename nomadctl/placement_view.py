"""Why an allocation could not be placed, or was placed where it is."""

from typing import TYPE_CHECKING

from nomadctl.output import quoted, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nomad_api.models import AllocationMetric


def reasons(metric: "AllocationMetric", indent: str) -> str:
    """The reasons against the nodes, one on each line."""
    lines = []
    if not metric.nodes_evaluated:
        lines.append("No nodes were eligible for evaluation")
    lines += [
        f"No nodes are available in datacenter {quoted(datacenter)}"
        for datacenter, count in sorted((metric.nodes_available or {}).items())
        if not count
    ]
    for kind, filtered in (("Class", metric.class_filtered), ("Constraint", metric.constraint_filtered)):
        lines += [
            f"{kind} {quoted(name)}: {count} nodes excluded by filter" for name, count in sorted((filtered or {}).items())
        ]
    if metric.nodes_exhausted:
        lines.append(f"Resources exhausted on {metric.nodes_exhausted} nodes")
    for kind, exhausted in (("Class", metric.class_exhausted), ("Dimension", metric.dimension_exhausted)):
        lines += [f"{kind} {quoted(name)} exhausted on {count} nodes" for name, count in sorted((exhausted or {}).items())]
    lines += [f"Quota limit hit {quoted(dimension)}" for dimension in metric.quota_exhausted or ()]
    return "\n".join(f"{indent}* {line}" for line in lines)


def scores(metric: "AllocationMetric") -> str:
    """How the best nodes were ranked, as a table; empty if that is not known."""
    nodes = metric.score_meta_data or []
    if not nodes:
        return ""
    names = sorted({name for node in nodes for name in node.scores or {}})
    rows = [
        (node.node_id, *(_significant((node.scores or {}).get(name, 0.0)) for name in names), _significant(node.norm_score))
        for node in nodes
    ]
    return table([("Node", *names, "final score"), *rows])


def failed_groups(failed: "Mapping[str, AllocationMetric] | None", indent: str) -> "list[tuple[str, str]]":
    """For each group that could not be placed whole: a heading, and the reasons."""
    result = []
    for group, metric in sorted((failed or {}).items()):
        count = metric.coalesced_failures + 1
        noun = "allocation" if count == 1 else "allocations"
        result.append((f"Task Group {quoted(group)} (failed to place {count} {noun}):", reasons(metric, indent)))
    return result


def _significant(value: float) -> str:
    return f"{value:.3g}"
