"""Blocking queries: when a watch yields, what it asks, how it goes on after failures."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from nomad_api.client import Nomad
from nomad_api.errors import BadRequest, ServerError

Answer = tuple[int, int, Any]


def script(server: Any, path: str, answers: list[Answer]) -> Callable[[], list[str | None]]:
    """Answer with status, index and value, one after the other; the function tells the indexes that were asked for."""
    asked: list[str | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        status, index, value = answers[len(asked)]
        asked.append(request.query.get("index"))
        headers = {"X-Nomad-Index": str(index)} if index else {}
        if status != 200:
            return web.Response(status=status, text=str(value), headers=headers)
        return web.json_response(value, headers=headers)

    server.on("GET", path, handler)
    return lambda: asked


async def test_only_news_are_yielded(server: Any, nomad: Nomad) -> None:
    asked = script(server, "/v1/vars", [(200, 5, []), (200, 5, []), (200, 7, [{"Path": "a"}]), (200, 9, [])])
    seen = []
    async for snapshot in nomad.variables.watch_list("res"):
        seen.append((snapshot.index, [entry.path for entry in snapshot.value]))
        if len(seen) == 3:
            break
    assert seen == [(5, []), (7, ["a"]), (9, [])]
    assert asked() == [None, "5", "5", "7"]
    assert server.last.query["prefix"] == "res"
    assert server.last.query["wait"] == "300000ms"


async def test_it_can_begin_at_an_index(server: Any, nomad: Nomad) -> None:
    asked = script(server, "/v1/vars", [(200, 5, []), (200, 6, [])])
    async for snapshot in nomad.variables.watch_list(index=5, wait="10s"):
        assert snapshot.index == 6
        break
    assert asked() == ["5", "5"]
    assert server.last.query["wait"] == "10000ms"


async def test_an_index_that_goes_backwards_begins_anew(server: Any, nomad: Nomad) -> None:
    asked = script(server, "/v1/vars", [(200, 50, []), (200, 3, []), (200, 3, [{"Path": "new"}])])
    indexes = []
    async for snapshot in nomad.variables.watch_list():
        indexes.append(snapshot.index)
        if len(indexes) == 2:
            break
    assert indexes == [50, 3]
    assert asked() == [None, "50", None]


async def test_an_empty_store_has_no_index(server: Any, nomad: Nomad) -> None:
    asked = script(server, "/v1/allocations", [(200, 0, []), (200, 0, []), (200, 4, [])])
    indexes = []
    async for snapshot in nomad.allocations.watch_list():
        indexes.append(snapshot.index)
        if len(indexes) == 3:
            break
    assert indexes[-1] == 4
    assert asked() == [None, "1", "1"]


async def test_a_missing_object_is_watched_until_it_exists(server: Any, nomad: Nomad) -> None:
    found = {"Path": "a", "Items": {"k": "v"}}
    script(
        server, "/v1/var/a", [(404, 3, "variable not found"), (404, 3, "variable not found"), (200, 8, found), (404, 9, "gone")]
    )
    seen = []
    async for snapshot in nomad.variables.watch("a"):
        seen.append((snapshot.index, snapshot.value and snapshot.value.items))
        if len(seen) == 3:
            break
    assert seen == [(3, None), (8, {"k": "v"}), (9, None)]


async def test_passing_failures_are_waited_out(server: Any, nomad: Nomad) -> None:
    script(server, "/v1/vars", [(500, 0, "No cluster leader"), (200, 5, [])])
    async for snapshot in nomad.variables.watch_list():
        assert snapshot.index == 5
        break


async def test_they_are_raised_for_who_wants_that(server: Any, nomad: Nomad) -> None:
    script(server, "/v1/vars", [(500, 0, "No cluster leader")])
    with pytest.raises(ServerError):
        await anext(nomad.variables.watch_list(retry=False))


async def test_other_failures_are_raised(server: Any, nomad: Nomad) -> None:
    script(server, "/v1/vars", [(400, 0, "Invalid index")])
    with pytest.raises(BadRequest):
        await anext(nomad.variables.watch_list())
