"""What is going on inside, as plain data."""

import asyncio

import aiohttp

from nomad_api.errors import Forbidden
from operator_kit import Context, TemporaryError
from operator_kit.process import inspection
from operator_kit.testing import MemoryNomad, eventually, running, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing


async def act(widget: Widget, ctx: Context[Widget]) -> None:
    if widget.name == "failing":
        raise TemporaryError("later", 15)
    await asyncio.sleep(18)


class OneWorker(WidgetReconciler):
    workers = 1


@virtual_time
async def test_the_queue_shows_what_waits_what_is_in_hand_and_what_is_put_off(nomad: MemoryNomad) -> None:
    async with running(nomad, OneWorker(act), identity="a") as manager:
        await manager.leading.wait()
        await asyncio.sleep(1)
        for name in ("failing", "slow", "waiting"):
            await nomad.declare(f"resources/test/widget/{name}", size="1")
        await asyncio.sleep(5)
        manager.controllers[0].add("slow", reason="again")
        (shard,) = inspection.queues(manager.controllers)
        ready = shard.pop("ready")
        assert shard == {
            "controller": "test/widget",
            "shard": 0,
            "leading": True,
            "inHand": [{"id": "slow", "age": 5.0, "priority": 0, "reasons": ("resource changed",)}],
            "putOff": [{"id": "failing", "due": 10.0, "reason": "retry after TemporaryError", "failures": 1}],
        }
        assert ready == [
            {"id": "waiting", "waited": 5.0, "priority": 0, "reasons": ["resource changed"]},
            {"id": "slow", "waited": 0.0, "priority": 0, "reasons": ["again"]},
        ]


@virtual_time
async def test_sources_show_how_they_are_and_what_they_keep(nomad: MemoryNomad) -> None:
    def fault(method: str, path: str) -> None:
        if path == "/v1/jobs":
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    await nomad.declare("resources/test/widget/one", size="1")
    async with running(nomad, WidgetReconciler(nothing)) as manager:
        await asyncio.sleep(10)
        rows = {row["source"]: row for row in inspection.sources(manager.informers.sources.values())}
    assert rows["jobs"] == {
        "source": "jobs",
        "state": "forbidden",
        "problem": "GET /v1/jobs: Permission denied (403)",
        "age": None,
        "objects": 0,
        "bytes": 0,
    }
    widgets = rows["resources/test/widget/"]
    assert (widgets["state"], widgets["problem"], widgets["objects"]) == ("synced", "", 1)
    assert widgets["age"] <= 10


async def test_the_health_server_shows_both() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(nothing), health=("127.0.0.1", 0)) as manager:
        await manager.leading.wait()
        await eventually(lambda: manager.unready() == [])
        base = f"http://127.0.0.1:{manager.health_port}/debug"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{base}/queue") as answer:
                (queue,) = await answer.json()
                assert (queue["controller"], queue["leading"]) == ("test/widget", True)
            async with session.get(f"{base}/sources") as answer:
                assert {row["state"] for row in await answer.json()} == {"synced"}
