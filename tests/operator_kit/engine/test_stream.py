"""Streams of ids, and which shard looks after which id."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from operator_kit.engine.stream import FunctionStream, ids_of, rendezvous, shard_of
from operator_kit.testing import virtual_time
from tests.operator_kit.engine.emitted import Emitted

IDS = st.text(max_size=20)
CANDIDATES = st.sets(IDS, min_size=1, max_size=8)


@given(id=IDS, candidates=CANDIDATES, newcomer=IDS)
def test_a_newcomer_takes_only_what_is_its_own_now(id: str, candidates: set[str], newcomer: str) -> None:
    before, after = rendezvous(id, candidates), rendezvous(id, candidates | {newcomer})
    assert after in (before, newcomer)


@given(id=IDS, candidates=CANDIDATES, data=st.data())
def test_who_leaves_gives_away_only_what_was_its_own(id: str, candidates: set[str], data: st.DataObject) -> None:
    leaver = data.draw(st.sampled_from(sorted(candidates)))
    before, after = rendezvous(id, candidates), rendezvous(id, candidates - {leaver})
    assert after == before or before == leaver


@given(id=IDS, candidates=CANDIDATES, data=st.data())
def test_the_order_of_candidates_does_not_matter(id: str, candidates: set[str], data: st.DataObject) -> None:
    assert rendezvous(id, data.draw(st.permutations(sorted(candidates)))) == rendezvous(id, candidates)


def test_nobody_gets_an_id_where_nobody_is() -> None:
    assert rendezvous("a", ()) is None


def test_rendezvous_is_even() -> None:
    shares = Counter(rendezvous(str(number), ("a", "b", "c")) for number in range(3_000))
    assert all(850 < share < 1_150 for share in shares.values())
    assert len(shares) == 3


@given(id=IDS, shards=st.integers(1, 64))
def test_every_id_has_a_shard(id: str, shards: int) -> None:
    assert 0 <= shard_of(id, shards) < shards


def test_shards_are_even_and_the_same_in_every_process() -> None:
    assert [shard_of(id, 12) for id in ("blog", "shop", "team/a", "")] == [5, 6, 10, 0]
    shares = Counter(shard_of(f"website-{number}", 12) for number in range(12_000))
    assert all(880 < share < 1_120 for share in shares.values())
    assert len(shares) == 12


@virtual_time
async def test_a_generator_is_a_stream_and_may_end() -> None:
    async def ids() -> AsyncIterator[str]:
        for number in count():
            if number == 3:
                return
            yield str(number)
            await asyncio.sleep(1)

    emitted = Emitted()
    await FunctionStream("counter", ids).run(emitted)
    assert [(emission.id, emission.reason, emission.time) for emission in emitted] == [
        ("0", "counter", 0),
        ("1", "counter", 1),
        ("2", "counter", 2),
    ]


@virtual_time
async def test_ids_are_told_now_or_in_a_moment() -> None:
    async def later() -> Iterable[str]:
        return ["b"]

    assert await ids_of(lambda: ["a"]) == ["a"]
    assert await ids_of(later) == ["b"]
