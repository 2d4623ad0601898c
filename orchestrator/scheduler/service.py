"""The scheduler as the agent sees it: started once, then it reacts to the state by itself."""

import asyncio
from collections.abc import Callable

from orchestrator.scheduler.broker import EvaluationBroker
from orchestrator.scheduler.worker import Worker
from orchestrator.state.store import Store


class Scheduler:
    """Processes the evaluations of the state. One worker: plans are made and applied in one turn of the event loop."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._broker = EvaluationBroker(store, clock)
        self._worker = Worker(store, self._broker, clock)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with what the state already has."""
        self._broker.start()
        self._task = asyncio.create_task(self._worker.run(), name="scheduler")

    async def stop(self) -> None:
        """Finish nothing more."""
        self._broker.stop()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
