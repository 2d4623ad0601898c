"""`why`: every cause is found, with its cure, and a resource that is well has none."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from nomad_api.client.acl import ACL
from nomad_api.errors import BadRequest, Forbidden
from nomad_api.models import ACLToken, Job, Task, TaskGroup
from nomadctl.commands.why import IN_THE_WAY
from nomadctl.diagnosis.finding import Finding
from nomadctl.diagnosis.operators import operator_findings
from operator_kit import Context, PermanentError, TemporaryError
from operator_kit.conditions import utc_now
from operator_kit.crd_store.status_items import pack, unpack
from operator_kit.process.pause import developing, set_paused
from operator_kit.status import OwnedObject, Retry
from operator_kit.status_parts import ExternalObject
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time
from tests.nomadctl.in_memory import invoke
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"


async def findings(nomad: MemoryNomad, *words: str) -> list[dict[str, Any]]:
    """What stands in the way of the resource; the text form must tell of the same."""
    words = words or ("widget", "one")
    result = await invoke(nomad, "why", "-json", *words)
    assert result.err == ""
    found: list[dict[str, Any]] = json.loads(result.out)["Findings"]
    assert result.code == (IN_THE_WAY if found else 0)
    text = (await invoke(nomad, "why", *words)).out
    assert all(f"{number}. {finding['Reason']}: {finding['Message']}" in text for number, finding in enumerate(found, 1))
    assert all(f"   → {finding['Cure']}" in text for finding in found)
    return found


async def reasons(nomad: MemoryNomad, *words: str) -> list[str]:
    return [finding["Reason"] for finding in await findings(nomad, *words)]


async def finding(nomad: MemoryNomad, reason: str) -> dict[str, Any]:
    """The finding with that reason, which must be the first."""
    first = (await findings(nomad))[0]
    assert first["Reason"] == reason
    return first


@asynccontextmanager
async def operator(nomad: MemoryNomad, act: Any = nothing) -> AsyncIterator[None]:
    """The resource, with an operator at work that has looked at it."""
    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.conditions))
        await asyncio.sleep(1)
        yield


async def with_status(nomad: MemoryNomad, **fields: Any) -> None:
    """Let the status say this, too."""
    status = unpack(Widget.Status, nomad.items(STATUS) or {})
    await nomad.variables.put(STATUS, pack(status.model_copy(update=fields)))


async def operator_gathered(nomad: MemoryNomad) -> list[Finding]:
    return [one async for one in operator_findings(nomad, "operator")]


def operator_job(id: str = "operator", **meta: str) -> Job:
    return Job(
        id=id, type="service", meta=meta, task_groups=[TaskGroup(name="g", tasks=[Task(name="main", driver="mock_driver")])]
    )


@virtual_time
async def test_nothing_stands_in_the_way_of_a_resource_that_is_well() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        result = await invoke(nomad, "why", "widget", "one")
        assert (result.code, result.out) == (0, 'test/widget "one" is ready (Reconciled); nothing stands in its way\n')


@virtual_time
@pytest.mark.parametrize("words", [("widgets", "one"), (PATH,), (STATUS,), ("test/widget", "one")])
async def test_it_is_found_by_kind_and_name_or_by_its_path(words: tuple[str, ...]) -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        assert await reasons(nomad, *words) == []


# Not declared, not published


@virtual_time
async def test_a_resource_that_is_not_declared() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        [found] = await findings(nomad, "widget", "ones")
        assert found["Reason"] == "NotDeclared"
        assert found["Message"] == 'there is no variable resources/test/widget/ones; did you mean "one"?'
        assert found["Cure"].startswith("nomadctl var put resources/test/widget/ones ")


@virtual_time
async def test_a_kind_that_no_operator_has_published() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/test/gadget/one", size="1")
    assert await reasons(nomad, "test/gadget", "one") == ["KindNotPublished", "NotSeen"]
    await nomad.declare("resources/otel/collector/edge", config="x")
    found = (await findings(nomad, "otel/collector", "edge"))[0]
    assert found["Cure"] == "nomadctl operator install otel_collector"


# The operator


@virtual_time
async def test_an_operator_that_has_no_job_and_no_process() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    found = await finding(nomad, "OperatorNotRunning")
    assert found["Message"] == 'no job runs operator "operator", neither by its label nor by its name'


@virtual_time
async def test_an_operator_that_runs_without_a_job_is_none_the_worse() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        assert not await nomad.jobs.list()
        assert await reasons(nomad) == []


@virtual_time
@pytest.mark.parametrize("job", [operator_job(), operator_job("other-name", operator="operator")])
async def test_an_operator_whose_job_is_stopped(job: Job) -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    await nomad.jobs.register(job)
    await nomad.jobs.deregister(str(job.id))
    found = await finding(nomad, "OperatorStopped")
    assert found["Message"] == f'operator "operator": job {job.id} was stopped'


@virtual_time
async def test_an_operator_that_crashes_tells_its_last_words() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    await nomad.jobs.register(operator_job())
    nomad.crash("operator", "Exit Code: 1", "Traceback\n".join(map(str, range(9))) + "\nKeyError: 'x'\n")
    found = await finding(nomad, "OperatorTaskFailing")
    assert "Exit Code: 1" in found["Message"]
    assert (found["Evidence"][-1], len(found["Evidence"])) == ("KeyError: 'x'", 5)
    assert found["Cure"].startswith("nomadctl alloc logs -stderr ")


@virtual_time
async def test_an_operator_that_runs_but_does_not_lead() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    await nomad.jobs.register(operator_job())
    nomad.make_healthy("operator")
    assert (await finding(nomad, "NoLeader"))["Message"] == 'operator "operator" runs, but none of its processes leads'


@virtual_time
async def test_where_acls_are_off_locks_are_shown_to_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    for token in (ACLToken(accessor_id="acls-disabled", type="client"), BadRequest(400, "ACL support disabled", "GET", "")):
        monkeypatch.setattr(ACL, "self", AsyncMock(side_effect=[token]))
        [found] = [one for one in (await operator_gathered(nomad)) if one.reason == "OperatorNotRunning"]
        assert "management" not in found.message


@virtual_time
async def test_where_the_token_is_not_shown_locks_nothing_is_claimed_of_them() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass

    def fault(method: str, path: str) -> None:
        if path == "/v1/acl/token/self":
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    assert "only a management token can tell" in (await finding(nomad, "OperatorNotRunning"))["Message"]
    await nomad.jobs.register(operator_job())
    nomad.make_healthy("operator")
    assert await reasons(nomad) == []


@virtual_time
async def test_an_operator_that_is_paused() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await set_paused(nomad, "operator", True, "moving house")
        found = await finding(nomad, "OperatorPaused")
        assert (found["Message"], found["Cure"]) == (
            'operator "operator" is paused: moving house',
            "nomadctl operator resume operator",
        )
        await nomad.declare("operators/operator", paused="ture")
        assert "cannot be understood" in (await finding(nomad, "OperatorPaused"))["Message"]


@virtual_time
async def test_a_developer_stands_in_the_way_only_while_his_process_does_not_lead() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    async with developing(nomad, "operator", "alice"):
        assert "developer alice has taken over" in (await finding(nomad, "OperatorDeveloped"))["Message"]
        async with running(nomad, WidgetReconciler(nothing), identity="alice"):
            await asyncio.sleep(1)
            assert await reasons(nomad) == []


@virtual_time
async def test_what_the_token_may_not_read_is_said_and_hides_nothing_else() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass

    def fault(method: str, path: str) -> None:
        if path == "/v1/jobs":
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    await nomad.declare(PATH, size="2", operator__paused="true")
    found = await findings(nomad)
    assert [one["Reason"] for one in found] == ["MayNotLook", "Paused"]
    assert found[0]["Message"] == "the token may not read the operator"


# The resource itself


@virtual_time
async def test_a_resource_that_is_paused_or_has_a_control_that_means_nothing() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    items = {"size": "1", "operator.paused": "true", "operator.deletion": "sideways"}
    await nomad.variables.put(PATH, items)
    found = {one["Reason"]: one for one in await findings(nomad)}
    assert found["Paused"]["Cure"] == "nomadctl resume widget one"
    assert "NotObserved" not in found, "nothing is to be expected of what is paused"
    assert "operator.deletion" in found["InvalidControl"]["Message"]


@virtual_time
async def test_a_spec_that_is_not_accepted_shows_every_mistake() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await nomad.declare(PATH, sise="1", size="many")
        await ready(nomad, Widget, "one", when=lambda status: status.condition("Accepted").status == "False")
        found = await finding(nomad, "NotAccepted")
        assert len(found["Evidence"]) == 2
        assert any(line.startswith("sise: ") for line in found["Evidence"])
        assert found["Cure"].startswith("nomadctl var get -out=hcl resources/test/widget/one ")


@virtual_time
async def test_a_resource_that_its_operator_has_not_seen() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    await nomad.declare("resources/test/widget/new", size="1")
    assert (await reasons(nomad, "widget", "new"))[-1] == "NotSeen"


@virtual_time
async def test_a_generation_that_waits_for_its_turn() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    before = nomad.cluster.variables[PATH]["ModifyIndex"] if PATH in nomad.cluster.variables else None
    variable = await nomad.declare(PATH, size="2")
    found = (await findings(nomad))[-1]
    assert found["Reason"] == "NotObserved"
    assert f"generation {variable.modify_index} " in found["Message"]
    assert before is None or f"the last that was is {before}" in found["Message"]


@virtual_time
async def test_a_deletion_that_does_not_come_to_its_end() -> None:
    nomad = MemoryNomad()

    async def undo(widget: Widget, ctx: Context[Widget]) -> None:
        raise TemporaryError("the disk is in use", reason="DiskBusy")

    async with running(nomad, WidgetReconciler(undo=undo)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))
        await nomad.variables.delete(PATH)
        await eventually(lambda: "DiskBusy" in (nomad.items(STATUS) or {}).get("conditions", ""))
        found = await finding(nomad, "DeletionPending")
        assert "(Job widget-one)" in found["Message"]
        assert "its last attempt failed (DiskBusy): the disk is in use" in found["Message"]
        assert found["Cure"].endswith("nomadctl release widget one")


@virtual_time
async def test_a_resource_that_was_made_anew() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        pass
    await nomad.variables.delete(PATH)
    await nomad.declare(PATH, size="1")
    assert "FormerNotFinalized" in await reasons(nomad)


@virtual_time
async def test_retries_tell_the_first_error_and_when_it_is_tried_again() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        now = utc_now()
        retry = Retry(
            attempts=3,
            since=now - timedelta(hours=1),
            next_at=now + timedelta(seconds=90),
            reason="Conflict",
            first_error="the disk is full",
            last_error="409",
        )
        await with_status(nomad, retry=retry)
        found = await finding(nomad, "Retrying")
        assert found["Message"].startswith("it failed 3 times in a row (Conflict): 409; tried again 1m")
        [first] = found["Evidence"]
        assert first.startswith("first error, 1h")
        assert first.endswith(" ago: the disk is full")
        assert found["Cure"].endswith("nomadctl reconcile widget one")
        await with_status(nomad, retry=retry.model_copy(update={"next_at": None}))
        assert (await finding(nomad, "FailedPermanently"))["Cure"].startswith("only a change helps")


@virtual_time
async def test_a_resource_that_is_stalled() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        raise PermanentError("no such region", reason="NoRegion")

    async with operator(nomad, act):
        found = (await findings(nomad))[0]
        assert found["Reason"] in ("Stalled", "FailedPermanently")
        assert "no such region" in found["Message"]


@virtual_time
async def test_a_creation_whose_outcome_nobody_knows() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await with_status(
            nomad, external={"account": ExternalObject(state="unknown", time=utc_now(), message="connection reset")}
        )
        found = await finding(nomad, "ExternalOutcomeUnknown")
        assert found["Message"] == 'nobody knows whether "account" was created outside of Nomad: connection reset'
        assert "operator.external.account=<id>, or =absent" in found["Cure"]


@virtual_time
async def test_what_only_the_operator_can_say() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        ctx.set_condition("Ready", False, "WaitingForMoon", "it is not full")

    async with operator(nomad, act):
        found = await finding(nomad, "NotReady")
        assert found["Message"] == "its operator says of it: WaitingForMoon, it is not full"


# What it owns


@virtual_time
async def test_an_owned_job_that_fails_tells_its_last_words() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))
        nomad.crash("widget-one", "Exit Code: 2", "bang\n")
        found = await finding(nomad, "TaskFailing")
        assert found["Evidence"] == ["bang"]
        assert "Exit Code: 2" in found["Message"]


@virtual_time
async def test_an_owned_job_that_is_on_its_way_is_named_until_it_is_there() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))
        assert "0 of 1 allocations healthy" in (await finding(nomad, "JobProgressing"))["Message"]
        nomad.make_healthy("widget-one")
        await ready(nomad, Widget, "one")
        assert await reasons(nomad) == []


@virtual_time
async def test_an_owned_job_whose_deployment_failed() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))
        nomad.fail_deployment("widget-one")
        found = [one for one in await findings(nomad) if one["Reason"] == "DeploymentFailed"]
        assert "Failed due to progress deadline" in found[0]["Message"]


@virtual_time
async def test_an_owned_job_that_cannot_be_placed_tells_what_is_in_its_way() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await nomad.jobs.register(operator_job("big"))
        for evaluation in nomad.cluster.evaluations.values():
            metric = {"NodesEvaluated": 2, "NodesExhausted": 2, "DimensionExhausted": {"memory": 2}}
            evaluation.update({"Status": "blocked", "FailedTGAllocs": {"g": metric}})
        await with_status(nomad, owned=[OwnedObject(id="big")])
        found = await finding(nomad, "NotPlaced")
        assert found["Message"] == "job big: group g cannot be placed: memory exhausted on 2 nodes"
        assert found["Cure"].startswith("make room")


@virtual_time
async def test_an_owned_job_that_somebody_removed_or_stopped() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await with_status(nomad, owned=[OwnedObject(id="gone")])
        assert (await finding(nomad, "JobMissing"))["Cure"] == "nomadctl reconcile widget one"
        await nomad.jobs.register(operator_job("gone"))
        await nomad.jobs.deregister("gone")
        assert (await finding(nomad, "JobStopped"))["Cure"] == "nomadctl reconcile widget one"


@virtual_time
async def test_a_resource_that_it_made_and_waits_for() -> None:
    nomad = MemoryNomad()
    async with operator(nomad):
        await with_status(nomad, owned=[OwnedObject(kind="resources/test/gadget", id="part")])
        found = await finding(nomad, "DependentNotReady")
        assert found["Message"] == "it waits for resources/test/gadget/part: it does not exist"
        assert found["Cure"] == "nomadctl why resources/test/gadget/part"
