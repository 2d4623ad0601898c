"""Nodes: eligible or not, and which jobs are looked at when that changes."""

import pytest

from nomad_api.models import Allocation, Job, Node
from orchestrator import nodes
from orchestrator.errors import APIError
from orchestrator.state.store import Store

NODE = "0b8f5c0e-6f0e-4c3a-9d1a-0a2f6a4d1c11"
UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
async def store() -> Store:
    store = Store(lambda: 1_700_000_000_000_000_000)
    rows = [
        Node(id=NODE, scheduling_eligibility="eligible", status="ready"),
        Job(id="here", namespace="default", type="service", priority=50),
        Job(id="elsewhere", namespace="default", type="service", priority=50),
        Job(id="everywhere", namespace="default", type="system", priority=70),
        Job(id="stopped", namespace="default", type="system", priority=70, stop=True),
        Allocation(id="a", namespace="default", job_id="here", node_id=NODE, desired_status="run", client_status="running"),
        Allocation(id="b", namespace="default", job_id="elsewhere", node_id=NODE, desired_status="run", client_status="failed"),
    ]
    await store.write("x", lambda tx: [tx.put(row) for row in rows])
    return store


async def set_eligibility(store: Store, eligibility: str, node_id: str = NODE) -> list[str]:
    return (await store.write("NodeEligibility", lambda tx: nodes.set_eligibility(tx, node_id, eligibility))).value


async def test_ineligible_node_says_so_and_nothing_is_evaluated(store):
    assert await set_eligibility(store, "ineligible") == []
    node = store.state.nodes.get(NODE)
    assert node.scheduling_eligibility == "ineligible"
    assert [event.message for event in node.events] == ["Node marked as ineligible for scheduling"]


async def test_node_made_eligible_again_gets_the_jobs_it_may_have_work_of(store):
    await set_eligibility(store, "ineligible")
    evaluations = [store.state.evaluations.get(made) for made in await set_eligibility(store, "eligible")]
    assert {evaluation.job_id for evaluation in evaluations} == {"here", "everywhere"}
    assert {(evaluation.triggered_by, evaluation.node_id) for evaluation in evaluations} == {("node-update", NODE)}
    assert {evaluation.node_modify_index for evaluation in evaluations} == {store.state.nodes.get(NODE).modify_index}


async def test_the_same_again_changes_nothing(store):
    index = store.index
    assert await set_eligibility(store, "eligible") == []
    assert store.index == index


async def test_only_the_newest_events_are_kept(store):
    for _ in range(nodes.MAX_EVENTS):
        await set_eligibility(store, "ineligible")
        await set_eligibility(store, "eligible")
    events = store.state.nodes.get(NODE).events
    assert len(events) == nodes.MAX_EVENTS
    assert events[-1].create_index == store.index


@pytest.mark.parametrize(
    ("node_id", "eligibility", "message"),
    [
        (NODE, "maybe", 'invalid scheduling eligibility "maybe"'),
        (UNKNOWN, "eligible", "node not found"),
        ("nonsense", "eligible", "node lookup failed: index error: UUID must be 36 characters"),
    ],
)
async def test_mistakes_are_refused(store, node_id, eligibility, message):
    with pytest.raises(APIError) as refusal:
        await set_eligibility(store, eligibility, node_id)
    assert (refusal.value.status, refusal.value.message) == (500, message)


async def test_draining_node_cannot_be_made_eligible(store):
    draining = store.state.nodes.get(NODE).evolve(drain_strategy={"Deadline": 0}, scheduling_eligibility="ineligible")
    await store.write("x", lambda tx: tx.put(draining))
    with pytest.raises(APIError, match="while it is draining"):
        await set_eligibility(store, "eligible")
