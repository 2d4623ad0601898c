"""Objects of every kind are made, kept in line, shared and told apart by their owners."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from nomad_api.models import ACLPolicy, CSIVolume, HostVolume, Namespace, NodePool, ServiceRegistration, Variable
from operator_kit import Context, Resource, Result
from operator_kit.apply.kinds import kind_named, kind_of
from operator_kit.controls import Controls
from operator_kit.engine.result import PermanentError
from operator_kit.ownership import OWNER, OWNER_NAMESPACE, OWNER_UID
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from operator_kit.testing.variables import rewrite
from tests.operator_kit.conftest import Widget, WidgetReconciler, widget_job

ONE = "resources/test/widget/one"
TWO = "resources/test/widget/two"

Wish = Any


class Gadget(Resource, group="test", kind="gadget"):
    class Spec(BaseModel):
        size: int = 1
        tags: list[str] = []
        colour: str = "red"


def applying(*wishes: Wish, **options: bool) -> Callable[[Widget, Context[Widget]], Awaitable[Result | None]]:
    """Applies the same wishes at each look."""

    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        for wish in wishes:
            await ctx.apply(wish, **options)
        return None

    return act


def told(nomad: MemoryNomad, name: str = "one") -> tuple[str, str]:
    """Reason and message of the last reconcile."""
    status = status_of(nomad, Widget, name)
    assert status is not None
    return status.condition("Reconciled").reason, status.condition("Reconciled").message


def events(nomad: MemoryNomad, name: str = "one") -> list[str]:
    status = status_of(nomad, Widget, name)
    assert status is not None
    return [event.reason for event in status.events]


def writes(nomad: MemoryNomad, path: str) -> int:
    return sum(method != "GET" and where == path for method, where in nomad.cluster.requests)


async def look_again(manager: Any) -> None:
    manager.controllers[0].look_at_all()
    await asyncio.sleep(1)


WISHES = [
    Variable(path="config/one", items={"url": "http://x"}),
    Namespace(name="team", description="ours", meta={"cost": "7"}),
    NodePool(name="gpu", description="ours", meta={"cost": "7"}),
    ACLPolicy(name="reader", description="ours", rules='namespace "default" { policy = "read" }'),
    HostVolume(name="data", requested_capacity_max_bytes=5),
    CSIVolume(id="db", name="db", plugin_id="ebs", external_id="vol-1", secrets={"key": "s"}),
    Gadget("g", Gadget.Spec(size=3, tags=["a"]), labels={"team": "core"}),
]


def path_of(wish: Wish) -> str:
    kind, id = kind_of(type(wish)), kind_of(type(wish)).id_of(wish)
    return f"{kind.name} {id}"


@pytest.mark.parametrize("wish", WISHES, ids=path_of)
@virtual_time
async def test_an_object_is_made_once_and_left_alone_while_it_is_as_wished(wish: Wish) -> None:
    nomad = MemoryNomad()
    kind = kind_of(type(wish))
    async with running(nomad, WidgetReconciler(applying(wish))) as manager:
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
        made = await kind.read(nomad, kind.id_of(wish))
        assert made is not None
        (entry,) = status.owned
        assert (entry.kind, entry.id, entry.index) == (kind.name, kind.id_of(wish), made.index)
        for _ in range(3):
            await look_again(manager)
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        assert await kind.read(nomad, kind.id_of(wish)) == made
    assert events(nomad) == [f"{kind.word}Created"]


@pytest.mark.parametrize("wish", WISHES[:4], ids=path_of)
@virtual_time
async def test_an_object_bears_the_marks_of_its_owner(wish: Wish) -> None:
    nomad = MemoryNomad()
    kind = kind_of(type(wish))
    async with running(nomad, WidgetReconciler(applying(wish))):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    live = await kind.read(nomad, kind.id_of(wish))
    assert live is not None
    assert live.owner is not None
    assert (live.owner.path, live.owner.uid) == (ONE, status.uid)
    # What lies in no namespace says in which one its owner is to be looked for.
    assert live.owner.namespace == ("" if kind.namespaced else "default")


@virtual_time
async def test_marks_of_a_policy_stand_above_its_rules_and_are_no_part_of_them(nomad: MemoryNomad) -> None:
    rules = '# mine\nnamespace "default" { policy = "read" }'
    async with running(nomad, WidgetReconciler(applying(ACLPolicy(name="reader", rules=rules)))):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    marks = f"# {OWNER} = {ONE}\n# {OWNER_UID} = {status.uid}\n# {OWNER_NAMESPACE} = default\n"
    assert (await nomad.acl.policy("reader")).rules == marks + rules


@virtual_time
async def test_a_resource_is_written_in_items_with_labels_and_only_the_fields_that_were_set(nomad: MemoryNomad) -> None:
    child = Gadget("g", Gadget.Spec(size=3, tags=["a"]), labels={"team": "core"}, controls=Controls(deletion="foreground"))
    async with running(nomad, WidgetReconciler(applying(child))):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    assert nomad.items("resources/test/gadget/g") == {
        "size": "3",
        "tags": '["a"]',
        "labels.team": "core",
        "operator.deletion": "foreground",
        OWNER: ONE,
        OWNER_UID: str(status.uid),
    }


@virtual_time
async def test_what_others_set_stays_and_what_is_left_out_goes(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        meta = {"cost": "7"} if widget.spec.text else {"cost": "7", "tier": "gold"}
        await ctx.apply(Namespace(name="team", meta=meta))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        live = await nomad.namespaces.get("team")
        await nomad.namespaces.apply(live.evolve(description="theirs", meta={**(live.meta or {}), "theirs": "1"}))
        await nomad.declare(ONE, text="x")
        await ready(nomad, Widget, "one")
        changed = await nomad.namespaces.get("team")
    assert changed.description == "theirs"
    assert changed.meta is not None
    assert {key: text for key, text in changed.meta.items() if not key.startswith("operator.")} == {"cost": "7", "theirs": "1"}
    assert events(nomad) == ["NamespaceCreated", "NamespaceUpdated"]


@virtual_time
async def test_labels_and_controls_that_people_set_on_an_owned_resource_stay(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(Gadget("g", Gadget.Spec(size=widget.spec.size)))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        items = nomad.items("resources/test/gadget/g") or {}
        await nomad.declare("resources/test/gadget/g", **items, labels__env="prod", operator__paused="true", colour="blue")
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
    left = nomad.items("resources/test/gadget/g") or {}
    assert (left["size"], left["labels.env"], left["operator.paused"], left["colour"]) == ("2", "prod", "true", "blue")


@virtual_time
async def test_an_object_of_nobody_is_adopted_with_what_is_in_it(nomad: MemoryNomad) -> None:
    await nomad.variables.put("config/one", {"theirs": "1", "url": "old"})
    async with running(nomad, WidgetReconciler(applying(WISHES[0]))):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    assert events(nomad) == ["VariableAdopted"]
    assert nomad.items("config/one") == {"theirs": "1", "url": "http://x", OWNER: ONE, OWNER_UID: str(status.uid)}


@pytest.mark.parametrize("wish", [*WISHES[:4], WISHES[6]], ids=path_of)
@virtual_time
async def test_a_second_owner_is_refused_and_told_of_the_first_one_and_the_cure(wish: Wish) -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(applying(wish))):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(TWO, size="1")
        await asyncio.sleep(5)
    reason, message = told(nomad, "two")
    assert reason == "AlreadyOwned"
    assert f"belongs to {ONE}" in message
    assert "force=True" in message


@virtual_time
async def test_of_two_owners_of_what_bears_no_marks_the_first_one_is_known_by_its_status(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(applying(HostVolume(name="data")))):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
    async with running(nomad, WidgetReconciler(applying(HostVolume(name="data")))):
        await ready(nomad, Widget, "one")
        await nomad.declare(TWO, size="1")
        await asyncio.sleep(5)
    assert told(nomad, "two")[0] == "AlreadyOwned"


@virtual_time
async def test_a_resource_of_the_same_path_in_another_namespace_is_another_owner(nomad: MemoryNomad) -> None:
    await nomad.namespaces.apply(Namespace(name="team"))
    theirs = {"url": "theirs", OWNER: ONE, OWNER_UID: "7"}
    await nomad.scoped(namespace="team").variables.put("config/one", theirs)
    async with running(nomad, WidgetReconciler(applying(Variable(namespace="team", path="config/one", items={"url": "x"})))):
        await nomad.declare(ONE, size="1")
        await asyncio.sleep(5)
    assert told(nomad)[0] == "AlreadyOwned"
    assert nomad.items("config/one", "team") == theirs


@virtual_time
async def test_what_belongs_to_another_can_be_taken_over_by_force(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(WISHES[0], force=widget.name == "two")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(TWO, size="1")
        await ready(nomad, Widget, "two")
        assert (nomad.items("config/one") or {})[OWNER] == TWO
        await nomad.declare(ONE, size="2")
        await asyncio.sleep(5)
        assert told(nomad)[0] == "AlreadyOwned"
        await nomad.variables.delete(ONE)
        await eventually(lambda: status_of(nomad, Widget, "one") is None)
    assert nomad.items("config/one") is not None


@virtual_time
async def test_the_resource_of_a_former_uid_is_not_the_owner_any_more(nomad: MemoryNomad) -> None:
    marks = {OWNER: ONE, OWNER_UID: "999999"}
    await nomad.variables.put("config/other", {"url": "x", **marks})

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        if not widget.spec.text:
            with pytest.raises(PermanentError, match="belongs to resources/test/widget/one"):
                await ctx.delete(Variable(path="config/other"))
        await ctx.apply(Variable(path="config/other", items={"url": "y"}))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    assert nomad.items("config/other") == {"url": "y", OWNER: ONE, OWNER_UID: str(status.uid)}
    assert events(nomad) == ["VariableAdopted"]


@virtual_time
async def test_several_resources_share_an_object_each_with_fields_of_its_own(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(Variable(path="config/shared", items={widget.name: widget.spec.text or "-"}), share=True)

    async with running(nomad, WidgetReconciler(act)):
        for path in (ONE, TWO):
            await nomad.declare(path, text="hello")
        await ready(nomad, Widget, "one")
        await ready(nomad, Widget, "two")
        assert nomad.items("config/shared") == {"one": "hello", "two": "hello"}
        await nomad.declare(ONE, text="bye")
        await ready(nomad, Widget, "one")
        assert nomad.items("config/shared") == {"one": "bye", "two": "hello"}
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items("config/shared") == {"two": "hello"})
        await nomad.variables.delete(TWO)
        await eventually(lambda: nomad.items("config/shared") is None)


@virtual_time
async def test_a_conflict_over_a_shared_field_names_the_field_and_its_owner(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        items = {"url": widget.spec.text, widget.name: "1"}
        await ctx.apply(Variable(path="config/shared", items=items), share=True, force=widget.spec.size == 9)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, text="a")
        await ready(nomad, Widget, "one")
        await nomad.declare(TWO, text="b")
        await asyncio.sleep(5)
        reason, message = told(nomad, "two")
        assert reason == "FieldConflict"
        assert f"url (set by {ONE})" in message
        assert "leave these fields out" in message
        assert nomad.items("config/shared") == {"url": "a", "one": "1"}
        await nomad.declare(TWO, text="b", size="9")
        await ready(nomad, Widget, "two")
    assert nomad.items("config/shared") == {"url": "b", "one": "1", "two": "1"}


@virtual_time
async def test_the_same_value_in_a_shared_field_is_no_conflict(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(applying(WISHES[0], share=True))):
        await nomad.declare(ONE, size="1")
        await nomad.declare(TWO, size="1")
        await ready(nomad, Widget, "one")
        await ready(nomad, Widget, "two")


@virtual_time
async def test_a_change_of_hidden_secrets_is_written_though_nobody_can_compare_them(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(CSIVolume(id="db", name="db", external_id="v", secrets={"key": widget.spec.text}))

    async with running(nomad, WidgetReconciler(act)) as manager:
        await nomad.declare(ONE, text="a")
        await ready(nomad, Widget, "one")
        await nomad.declare(ONE, text="b")
        await ready(nomad, Widget, "one")
        for _ in range(3):
            await look_again(manager)
    assert writes(nomad, "/v1/volume/csi/db") == 2


@virtual_time
async def test_what_the_server_puts_differently_is_not_taken_for_drift(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(applying(Namespace(name="team", description="ours")))) as manager:
        nomad.cluster.fault = lambda method, path: _rename(nomad)
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        for _ in range(3):
            await look_again(manager)
    assert writes(nomad, "/v1/namespace") == 1
    assert events(nomad) == ["NamespaceCreated"]


def _rename(nomad: MemoryNomad) -> None:
    """A server that keeps another text than it was given."""
    if (row := nomad.cluster.namespaces.get("team")) is not None:
        row["Description"] = "OURS"


@virtual_time
async def test_an_owned_job_in_another_namespace_is_planned_only_when_it_has_changed(nomad: MemoryNomad) -> None:
    await nomad.namespaces.apply(Namespace(name="team"))

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(widget_job(widget).evolve(namespace="team"))

    async with running(nomad, WidgetReconciler(act)) as manager:
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        for _ in range(3):
            await look_again(manager)
        job = nomad.job("widget-one", "team")
        assert job is not None
        assert (job.meta or {})[OWNER_NAMESPACE] == "default"
    assert writes(nomad, "/v1/job/widget-one/plan") == 1


@virtual_time
async def test_several_host_volumes_of_one_name_are_nobodys_to_guess(nomad: MemoryNomad) -> None:
    for _ in range(2):
        await nomad.host_volumes.create(HostVolume(name="data"))
    async with running(nomad, WidgetReconciler(applying(HostVolume(name="data")))):
        await nomad.declare(ONE, size="1")
        await asyncio.sleep(2)
    reason, message = told(nomad)
    assert reason == "AmbiguousName"
    assert "2 host volumes are called data" in message


@virtual_time
async def test_an_object_is_remembered_before_it_is_made(nomad: MemoryNomad) -> None:
    seen: list[list[str]] = []

    def fault(method: str, path: str) -> None:
        if (method, path) == ("PUT", "/v1/namespace"):
            status = status_of(nomad, Widget, "one")
            assert status is not None
            seen.append([f"{entry.kind} {entry.id} {entry.index}" for entry in status.owned])

    nomad.cluster.fault = fault
    async with running(nomad, WidgetReconciler(applying(WISHES[1]))):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
    assert seen == [["Namespace team 0"]]


@virtual_time
async def test_another_who_writes_at_the_same_moment_is_not_overwritten(nomad: MemoryNomad) -> None:
    raced: list[str] = []

    def fault(method: str, path: str) -> None:
        if (method, path) == ("PUT", "/v1/var/config/one") and not raced:
            raced.append(path)
            rewrite(nomad.cluster, "config/one")

    await nomad.variables.put("config/one", {"old": "1"})
    nomad.cluster.fault = fault
    async with running(nomad, WidgetReconciler(applying(Variable(path="config/one", items={"url": "x"})))):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one", within=100)
    assert (nomad.items("config/one") or {})["url"] == "x"
    assert events(nomad) == ["Conflict", "VariableAdopted"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (ServiceRegistration(id="x"), "a service is registered by its allocation, so declare it in a job"),
        (Variable(items={"a": "b"}), "a variable needs a name before it can be applied"),
        (object(), "object cannot be applied; give a resource, or one of Job, Variable"),
    ],
)
@virtual_time
async def test_what_cannot_be_applied_is_said_with_the_cure(wish: Wish, message: str) -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(applying(wish))):
        await nomad.declare(ONE, size="1")
        await asyncio.sleep(1)
    assert message in told(nomad)[1]


def test_a_kind_is_found_by_the_name_that_a_status_has() -> None:
    for wish in WISHES:
        kind = kind_of(type(wish))
        assert kind_named(kind.name) is kind
    with pytest.raises(PermanentError, match="no kind of objects called Planet"):
        kind_named("Planet")
