"""An operator as a process of its own: the environment is read, signals are heeded, and the rest is the manager's.

Nomad is found by its environment variables; within a task they are the socket of the task API and the workload identity.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any, Final

from nomad_api.client import Nomad
from operator_kit.manager import Manager
from operator_kit.process.logs import configure_logging
from operator_kit.reconciler import Reconciler

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
"""Signals that ask a process to stop: Nomad's for a task, and a person's at a terminal."""


def run(*reconcilers: Reconciler[Any], name: str) -> None:
    """Run an operator until SIGTERM or SIGINT: the whole of a `__main__.py`.

    The health server listens on the port labelled `health`, if the task has one. A second signal ends the process at once.
    """
    configure_logging()
    asyncio.run(serve(reconcilers, name))


async def serve(reconcilers: Sequence[Reconciler[Any]], name: str) -> None:
    """Run an operator until a signal, within an event loop that is there already."""
    port = os.environ.get("NOMAD_PORT_health")  # noqa: SIM112 (Nomad keeps the label's letters)
    async with Nomad.from_env() as nomad:
        manager = Manager(nomad, reconcilers, name=name, health=("0.0.0.0", int(port)) if port else None)
        stop_at_signals(manager)
        await manager.run()


def stop_at_signals(manager: Manager) -> None:
    """Stop in order at the first signal; the second, of either kind, has its usual meaning and ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in STOPPING:
            loop.remove_signal_handler(number)
        manager.stop()

    for number in STOPPING:
        loop.add_signal_handler(number, stop)
