"""An operator that is being written: run in a process of its own, and in a fresh one whenever its code changes.

The process that watches the code (`reload_on_change`) loads none of it. So what is broken in it, a mistake of syntax or a loop
without end, breaks only the child: its last words are shown, and the next change begins anew. A child is always asked to stop
first, and hands leadership over to the next.
"""

import asyncio
import multiprocessing
import signal
import sys
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

import structlog

from nomad_api.client import Nomad, Settings
from operator_kit.engine.first_of import first_of
from operator_kit.manager import GRACE, Manager
from operator_kit.process.loading import CannotLoad, Target, load
from operator_kit.process.logs import configure_logging
from operator_kit.process.pause import developing
from operator_kit.process.run import run_manager
from operator_kit.process.telemetry import exporting_spans

PATIENCE: Final = GRACE + 4.0
"""Seconds that a child may take to stop before it is killed."""

CANNOT_LOAD: Final = 3
"""Exit code of a child that found no operator in the code."""

_log = structlog.get_logger("operator_kit.hot_reload")


@dataclass(frozen=True, slots=True)
class Launch:
    """All that a child needs to know.

    Attributes:
        identity: of the operator's process, the same for all children, so that they and the holder of the developer's lock are
            one and the same to the switch.
        health: host and port of the health server; None for none.
        human: whether people read the log.
    """

    settings: Settings
    target: Target
    name: str
    identity: str
    health: tuple[str, int] | None = None
    human: bool = True


async def reload_on_change(launch: Launch) -> None:
    """Run the operator, anew after every change below its folder, until cancelled; then stop it in order."""
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(_watch(launch.target.folder, changed), name=f"watch {launch.target.folder}")
        try:
            while True:
                changed.clear()
                async with _Child(launch) as child:
                    await first_of(asyncio.wait([child.ended]), changed.wait())
                if not changed.is_set():
                    _log.error("the operator has ended; waiting for a change", operator=launch.name, exit_code=child.exit_code)
                    await changed.wait()
        finally:
            watcher.cancel()


async def develop(nomad: Nomad, launch: Launch, stop: asyncio.Event) -> None:
    """Run the operator in place of its deployed copies, which wait, with hot reload, until `stop` is set.

    Raises:
        Forbidden: the token may not write the operator's switch.
        InvalidItems: the switch as it stands cannot be understood.
        NomadError: Nomad cannot be reached.
    """
    while not stop.is_set():
        async with developing(nomad, launch.name, launch.identity) as lease:
            work = asyncio.ensure_future(reload_on_change(launch))
            try:
                await first_of(asyncio.wait([work]), lease.lost.wait(), stop.wait())
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            if not work.cancelled():
                work.result()
            if lease.lost.is_set():
                _log.warning("the deployed copies may go on: the developer's lock is lost", operator=launch.name)


async def _watch(folder: Path, changed: asyncio.Event) -> None:
    from watchfiles import awatch  # brings threads and a compiled library along: for developers only

    async for changes in awatch(folder):
        _log.info("the code has changed", files=sorted({Path(path).name for _, path in changes}))
        changed.set()


class _Child:
    """The operator in a process of its own while the block runs."""

    def __init__(self, launch: Launch) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._launch = launch
        # Spawned, not forked: a fresh interpreter, into which nothing has been imported yet.
        self._process: SpawnProcess = multiprocessing.get_context("spawn").Process(
            target=_run_child, args=(launch,), name=launch.name, daemon=True
        )

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode

    async def __aenter__(self) -> "_Child":
        self._process.start()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, self._over)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.ended.done():
            self._process.terminate()
            await asyncio.wait([self.ended], timeout=PATIENCE)
        if not self.ended.done():
            _log.error("the operator does not stop, and is killed", operator=self._launch.name)
            self._process.kill()
            await self.ended

    def _over(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self.ended.set_result(None)


def _run_child(launch: Launch) -> None:
    """The whole of a child's life. It stops when it is told to, and when its parent is no more."""
    # Ctrl+C at a terminal reaches this process too, but it is the parent's to stop it, once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging(human=launch.human)
    try:
        reconcilers = load(launch.target)
    except CannotLoad as error:
        print(error.details or error, file=sys.stderr)
        sys.exit(CANNOT_LOAD)

    async def main() -> None:
        async with Nomad.from_settings(launch.settings) as nomad:
            manager = Manager(nomad, reconcilers, name=launch.name, identity=launch.identity, health=launch.health)
            _stop_with_parent(manager)
            await run_manager(manager, [signal.SIGTERM])

    with exporting_spans(launch.name):
        asyncio.run(main())


def _stop_with_parent(manager: Manager) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel, loop = parent.sentinel, asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(sentinel)
        manager.stop()

    loop.add_reader(sentinel, stop)
