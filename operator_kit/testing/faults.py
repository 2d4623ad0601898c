"""What goes wrong between a client and the in-memory Nomad: by a script, or at random from a seed.

    Faults.script({3: Refused(409), 5: AnswerLost()})           the third request is refused, the fifth done but not answered
    Faults.random(Random(7), Rates(lost=0.05, crash=0.01))      every request may be lost, or be the last one

Faults are those that a network and a cluster really have. A request is lost on its way, or its answer is: then the write has
happened and nobody knows. An answer comes late, and tells of what was true before. A server refuses, before or after it has
done what was asked. Connections break. Events are lost, come late, twice, or in another order. A process dies between two
steps. None of them breaks Nomad's contract: an answer is never of an index lower than what it says it is.

All of it goes by the event loop's clock and the given randomness, so a run in virtual time is the same each time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from nomad_api.errors import Unreachable, error_for
from operator_kit.testing.variables import rewrite

if TYPE_CHECKING:
    from operator_kit.testing.transport import MemoryTransport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lost:
    """The request does not arrive."""


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """What was asked is done, but the answer does not arrive."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of that status. Nothing is done, or with `after` it is done all the same (a leader that loses its office)."""

    status: int = 500
    message: str = "rpc error: EOF"
    after: bool = False


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another writes the same variable a moment earlier (the same items): a check-and-set fails then with 409."""


@dataclass(frozen=True, slots=True)
class Late:
    """The request arrives after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stale:
    """The answer arrives after so many seconds, and tells of what was true before them."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """All connections of the client break, this request and its event stream among them, and none comes about meanwhile."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies at this request, before it is sent or with `after` when it has been done: see `Faults.on_crash`."""

    after: bool = False


Fault = Lost | AnswerLost | Refusal | Overtaken | Late | Stale | Cut | Crash

