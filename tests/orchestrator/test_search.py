"""Search: what is found, in which order, how much of it, and by whom."""

import pytest

from nomad_api.models import Evaluation, Job, Namespace, Node
from nomad_api.models.job import Task, TaskGroup
from orchestrator.acl.permissions import ACL
from orchestrator.acl.policy import parse
from orchestrator.search import CONTEXTS, LIMIT, Scope, may_be_id
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Store


@pytest.fixture
async def store() -> Store:
    store = Store(lambda: 1_700_000_000_000_000_000)
    task = Task(name="server", driver="docker", config={"image": "registry/web:1"})
    rows = [
        Job(id="web", namespace="default", name="The Web", task_groups=[TaskGroup(name="front", tasks=[task])]),
        Job(id="web", namespace="other", name="Another"),
        *(Job(id=f"many-{number:02}", namespace="default", name=f"many {number:02}") for number in range(LIMIT + 1)),
        Evaluation(id="abcdef01-0000-0000-0000-000000000000", namespace="default", job_id="web"),
        Node(id="0b8f5c0e-6f0e-4c3a-9d1a-0a2f6a4d1c11", name="machine"),
        Namespace(name="default"),
        Namespace(name="other"),
        SealedVariable(namespace="default", path="secret/a"),
        SealedVariable(namespace="default", path="shown/a"),
    ]
    await store.write("x", lambda tx: [tx.put(row) for row in rows])
    return store


def scope(store: Store, rules: str | None = None, namespace: str = "default") -> Scope:
    acl = ACL.management() if rules is None else ACL.compile([parse(rules)])
    return Scope(store.state, acl, namespace, None)


async def test_ids_that_begin_so(store):
    assert CONTEXTS["jobs"].by_prefix(scope(store), "we") == (["web"], False)
    assert CONTEXTS["evals"].by_prefix(scope(store), "ABCD") == (["abcdef01-0000-0000-0000-000000000000"], False)
    assert CONTEXTS["namespaces"].by_prefix(scope(store), "oth") == (["other"], False)


async def test_no_more_than_the_limit(store):
    found, truncated = CONTEXTS["jobs"].by_prefix(scope(store), "many-")
    assert (len(found), truncated) == (LIMIT, True)
    matches, truncated = CONTEXTS["jobs"].by_part(scope(store), "many")
    assert (len(matches["jobs"]), truncated) == (LIMIT, True)


async def test_names_that_contain_it_without_regard_to_case(store):
    found, _ = CONTEXTS["jobs"].by_part(scope(store), "WEB")
    assert found == {
        "jobs": [{"ID": "The Web", "Scope": ["default", "web"]}],
        "images": [{"ID": "registry/web:1", "Scope": ["default", "web", "front", "server"]}],
    }


async def test_inside_of_jobs(store):
    assert CONTEXTS["jobs"].by_part(scope(store), "front")[0] == {"groups": [{"ID": "front", "Scope": ["default", "web"]}]}
    assert CONTEXTS["jobs"].by_part(scope(store), "serv")[0] == {
        "tasks": [{"ID": "server", "Scope": ["default", "web", "front"]}]
    }


async def test_all_namespaces_show_only_what_may_be_read(store):
    everywhere = scope(store, 'namespace "other" { policy = "read" }', namespace="*")
    assert CONTEXTS["jobs"].allowed(everywhere)
    assert CONTEXTS["jobs"].by_prefix(everywhere, "") == (["web"], False)
    assert CONTEXTS["namespaces"].by_prefix(everywhere, "") == (["other"], False)


async def test_variables_show_only_what_may_be_listed(store):
    some = scope(store, 'namespace "default" { variables { path "shown/*" { capabilities = ["list"] } } }')
    assert CONTEXTS["vars"].by_prefix(some, "s") == (["shown/a"], False)
    assert [found["ID"] for found in CONTEXTS["vars"].by_part(some, "/a")[0]["vars"]] == ["shown/a"]


async def test_nobody_may_search_anything(store):
    nobody = scope(store, 'quota { policy = "read" }')
    assert [name for name, context in CONTEXTS.items() if context.allowed(nobody)] == []


@pytest.mark.parametrize(("text", "may"), [("", True), ("abc", True), ("AB-c", True), ("xyz", False), ("---", False)])
def test_what_may_begin_an_id(text, may):
    assert may_be_id(text) is may
