"""An operator as a process of its own: the environment is read, signals are heeded, and the rest is the manager's.

Nomad is found by its environment variables; within a task they are the socket of the task API and the workload identity.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Final

from nomad_api.client import Nomad
from operator_kit.controllers import AnyReconciler
from operator_kit.manager import Manager
from operator_kit.process.logs import configure_logging
from operator_kit.process.telemetry import exporting_spans

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
"""Signals that ask a process to stop: Nomad's for a task, and a person's at a terminal."""

HEALTH_PORT: Final = "NOMAD_PORT_health"
"""Where Nomad tells a task the port that its network labels `health`."""


def run(*reconcilers: AnyReconciler, name: str, shards: int = 1) -> None:
    """Run an operator until SIGTERM or SIGINT: the whole of a `__main__.py`.

    The health server listens on the port labelled `health`, if the task has one. Spans go where `OTEL_EXPORTER_OTLP_ENDPOINT`
    says, if it says anything. A second signal ends the process at once. See `Manager` for `name` and `shards`.
    """
    configure_logging()
    port = os.environ.get(HEALTH_PORT)
    health = ("0.0.0.0", int(port)) if port else None

    async def serve() -> None:
        async with Nomad.from_env() as nomad:
            await run_manager(Manager(nomad, reconcilers, name=name, shards=shards, health=health))

    with exporting_spans(name):
        asyncio.run(serve())


async def run_manager(manager: Manager, signals: Sequence[signal.Signals] = STOPPING) -> None:
    """Run until the first of the signals; the second, of any kind, has its usual meaning and ends the process at once.

    SIGHUP writes what is in the queues into the log.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        manager.stop()

    for number in signals:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, manager.dump)
    try:
        await manager.run()
    finally:
        for number in (*signals, signal.SIGHUP):
            loop.remove_signal_handler(number)
