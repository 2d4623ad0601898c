"""The life of a resource: accepted, reconciled, finalized; what goes wrong is told, and harms nobody else."""

import asyncio
import itertools
import string
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from nomad_api.errors import Unreachable
from operator_kit import Context, PermanentError, Reconciler, Resource, ResourceStatus, Result, TemporaryError
from operator_kit.testing import Faults, MemoryNomad, eventually, ready, running, status_of, virtual_time
from operator_kit.testing.faults import Fault, Stale
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, apply_and_report, nothing, widget_job

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"


def condition(nomad: MemoryNomad, type: str, name: str = "one") -> tuple[str, str, str]:
    status = status_of(nomad, Widget, name)
    assert status is not None
    found = status.condition(type)
    return found.status, found.reason, found.message


def writes(nomad: MemoryNomad) -> list[tuple[str, str]]:
    """Every request that changed something, but for the lock."""
    return [(method, path) for method, path in nomad.cluster.requests if method != "GET" and "locks" not in path]


@virtual_time
async def test_a_resource_is_reconciled_and_its_status_tells_so(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2", labels__team="core")
        status = await ready(nomad, Widget, "one")
    variable = nomad.cluster.variables[PATH]
    assert (status.uid, status.observed_generation, status.seen) == (variable["CreateIndex"], variable["ModifyIndex"], 2)
    assert status.last_applied is not None
    assert status.last_applied.spec == {"size": 2, "text": ""}
    assert status.last_applied.labels == {"team": "core"}
    assert [entry.id for entry in status.owned] == ["widget-one"]
    assert {entry.type: entry.status for entry in status.conditions} == {
        "Accepted": "True",
        "Reconciled": "True",
        "Ready": "True",
    }
    assert [(event.reason, event.count) for event in status.events] == [("JobCreated", 1)]


@virtual_time
async def test_the_spec_is_remembered_before_anything_is_done_for_it(nomad: MemoryNomad) -> None:
    remembered: list[dict[str, Any]] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.last_applied is not None
        remembered.append(status.last_applied.spec)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
    assert [spec["size"] for spec in remembered] == [1, 2]


class Onlooker(Reconciler[Widget]):
    """Owns nothing and has nothing to undo."""

    async def reconcile(self, widget: Widget, ctx: Context[Widget]) -> None:
        widget.status.seen = widget.spec.size


@virtual_time
async def test_where_nothing_can_have_to_be_undone_the_spec_is_remembered_with_the_outcome(nomad: MemoryNomad) -> None:
    async with running(nomad, Onlooker()):
        for size in (1, 2):
            nomad.cluster.requests.clear()
            await nomad.declare(PATH, size=str(size))
            status = await ready(nomad, Widget, "one")
            assert status.last_applied is not None
            assert (status.seen, status.last_applied.spec["size"]) == (size, size)
            assert writes(nomad).count(("PUT", f"/v1/var/{STATUS}")) == 1
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)


@virtual_time
async def test_a_spec_too_large_to_be_remembered_is_refused_before_anything_is_done(nomad: MemoryNomad) -> None:
    text = "".join(Random(1).choices(string.printable, k=60_000))
    async with running(nomad, Onlooker()):
        await nomad.declare(PATH, size="1", text=text)
        await eventually(lambda: nomad.items(STATUS) is not None)
    assert condition(nomad, "Accepted")[:2] == ("False", "SpecTooLarge")
    status = status_of(nomad, Widget, "one")
    assert status is not None
    assert status.seen == 0


