"""`pause`, `resume`, `reconcile` and `release`, over an operator that works in memory."""

import asyncio
import io
import json

import pytest

from operator_kit.testing import MemoryNomad, ready, running, virtual_time
from tests.nomadctl.in_memory import invoke
from tests.operator_kit.conftest import Widget, WidgetReconciler

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"


async def declared(nomad: MemoryNomad) -> None:
    """The resource, and its kind as an operator has published it, with nobody at work."""
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))


@virtual_time
async def test_a_resource_is_paused_and_goes_on() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    assert (await invoke(nomad, "pause", "widget", "one")).out == 'test/widget "one" is paused\n'
    assert nomad.items(PATH) == {"size": "1", "operator.paused": "true"}
    assert (await invoke(nomad, "pause", PATH)).out == 'test/widget "one" was paused already\n'
    assert (await invoke(nomad, "resume", "widgets", "one")).out == 'test/widget "one" goes on\n'
    assert nomad.items(PATH) == {"size": "1"}
    assert (await invoke(nomad, "resume", STATUS)).out == 'test/widget "one" was not paused\n'


@virtual_time
async def test_a_control_does_not_undo_what_another_writes_at_the_same_moment() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    raced = False

    def interfere(method: str, path: str) -> None:
        """Write just before the command does, so that its check-and-set fails."""
        nonlocal raced
        if method == "PUT" and path == f"/v1/var/{PATH}" and not raced:
            raced = True
            row = nomad.cluster.variables[PATH]
            row["Items"] = {"size": "7"}
            row["ModifyIndex"] = nomad.cluster.change(f"var/{PATH}")

    nomad.cluster.fault = interfere
    assert (await invoke(nomad, "pause", "widget", "one")).code == 0
    assert raced
    assert nomad.items(PATH) == {"size": "7", "operator.paused": "true"}


@virtual_time
async def test_names_that_mean_nothing() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    assert (await invoke(nomad, "pause", "widget", "two")).err == 'No test/widget "two" is declared\n'
    assert (await invoke(nomad, "pause", "gadget", "one")).err == 'No kind "gadget"; known kinds: test/widget\n'
    assert 'not "locks/one"' in (await invoke(nomad, "pause", "locks/one")).err


@virtual_time
async def test_a_kind_that_is_not_published_can_be_named_in_full() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/test/gadget/one", size="1")
    assert (await invoke(nomad, "pause", "test/gadget", "one")).out == 'test/gadget "one" is paused\n'


@virtual_time
async def test_reconcile_waits_until_the_status_echoes_the_token() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    command = asyncio.create_task(invoke(nomad, "reconcile", "widget", "one"))
    await asyncio.sleep(30)
    assert not command.done()
    token = (nomad.items(PATH) or {})["operator.reconcile"]
    await nomad.variables.put(STATUS, {**(nomad.items(STATUS) or {}), "lastHandledReconcile": token})
    result = await command
    assert result.code == 0
    assert result.out.splitlines()[0].split() == ["Condition", "Status", "Reason", "Message"]


@virtual_time
async def test_reconcile_tells_of_failure_by_its_exit_code() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    command = asyncio.create_task(invoke(nomad, "reconcile", "widget", "one"))
    await asyncio.sleep(1)
    condition = {
        "type": "Reconciled",
        "status": "False",
        "reason": "Bad",
        "message": "no",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    token = (nomad.items(PATH) or {})["operator.reconcile"]
    items = {**(nomad.items(STATUS) or {}), "lastHandledReconcile": token, "conditions": json.dumps([condition])}
    await nomad.variables.put(STATUS, items)
    assert (await command).code == 1


@virtual_time
async def test_reconcile_of_what_nobody_reconciles() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    result = await invoke(nomad, "reconcile", "-wait", "20", "widget", "one")
    assert (result.code, result.err) == (
        1,
        'test/widget "one" was not reconciled within 20 s; see: nomadctl why widget one\n',
    )
    await invoke(nomad, "pause", "widget", "one")
    result = await invoke(nomad, "reconcile", "-detach", "widget", "one")
    assert "is paused, so nothing will be done before: nomadctl resume widget one" in result.err
    assert result.out.strip() == (nomad.items(PATH) or {})["operator.reconcile"]


@virtual_time
async def test_release_forgets_a_deletion_and_leaves_a_trail() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    await nomad.variables.delete(PATH)
    result = await invoke(nomad, "release", "-force", "-reason", "operator removed", "widget", "one")
    assert (result.code, result.err) == (0, "")
    assert "Job widget-one   (remove it with: nomadctl job stop -purge widget-one)" in result.out
    assert nomad.items(STATUS) is None
    assert nomad.job("widget-one") is not None
    trail = nomad.items("released/test/widget/one") or {}
    assert trail["releaseReason"] == "operator removed"
    assert "@" in trail["releasedBy"]
    assert json.loads(trail["lastApplied"])["spec"]["size"] == 1


@virtual_time
async def test_release_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    await nomad.variables.delete(PATH)
    for answer, message in (("", "Nobody answered; give -force"), ("yes\n", "Cancelled")):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        result = await invoke(nomad, "release", "widget", "one")
        assert (result.code, message in result.err) == (1, True)
        assert nomad.items(STATUS) is not None
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert (await invoke(nomad, "release", "widget", "one")).code == 0
    assert nomad.items(STATUS) is None


@virtual_time
async def test_release_is_not_for_what_is_declared() -> None:
    nomad = MemoryNomad()
    await declared(nomad)
    assert "is not being deleted. Delete it first" in (await invoke(nomad, "release", "-force", "widget", "one")).err
    assert 'No test/widget "two" found' in (await invoke(nomad, "release", "-force", "widget", "two")).err
