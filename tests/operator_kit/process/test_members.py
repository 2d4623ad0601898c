"""Several processes share the shards of an operator: each shard has one leader, and moves only when it must."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, ClassVar

from nomad_api.models import Job, Task, TaskGroup
from operator_kit import Context
from operator_kit.engine.stream import rendezvous, shard_of
from operator_kit.id_reconciler import IdContext, IdReconciler
from operator_kit.informers.variables import VariableInformer
from operator_kit.process.members import EXPIRY, HEARTBEAT, Members, member_name
from operator_kit.testing import MemoryNomad, eventually, virtual_time
from operator_kit.watch import Watch
from tests.operator_kit.conftest import Widget, WidgetReconciler
from tests.operator_kit.process.processes import OPERATOR, Process, Start, processes

SHARDS = 12
NAMES = [f"w{number}" for number in range(60)]
PREFIX = "locks/operator/members/"


# The list of members


@asynccontextmanager
async def member(nomad: MemoryNomad, identity: str) -> AsyncIterator[Members]:
    informer = VariableInformer(nomad, PREFIX, Random(1))
    members = Members(nomad, OPERATOR, identity, informer, Random(identity))
    tasks = [asyncio.create_task(informer.run()), asyncio.create_task(members.run())]
    try:
        yield members
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@virtual_time
async def test_members_see_each_other_come_and_go(nomad: MemoryNomad) -> None:
    async with member(nomad, "a") as a:
        await asyncio.sleep(1)
        assert a.live == {"a"}
        async with member(nomad, "b") as b:
            await asyncio.sleep(HEARTBEAT)
            assert a.live == b.live == {"a", "b"}
            await asyncio.sleep(1_000)
            assert a.live == b.live == {"a", "b"}
        await asyncio.sleep(0.1)
        assert a.live == {"a"}, "who leaves says good-bye"
    assert nomad.cluster.variables == {}


@virtual_time
async def test_a_member_that_is_silent_expires_by_the_clock_of_who_looks(nomad: MemoryNomad) -> None:
    silent = MemoryNomad(cluster=nomad.cluster)
    async with member(nomad, "a") as a, member(silent, "b") as b:
        await asyncio.sleep(10)
        silent.cut_off = True
        await asyncio.sleep(EXPIRY - HEARTBEAT)
        assert a.live == {"a", "b"}
        await asyncio.sleep(2 * HEARTBEAT)
        assert a.live == {"a"}
        assert "b" not in b.live, "who cannot write should not lead"
        silent.cut_off = False
        await asyncio.sleep(2 * HEARTBEAT)
        assert a.live == b.live == {"a", "b"}


@virtual_time
async def test_a_member_that_died_long_ago_is_no_member_for_long(nomad: MemoryNomad) -> None:
    await nomad.declare(PREFIX + "dead", beat="7")
    async with member(nomad, "a") as a:
        await asyncio.sleep(EXPIRY + HEARTBEAT)
        assert a.live == {"a"}


@virtual_time
async def test_whose_shard_it_is_can_be_waited_for(nomad: MemoryNomad) -> None:
    moves = next(shard for shard in range(100) if rendezvous(str(shard), ("a", "b")) == "b")
    async with member(nomad, "a") as a:
        await asyncio.wait_for(a.until(moves, True), 1)
        async with member(nomad, "b") as b:
            await asyncio.wait_for(asyncio.gather(a.until(moves, False), b.until(moves, True)), HEARTBEAT)
            assert (a.is_mine(moves), b.is_mine(moves)) == (False, True)
        await asyncio.wait_for(a.until(moves, True), 1)


def test_an_identity_is_a_part_of_a_path() -> None:
    assert member_name("host.example.com-4711") == "host-example-com-4711"


# Processes in shards


class Hands:
    """Which process has which resource in hand: never two the same. And which shards were seen to be led by whom."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self.looks: list[tuple[str, str, float]] = []
        self.processes: list[Process] = []
        self.losses: Counter[str] = Counter()

    def reconciler(self, process: str) -> WidgetReconciler:
        async def act(widget: Widget, ctx: Context[Widget]) -> None:
            name = widget.name
            assert name not in self.of, f"{name} is in the hands of {self.of[name]} and {process}"
            self.of[name] = process
            self.looks.append((name, process, asyncio.get_running_loop().time()))
            try:
                await asyncio.sleep(0.3)
            finally:
                del self.of[name]

        return WidgetReconciler(act)

    def start(self, start: Start, identity: str) -> Process:
        self.processes.append(start(self.reconciler(identity), identity))
        return self.processes[-1]

    def led(self) -> dict[int, str]:
        """Who leads which shard."""
        led: dict[int, str] = {}
        for process in self.processes:
            for shard in process.shards:
                assert shard not in led, f"shard {shard} is led by {led[shard]} and {process.identity}"
                led[shard] = process.identity
        return led

    async def settled(self, nomad: MemoryNomad, identities: str, within: float = 60.0) -> dict[int, str]:
        """Wait until each shard is led by its own process, and each resource has been looked at by its new one."""
        expected = {shard: rendezvous(str(shard), identities) for shard in range(SHARDS)}
        await eventually(lambda: self.led() == expected, within=within)
        return self.led()

    def looked_at_by(self, since: float) -> dict[str, set[str]]:
        """Which resources each process has looked at since then."""
        found: dict[str, set[str]] = {}
        for name, process, time in self.looks:
            if time >= since:
                found.setdefault(process, set()).add(name)
        return found

    async def watch(self, nomad: MemoryNomad) -> None:
        """Keep the resources changing, and look all the time whether each shard has one leader."""
        number = 0
        while True:
            number += 1
            await nomad.declare(f"resources/test/widget/{NAMES[number % len(NAMES)]}", size=str(number))
            self.led()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def sharing(nomad: MemoryNomad) -> AsyncIterator[tuple[Hands, Start]]:
    hands = Hands()
    for name in NAMES:
        await nomad.declare(f"resources/test/widget/{name}", size="0")
    async with processes(nomad.cluster, shards=SHARDS) as start:
        watch = asyncio.create_task(hands.watch(nomad))
        yield hands, start
        assert not watch.done(), watch.exception()
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


