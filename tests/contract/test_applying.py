"""What applying relies on: an object that was written as wished is found so, whatever the server fills in, and marks survive.

Node pools and volumes need a real Nomad: run with `--nomad-addr`. Against the embedded agent their tests are expected to fail,
strictly, so that they say so themselves on the day when it learns these routes.
"""

import pytest

from nomad_api.errors import NotFound
from nomad_api.models import ACLPolicy, HostVolume, Namespace, NodePool, Variable
from operator_kit.apply.job import changed_fields
from operator_kit.apply.kinds import kind_of
from operator_kit.ownership import MARKS, Owner

OWNER = Owner("resources/test/widget/one", 42)


@pytest.fixture
def needs_real_nomad(request, pytestconfig):
    """For routes that the embedded agent does not have."""
    if not pytestconfig.getoption("--nomad-addr"):
        reason = "the embedded agent has no such route: give --nomad-addr"
        request.applymarker(pytest.mark.xfail(raises=NotFound, strict=True, reason=reason))


async def apply(nomad, wish, owner=OWNER, owned=(), *, new=True):
    """Write a wish if anything differs; what differed, and the object as it is then."""
    kind = kind_of(type(wish))
    id = kind.id_of(wish)
    live = await kind.read(nomad, id)
    plan = await kind.plan(nomad, wish, live, owner, owned, new=new)
    if plan.changes:
        index = await kind.write(nomad, id, plan)
        live = await kind.read(nomad, id)
        assert live.index == index
    return plan.changes, live


async def is_found_as_it_was_wished(nomad, wish):
    """Make an object; then nothing differs, and it bears its marks, in the list as well."""
    kind = kind_of(type(wish))
    changes, made = await apply(nomad, wish)
    assert changes
    changes, again = await apply(nomad, wish, new=False)
    assert (changes, again.index, again.owner) == ([], made.index, made.owner), "the rest, such as a job's status, is Nomad's"
    assert made.owner == (OWNER if kind.mark_fields else None)
    return made


async def test_a_job_is_found_as_it_was_wished(nomad, unique, sleeper):
    made = await is_found_as_it_was_wished(nomad, sleeper(unique))
    listed = (await nomad.read("jobs", {"meta": True, "prefix": unique})).value
    assert Owner.of(listed[0]["Meta"]) == OWNER
    assert listed[0]["JobModifyIndex"] == made.index


async def test_a_variable_is_found_as_it_was_wished(nomad, unique):
    await is_found_as_it_was_wished(nomad, Variable(path=unique, items={"a.b": "1", "labels.team": "core"}))


async def test_a_namespace_is_found_as_it_was_wished(nomad, unique):
    capabilities = {"EnabledTaskDrivers": ["docker"]}
    wish = Namespace(name=unique, description="x", meta={"cost": "7"}, capabilities=capabilities)
    try:
        await is_found_as_it_was_wished(nomad, wish)
        listed = next(namespace for namespace in await nomad.namespaces.list(unique) if namespace.name == unique)
        assert Owner.of(listed.meta) == OWNER
    finally:
        await nomad.namespaces.delete(unique)


async def test_fields_of_others_survive_and_own_ones_can_be_left_out(nomad, unique):
    try:
        await nomad.namespaces.apply(Namespace(name=unique, description="theirs", meta={"theirs": "1"}))
        await apply(nomad, Namespace(name=unique, meta={"a": "1", "b": "2"}))
        changes, live = await apply(nomad, Namespace(name=unique, meta={"a": "1"}), owned=["Meta[a]", "Meta[b]"])
        assert changes == ["Meta[b]"]
        assert live.object.description == "theirs"
        assert {key: text for key, text in live.object.meta.items() if key not in MARKS} == {"theirs": "1", "a": "1"}
    finally:
        await nomad.namespaces.delete(unique)


async def test_a_policy_keeps_the_comments_above_its_rules(acl_nomad, unique):
    rules = f'# mine\nnamespace "{unique}" {{ policy = "read" }}'
    made = await is_found_as_it_was_wished(acl_nomad, ACLPolicy(name=unique, description="x", rules=rules))
    assert made.object.rules == f"# operator.owner = {OWNER.path}\n# operator.owner_uid = 42\n{rules}"


async def test_a_node_pool_is_found_as_it_was_wished(nomad, unique, needs_real_nomad):
    try:
        await is_found_as_it_was_wished(nomad, NodePool(name=unique, description="x", meta={"cost": "7"}))
        assert Owner.of((await nomad.node_pools.list(unique))[0].meta) == OWNER
    finally:
        await nomad.node_pools.delete(unique)


async def test_a_host_volume_is_found_as_it_was_wished(nomad, unique, needs_real_nomad):
    capability = {"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}
    wish = HostVolume.model_validate({"Name": unique, "PluginID": "mkdir", "RequestedCapabilities": [capability]})
    made = await is_found_as_it_was_wished(nomad, wish)
    await nomad.host_volumes.delete(made.object.id)
    assert await kind_of(HostVolume).read(nomad, unique) is None


async def test_a_plan_names_the_fields_that_differ(nomad, unique, sleeper):
    job = sleeper(unique)
    await nomad.jobs.register(job)
    group = job.task_groups[0]
    task = group.tasks[0].evolve(env={"TEXT": "x"})
    changed = job.evolve(priority=70, meta={"team": "core"}, task_groups=[group.evolve(count=3, tasks=[task])])
    assert changed_fields((await nomad.jobs.plan(changed)).diff) == [
        "Meta[team]",
        "Priority",
        "TaskGroups[main].Count",
        "TaskGroups[main].Tasks[main].Env[TEXT]",
    ]
    added = job.evolve(task_groups=[group, group.evolve(name="more")])
    assert changed_fields((await nomad.jobs.plan(added)).diff) == ["TaskGroups[more]"]
    assert changed_fields((await nomad.jobs.plan(job)).diff) == []


async def test_a_stopped_job_shows_its_allocations_until_it_is_purged(nomad, unique, sleeper, until):
    """So that a deletion in the foreground can wait for what still runs."""
    kind = kind_of(type(sleeper(unique)))
    await nomad.jobs.register(sleeper(unique))
    await until(nomad.watch(f"job/{unique}/allocations", list), lambda rows: rows and rows[0]["ClientStatus"] == "running")
    assert not await kind.retire(nomad, unique, await kind.read(nomad, unique), ())
    rows = await until(nomad.watch(f"job/{unique}/allocations", list), lambda rows: rows[0]["ClientStatus"] == "complete")
    assert len(rows) == 1
    assert await kind.retire(nomad, unique, await kind.read(nomad, unique), ())
    assert await kind.read(nomad, unique) is None


async def test_of_an_unknown_job_there_are_no_allocations_and_no_deployment(nomad, unique):
    assert await nomad.jobs.allocations(unique) == []
    assert await nomad.jobs.latest_deployment(unique) is None


async def test_taking_the_marks_away_leaves_the_job(nomad, unique, sleeper):
    kind = kind_of(type(sleeper(unique)))
    _, made = await apply(nomad, sleeper(unique))
    await kind.strip(nomad, unique, made, kind.mark_fields)
    job = await nomad.jobs.get(unique)
    assert not job.meta
    assert not job.stop
