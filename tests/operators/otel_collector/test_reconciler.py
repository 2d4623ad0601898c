"""The operator against a Nomad in memory: what becomes of a collector, and what is said of it."""

import pytest

from nomad_api.models import AllocationStub
from operator_kit.testing import Cluster, MemoryNomad, eventually, ready, running, status_of, virtual_time
from operators.otel_collector.reconciler import CollectorReconciler, image_version, trouble
from operators.otel_collector.resource import MOST_ENDPOINTS, Collector

PATH = "resources/otel/collector/edge"
STATUS = "status/otel/collector/edge"
JOB = "otel-collector-edge"
CONFIG = """\
receivers: {otlp: {protocols: {http: {}}}}
exporters: {debug: {verbosity: %s}}
service: {pipelines: {traces: {receivers: [%s], exporters: [debug]}}}
"""
GOOD, OTHER, DANGLING = CONFIG % ("basic", "otlp"), CONFIG % ("detailed", "otlp"), CONFIG % ("basic", "nope")


def told(status: Collector.Status, type: str) -> tuple[str, str]:
    condition = status.condition(type)
    return condition.status, condition.reason


def in_condition(type: str, status: str):  # type: ignore[no-untyped-def]
    return lambda seen: told(seen, type)[0] == status


@virtual_time
async def test_a_collector_becomes_a_healthy_job_with_endpoints_and_disappears_with_its_variable() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD, replicas="2", image="otel/opentelemetry-collector:0.99.1")
        status = await ready(nomad, Collector, "edge")
        assert {type: told(status, type)[0] for type in ("Accepted", "ConfigValid", "Reconciled", "UpToDate", "Ready")} == {
            "Accepted": "True",
            "ConfigValid": "True",
            "Reconciled": "True",
            "UpToDate": "True",
            "Ready": "True",
        }
        assert (told(status, "Degraded"), told(status, "Progressing")[0]) == (("False", "NoFailures"), "False")
        assert (status.replicas, status.ready_replicas, status.version, status.job_id) == (2, "2/2", "0.99.1", JOB)
        job = nomad.job(JOB)
        assert job is not None
        assert job.meta is not None
        assert job.meta["otel.config_sha256"].startswith(status.config_hash)
        names = [endpoint.name for endpoint in status.endpoints]
        assert names == ["otlp-http", "health-check", "metrics"] * 2
        first = status.endpoints[0]
        assert (first.address, first.service) == (f"192.0.2.1:{first.port}", "edge-collector-otlp-http")

        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
        assert nomad.job(JOB) is None


@virtual_time
async def test_it_is_not_ready_before_its_instances_are_healthy() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=None))
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        status = await ready(nomad, Collector, "edge", when=in_condition("Progressing", "True"))
        assert told(status, "Ready") == ("False", "Progressing")
        nomad.make_healthy(JOB)
        await ready(nomad, Collector, "edge", within=1)


@virtual_time
async def test_a_new_configuration_is_rolled_out_and_not_ready_while_the_old_one_runs() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=2))
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        before = await ready(nomad, Collector, "edge")
        await nomad.declare(PATH, config=OTHER)
        during = await ready(nomad, Collector, "edge", when=in_condition("Ready", "False"))
        assert during.config_hash != before.config_hash
        assert told(during, "Progressing")[0] == "True"
        after = await ready(nomad, Collector, "edge")
        assert after.config_hash == during.config_hash
        job = nomad.job(JOB)
        assert job is not None
        assert job.version == 1


@virtual_time
async def test_instances_of_an_older_version_are_told_apart() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD, replicas="2")
        await ready(nomad, Collector, "edge")
        old = next(iter(nomad.cluster.allocations.values()))
        await nomad.declare(PATH, config=OTHER, replicas="2")
        await ready(nomad, Collector, "edge")
        # One instance has come back to life with what it ran before.
        old |= {"DesiredStatus": "run", "ClientStatus": "running", "ModifyIndex": nomad.cluster.change("jobs")}
        nomad.cluster.publish("Allocation", "AllocationUpdated", old["ID"], {"Allocation": dict(old)}, JOB)
        status = await ready(nomad, Collector, "edge", when=in_condition("UpToDate", "False"))
        assert told(status, "UpToDate") == ("False", "OlderConfigRuns")
        assert told(status, "Ready")[0] == "False"
        condition = status.condition("UpToDate")
        assert condition.message == f"2 of 3 running instances have {status.config_hash}"


