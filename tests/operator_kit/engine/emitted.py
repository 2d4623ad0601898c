"""What a stream emits, and when."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Emission:
    """One id; `due` is the time at which it asks to be looked at."""

    id: str
    reason: str
    priority: int
    time: float
    due: float


class Emitted(list[Emission]):
    """All that was emitted; an `Emit`."""

    def __init__(self, known: Collection[str] = ()) -> None:
        super().__init__()
        self._known = known

    async def __call__(self, id: str, *, reason: str = "", priority: int = 0, after: float = 0.0) -> None:
        now = round(asyncio.get_running_loop().time(), 6)
        self.append(Emission(id, reason, priority, now, round(now + after, 6)))

    def known(self) -> Collection[str]:
        return self._known

    @property
    def ids(self) -> list[str]:
        return [emission.id for emission in self]