Line = tuple[float, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often each thing goes wrong, from 0 to 1. Those of requests exclude each other, those of events too.

    Attributes:
        lost, answer_lost, refused, refused_after, overtaken, late, stale, cut, crash: for each request; see the faults.
        event_lost, event_late, event_twice, event_swapped: for each line of an event stream.
        longest: seconds of the longest delay; a cut takes up to ten times as long.
    """

    lost: float = 0.0
    answer_lost: float = 0.0
    refused: float = 0.0
    refused_after: float = 0.0
    overtaken: float = 0.0
    late: float = 0.0
    stale: float = 0.0
    cut: float = 0.0
    crash: float = 0.0
    event_lost: float = 0.0
    event_late: float = 0.0
    event_twice: float = 0.0
    event_swapped: float = 0.0
    longest: float = 2.0


class Faults:
    """A plan of faults for one client, or several.

    Attributes:
        count: requests so far.
        latency: seconds that every request takes, whether anything goes wrong or not. Without any, two processes that undo
            each other's work would do so for ever, at one and the same time.
        over: set it to end all faults.
        on_crash: called when a `Crash` is due; it should end the tasks of the process. Until then the client hangs, and
            nothing that it still tries is done.
    """

    def __init__(
        self,
        choose: Callable[[int, str, str], Fault | None],
        deliver: Callable[[bytes], Sequence[Line]] | None = None,
        *,
        latency: float = 0.0,
    ) -> None:
        """`choose` gets the number of the request (from 1), method and path; `deliver` what becomes of a line of events."""
        self.count = 0
        self.latency = latency
        self.over = False
        self.on_crash: Callable[[], None] = _nobody_to_kill
        self._choose = choose
        self._deliver = deliver

    @classmethod
    def script(cls, faults: Mapping[int, Fault]) -> "Faults":
        """These faults, by the number of the request."""
        return cls(lambda number, method, path: faults.get(number))

    @classmethod
    def random(cls, random: Random, rates: Rates, *, latency: float = 0.0) -> "Faults":
        """Faults at random."""
        return cls(_Dice(random, rates).request, _Dice(random, rates).line, latency=latency)

    async def send(self, transport: "MemoryTransport", method: str, path: str, send: Callable[[], Awaitable[T]]) -> T:
        """Send a request as the plan has it; `send` does what it asks for."""
        if self.latency:
            await asyncio.sleep(self.latency)
        match self._next(method, path):
            case None:
                return await send()
            case Lost():
                raise Unreachable("the request is lost", method=method, url=path)
            case AnswerLost():
                await send()
                raise Unreachable("the answer is lost", method=method, url=path)
            case Refusal(status, message, after):
                if after:
                    await send()
                raise error_for(status, message, method, path)
            case Overtaken():
                if method == "PUT" and path.startswith(_VARIABLE):
                    rewrite(transport.cluster, path.removeprefix(_VARIABLE))
                return await send()
            case Late(seconds):
                await asyncio.sleep(seconds)
                return await send()
            case Stale(seconds):
                answer = await send()
                await asyncio.sleep(seconds)
                return answer
            case Cut(seconds):
                transport.cut()
                asyncio.get_running_loop().call_later(seconds, setattr, transport, "cut_off", False)
                raise Unreachable("the connection is cut", method=method, url=path)
            case Crash(after):
                if after:
                    await send()
                await self._die(transport)
        raise AssertionError("a crashed process goes on")

    async def connect(self, transport: "MemoryTransport", method: str, path: str) -> None:
        """Let a stream begin as the plan has it: a fault that has no meaning for streams is a connection refused."""
        match self._next(method, path):
            case None:
                return
            case Overtaken():
                return
            case Late(seconds) | Stale(seconds):
                await asyncio.sleep(seconds)
            case Crash():
                await self._die(transport)
            case Refusal(status, message):
                raise error_for(status, message, method, path)
            case _:
                raise Unreachable("the connection is refused", method=method, url=path)

    def deliver(self, line: bytes) -> Sequence[Line]:
        """What becomes of a line of an event stream: lines, each after so many seconds."""
        return ((0.0, line),) if self.over or self._deliver is None else self._deliver(line)

    def _next(self, method: str, path: str) -> Fault | None:
        self.count += 1
        return None if self.over else self._choose(self.count, method, path)

    async def _die(self, transport: "MemoryTransport") -> None:
        transport.cut()
        self.on_crash()
        await asyncio.get_running_loop().create_future()


_VARIABLE: Final = "/v1/var/"
_OF_REQUESTS: Final = ("lost", "answer_lost", "refused", "refused_after", "overtaken", "late", "stale", "cut", "crash")
_OF_EVENTS: Final = ("event_lost", "event_late", "event_twice", "event_swapped")


class _Dice:
    def __init__(self, random: Random, rates: Rates) -> None:
        self._random = random
        self._rates = rates
        self._held: bytes | None = None

    def request(self, number: int, method: str, path: str) -> Fault | None:
        random, longest = self._random, self._rates.longest
        match self._throw(_OF_REQUESTS):
            case "lost":
                return Lost()
            case "answer_lost":
                return AnswerLost()
            case "refused":
                return Refusal()
            case "refused_after":
                return Refusal(after=True)
            case "overtaken":
                return Overtaken()
            case "late":
                return Late(random.uniform(0, longest))
            case "stale":
                return Stale(random.uniform(0, longest))
            case "cut":
                return Cut(random.uniform(0, 10 * longest))
            case "crash":
                return Crash(after=random.random() < 0.5)
        return None

    def line(self, line: bytes) -> Sequence[Line]:
        """A line that is held back to be swapped goes after the next one."""
        held, self._held = self._held, None
        after = ((0.0, held),) if held is not None else ()
        match self._throw(_OF_EVENTS):
            case "event_lost":
                return after
            case "event_late":
                return ((self._random.uniform(0, self._rates.longest), line), *after)
            case "event_twice":
                return ((0.0, line), *after, (self._random.uniform(0, self._rates.longest), line))
            case "event_swapped":
                self._held = line
                return after
        return ((0.0, line), *after)

    def _throw(self, names: Sequence[str]) -> str:
        """Which of these things goes wrong, empty for none."""
        number = self._random.random()
        for name in names:
            number -= getattr(self._rates, name)
            if number < 0:
                return name
        return ""


def _nobody_to_kill() -> None:
    raise RuntimeError("a Crash needs to know whom to kill: set Faults.on_crash")