@virtual_time
async def test_a_success_that_says_nothing_is_ready(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(nothing)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    assert condition(nomad, "Ready") == ("True", "Reconciled", "")


@virtual_time
async def test_a_reconcile_with_nothing_to_do_writes_nothing_and_reads_little(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler(nothing)
    async with running(nomad, reconciler) as manager:
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(1)
        before, calls = len(nomad.cluster.requests), len(reconciler.calls)
        for _ in range(10):
            manager.controllers[0].look_at_all()
            await asyncio.sleep(0.01)
        assert len(reconciler.calls) == calls + 10
        assert len(nomad.cluster.requests) == before


@virtual_time
async def test_the_echo_of_an_own_status_write_is_not_a_change(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler(nothing)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(120)
    assert reconciler.calls == ["reconcile one"]


@virtual_time
async def test_a_status_changed_by_another_is_put_right(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        tampered = {**(nomad.items(STATUS) or {}), "seen": "77"}
        await nomad.variables.put(STATUS, tampered)
        await eventually(lambda: (nomad.items(STATUS) or {}).get("seen") == "1")
        await nomad.variables.delete(STATUS)
        await ready(nomad, Widget, "one")
    assert nomad.job("widget-one")


@virtual_time
async def test_an_invalid_spec_is_told_and_its_neighbour_is_undisturbed(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="big", sizze="3")
        await nomad.declare("resources/test/widget/two", size="1")
        await ready(nomad, Widget, "two")
        await eventually(lambda: nomad.items(STATUS) is not None)
        status, reason, message = condition(nomad, "Accepted")
        assert (status, reason) == ("False", "InvalidSpec")
        assert "sizze: unknown key; did you mean size?" in message
        assert "size: input should be a valid integer" in message
        assert condition(nomad, "Ready")[:2] == ("Unknown", "NotAccepted")
        assert "reconcile one" not in reconciler.calls
        await nomad.declare(PATH, size="3")
        await ready(nomad, Widget, "one")
    assert condition(nomad, "Accepted")[:2] == ("True", "Valid")


@virtual_time
async def test_an_invalid_change_leaves_what_is_there_alone(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2")
        first = await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="-1")
        await eventually(lambda: condition(nomad, "Accepted")[0] == "False")
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.last_applied == first.last_applied
        assert status.observed_generation == first.observed_generation
        assert condition(nomad, "Ready")[0] == "True"
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.job("widget-one") is None


@virtual_time
async def test_an_invalid_resource_that_goes_leaves_nothing(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="x")
        await eventually(lambda: nomad.items(STATUS) is not None)
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert reconciler.calls == []


@virtual_time
async def test_a_spec_too_large_to_be_remembered_is_refused(nomad: MemoryNomad) -> None:
    noise = "".join(Random(1).choices(string.printable[:94], k=65_500))
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, text=noise)
        await eventually(lambda: nomad.items(STATUS) is not None)
    assert condition(nomad, "Accepted")[:2] == ("False", "SpecTooLarge")
    assert reconciler.calls == []


@virtual_time
async def test_a_temporary_error_is_retried_after_its_delay(nomad: MemoryNomad) -> None:
    times: list[float] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 3:
            raise TemporaryError("the disk is not there yet", 30, reason="NoDisk")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: len(times) == 1)
        await asyncio.sleep(1)
        assert condition(nomad, "Reconciled") == ("False", "NoDisk", "the disk is not there yet")
        await ready(nomad, Widget, "one", within=100)
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([30, 30], abs=0.01)
    assert condition(nomad, "Reconciled")[0] == "True"


@virtual_time
async def test_unexpected_errors_are_retried_for_ever_with_growing_pauses(nomad: MemoryNomad) -> None:
    times: list[float] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        times.append(asyncio.get_running_loop().time())
        raise ZeroDivisionError("oops")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(3_000)
        assert condition(nomad, "Reconciled") == ("False", "InternalError", "ZeroDivisionError: oops")
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(pauses) > 12
    assert pauses[0] < 0.2
    assert max(pauses) <= 300.1
    assert pauses[-1] >= 150


@virtual_time
async def test_the_record_of_retries_goes_with_the_retries() -> None:
    async def fail(widget: Widget, ctx: Context[Widget]) -> Result | None:
        raise TemporaryError("not today")

    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(fail)) as manager:
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.retry is not None)
        for _ in range(30):
            await asyncio.sleep(7)
            queue = manager.controllers[0].shards[0].queue
            status = status_of(nomad, Widget, "one")
            assert status is not None
            retry = status.retry
            assert retry is not None
            assert retry.attempts == queue.failures("one")
            assert retry.next_at is not None
            assert abs((retry.next_at - loop_time()).total_seconds() - (queue.next_due() or 0)) <= 2


