import pytest

from nomad_api.models import Allocation
from nomad_api.models.node import DriverInfo
from orchestrator.jobs import canonicalize
from orchestrator.scheduler.feasibility import crowded, escapes_class, in_datacenter, in_pool, ready, unavailable, unfit


@pytest.fixture
def fit(new_job):
    def fit(**group):
        job = canonicalize(new_job(**group))
        return job, job.task_groups[0]

    return fit


def test_a_node_that_has_all_fits(node, fit):
    assert unfit(*fit(), node) is None


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ({"Tasks": [{"Name": "t", "Driver": "warp"}]}, "missing drivers"),
        ({"Networks": [{"Mode": "teleport"}]}, "missing network"),
        (
            {"Networks": [{"DynamicPorts": [{"Label": "a", "HostNetwork": "moon"}]}]},
            'missing host network "moon" for port "a"',
        ),
        ({"Constraints": [{"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r2"}]}, "${meta.rack} = r2"),
        (
            {"Tasks": [{"Name": "t", "Driver": "mock_driver", "Resources": {"Devices": [{"Name": "gpu"}]}}]},
            "missing devices",
        ),
    ],
)
def test_what_is_missing_is_named(node, fit, group, reason):
    assert unfit(*fit(**group), node) == reason


def test_an_unhealthy_driver_is_missing(node, fit):
    broken = node.evolve(drivers={"mock_driver": DriverInfo(detected=True, healthy=False)})
    assert unfit(*fit(), broken) == "missing drivers"


def test_host_volumes_must_be_there(node, fit):
    job, group = fit(Volumes={"v": {"Name": "v", "Type": "host", "Source": "data"}})
    assert unavailable(job, group, node, []) == "missing compatible host volumes"
    assert unavailable(job, group, node.evolve(host_volumes={"data": {"ReadOnly": False}}), []) is None
    assert unavailable(job, group, node.evolve(host_volumes={"data": {"ReadOnly": True}}), []) is not None


def test_distinct_hosts(node, fit):
    job, group = fit(Constraints=[{"Operand": "distinct_hosts", "RTarget": "true"}])
    there = Allocation(id="a", namespace="default", job_id="web", task_group="g")
    assert unavailable(job, group, node, [there]) == "distinct_hosts"
    assert unavailable(job, group, node, [there.evolve(job_id="other")]) is None


def test_distinct_property(node, fit):
    job, group = fit(Constraints=[{"LTarget": "${meta.rack}", "Operand": "distinct_property", "RTarget": "2"}])
    there = (Allocation(id="a", task_group="g"), node)
    assert crowded(job, group, node, [there]) is None
    assert crowded(job, group, node, [there, there]) == "distinct_property: ${meta.rack}=r1 used by 2 allocs"


def test_what_is_unique_to_a_node_escapes_its_class(fit):
    assert not escapes_class(*fit())
    assert escapes_class(*fit(Constraints=[{"LTarget": "${node.unique.name}", "Operand": "=", "RTarget": "x"}]))


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [(["*"], True), (["dc*"], True), (["*1"], True), (["d*1"], True), (["eu-*"], False), (["dc1*1"], False)],
)
def test_datacenters_may_be_patterns(node, patterns, matches):
    assert in_datacenter(node, patterns) is matches


def test_nodes_that_take_no_more(node):
    assert ready(node)
    assert not ready(node.evolve(status="down"))
    assert not ready(node.evolve(scheduling_eligibility="ineligible"))
    assert in_pool(node, "all")
    assert not in_pool(node, "gpu")
