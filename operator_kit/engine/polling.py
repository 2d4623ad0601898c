"""Polling of what has no way to tell of its changes: an external API, a file, a clock on the wall.

    Poll("droplets", every=30, fetch=list_droplets)

`fetch` returns the state of every id, as any JSON-like value. An id is emitted when its state is not what it was, when it has
come and when it is gone. The first round emits nothing that there is: a controller looks at everything when it begins.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

from operator_kit.engine.stream import Emit, Stream


class Poll(Stream):
    """A stream of the ids whose fetched state changes."""

    def __init__(
        self,
        name: str,
        *,
        every: float,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        emit_first: bool = False,
        random: Random | None = None,
    ) -> None:
        """
        Args:
            every: seconds between two rounds, of which up to a tenth is added or left out at random.
            emit_first: emit every id of the first round, too; for controllers without a kind, which know of no ids before.

        Raises:
            ValueError: the interval is not positive.
        """
        if every <= 0:
            raise ValueError(f'Poll "{name}": an interval of {every:g} s is not positive')
        self.name = name
        self._every = every
        self._fetch = fetch
        self._emit_first = emit_first
        self._random = random or Random()

    async def run(self, emit: Emit) -> None:
        known: Mapping[str, Any] | None = {} if self._emit_first else None
        while True:
            fetched = dict(await self._fetch())
            if known is not None:
                changed = [id for id in fetched if id not in known or known[id] != fetched[id]]
                for id in [*changed, *(id for id in known if id not in fetched)]:
                    await emit(id, reason=f"{self.name} changed")
            known = fetched
            await asyncio.sleep(self._every * self._random.uniform(0.9, 1.1))
