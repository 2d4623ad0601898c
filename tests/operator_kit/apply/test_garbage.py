"""Orphans are collected, and nothing but orphans."""

from random import Random

import pytest

from nomad_api.errors import Forbidden, NomadError, ServerError, Unreachable
from nomad_api.models import ACLPolicy, Job, Namespace, NodePool
from operator_kit.apply.garbage import GarbageCollector
from operator_kit.apply.owned_index import ObjectKey
from operator_kit.informers.jobs import JobInformer
from operator_kit.ownership import OWNER, OWNER_NAMESPACE, OWNER_UID
from operator_kit.testing import MemoryNomad, virtual_time
from tests.operator_kit.apply.test_applying import Gadget
from tests.operator_kit.conftest import Widget, widget_job

ONE = "resources/test/widget/one"
STATUS = "status/test/widget/one"


async def orphan_job(nomad: MemoryNomad, uid: int = 4711, path: str = ONE) -> None:
    job = widget_job(Widget("one", Widget.Spec()))
    await nomad.jobs.register(job.evolve(meta={OWNER: path, OWNER_UID: str(uid)}))


async def collected(nomad: MemoryNomad, *owns: type, namespace: str = "default") -> list[str]:
    """What is collected, as `kind id`."""
    jobs = JobInformer(nomad, Random(1))
    listed = await nomad.read("jobs", {"meta": True})
    jobs.replace(listed.value, listed.index)
    client = nomad.scoped(namespace=namespace)
    return [f"{key.kind} {key.id}" for key in await GarbageCollector(client, Widget, jobs, owns=(Job, *owns)).collect()]


@virtual_time
async def test_a_job_whose_owner_is_gone_is_purged(nomad: MemoryNomad) -> None:
    await orphan_job(nomad)
    assert await collected(nomad) == ["Job widget-one"]
    assert nomad.job("widget-one") is None


@virtual_time
async def test_a_job_whose_owner_is_there_stays(nomad: MemoryNomad) -> None:
    owner = await nomad.declare(ONE, size="1")
    await orphan_job(nomad, owner.create_index)
    assert await collected(nomad) == []
    assert nomad.job("widget-one")


@virtual_time
async def test_a_resource_made_anew_under_the_same_name_is_not_the_owner(nomad: MemoryNomad) -> None:
    await nomad.declare(ONE, size="1")
    await orphan_job(nomad)
    assert await collected(nomad) == ["Job widget-one"]


@pytest.mark.parametrize("uid", ["4711", "0", "", "nonsense"])
@virtual_time
async def test_what_is_still_to_be_finalized_is_left_to_that(uid: str) -> None:
    nomad = MemoryNomad()
    await nomad.variables.put(STATUS, {"uid": uid, "observedGeneration": "1"})
    await orphan_job(nomad)
    assert await collected(nomad) == []
    assert nomad.job("widget-one")


@virtual_time
async def test_the_status_of_another_uid_keeps_nothing(nomad: MemoryNomad) -> None:
    await nomad.variables.put(STATUS, {"uid": "5000"})
    await orphan_job(nomad)
    assert await collected(nomad) == ["Job widget-one"]


@pytest.mark.parametrize("hidden", [ONE, STATUS])
@pytest.mark.parametrize(
    "error",
    [
        Forbidden(403, "Permission denied", "GET", "x"),
        ServerError(500, "No cluster leader", "GET", "x"),
        Unreachable("connection refused"),
    ],
    ids=lambda error: type(error).__name__,
)
@virtual_time
async def test_an_object_whose_owner_could_not_be_read_is_never_deleted(error: NomadError, hidden: str) -> None:
    nomad = MemoryNomad()
    await orphan_job(nomad)

    def fault(method: str, path: str) -> None:
        if path.endswith(hidden):
            raise error

    nomad.cluster.fault = fault
    assert await collected(nomad) == []
    assert nomad.job("widget-one")
    nomad.cluster.fault = None
    assert await collected(nomad) == ["Job widget-one"]


