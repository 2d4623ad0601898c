"""`alloc checks`."""

from nomadctl.allocation_lookup import find_allocation
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.output import instant, pairs
from nomadctl.structured import structured


@command(
    "alloc checks",
    takes(0, 1, "This command takes one argument (allocation ID)"),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs."),
)
async def checks(call: Call, prefix: str = "", *, json: bool, t: str | None, verbose: bool) -> None:
    """Show the latest results of an allocation's checks of services that Nomad knows."""
    if not prefix:
        raise Failure("An allocation ID is required", hint=True)
    nomad, allocation = await find_allocation(call, prefix, verbose=verbose)
    with failing("Error querying allocation checks"):
        results = await nomad.allocations.checks(allocation.id)
    if json or t:
        call.out(structured(json, t, results))
        return
    call.out(f"Status of {len(results)} Nomad Service Checks\n")
    for check in sorted(results.values(), key=lambda check: (check["Service"], check["Check"])):
        code = [("StatusCode", check["StatusCode"])] if check.get("StatusCode") else []
        rows: list[tuple[str, object]] = [
            ("ID", check["ID"]),
            ("Name", check["Check"]),
            ("Group", check["Group"]),
            ("Task", check.get("Task") or "(group)"),
            ("Service", check["Service"]),
            ("Status", check["Status"]),
            *code,
            ("Mode", check["Mode"]),
            ("Timestamp", instant(check["Timestamp"] * 10**9) or "N/A"),
            ("Output", check["Output"]),
        ]
        call.out(f"{pairs(rows)}\n")
