"""`alloc status`."""

import time
from typing import TYPE_CHECKING, Any

from nomadctl.allocation_lookup import find_allocation
from nomadctl.allocation_view import run_deadline
from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.order import newest_first
from nomadctl.output import FULL_ID, SHORT_ID, ago, heading, instant, limit, nanoseconds, pairs, quoted, table
from nomadctl.placement_view import reasons, scores
from nomadctl.structured import structured
from nomadctl.task_view import task_details, task_summary

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Allocation

_USAGE = (
    "This command takes one of the following argument conditions:\n"
    " * A single <allocation>\n"
    " * No arguments, with output format specified"
)


@command(
    "alloc status",
    takes(0, 1, _USAGE),
    flag("short", "Only the main facts."),
    flag("stats", "Also resource usage in detail."),
    flag("json", "As JSON; without an ID, all allocations."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show everything, with whole IDs, and times as they are."),
    flag("ui", "Accepted for compatibility."),
)
async def status(
    call: Call,
    prefix: str = "",
    *,
    short: bool = False,
    stats: bool = False,
    json: bool = False,
    t: str | None = None,
    verbose: bool = False,
    ui: bool = False,
) -> None:
    """Show an allocation: its state, addresses, checks and tasks."""
    if not prefix:
        if not (json or t):
            raise Failure(_USAGE, hint=True)
        with failing("Error querying allocations"):
            call.out(structured(json, t, newest_first(await call.nomad.allocations.list())))
        return
    nomad, allocation = await find_allocation(
        call, prefix, verbose=verbose, too_short="Identifier must contain at least two characters."
    )
    if json or t:
        call.out(structured(json, t, allocation))
    elif short:
        call.out(f"{_short(allocation)}\n{heading('Tasks')}\n{task_summary(allocation)}")
    else:
        await _whole(call, nomad, allocation, stats, verbose)


async def _whole(call: Call, nomad: "Nomad", allocation: "Allocation", with_stats: bool, verbose: bool) -> None:
    from nomad_api.errors import NomadError

    call.out(await _basics(nomad, allocation, verbose))
    for part in (_addresses(allocation), await _checks(nomad, allocation)):
        if part:
            call.out(f"\n{part}")
    stats: dict[str, Any] = {}
    try:
        stats = await nomad.allocations.stats(allocation.id)
    except NomadError as error:
        call.out()
        call.warn(f"Couldn't retrieve stats: {wording(error)}")
    call.out(task_details(allocation, stats, with_stats=with_stats))
    if verbose and allocation.metrics is not None:
        lines = [line for line in (reasons(allocation.metrics, "  "), scores(allocation.metrics)) if line]
        call.out("\n".join([heading("Placement Metrics"), *lines]))


def _short(allocation: "Allocation") -> str:
    rows: list[tuple[str, object]] = [
        ("ID", allocation.id),
        ("Name", allocation.name),
        ("Created", ago(allocation.create_time)),
        ("Modified", ago(allocation.modify_time)),
    ]
    return pairs([*rows, *_deadline(allocation, verbose=False)])


async def _basics(nomad: "Nomad", allocation: "Allocation", verbose: bool) -> str:
    length, when = (FULL_ID, instant) if verbose else (SHORT_ID, ago)
    rows: list[tuple[str, object]] = [
        ("ID", allocation.id),
        ("Eval ID", limit(allocation.eval_id, length)),
        ("Name", allocation.name),
        ("Node ID", limit(allocation.node_id, length)),
        ("Node Name", allocation.node_name),
        ("Job ID", allocation.job_id),
        ("Job Version", allocation.job.version if allocation.job else ""),
        ("Client Status", allocation.client_status),
        ("Client Description", allocation.client_description),
        ("Desired Status", allocation.desired_status),
        ("Desired Description", allocation.desired_description),
        ("Created", when(allocation.create_time)),
        ("Modified", when(allocation.modify_time)),
        *_deadline(allocation, verbose=verbose),
    ]
    if allocation.deployment_id:
        health = {None: "unset", True: "healthy", False: "unhealthy"}[allocation.healthy]
        rows += [("Deployment ID", limit(allocation.deployment_id, length)), ("Deployment Health", health)]
        if allocation.deployment_status and allocation.deployment_status.canary:
            rows.append(("Canary", True))
    if allocation.next_allocation:
        rows.append(("Replacement Alloc ID", limit(allocation.next_allocation, length)))
    if allocation.followup_eval_id and (later := await _eligible(nomad, allocation.followup_eval_id)):
        rows.append(("Reschedule Eligibility", later))
    if verbose and (metrics := allocation.metrics):
        from nomad_api.duration import format_duration

        rows += [
            ("Evaluated Nodes", metrics.nodes_evaluated),
            ("Filtered Nodes", metrics.nodes_filtered),
            ("Exhausted Nodes", metrics.nodes_exhausted),
            ("Allocation Time", format_duration(metrics.allocation_time)),
            ("Failures", metrics.coalesced_failures),
        ]
    return pairs(rows)


def _deadline(allocation: "Allocation", *, verbose: bool) -> list[tuple[str, object]]:
    end = run_deadline(allocation.job, allocation.task_group, allocation.create_time)
    return [("Max Run Deadline", instant(end) if verbose else ago(end))] if end else []


async def _eligible(nomad: "Nomad", evaluation: str) -> str:
    """When the allocation may be placed again, if that is still to come."""
    from nomad_api.errors import NomadError

    try:
        when = nanoseconds((await nomad.evaluations.get(evaluation)).wait_until)
    except NomadError:
        return ""  # the time is a nicety
    return ago(when) if when > time.time_ns() else ""


def _addresses(allocation: "Allocation") -> str:
    shared = allocation.allocated_resources.shared if allocation.allocated_resources else None
    network = next(iter((shared.networks if shared else None) or ()), None)
    if shared is None or network is None or not (network.dynamic_ports or network.reserved_ports):
        return ""

    def row(label: str, host: str, value: int, to: int) -> tuple[str, str, str]:
        return label, "yes", f"{host}:{value}" + (f" -> {to}" if to > 0 else "")

    rows = [row(f"*{port.label}", port.host_ip, port.value, port.to) for port in shared.ports or ()] or [
        row(port.label, network.ip, port.value, port.to)
        for port in (*(network.dynamic_ports or ()), *(network.reserved_ports or ()))
    ]
    mode = f" (mode = {quoted(network.mode)})" if network.mode else ""
    return f"Allocation Addresses{mode}:\n{table([('Label', 'Dynamic', 'Address'), *rows])}"


async def _checks(nomad: "Nomad", allocation: "Allocation") -> str:
    from nomad_api.errors import NomadError

    try:
        checks = await nomad.allocations.checks(allocation.id)
    except NomadError:
        return ""  # the node may be gone; the rest is still worth showing
    rows = sorted(
        (check["Service"], check.get("Task") or "(group)", check["Check"], check["Mode"], check["Status"])
        for check in checks.values()
    )
    return f"Nomad Service Checks:\n{table([('Service', 'Task', 'Name', 'Mode', 'Status'), *rows])}" if rows else ""
