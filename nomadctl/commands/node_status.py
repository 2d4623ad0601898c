"""`node status`."""

from typing import TYPE_CHECKING, Any

from nomadctl import node_view
from nomadctl.allocation_view import node_allocation_table
from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, number, option, takes
from nomadctl.node_lookup import find_node
from nomadctl.order import newest_first
from nomadctl.output import FULL_ID, SHORT_ID, heading, limit, table
from nomadctl.pages import next_page
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.models import Node


@command(
    "node status",
    takes(0, 1, "This command takes either one or no arguments"),
    flag("self", "The node of the agent that answers."),
    flag("short", "Only the main facts."),
    flag("stats", "Also resource usage in detail."),
    flag("allocs", "In the list: how many allocations run."),
    flag("os", "In the list: the operating system."),
    flag("quiet", "In the list: only the IDs."),
    option("filter", "Only those that fulfil this expression."),
    number("per-page", "How many to show at once."),
    option("page-token", "Where to go on, from the page before."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show everything, with whole IDs."),
    flag("ui", "Accepted for compatibility."),
)
async def status(
    call: Call,
    prefix: str = "",
    *,
    self: bool = False,
    short: bool = False,
    stats: bool = False,
    allocs: bool = False,
    os: bool = False,
    quiet: bool = False,
    filter: str | None = None,
    per_page: int = 0,
    page_token: str | None = None,
    json: bool = False,
    t: str | None = None,
    verbose: bool = False,
    ui: bool = False,
) -> None:
    """Show a node, or list all nodes."""
    if not prefix and not self:
        if quiet and (verbose or json):
            raise Failure("-quiet cannot be used with -verbose or -json")
        params = {"filter": filter, "per_page": per_page or None, "next_token": page_token, "os": os or None}
        await _list(call, params, quiet=quiet, allocs=allocs, os=os, json=json, template=t, verbose=verbose)
        return

    id = await find_node(
        call,
        "" if self else prefix,
        doing="Error querying node info",
        none='No node(s) with prefix "{prefix}" found',
        verbose=verbose,
    )
    with failing("Error querying node info"):
        node = await call.nomad.nodes.get(id)
    if json or t:
        call.out(structured(json, t, node))
    else:
        await _one(call, node, short=short, stats=stats, verbose=verbose)


async def _list(
    call: Call,
    params: dict[str, Any],
    *,
    quiet: bool,
    allocs: bool,
    os: bool,
    json: bool,
    template: str | None,
    verbose: bool,
) -> None:
    from nomad_api.models import NodeStub

    with failing("Error querying node status"):
        answer = await call.nomad.answer("nodes", params)
    nodes = newest_first(NodeStub.model_validate(entry) for entry in answer.json())
    if json or template:
        call.out(structured(json, template, nodes))
        return
    if not nodes:
        call.out("No nodes registered")
        return
    if quiet:
        call.out("\n".join(node.id for node in nodes))
        return
    titles = ["ID", "Node Pool", "DC", "Name", "Class", *(["OS"] if os else []), *(["Address", "Version"] if verbose else [])]
    titles += ["Drain", "Eligibility", "Status", *(["Running Allocs"] if allocs else [])]
    rows = []
    for node in nodes:
        row: list[object] = [limit(node.id, FULL_ID if verbose else SHORT_ID)]
        row += [node.node_pool, node.datacenter, node.name, node.node_class]
        row += [(node.attributes or {}).get("os.name")] if os else []
        row += [node.address, node.version] if verbose else []
        row += [node.drain, node.scheduling_eligibility, node.status]
        if allocs:
            with failing("Error querying node allocations"):
                running = await call.nomad.nodes.allocations(node.id)
            row.append(sum(allocation.client_status == "running" for allocation in running))
        rows.append(row)
    call.out(table([titles, *rows]))
    if answer.next_token:
        call.out(next_page(answer.next_token))


async def _one(call: Call, node: "Node", *, short: bool, stats: bool, verbose: bool) -> None:
    from nomad_api.errors import NomadError

    with failing("Error querying node allocations"):
        allocations = await call.nomad.nodes.allocations(node.id)
    running = [allocation for allocation in allocations if allocation.client_status == "running"]
    listed = f"{heading('Allocations')}\n{node_allocation_table(newest_first(allocations), verbose=verbose)}"
    if short:
        call.out(f"{node_view.node_head(node, running, uptime=None, names=True, drivers='Drivers')}\n{listed}")
    else:
        host: dict[str, Any] = {}
        try:
            host = await call.nomad.nodes.stats(node.id)
        except NomadError as error:
            call.warn(f"\nerror fetching node stats: {wording(error)}")
        call.out(node_view.node_head(node, running, uptime=host.get("Uptime"), names=not verbose, drivers="Driver Status"))
        if verbose:
            call.out("\n".join(filter(None, (node_view.volume_table(node), node_view.driver_table(node)))))
        call.out(node_view.event_table(node, verbose))
        call.out(node_view.allocated(node, running))
        try:
            usage = [await call.nomad.scoped(namespace=a.namespace).allocations.stats(a.id) for a in running]
            call.out(node_view.used(node, usage))
        except NomadError:
            pass  # an allocation has just ended, or its node is down: there is nothing to tell
        if host:
            call.out(node_view.host_used(node, host))
        if host and stats:
            call.out(node_view.host_statistics(host))
        call.out(listed)
    if verbose:
        call.out(node_view.attributes(node))
