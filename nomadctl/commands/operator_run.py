"""`operator run`: an operator from its source code, in this shell."""

import asyncio
import getpass
import os
import socket
from typing import TYPE_CHECKING, Final

from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, number, option, takes
from nomadctl.output import quoted, table
from nomadctl.resources import find_all

if TYPE_CHECKING:
    from operator_kit.controllers import AnyReconciler
    from operator_kit.manager import Manager
    from operator_kit.process.hot_reload import Launch

_TURN: Final = 3.0
"""Seconds after which it is told whose turn it is."""


@command(
    "operator run",
    takes(1, 1, "This command takes one argument: <module>, a dotted name, a file or a folder"),
    option("name", "The operator's name, on which its leadership depends; by default that of its package."),
    flag("dev", "Take over from the deployed copies, which wait meanwhile; begin anew whenever the code changes."),
    flag("once", "Look at every resource once, then end; the exit code is 1 if any could not be reconciled."),
    flag("dry-run", "As -once, but write nothing, and tell what would be written. No lock is needed for that."),
    number("health-port", "Serve /healthz, /readyz and /metrics at this port of the loopback interface."),
    flag("log-json", "Write the log as JSON, as a deployed copy does."),
)
async def run(
    call: Call, module: str, *, name: str | None, dev: bool, once: bool, dry_run: bool, health_port: int, log_json: bool
) -> int:
    """Run an operator in this shell, against the Nomad of NOMAD_ADDR, until Ctrl+C. A second Ctrl+C ends it at once.

    Of all the processes of one operator one leads, wherever they run; without `-dev` this one may have to wait for its turn.
    """
    from operator_kit.process.hot_reload import Launch
    from operator_kit.process.loading import CannotLoad, find, load
    from operator_kit.process.logs import configure_logging

    if dev + once + dry_run > 1:
        raise Failure("Of -dev, -once and -dry-run only one can be given")
    configure_logging(human=not log_json)
    health = ("127.0.0.1", health_port) if health_port else None
    identity = f"{getpass.getuser()}@{socket.gethostname()}/{os.getpid()}"
    try:
        target = find(module)
        launch = Launch(call.settings, target, name or target.name, identity, health, human=not log_json)
        if dev:
            return await _develop(call, launch)
        reconcilers = load(target)
        return await (_dry_run(call, reconcilers) if dry_run else _run(call, launch, reconcilers, once))
    except CannotLoad as error:
        raise Failure("\n".join(filter(None, (error.details, f"Error loading operator: {error}")))) from error


async def _run(call: Call, launch: "Launch", reconcilers: "list[AnyReconciler]", once: bool) -> int:
    from operator_kit.manager import Manager
    from operator_kit.process.once import run_once
    from operator_kit.process.run import run_manager
    from operator_kit.process.telemetry import exporting_spans

    manager = Manager(call.nomad, reconcilers, name=launch.name, identity=launch.identity, health=launch.health)
    teller = asyncio.create_task(_tell_whose_turn_it_is(call, manager))
    try:
        with exporting_spans(launch.name):
            if once:
                await run_once(manager)
                return await _told_what_failed(call, reconcilers)
            await run_manager(manager)
    finally:
        teller.cancel()
    return 0


async def _develop(call: Call, launch: "Launch") -> int:
    from operator_kit.crd_store.codec import InvalidItems
    from operator_kit.process.hot_reload import develop
    from operator_kit.process.run import STOPPING

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first() -> None:
        for one in STOPPING:  # the second has its usual meaning, and ends this at once
            loop.remove_signal_handler(one)
        stop.set()

    for one in STOPPING:
        loop.add_signal_handler(one, first)
    try:
        with failing(f"Error taking over operator {quoted(launch.name)}"):
            await develop(call.nomad, launch, stop)
    except InvalidItems as error:
        raise Failure(
            f"Error taking over operator {quoted(launch.name)}: operators/{launch.name} cannot be understood: {error}; "
            f"set it right with: nomadctl operator resume {launch.name}"
        ) from error
    return 0


async def _dry_run(call: Call, reconcilers: "list[AnyReconciler]") -> int:
    """Print what would be written, resource by resource, and what could not be reconciled; the exit code."""
    from operator_kit.process.dry_run import dry_run
    from operator_kit.reconciler import Reconciler

    failures: dict[str, str] = {}
    with failing("Error reading the resources"):
        kinds = [reconciler for reconciler in reconcilers if isinstance(reconciler, Reconciler)]
        writes = await dry_run(call.nomad, kinds, failed=failures.__setitem__)
    for reconciler in reconcilers:
        if reconciler not in kinds:
            call.warn(f"{type(reconciler).__name__} is left out: it has no kind, so nothing lists what it would look at")
    if not writes and not failures:
        call.out("Nothing would be written")
    for resource in sorted({*failures, *(write.resource for write in writes)}):
        call.out(resource)
        for write in writes:
            if write.resource == resource:
                call.out(f"  {write}")
        if resource in failures:
            call.out(f"  fails: {failures[resource]}")
    return 1 if failures else 0


async def _tell_whose_turn_it_is(call: Call, manager: "Manager") -> None:
    """Say who leads, if this process does not do so soon: else it would seem to do nothing."""
    from nomad_api.errors import NomadError
    from operator_kit.crd_store import paths

    try:
        async with asyncio.timeout(_TURN):
            await manager.leading.wait()
    except TimeoutError:
        try:
            holder = ((await call.nomad.variables.get(paths.lock(manager.name))).items or {}).get("holder", "nobody")
        except NomadError as error:
            call.warn(f"Operator {quoted(manager.name)} does not lead yet: {wording(error)}")
            return
        call.warn(
            f"Operator {quoted(manager.name)} is led by {holder}, and this process stands by; "
            "with -dev it takes over, and an end of the other hands over too"
        )


async def _told_what_failed(call: Call, reconcilers: "list[AnyReconciler]") -> int:
    """Print how all resources of the operator are; the exit code."""
    from operator_kit.reconciler import Reconciler

    rows = []
    failures = 0
    for kind in (reconciler.resource for reconciler in reconcilers if isinstance(reconciler, Reconciler)):
        for one in await find_all(call.nomad, kind):
            reconciled, ready = (one.status.condition(type) for type in ("Reconciled", "Ready"))
            accepted = one.status.condition("Accepted")
            telling = next((condition for condition in (accepted, reconciled) if condition.status == "False"), ready)
            failures += telling is not ready
            rows.append((f"{kind.group}/{kind.kind}", one.name, ready.status, telling.reason, telling.message))
    call.out(table([("Kind", "Name", "Ready", "Reason", "Message"), *rows]) if rows else "There are no resources")
    return 1 if failures else 0
