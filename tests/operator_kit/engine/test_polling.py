"""Polling emits what has changed, come or gone between two rounds, and nothing else."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from operator_kit.engine.polling import Poll
from operator_kit.testing import virtual_time
from tests.operator_kit.engine.emitted import Emitted


class Droplets:
    """An external API, and the times at which it was asked."""

    def __init__(self, **state: Any) -> None:
        self.state = state
        self.asked: list[float] = []

    async def fetch(self) -> Mapping[str, Any]:
        self.asked.append(asyncio.get_running_loop().time())
        return self.state


@virtual_time
async def test_only_what_changed_came_or_went_is_emitted() -> None:
    droplets = Droplets(a={"size": 1}, b={"size": 1}, c={"size": 1})
    emitted = Emitted()
    task = asyncio.create_task(Poll("droplets", every=30, fetch=droplets.fetch, random=Random(1)).run(emitted))
    await asyncio.sleep(70)
    assert emitted == []
    droplets.state = {"a": {"size": 1}, "b": {"size": 2}, "d": {"size": 1}}
    await asyncio.sleep(35)
    assert sorted(emitted.ids) == ["b", "c", "d"]
    assert {emission.reason for emission in emitted} == {"droplets changed"}
    await asyncio.sleep(300)
    assert len(emitted) == 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_a_mapping_that_is_changed_in_place_is_no_hiding_place() -> None:
    droplets = Droplets(a=1)
    emitted = Emitted()
    task = asyncio.create_task(Poll("droplets", every=30, fetch=droplets.fetch).run(emitted))
    await asyncio.sleep(1)
    droplets.state["a"] = 2
    await asyncio.sleep(35)
    assert emitted.ids == ["a"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_the_first_round_is_emitted_where_nobody_else_knows_the_ids() -> None:
    emitted = Emitted()
    droplets = Droplets(a=1, b=2)
    task = asyncio.create_task(Poll("droplets", every=30, fetch=droplets.fetch, emit_first=True).run(emitted))
    await asyncio.sleep(100)
    assert emitted.ids == ["a", "b"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_rounds_are_jittered_by_a_tenth() -> None:
    droplets = Droplets()
    task = asyncio.create_task(Poll("droplets", every=30, fetch=droplets.fetch, random=Random(1)).run(Emitted()))
    await asyncio.sleep(3_000)
    pauses = [later - earlier for earlier, later in pairwise(droplets.asked)]
    assert all(27 <= pause <= 33 for pause in pauses)
    assert len({round(pause, 3) for pause in pauses}) > 50
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_what_fetch_raises_is_raised() -> None:
    async def fetch() -> Mapping[str, Any]:
        raise ConnectionError("no such host")

    with pytest.raises(ConnectionError):
        await Poll("droplets", every=30, fetch=fetch).run(Emitted())


def test_an_interval_is_positive() -> None:
    with pytest.raises(ValueError, match='Poll "droplets": an interval of 0 s is not positive'):
        Poll("droplets", every=0, fetch=Droplets().fetch)
