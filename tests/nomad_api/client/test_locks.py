"""Leases, with a server that knows one lock and a clock that the test turns."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from nomad_api.client import Nomad, VariableLease

TTL = "100ms"


class Lock:
    """The lock of one variable; `free` and `reachable` are set by the test."""

    def __init__(self, server: Any) -> None:
        self.free = True
        self.failing = False
        self.log: list[str] = []
        self.renewed = asyncio.Event()
        self.refused = asyncio.Event()
        server.on("PUT", "/v1/var/locks/x", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        operation = next(name for name in request.query if name.startswith("lock-"))
        self.log.append(operation)
        if self.failing:
            self.refused.set()
            return web.Response(status=503, text="down")
        if operation == "lock-acquire":
            if not self.free:
                self.refused.set()
                return web.json_response({"Path": "locks/x"}, status=409)
            self.free = False
            body = json.loads(await request.read())
            return web.json_response({**body, "Lock": {"ID": "id", "TTL": TTL, "LockDelay": "1s"}})
        if operation == "lock-renew":
            self.renewed.set()
            return web.json_response({"Path": "locks/x"}, status=409 if self.free else 200)
        self.free = True
        return web.json_response({"Path": "locks/x"})


@pytest.fixture
def lock(server: Any) -> Lock:
    return Lock(server)


async def test_a_lease_is_taken_kept_and_given_back(lock: Lock, nomad: Nomad) -> None:
    async with VariableLease(nomad.variables, "locks/x", {"holder": "me"}, ttl=TTL) as lease:
        assert lease.held
        assert lease.variable is not None
        assert lease.variable.items == {"holder": "me"}
        await lock.renewed.wait()
        assert lease.held
    assert lock.log[0] == "lock-acquire"
    assert lock.log[-1] == "lock-release"
    assert not lease.held
    assert lease.lost.is_set()


async def test_a_held_lock_is_waited_for(lock: Lock, nomad: Nomad) -> None:
    lock.free = False
    lease = VariableLease(nomad.variables, "locks/x", ttl=TTL)
    assert not await lease.try_acquire()
    lock.refused.clear()
    waiting = asyncio.create_task(lease.acquire())
    await lock.refused.wait()
    lock.free = True
    await waiting
    assert lease.held
    await lease.release()


async def test_a_lock_taken_by_another_is_lost(lock: Lock, nomad: Nomad) -> None:
    async with VariableLease(nomad.variables, "locks/x", ttl=TTL) as lease:
        lock.free = True
        await lease.lost.wait()
        assert not lease.held
    assert "lock-release" not in lock.log


async def test_a_lock_that_cannot_be_renewed_is_lost_within_its_ttl(lock: Lock, nomad: Nomad) -> None:
    loop = asyncio.get_running_loop()
    async with VariableLease(nomad.variables, "locks/x", ttl=TTL) as lease:
        began = loop.time()
        lock.failing = True
        await lease.lost.wait()
        assert loop.time() - began < 0.2
    assert lock.log.count("lock-renew") > 1


async def test_failures_while_acquiring_are_waited_out(lock: Lock, nomad: Nomad) -> None:
    lock.failing = True
    lease = VariableLease(nomad.variables, "locks/x", ttl=TTL)
    waiting = asyncio.create_task(lease.acquire())
    await lock.refused.wait()
    lock.failing = False
    await waiting
    assert lease.held
    await lease.release()
