"""The health server tells what is wrong, and that it is."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from operator_kit.process.health import HealthServer


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_every_problem_is_a_line_of_a_503(path: str) -> None:
    problems = {"/healthz": ["a is stuck"], "/readyz": ["b is stale", "c is forbidden"]}
    server = HealthServer(
        "127.0.0.1",
        0,
        alive=lambda: problems["/healthz"],
        ready=lambda: problems["/readyz"],
        registry=CollectorRegistry(),
    )
    async with server, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
            assert answer.status == 503
            assert (await answer.text()).splitlines() == problems[path]
        problems[path].clear()
        async with session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