@virtual_time
async def test_a_token_that_may_not_see_resources_collects_nothing(nomad: MemoryNomad) -> None:
    await nomad.declare(ONE, size="1")
    await orphan_job(nomad)
    nomad.cluster.hidden = "resources/"
    assert await collected(nomad) == []


@virtual_time
async def test_what_got_another_owner_meanwhile_stays(nomad: MemoryNomad) -> None:
    await orphan_job(nomad)

    def fault(method: str, path: str) -> None:
        if path.endswith(STATUS):
            nomad.cluster.jobs["widget-one"]["Meta"] = {OWNER: ONE, OWNER_UID: "5000"}

    nomad.cluster.fault = fault
    assert await collected(nomad) == []
    assert nomad.job("widget-one")


@virtual_time
async def test_what_belongs_to_other_kinds_or_to_nobody_is_none_of_its_business(nomad: MemoryNomad) -> None:
    await orphan_job(nomad, path="resources/test/widgetry/one")
    await nomad.jobs.register(widget_job(Widget("free", Widget.Spec())))
    await nomad.declare("resources/test/gadget/free", size="1")
    assert await collected(nomad, Gadget, Namespace, NodePool, ACLPolicy) == []


@virtual_time
async def test_orphans_of_all_kinds_that_show_their_marks_are_collected(nomad: MemoryNomad) -> None:
    marks = {OWNER: ONE, OWNER_UID: "4711", OWNER_NAMESPACE: "default"}
    await nomad.namespaces.apply(Namespace(name="team", meta=marks))
    await nomad.node_pools.apply(NodePool(name="gpu", meta=marks))
    comments = "".join(f"# {key} = {text}\n" for key, text in marks.items())
    await nomad.acl.upsert_policy(ACLPolicy(name="reader", rules=comments + 'node { policy = "read" }'))
    await nomad.variables.put("resources/test/gadget/g", {"size": "1", OWNER: ONE, OWNER_UID: "4711"})
    assert await collected(nomad, Namespace, NodePool, ACLPolicy, Gadget) == [
        "Namespace team",
        "NodePool gpu",
        "ACLPolicy reader",
        "resources/test/gadget g",
    ]
    assert "team" not in nomad.cluster.namespaces
    assert nomad.items("resources/test/gadget/g") is None


@virtual_time
async def test_an_owner_in_another_namespace_is_not_looked_for_in_this_one(nomad: MemoryNomad) -> None:
    """A copy of the operator in another namespace would else find no owner, and delete what the first one made."""
    marks = {OWNER: ONE, OWNER_UID: "4711", OWNER_NAMESPACE: "default"}
    await nomad.namespaces.apply(Namespace(name="team", meta=marks))
    await nomad.namespaces.apply(Namespace(name="elsewhere"))
    assert await collected(nomad, Namespace, namespace="elsewhere") == []
    assert await collected(nomad, Namespace) == ["Namespace team"]


@virtual_time
async def test_one_that_cannot_be_deleted_does_not_keep_the_others(nomad: MemoryNomad) -> None:
    marks = {OWNER: ONE, OWNER_UID: "4711", OWNER_NAMESPACE: "default"}
    for name in ("a", "b"):
        await nomad.namespaces.apply(Namespace(name=name, meta=marks))
    await nomad.scoped(namespace="a").variables.put("x", {"k": "v"})
    assert await collected(nomad, Namespace) == ["Namespace b"]


@virtual_time
async def test_what_is_known_to_be_owned_costs_no_read(nomad: MemoryNomad) -> None:
    await orphan_job(nomad)
    jobs = JobInformer(nomad, Random(1))
    listed = await nomad.read("jobs", {"meta": True})
    jobs.replace(listed.value, listed.index)
    before = len(nomad.cluster.requests)
    collector = GarbageCollector(nomad, Widget, jobs, owns=[Job], exists=lambda owner: owner.uid == 4711)
    assert await collector.collect() == list[ObjectKey]()
    assert len(nomad.cluster.requests) == before
