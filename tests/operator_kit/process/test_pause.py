"""People's switch of an operator: who may work, and what becomes of a developer who crashed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from nomad_api.errors import Conflict, Forbidden
from operator_kit.crd_store.codec import InvalidItems
from operator_kit.informers.variables import VariableInformer
from operator_kit.process.pause import PauseSwitch, Switch, developing, read_switch, set_paused
from operator_kit.testing import MemoryNomad, eventually, virtual_time

PATH = "operators/website"


@asynccontextmanager
async def following(nomad: MemoryNomad, identity: str = "deployed") -> AsyncIterator[PauseSwitch]:
    informer = VariableInformer(nomad, "operators/", Random(1))
    switch = PauseSwitch(nomad, "website", identity, informer, Random(1))
    tasks = asyncio.create_task(switch.run()), asyncio.create_task(informer.run())
    try:
        yield switch
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def refusing(nomad: MemoryNomad, forbidden: str, methods: tuple[str, ...] = ("GET", "PUT")) -> None:
    """Let requests for that path be forbidden."""

    def fault(method: str, path: str) -> None:
        if path == f"/v1/{forbidden}" and method in methods:
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault


@virtual_time
async def test_an_operator_without_a_switch_runs() -> None:
    async with following(MemoryNomad()) as switch:
        await switch.running.wait()
        assert (switch.why(), switch.paused.is_set(), switch.trouble) == ("", False, "")


@virtual_time
async def test_a_person_pauses_it_and_lets_it_go_on() -> None:
    nomad = MemoryNomad()
    async with following(nomad) as switch:
        await switch.running.wait()
        assert await set_paused(nomad, "website", True, "migration of the disks") == Switch()
        await switch.paused.wait()
        assert (switch.why(), switch.running.is_set()) == ("paused by operators/website: migration of the disks", False)
        assert (await set_paused(nomad, "website", False)).paused
        await switch.running.wait()
        assert (switch.why(), nomad.items(PATH)) == ("", {"paused": "false"})


@virtual_time
async def test_it_is_paused_from_the_start() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, paused="true")
    async with following(nomad) as switch:
        await switch.paused.wait()
        assert switch.why() == "paused by operators/website: paused=true"


@virtual_time
async def test_a_switch_that_is_removed_means_nothing_any_more() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, paused="true")
    async with following(nomad) as switch:
        await switch.paused.wait()
        await nomad.variables.delete(PATH)
        await switch.running.wait()


@virtual_time
async def test_the_switch_of_another_operator_is_none_of_ours() -> None:
    nomad = MemoryNomad()
    await nomad.declare("operators/website2", paused="true")
    async with following(nomad) as switch:
        await switch.running.wait()
        await nomad.declare("operators/web", paused="true")
        await asyncio.sleep(60)
        assert switch.running.is_set()


@virtual_time
async def test_a_developer_makes_every_other_copy_wait() -> None:
    nomad = MemoryNomad()
    async with following(nomad) as deployed, following(nomad, "alice-laptop") as own:
        await deployed.running.wait()
        async with developing(nomad, "website", "alice-laptop"):
            await deployed.paused.wait()
            assert deployed.why() == "developer alice-laptop runs it (operators/website)"
            await asyncio.sleep(300)
            assert (deployed.running.is_set(), own.running.is_set()) == (False, True)
        await deployed.running.wait()
        assert await read_switch(nomad, "website") == Switch()


@virtual_time
async def test_a_developer_keeps_what_else_the_switch_says() -> None:
    nomad = MemoryNomad()
    await set_paused(nomad, "website", True, "why not")
    async with developing(nomad, "website", "alice-laptop"), following(nomad, "alice-laptop") as own:
        await own.paused.wait()
        assert await read_switch(nomad, "website") == Switch(paused=True, reason="why not", developer="alice-laptop")
    assert await read_switch(nomad, "website") == Switch(paused=True, reason="why not")


@virtual_time
async def test_a_developer_who_crashes_pauses_nothing_for_long() -> None:
    nomad = MemoryNomad()
    laptop = MemoryNomad(cluster=nomad.cluster)
    async with following(nomad) as deployed, developing(laptop, "website", "alice-laptop") as lease:
        await deployed.paused.wait()
        laptop.cut_off = True
        started = asyncio.get_running_loop().time()
        await deployed.running.wait()
        # Not before the developer's process knows that it has lost the switch, and not long after its lock ended.
        assert lease.lost.is_set()
        assert 10 < asyncio.get_running_loop().time() - started <= 22
        assert await read_switch(nomad, "website") == Switch()


@virtual_time
async def test_a_second_developer_waits_for_the_first() -> None:
    nomad = MemoryNomad()
    got_it = asyncio.Event()

    async def bob() -> None:
        async with developing(nomad, "website", "bob"):
            got_it.set()
            await asyncio.sleep(1000)

    async with asyncio.TaskGroup() as tasks:
        async with developing(nomad, "website", "alice"):
            second = tasks.create_task(bob())
            await asyncio.sleep(100)
            assert not got_it.is_set()
        await asyncio.wait_for(got_it.wait(), 15)
        assert (await read_switch(nomad, "website")).developer == "bob"
        second.cancel()


@virtual_time
async def test_nobody_pauses_an_operator_that_a_developer_runs() -> None:
    nomad = MemoryNomad()
    async with developing(nomad, "website", "alice"):
        with pytest.raises(Conflict):
            await set_paused(nomad, "website", True)


@virtual_time
async def test_a_switch_that_may_not_be_read_pauses_nothing_and_says_so() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, paused="true")
    refusing(nomad, f"var/{PATH}")
    nomad.cluster.is_hidden = lambda path: path == PATH
    async with following(nomad) as switch:
        await switch.running.wait()
        assert switch.trouble == "operators/website cannot be read, so the operator cannot be paused: Permission denied"


@virtual_time
async def test_a_stale_mark_that_may_not_be_removed_goes_on_pausing_and_says_why() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, developer="alice")
    refusing(nomad, f"var/{PATH}", methods=("PUT",))
    async with following(nomad) as switch:
        await switch.paused.wait()
        assert "developer alice runs it" in switch.why()
        assert "cannot be written" in switch.trouble
        nomad.cluster.fault = None
        await set_paused(nomad, "website", False)
        await switch.running.wait()


@virtual_time
async def test_a_switch_that_nobody_understands_pauses_until_it_is_set_right() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, paused="ture")
    async with following(nomad) as switch:
        await switch.paused.wait()
        assert "operators/website cannot be understood: paused: " in switch.why()
        with pytest.raises(InvalidItems):
            await read_switch(nomad, "website")
        await set_paused(nomad, "website", False)
        await switch.running.wait()


@virtual_time
async def test_trouble_at_the_start_is_waited_out() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, paused="true")
    nomad.cut_off = True
    async with following(nomad) as switch:
        await asyncio.sleep(5)
        assert not switch.paused.is_set()
        assert not switch.running.is_set()
        nomad.cut_off = False
        await eventually(switch.paused.is_set)