@virtual_time
async def test_a_wrong_configuration_is_told_and_changes_nothing() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=DANGLING)
        status = await ready(nomad, Collector, "edge", when=in_condition("Reconciled", "False"))
        for type in ("Accepted", "ConfigValid", "Reconciled", "Ready"):
            assert told(status, type) == ("False", "InvalidConfig")
        condition = status.condition("ConfigValid")
        assert 'service.pipelines.traces.receivers: "nope" is not declared' in condition.message
        assert nomad.job(JOB) is None

        await nomad.declare(PATH, config=GOOD)
        status = await ready(nomad, Collector, "edge")
        assert told(status, "ConfigValid") == ("True", "Valid")

        await nomad.declare(PATH, config=DANGLING)
        status = await ready(nomad, Collector, "edge", when=in_condition("Accepted", "False"))
        assert told(status, "Ready")[0] == "True"  # the collector that was there still is
        job = nomad.job(JOB)
        assert job is not None
        assert job.version == 0


@virtual_time
async def test_a_name_that_makes_no_service_name_is_told() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare("resources/otel/collector/Edge_1", config=GOOD)
        status = await ready(nomad, Collector, "Edge_1", when=in_condition("Reconciled", "False"))
        assert told(status, "Accepted") == ("False", "InvalidName")
        assert not nomad.cluster.jobs


@pytest.mark.parametrize(
    "items",
    [
        {"config": DANGLING},
        {"config": "a: [b"},
        {"config": "[]"},
        {"config": GOOD, "mode": "sidecar"},
        {"config": GOOD, "no_such_key": "1"},
        {},
    ],
)
def test_a_bad_collector_does_not_disturb_its_neighbour(items: dict[str, str]) -> None:
    @virtual_time
    async def play() -> None:
        nomad = MemoryNomad()
        async with running(nomad, CollectorReconciler()):
            await nomad.variables.put("resources/otel/collector/bad", items or {"x": "y"})
            await nomad.declare(PATH, config=GOOD)
            await ready(nomad, Collector, "edge", within=5)
            await nomad.declare(PATH, config=OTHER)
            await ready(nomad, Collector, "edge", within=5)
            bad = await ready(nomad, Collector, "bad", when=in_condition("Accepted", "False"))
            assert told(bad, "Accepted")[0] == "False"
            assert list(nomad.cluster.jobs) == [JOB]
            await nomad.variables.delete("resources/otel/collector/bad")
            await eventually(lambda: nomad.items("status/otel/collector/bad") is None)

    play()


@virtual_time
async def test_a_crashing_instance_is_told_with_its_last_words_and_forgotten_when_it_is_well() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
        nomad.crash(JOB, "Exit Code: 1", log="starting\nError: has invalid keys: verbostiy\n\n")
        status = await ready(nomad, Collector, "edge", when=in_condition("Degraded", "True"))
        condition = status.condition("Degraded")
        assert condition.reason == "InstanceFails"
        assert condition.message == f"{JOB}.collector[0]: Exit Code: 1; it wrote: Error: has invalid keys: verbostiy"
        assert told(status, "Ready")[0] == "False"

        await nomad.declare(PATH, config=OTHER)
        status = await ready(nomad, Collector, "edge")
        assert told(status, "Degraded") == ("False", "NoFailures")


@virtual_time
async def test_without_logs_a_crash_is_told_all_the_same() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
        nomad.crash(JOB, "Exit Code: 137")
        status = await ready(nomad, Collector, "edge", when=in_condition("Degraded", "True"))
        condition = status.condition("Degraded")
        assert condition.message.endswith("collector[0]: Exit Code: 137")