@virtual_time
async def test_a_permanent_error_waits_for_the_spec_to_change(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        if widget.spec.size == 1:
            raise PermanentError("there is no size 1", reason="NoSuchSize")

    reconciler.act = act
    async with running(nomad, reconciler) as manager:
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(3_600)
        manager.controllers[0].look_at_all()
        await asyncio.sleep(1)
        assert reconciler.calls == ["reconcile one"]
        assert condition(nomad, "Stalled") == ("True", "NoSuchSize", "there is no size 1")
        await nomad.declare(PATH, size="2")
        status = await ready(nomad, Widget, "one")
    assert "Stalled" not in {entry.type for entry in status.conditions}


@virtual_time
async def test_a_reconcile_that_takes_too_long_is_cancelled_and_told(nomad: MemoryNomad) -> None:
    calls = 0

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(10_000)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(20.05)
        assert condition(nomad, "Stalled") == ("True", "Timeout", "it took longer than 20 seconds")
        status = await ready(nomad, Widget, "one")
    assert "Stalled" not in {entry.type for entry in status.conditions}


@virtual_time
async def test_an_authors_own_timeout_is_an_ordinary_failure(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(5)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(1.5)
        assert condition(nomad, "Reconciled")[:2] == ("False", "TimeoutError")
        assert condition(nomad, "Stalled")[0] == "Unknown"


@virtual_time
async def test_a_result_asks_for_another_look(nomad: MemoryNomad) -> None:
    times: list[float] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> Result:
        times.append(asyncio.get_running_loop().time())
        return Result(requeue_after=60)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(601)
    assert 10 <= len(times) <= 11


@virtual_time
async def test_a_resync_looks_though_nothing_happened(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler(nothing)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(3_600)
    assert 6 <= len(reconciler.calls) <= 8


@virtual_time
async def test_a_purged_resource_is_finalized_from_its_last_applied_spec(nomad: MemoryNomad) -> None:
    seen: list[tuple[int, str, dict[str, str], bool]] = []

    async def undo(widget: Widget, ctx: Context[Widget]) -> None:
        seen.append((widget.spec.size, widget.name, widget.labels, nomad.job("widget-one") is not None))

    async with running(nomad, WidgetReconciler(undo=undo)):
        await nomad.declare(PATH, size="3", labels__a="b")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert seen == [(3, "one", {"a": "b"}, True)]
    assert nomad.job("widget-one") is None


@virtual_time
async def test_a_purge_while_the_operator_is_down_is_carried_out_when_it_is_back(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    await nomad.variables.delete(PATH)
    await asyncio.sleep(1_000)
    assert nomad.job("widget-one")
    async with running(nomad, reconciler):
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.job("widget-one") is None
    assert reconciler.calls[-1] == "finalize one"


@virtual_time
async def test_a_finalizer_is_tried_until_it_succeeds_also_when_it_asks_for_time(nomad: MemoryNomad) -> None:
    tries = 0

    async def undo(widget: Widget, ctx: Context[Widget]) -> Result | None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise PermanentError("the lock is stuck")
        if tries == 2:
            return Result(requeue_after=5)
        return None

    async with running(nomad, WidgetReconciler(undo=undo)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: tries == 1)
        await eventually(lambda: condition(nomad, "Reconciled")[2] == "the lock is stuck")
        assert nomad.job("widget-one")
        await eventually(lambda: nomad.items(STATUS) is None)
    assert tries == 3
    assert nomad.job("widget-one") is None


@virtual_time
async def test_a_resource_that_is_merely_hidden_from_the_list_is_not_finalized(nomad: MemoryNomad) -> None:
    """Nomad leaves out of a list, without an error, what an access policy does not allow to see."""
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    nomad.cluster.hidden = "resources/"
    async with running(nomad, reconciler):
        await asyncio.sleep(100)
        assert "finalize one" not in reconciler.calls
        nomad.cluster.hidden = ""
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one", within=400)
    assert "finalize one" not in reconciler.calls


@virtual_time
async def test_a_resource_made_anew_waits_until_the_old_one_is_finalized(nomad: MemoryNomad) -> None:
    order: list[str] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        order.append(f"make {widget.spec.size} of {widget.uid}")
        return await apply_and_report(widget, ctx)

    async def undo(widget: Widget, ctx: Context[Widget]) -> Result | None:
        order.append(f"undo {widget.spec.size} of {widget.uid}")
        return None

    reconciler = WidgetReconciler(act, undo)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        old = await ready(nomad, Widget, "one")
    await nomad.variables.delete(PATH)
    await nomad.declare(PATH, size="2")
    del order[:-1]
    async with running(nomad, reconciler):
        new = await ready(nomad, Widget, "one")
    assert order[:3] == [f"make 1 of {old.uid}", f"undo 1 of {old.uid}", f"make 2 of {new.uid}"]
    assert old.uid != new.uid


@virtual_time
async def test_one_who_knows_a_resource_only_as_it_was_before_undoes_nothing_of_the_present_one(
    nomad: MemoryNomad, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler = WidgetReconciler()
    await nomad.declare(PATH, size="1")
    async with running(nomad, reconciler) as manager:
        old = await ready(nomad, Widget, "one")
        informer = manager.controllers[0].store.resources  # type: ignore[union-attr]
        known = informer.get("one")
        await nomad.variables.delete(PATH)
        await nomad.declare(PATH, size="2")
        await eventually(lambda: (status_of(nomad, Widget, "one") or old).uid != old.uid)
        await ready(nomad, Widget, "one")
        reconciler.calls.clear()

        async def as_it_was(name: str) -> Any:
            monkeypatch.undo()
            return known

        monkeypatch.setattr(informer, "read", as_it_was)
        manager.controllers[0].add("one")
        await asyncio.sleep(10)
        assert set(reconciler.calls) == {"reconcile one"}


@virtual_time
async def test_a_last_applied_spec_that_no_longer_fits_the_kind_is_not_forgotten(nomad: MemoryNomad) -> None:
    await nomad.variables.put(STATUS, {"uid": "5", "lastApplied": '{"generation": 5, "labels": {}, "spec": {"width": 4}}'})
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await asyncio.sleep(100)
        assert nomad.items(STATUS)
    assert reconciler.calls == []


@virtual_time
async def test_an_unreadable_status_is_written_anew(nomad: MemoryNomad) -> None:
    await nomad.variables.put(STATUS, {"conditions": "none of your business", "nonsense": "1", "seen": "3"})
    await nomad.declare(PATH, size="1")
    async with running(nomad, WidgetReconciler()):
        status = await ready(nomad, Widget, "one")
    assert status.seen == 1
    assert "nonsense" not in (nomad.items(STATUS) or {})


@virtual_time
async def test_many_resources_are_reconciled_each_in_one_hand_at_a_time(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await asyncio.sleep(0.1)

    reconciler = WidgetReconciler(act)
    async with running(nomad, reconciler) as manager:
        for number in range(50):
            await nomad.declare(f"resources/test/widget/w{number}", size="1")
        for _ in range(20):
            manager.controllers[0].look_at_all()
            await asyncio.sleep(0.03)
        for number in range(50):
            await ready(nomad, Widget, f"w{number}")
    assert reconciler.in_two_hands == []


@virtual_time
async def test_a_name_may_have_slashes_and_a_nameless_variable_is_nobody(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(nothing)):
        await nomad.declare("resources/test/widget/", size="1")
        await nomad.declare("resources/test/widget/team/a", size="1")
        await ready(nomad, Widget, "team/a")
    assert [path for path in nomad.cluster.variables if path.startswith("status/")] == ["status/test/widget/team/a"]


# What people ask of one resource


@virtual_time
async def test_a_paused_resource_is_left_alone_and_its_status_says_so(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        before = await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2", operator__paused="true")
        await eventually(lambda: condition(nomad, "Paused")[:2] == ("True", "PausedByUser"))
        calls = len(reconciler.calls)
        await nomad.jobs.deregister("widget-one")
        await asyncio.sleep(3_600)
        assert len(reconciler.calls) == calls
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert (status.observed_generation, status.last_applied) == (before.observed_generation, before.last_applied)
        await nomad.declare(PATH, size="2")
        after = await ready(nomad, Widget, "one")
    assert "Paused" not in {entry.type for entry in after.conditions}
    assert after.seen == 2


@virtual_time
async def test_a_resource_that_is_paused_from_the_start_is_not_even_accepted(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="nonsense", operator__paused="true")
        await eventually(lambda: nomad.items(STATUS) is not None)
        await asyncio.sleep(1_000)
        assert condition(nomad, "Paused")[0] == "True"
        assert condition(nomad, "Accepted")[0] == "Unknown"
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert reconciler.calls == []


@virtual_time
async def test_a_paused_resource_that_is_purged_is_finalized_all_the_same(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="1", operator__paused="true")
        await eventually(lambda: condition(nomad, "Paused")[0] == "True")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert reconciler.calls[-1] == "finalize one"
    assert nomad.job("widget-one") is None


@virtual_time
async def test_a_pause_ends_the_retries_and_they_begin_anew_after_it(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise TemporaryError("later", 10)

    reconciler = WidgetReconciler(act)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.retry is not None and status.retry.attempts == 3)
        await nomad.declare(PATH, size="1", operator__paused="true")
        await eventually(lambda: condition(nomad, "Paused")[0] == "True")
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.retry is None
        calls = len(reconciler.calls)
        await asyncio.sleep(1_000)
        assert len(reconciler.calls) == calls
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.retry is not None and status.retry.attempts == 1)


@virtual_time
async def test_a_token_asks_for_a_reconcile_and_the_status_echoes_it(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler(nothing)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        for token in ("first", "second"):
            calls = len(reconciler.calls)
            await nomad.declare(PATH, size="1", operator__reconcile=token)
            await ready(nomad, Widget, "one", when=lambda status, token=token: status.last_handled_reconcile == token)
            assert len(reconciler.calls) == calls + 1
        await asyncio.sleep(300)
        assert len(reconciler.calls) == calls + 1
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.last_handled_reconcile == "")


@virtual_time
async def test_a_token_makes_a_halted_resource_be_tried_again(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        if not repaired:
            raise PermanentError("the account is closed")

    repaired = False
    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(1)
        assert condition(nomad, "Stalled")[0] == "True"
        repaired = True
        await asyncio.sleep(3_600)
        assert condition(nomad, "Stalled")[0] == "True"
        await nomad.declare(PATH, size="1", operator__reconcile="now")
        status = await ready(nomad, Widget, "one")
    assert status.last_handled_reconcile == "now"


@virtual_time
async def test_a_token_is_echoed_for_what_fails_and_for_what_is_not_accepted(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise TemporaryError("later", 1_000)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1", operator__reconcile="a")
        await ready(nomad, Widget, "one", when=lambda status: status.last_handled_reconcile == "a")
        await nomad.declare(PATH, size="x", operator__reconcile="b")
        await ready(nomad, Widget, "one", when=lambda status: status.last_handled_reconcile == "b")


@virtual_time
@pytest.mark.parametrize(
    ("control", "value", "message"),
    [
        ("operator__paused", "ture", "operator.paused: "),
        ("operator__pausd", "true", "operator.pausd: unknown key; did you mean operator.paused?"),
        ("operator__deletion", "later", "operator.deletion: "),
    ],
)
async def test_a_wrong_control_is_told_like_a_wrong_spec(nomad: MemoryNomad, control: str, value: str, message: str) -> None:
    reconciler = WidgetReconciler(nothing)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1", **{control: value})
        await eventually(lambda: nomad.items(STATUS) is not None)
        assert condition(nomad, "Accepted")[:2] == ("False", "InvalidSpec")
        assert message in condition(nomad, "Accepted")[2]
        assert reconciler.calls == []
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")


# Retries


@virtual_time
async def test_the_first_and_the_last_error_are_kept_and_success_forgets_them(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        number = len(reconciler.calls)
        if number < 4:
            raise TemporaryError(f"error {number}", 20, reason=f"Reason{number}")

    reconciler = WidgetReconciler(act)
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one", when=lambda status: status.retry is not None and status.retry.attempts == 3)
        retry = status.retry
        assert retry is not None
        assert (retry.first_error, retry.last_error, retry.reason) == ("error 1", "error 3", "Reason3")
        assert retry.next_at is not None
        assert (retry.next_at - retry.since).total_seconds() == pytest.approx(60, abs=2)
        assert (await ready(nomad, Widget, "one")).retry is None


@virtual_time
async def test_a_failure_that_an_event_has_caused_within_the_pause_does_not_count(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise TemporaryError("later", 100)

    reconciler = WidgetReconciler(act)
    async with running(nomad, reconciler) as manager:
        await nomad.declare(PATH, size="1")
        first = await ready(nomad, Widget, "one", when=lambda status: status.retry is not None)
        assert first.retry is not None
        await asyncio.sleep(1)
        before = nomad.cluster.variables[STATUS]["ModifyIndex"]
        for _ in range(10):
            manager.controllers[0].add("one", reason="a busy neighbour")
            await asyncio.sleep(2.3)
        assert len(reconciler.calls) >= 11
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.retry == first.retry
        assert nomad.cluster.variables[STATUS]["ModifyIndex"] == before, "what changes nothing is not written"


@virtual_time
async def test_a_permanent_error_says_that_nothing_more_is_tried(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise PermanentError("there is no size 1", reason="NoSuchSize")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one", when=lambda status: status.retry is not None)
    assert status.retry is not None
    assert (status.retry.attempts, status.retry.next_at, status.retry.reason) == (1, None, "NoSuchSize")


@virtual_time
async def test_the_record_of_retries_outlives_the_process(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise TemporaryError("later", 10)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.retry is not None and status.retry.attempts == 2)
    async with running(nomad, WidgetReconciler(act)):
        status = await ready(nomad, Widget, "one", when=lambda status: status.retry is not None and status.retry.attempts == 4)
    assert status.retry is not None
    assert (status.retry.next_at or loop_time()) > status.retry.since


# Own writes are seen, and foreign ones are not hidden


def lagging() -> Faults:
    """Lists and events come three seconds late."""

    def choose(number: int, method: str, path: str) -> Fault | None:
        return Stale(3) if method == "GET" and path in ("/v1/vars", "/v1/jobs") else None

    return Faults(choose, lambda line: ((3.0, line),))


@virtual_time
async def test_the_next_look_sees_what_this_one_wrote_though_lists_and_events_lag() -> None:
    nomad = MemoryNomad(faults=lagging())
    seen: list[tuple[int, bool, int | None]] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> Result:
        index = None
        if seen:
            (job,) = await ctx.owned_jobs()
            index = job.version
        seen.append((widget.status.seen, bool(widget.status.owned), index))
        widget.status.seen = len(seen)
        await ctx.apply(widget_job(widget))
        return Result(requeue_after=0.1)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: len(seen) >= 20)
    assert seen[:20] == [(0, False, None), *((number, True, 0) for number in range(1, 20))]
    assert nomad.cluster.requests.count(("PUT", "/v1/jobs")) == 1


@virtual_time
@pytest.mark.parametrize("late", [False, True])
async def test_a_foreign_write_right_after_an_own_one_is_not_taken_for_its_echo(late: bool) -> None:
    nomad = MemoryNomad(faults=lagging() if late else None)
    other = MemoryNomad(cluster=nomad.cluster)

    async def tamper() -> None:
        """As soon as the operator has written its status, another writes it once more."""
        await eventually(lambda: (nomad.items(STATUS) or {}).get("seen") == "1", every=0.001)
        await other.variables.put(STATUS, {**(nomad.items(STATUS) or {}), "seen": "77"})

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        widget.status.seen = 1
        await asyncio.sleep(0.1)

    async with running(nomad, WidgetReconciler(act)):
        tampering = asyncio.create_task(tamper())
        await nomad.declare(PATH, size="1")
        await asyncio.wait_for(tampering, 60)
        assert (nomad.items(STATUS) or {})["seen"] == "77"
        await eventually(lambda: (nomad.items(STATUS) or {})["seen"] == "1", within=15)


@virtual_time
async def test_a_spec_written_while_it_is_reconciled_is_reconciled_again(nomad: MemoryNomad) -> None:
    sizes: list[int] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        sizes.append(widget.spec.size)
        await asyncio.sleep(5)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: sizes == [1])
        for size in range(2, 6):
            await nomad.declare(PATH, size=str(size))
        await ready(nomad, Widget, "one")
    assert sizes == [1, 5]


class Older(Resource, group="test", kind="widget"):
    """The same kind in an earlier version of its operator."""

    class Spec(BaseModel):
        size: int = 1

    class Status(ResourceStatus):
        forgotten: str = "x"


def test_a_status_of_another_version_is_read_as_far_as_it_goes() -> None:
    from operator_kit.crd_store.status_items import pack, unpack

    items = pack(Older.Status(uid=4, forgotten="y"))
    assert unpack(Widget.Status, items) == Widget.Status(uid=4)


def test_a_widgets_job_is_the_same_each_time() -> None:
    widget = Widget("a", Widget.Spec())
    assert widget_job(widget) == widget_job(widget)


@virtual_time
async def test_what_a_reconcile_did_after_another_leader_had_finalized_it_is_undone(nomad: MemoryNomad) -> None:
    outside: set[str] = set()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        # Another process leads too, and carries a deletion out while this one is on its way.
        await nomad.variables.delete("resources/test/widget/one")
        await nomad.variables.delete("status/test/widget/one")
        outside.add(widget.name)

    async def undo(widget: Widget, ctx: Context[Widget]) -> None:
        outside.discard(widget.name)

    reconciler = WidgetReconciler(act, undo)
    async with running(nomad, reconciler):
        await nomad.declare("resources/test/widget/one", size="1")
        await eventually(lambda: "finalize one" in reconciler.calls)
        assert reconciler.calls == ["reconcile one", "finalize one"]
        await eventually(lambda: not outside)
        assert nomad.items("status/test/widget/one") is None


@virtual_time
async def test_what_is_to_be_undone_for_a_finalized_resource_is_not_forgotten_when_the_server_fails(nomad: MemoryNomad) -> None:
    path = "resources/test/widget/one"
    outside: set[str] = set()
    refused: list[str] = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await nomad.variables.delete(path)
        await nomad.variables.delete("status/test/widget/one")
        outside.add(widget.name)
        nomad.cluster.fault = fault

    def fault(method: str, requested: str) -> None:
        if requested == f"/v1/var/{path}" and len(refused) < 2:
            refused.append(requested)
            raise Unreachable("broken off")

    async def undo(widget: Widget, ctx: Context[Widget]) -> None:
        outside.discard(widget.name)

    reconciler = WidgetReconciler(act, undo)
    async with running(nomad, reconciler):
        await nomad.declare(path, size="1")
        await eventually(lambda: "finalize one" in reconciler.calls and not outside)
    assert len(refused) == 2