@virtual_time
async def test_three_processes_share_the_shards_and_every_resource_is_looked_at(nomad: MemoryNomad) -> None:
    async with sharing(nomad) as (hands, start):
        for identity in "abc":
            hands.start(start, identity)
        led = await hands.settled(nomad, "abc")
        assert min(Counter(led.values()).values()) >= 2
        assert all(process.leads for process in hands.processes)
        await asyncio.sleep(10)
        assert {name for name, _, _ in hands.looks} == set(NAMES)
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        by_now = hands.looked_at_by(now)
        assert by_now == {identity: {name for name in NAMES if led[shard_of(name, SHARDS)] == identity} for identity in "abc"}


@virtual_time
async def test_when_a_process_dies_its_shards_move_and_nobody_elses(nomad: MemoryNomad) -> None:
    async with sharing(nomad) as (hands, start):
        for identity in "abc":
            hands.start(start, identity)
        before = await hands.settled(nomad, "abc")
        dead = hands.processes[1]
        kept = {shard: identity for shard, identity in before.items() if identity != "b"}
        lost: list[dict[int, str]] = []

        async def guard() -> None:
            while True:
                led = hands.led()
                if any(led.get(shard) != identity for shard, identity in kept.items()):
                    lost.append(led)
                await asyncio.sleep(0.1)

        guarding = asyncio.create_task(guard())
        await dead.kill()
        killed = asyncio.get_running_loop().time()
        after = await hands.settled(nomad, "ac")
        await asyncio.sleep(2)
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)
        assert lost == []
        moved = {name for name in NAMES if before[shard_of(name, SHARDS)] == "b"}
        found = hands.looked_at_by(killed)
        for name in moved:
            assert name in found[after[shard_of(name, SHARDS)]], "whoever takes a shard over looks at all of it"


@virtual_time
async def test_a_process_that_joins_takes_its_share_within_moments(nomad: MemoryNomad) -> None:
    async with sharing(nomad) as (hands, start):
        for identity in "ab":
            hands.start(start, identity)
        before = await hands.settled(nomad, "ab")
        joined = asyncio.get_running_loop().time()
        hands.start(start, "c")
        after = await hands.settled(nomad, "abc", within=10)
        assert {before[shard] for shard in after if after[shard] != "c"} == {"a", "b"}
        assert all(after[shard] in (before[shard], "c") for shard in after)
        moved = {name for name in NAMES if after[shard_of(name, SHARDS)] == "c"}
        await eventually(lambda: moved <= hands.looked_at_by(joined).get("c", set()), within=10)


@virtual_time
async def test_a_process_that_stops_hands_its_shards_over_within_moments(nomad: MemoryNomad) -> None:
    async with sharing(nomad) as (hands, start):
        for identity in "abc":
            hands.start(start, identity)
        await hands.settled(nomad, "abc")
        leaver = hands.processes[2]
        await leaver.stop()
        assert leaver.shards == set()
        await hands.settled(nomad, "ab", within=2)


@virtual_time
async def test_the_end_of_leading_is_told_once_nothing_is_led_any_more(nomad: MemoryNomad) -> None:
    told: list[set[int]] = []

    async with sharing(nomad) as (hands, start):
        process = hands.start(start, "a")

        async def stopped() -> None:
            told.append(process.shards)

        process.reconciler.stopped = stopped  # type: ignore[method-assign, union-attr]
        await hands.settled(nomad, "a")
        await process.stop()
    assert told == [set()]


# Ids without a kind


def job(name: str) -> Job:
    return Job(id=name, type="service", task_groups=[TaskGroup(name="g", count=0, tasks=[Task(name="main", driver="exec")])])


class Looker(IdReconciler):
    """Notes which jobs it has looked at."""

    name = "looker"
    watches: ClassVar[Any] = [Watch("Job")]

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def reconcile(self, id: str, ctx: IdContext) -> None:
        self.seen.append(id)


@virtual_time
async def test_ids_that_only_streams_know_are_looked_at_by_whoever_begins_to_lead_their_shard(nomad: MemoryNomad) -> None:
    jobs = [f"job-{number}" for number in range(40)]
    for name in jobs:
        await nomad.jobs.register(job(name))
    async with processes(nomad.cluster, shards=SHARDS) as start:
        first, second = Looker(), Looker()
        a = start(first, "a")
        await eventually(lambda: a.shards == set(range(SHARDS)))
        await asyncio.sleep(1)
        assert set(first.seen) == set(jobs), "also those of the shards that it led last"
        b = start(second, "b")
        shares = {
            identity: {name for name in jobs if rendezvous(str(shard_of(name, SHARDS)), "ab") == identity} for identity in "ab"
        }
        await eventually(lambda: a.shards | b.shards == set(range(SHARDS)) and bool(b.shards), within=10)
        await asyncio.sleep(5)
        assert set(second.seen) == shares["b"]
        await b.stop()
        first.seen.clear()
        await eventually(lambda: shares["b"] <= set(first.seen), within=5)
