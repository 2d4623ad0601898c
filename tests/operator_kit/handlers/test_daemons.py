"""Daemons: what starts them, what ends them, and what is told of them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from operator_kit import Context, PermanentError, TemporaryError
from operator_kit.handlers import DaemonContext, Handlers, on
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"

Follow = Callable[[Widget, DaemonContext[Widget]], Awaitable[None]]


class Followers(Handlers[Widget]):
    """Counts those who follow, and lets them do what a test says."""

    def __init__(self, act: Follow) -> None:
        self.act = act
        self.following = 0
        self.starts: list[float] = []
        self.log: list[str] = []
        self.broken = False

    @on.create
    async def created(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.log.append("created")
        if self.broken:
            raise TemporaryError("cannot be created", delay=5)

    @on.update
    async def updated(self, widget: Widget, ctx: Context[Widget]) -> None:
        if self.broken:
            raise TemporaryError("cannot be updated", delay=5)

    @on.daemon(when=lambda widget: widget.spec.text != "off")
    async def follow(self, widget: Widget, ctx: DaemonContext[Widget]) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        self.following += 1
        try:
            await self.act(widget, ctx)
        finally:
            self.following -= 1
            self.log.append("ended")

    @on.delete
    async def deleted(self, widget: Widget, ctx: Context[Widget]) -> None:
        assert self.following == 0
        self.log.append("deleted")


async def patient(widget: Widget, ctx: DaemonContext[Widget]) -> None:
    """Ends when it is told to."""
    while await ctx.rest(10):
        pass


async def stubborn(widget: Widget, ctx: DaemonContext[Widget]) -> None:
    """Does not listen, and must be cancelled."""
    await asyncio.Event().wait()


def failure(nomad: MemoryNomad) -> str:
    status = status_of(nomad, Widget, "one")
    return status.condition("DaemonFailed").message if status else ""


@pytest.mark.parametrize(("act", "longest"), [(patient, 0.1), (stubborn, 1.1)])
@virtual_time
async def test_a_daemon_runs_from_creation_until_the_resource_goes(nomad: MemoryNomad, act: Follow, longest: float) -> None:
    followers = Followers(act)
    async with running(nomad, followers):
        followers.broken = True
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(7)
        assert followers.starts == []
        followers.broken = False
        await eventually(lambda: followers.following == 1)
        await asyncio.sleep(1000)
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None, within=longest)
    assert followers.log[-2:] == ["ended", "deleted"]
    assert len(followers.starts) == 1


@pytest.mark.parametrize("act", [patient, stubborn])
@virtual_time
async def test_a_daemon_ends_with_leadership_and_begins_with_it(nomad: MemoryNomad, act: Follow) -> None:
    first, second = Followers(act), Followers(act)
    await nomad.declare(PATH, size="1")
    async with running(nomad, first):
        await eventually(lambda: first.following == 1)
    assert first.following == 0
    async with running(nomad, second) as manager:
        await eventually(lambda: second.following == 1)
        nomad.cut_off = True
        await eventually(lambda: not manager.leading.is_set())
        await asyncio.sleep(3)
        assert second.following == 0
        nomad.cut_off = False
        await eventually(lambda: second.following == 1)


@virtual_time
async def test_a_daemon_follows_its_condition(nomad: MemoryNomad) -> None:
    followers = Followers(patient)
    async with running(nomad, followers):
        for text, following in (("off", 0), ("on", 1), ("off", 0), ("on", 1)):
            await nomad.declare(PATH, text=text)
            await ready(nomad, Widget, "one")
            await asyncio.sleep(0.1)
            assert followers.following == following


@virtual_time
async def test_a_daemon_sees_the_resource_as_it_is(nomad: MemoryNomad) -> None:
    seen: list[tuple[int, int]] = []

    async def look(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        while await ctx.rest(1):
            seen.append((widget.spec.size, ctx.resource.spec.size))
            ctx.resource.status.seen = 99

    async with running(nomad, Followers(look)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2")
        status = await ready(nomad, Widget, "one")
        await asyncio.sleep(2)
    assert seen[-1] == (1, 2)
    assert status.seen == 0


@virtual_time
async def test_a_daemon_that_crashes_starts_again_after_growing_pauses_and_is_told(nomad: MemoryNomad) -> None:
    left = [4]

    async def crash(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        await asyncio.sleep(1)
        if left[0]:
            left[0] -= 1
            raise ValueError("cannot follow")
        await patient(widget, ctx)

    followers = Followers(crash)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: failure(nomad) == "follow: ValueError: cannot follow")
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.condition("Ready").status == "True", "what is asked for is there; only the follower is not well"
        await eventually(lambda: followers.following == 1 and len(followers.starts) == 5)
        await asyncio.sleep(59)
        assert failure(nomad)
        await eventually(lambda: failure(nomad) == "")
    pauses = [after - before - 1 for before, after in zip(followers.starts, followers.starts[1:], strict=False)]
    assert [limit / 2 <= pause <= limit for pause, limit in zip(pauses, (1, 2, 4, 8), strict=True)] == [True] * 4


@virtual_time
async def test_a_daemon_that_gives_up_waits_for_another_spec(nomad: MemoryNomad) -> None:
    async def picky(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        if widget.spec.size == 1:
            raise PermanentError("one is nothing to follow")
        await patient(widget, ctx)

    followers = Followers(picky)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: failure(nomad) == "follow: one is nothing to follow")
        await asyncio.sleep(1000)
        assert len(followers.starts) == 1
        await nomad.declare(PATH, size="2")
        await eventually(lambda: followers.following == 1 and failure(nomad) == "")


@virtual_time
async def test_a_daemon_may_ask_to_wait_and_one_that_returns_has_done_its_work(nomad: MemoryNomad) -> None:
    async def wait_and_return(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        if len(followers.starts) < 3:
            raise TemporaryError("not there yet", delay=20)

    followers = Followers(wait_and_return)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: failure(nomad) == "follow: not there yet")
        await asyncio.sleep(1000)
        assert failure(nomad) == ""
    assert [round(start - followers.starts[0]) for start in followers.starts] == [0, 20, 40]


@virtual_time
async def test_a_daemon_keeps_running_while_an_update_fails(nomad: MemoryNomad) -> None:
    followers = Followers(patient)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    followers.broken = True
    await nomad.declare(PATH, size="2")
    async with running(nomad, followers):
        await asyncio.sleep(10)
        assert followers.following == 1


@virtual_time
async def test_a_daemon_that_swallows_its_cancellation_holds_up_the_deletion(nomad: MemoryNomad) -> None:
    let_go = asyncio.Event()

    async def deaf(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                ctx.log.info("no")

    followers = Followers(deaf)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await asyncio.sleep(10)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.condition("Reconciled").reason == "DaemonGoesOn"
        assert "deleted" not in followers.log
        let_go.set()
        await eventually(lambda: nomad.items(STATUS) is None)
    assert followers.log[-1] == "deleted"


@virtual_time
async def test_a_daemon_can_ask_for_a_reconcile(nomad: MemoryNomad) -> None:
    async def asks(widget: Widget, ctx: DaemonContext[Widget]) -> None:
        while await ctx.rest(10):
            ctx.look_again()

    class Counting(Followers):
        looks = 0

        async def reconcile(self, resource: Widget, ctx: Context[Widget]) -> None:
            await super().reconcile(resource, ctx)
            self.looks += 1

    counting = Counting(asks)
    async with running(nomad, counting):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(51)
    assert counting.looks == 6


@virtual_time
async def test_a_paused_resource_has_no_daemons_until_it_goes_on(nomad: MemoryNomad) -> None:
    followers = Followers(patient)
    async with running(nomad, followers):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: followers.following == 1)
        await nomad.declare(PATH, size="1", operator__paused="true")
        await eventually(lambda: followers.following == 0)
        await asyncio.sleep(1000)
        assert followers.following == 0
        await nomad.declare(PATH, size="1")
        await eventually(lambda: followers.following == 1)


class NamedFollowers(Handlers[Widget]):
    """Tells who is followed, and by whom."""

    def __init__(self, process: str, followed: dict[str, str]) -> None:
        self.process = process
        self.followed = followed

    @on.daemon
    async def follow(self, widget: Widget, ctx: DaemonContext[Widget]) -> None:
        assert widget.name not in self.followed, "two processes follow the same resource"
        self.followed[widget.name] = self.process
        try:
            await ctx.stopped.wait()
        finally:
            del self.followed[widget.name]


@virtual_time
async def test_a_daemon_moves_with_the_shard_of_its_resource(nomad: MemoryNomad) -> None:
    followed: dict[str, str] = {}
    names = {f"w{number}" for number in range(20)}
    for name in names:
        await nomad.declare(f"resources/test/widget/{name}", size="1")
    second = MemoryNomad(cluster=nomad.cluster)
    async with running(nomad, NamedFollowers("a", followed), identity="a", shards=4):
        await eventually(lambda: followed == dict.fromkeys(names, "a"))
        async with running(second, NamedFollowers("b", followed), identity="b", shards=4):
            await eventually(lambda: set(followed) == names and set(followed.values()) == {"a", "b"}, within=300)
        await eventually(lambda: followed == dict.fromkeys(names, "a"), within=300)