@virtual_time
async def test_the_mode_is_fixed_once_the_job_exists() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
        await nomad.declare(PATH, config=GOOD, mode="daemonset")
        status = await ready(nomad, Collector, "edge", when=in_condition("Accepted", "False"))
        assert told(status, "Accepted") == ("False", "ModeIsFixed")
        job = nomad.job(JOB)
        assert job is not None
        assert job.type == "service"

        await nomad.variables.delete(PATH)
        await nomad.declare(PATH, config=GOOD, mode="daemonset")
        await ready(nomad, Collector, "edge")
        job = nomad.job(JOB)
        assert job is not None
        assert job.type == "system"


@virtual_time
async def test_an_unmanaged_collector_is_left_alone_until_it_is_managed_again() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
        await nomad.declare(PATH, config=OTHER, management_state="unmanaged")
        await ready(nomad, Collector, "edge", when=lambda status: told(status, "Ready")[1] == "Unmanaged")
        job = nomad.job(JOB)
        assert job is not None
        assert job.version == 0
        await nomad.declare(PATH, config=OTHER)
        await ready(nomad, Collector, "edge")
        job = nomad.job(JOB)
        assert job is not None
        assert job.version == 1


@virtual_time
async def test_a_restarted_operator_changes_nothing() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
    nomad.cluster.requests.clear()
    before = nomad.items(STATUS)
    async with running(nomad, CollectorReconciler()) as manager:
        await eventually(lambda: ("GET", f"/v1/job/{JOB}/services") in nomad.cluster.requests)
        await eventually(lambda: not manager.controllers[0].shards[0].queue.in_hand)
    assert nomad.items(STATUS) == before
    assert not [path for method, path in nomad.cluster.requests if method == "PUT" and path.startswith("/v1/job")]


@virtual_time
async def test_a_collector_purged_while_the_operator_is_down_is_cleaned_up() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD)
        await ready(nomad, Collector, "edge")
    await nomad.variables.delete(PATH)
    assert nomad.job(JOB) is not None
    async with running(nomad, CollectorReconciler()):
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.job(JOB) is None


@virtual_time
async def test_a_job_of_somebody_else_is_neither_taken_nor_deleted() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/otel/collector/other", config=GOOD)
    async with running(nomad, CollectorReconciler()):
        await ready(nomad, Collector, "other")
        job = nomad.job("otel-collector-other")
        assert job is not None
        await nomad.jobs.register(job.evolve(id=JOB, name=JOB))
        await nomad.declare(PATH, config=GOOD)
        status = await ready(nomad, Collector, "edge", when=in_condition("Reconciled", "False"))
        assert told(status, "Reconciled") == ("False", "AlreadyOwned")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
        assert nomad.job(JOB) is not None


@virtual_time
async def test_the_endpoints_of_many_instances_fit_into_the_status() -> None:
    nomad = MemoryNomad()
    async with running(nomad, CollectorReconciler()):
        await nomad.declare(PATH, config=GOOD, replicas="100")
        status = await ready(nomad, Collector, "edge")
    assert len(status.endpoints) == MOST_ENDPOINTS
    assert status_of(nomad, Collector, "edge") == status


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("otel/opentelemetry-collector:0.165.0", "0.165.0"),
        ("registry:5000/otel/collector:v1.2.3-rc1", "1.2.3-rc1"),
        ("registry:5000/otel/collector", ""),
        ("otel/collector:latest", ""),
        ("otel/collector:0.165.0@sha256:abc", "0.165.0"),
        ("otel/collector@sha256:abc", ""),
    ],
)
def test_the_version_is_that_of_the_tag(image: str, version: str) -> None:
    assert image_version(image) == version


def test_the_cause_of_a_failure_is_told_and_not_what_came_of_it() -> None:
    events = [{"Type": "Started"}, {"Type": "Driver Failure", "DisplayMessage": "no such file"}, {"Type": "Not Restarting"}]
    states = {"collector": {"State": "dead", "Failed": True, "Events": events}}
    assert trouble(AllocationStub.model_validate({"ID": "a", "TaskStates": states})) == "no such file"
    well = {"collector": {"State": "running", "Restarts": 3, "Events": events}}
    assert trouble(AllocationStub.model_validate({"ID": "a", "TaskStates": well})) == ""
