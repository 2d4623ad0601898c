"""A collector, from the variable to the span that comes out, with real software in every part."""

import asyncio

import aiohttp
import pytest

from tests.end_to_end.conftest import PATIENCE, User

CONFIG = """\
receivers: {otlp: {protocols: {grpc: {}, http: {}}}}
processors: {batch: {timeout: %s}}
exporters: {debug: {verbosity: detailed}}
service: {pipelines: {traces: {receivers: [%s], processors: [batch], exporters: [debug]}}}
"""
GOOD, OTHER, DANGLING = CONFIG % ("50ms", "otlp"), CONFIG % ("100ms", "otlp"), CONFIG % ("50ms", "nope")
FAILING = CONFIG.replace("verbosity", "verbostiy") % ("50ms", "otlp")
"""Only the collector itself knows that this setting does not exist."""

pytestmark = pytest.mark.timeout(180)


async def send_span(address: str, name: str) -> None:
    """One span, by OTLP/HTTP."""
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": name, "kind": 1}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    async with aiohttp.ClientSession() as session, session.post(f"http://{address}/v1/traces", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def until_logged(user: User, instance: str, text: str) -> None:
    """Wait until the collector has written a text to its log."""
    seen = b""
    async with asyncio.timeout(PATIENCE):
        async for piece in user.nomad.allocations.logs(instance, "collector", stderr=True, follow=True):
            seen += piece
            if text.encode() in seen:
                return


async def test_a_collector_is_declared_used_changed_and_purged(user: User, name: str, binary: str) -> None:
    await user.declare(name, driver="raw_exec", binary=binary, config=GOOD, update__min_healthy_time="1s")
    status = await user.ready(name)
    assert status.ready_replicas == "1/1"
    addresses = {endpoint.name: endpoint.address for endpoint in status.endpoints}
    assert list(addresses) == ["otlp-grpc", "otlp-http", "health-check", "metrics"]
    [first] = await user.instances(name)
    await send_span(addresses["otlp-http"], "span-before")
    await until_logged(user, first, "span-before")
    assert name in await user.run("get", "collector")
    assert "WantedConfigRuns" in await user.run("describe", "collector", name)

    await user.declare(name, driver="raw_exec", binary=binary, config=OTHER, update__min_healthy_time="1s")
    changed = await user.ready(name)
    assert changed.config_hash != status.config_hash
    [second] = await user.instances(name)
    assert second != first
    [address] = [endpoint.address for endpoint in changed.endpoints if endpoint.name == "otlp-http"]
    await send_span(address, "span-after")
    await until_logged(user, second, "span-after")

    await user.purge(name)
    await user.gone(name)
    with pytest.raises(aiohttp.ClientConnectionError):
        await send_span(address, "too late")


async def test_mistakes_are_told_and_disturb_nobody(user: User, name: str, binary: str) -> None:
    neighbour = f"{name}-b"
    await user.declare(name, driver="raw_exec", binary=binary, config=DANGLING)
    await user.declare(neighbour, driver="raw_exec", binary=binary, config=GOOD, mode="daemonset")
    dangling = await user.status(name, lambda status: status.condition("ConfigValid").status == "False")
    assert '"nope" is not declared' in dangling.condition("ConfigValid").message
    await user.ready(neighbour)
    assert not await user.has_job(name)

    await user.declare(name, driver="raw_exec", binary=binary, config=FAILING)
    await user.status(name, lambda status: "verbostiy" in status.condition("Degraded").message)


async def test_what_happens_while_the_operator_is_killed_is_made_good(user: User, name: str, binary: str) -> None:
    gone, changed = f"{name}-a", f"{name}-b"
    for one in (gone, changed):
        await user.declare(one, driver="raw_exec", binary=binary, config=GOOD)
    for one in (gone, changed):
        await user.ready(one)
    [operator] = [one.id for one in await user.nomad.jobs.allocations("otel_collector") if one.client_status == "running"]
    await user.run("alloc", "signal", "-s", "SIGKILL", operator)
    await user.purge(gone)
    await user.declare(changed, driver="raw_exec", binary=binary, config=OTHER)
    before = await user.instances(changed)
    await user.gone(gone)
    await user.ready(changed)
    assert len(await user.instances(changed)) == 1
    assert await user.instances(changed) != before


async def test_a_collector_runs_as_a_container(user: User, name: str, image: str) -> None:
    await user.declare(name, image=image, config=GOOD, replicas="2", update__min_healthy_time="1s")
    status = await user.ready(name)
    assert (status.ready_replicas, status.version) == ("2/2", image.rpartition(":")[2])
    addresses = [endpoint.address for endpoint in status.endpoints if endpoint.name == "otlp-http"]
    assert len(set(addresses)) == 2
    for address in addresses:
        await send_span(address, "span-of-a-container")
    for instance in await user.instances(name):
        await until_logged(user, instance, "span-of-a-container")
    await user.purge(name)
    await user.gone(name)
