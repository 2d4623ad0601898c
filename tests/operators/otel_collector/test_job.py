"""The Nomad job of a collector."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.models import Service, Task, TaskGroup
from operator_kit.crd_store.yaml_text import load_yaml
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.job import CONFIG_META, LONGEST_NAME, Plan, job_id, name_problem, plan_job
from operators.otel_collector.resource import Collector

CONFIG: dict[str, Any] = {
    "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
    "exporters": {"debug": {}},
    "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}}},
}


def plan(name: str = "edge", **spec: Any) -> Plan:
    return plan_job(Collector(name, Collector.Spec(**{"config": CONFIG, **spec}), namespace="default"))


def group_of(made: Plan) -> TaskGroup:
    group = made.job.group("collector")
    assert group is not None
    return group


def task_of(made: Plan) -> Task:
    task = group_of(made).task("collector")
    assert task is not None
    return task


def network_of(made: Plan) -> dict[str, tuple[int, int]]:
    """Label → number on the node (0: any) and in the container (0: the same)."""
    networks = group_of(made).networks or []
    return {
        port.label: (port.value, port.to) for net in networks for port in (net.reserved_ports or []) + (net.dynamic_ports or [])
    }


def text_of(made: Plan) -> str:
    templates = task_of(made).templates
    assert templates is not None
    return str(templates[0].embedded_tmpl)


def test_a_deployment_is_a_service_job_and_a_daemonset_a_system_job() -> None:
    assert (plan(replicas=3).job.type, group_of(plan(replicas=3)).count) == ("service", 3)
    assert (plan(mode="daemonset", replicas=3).job.type, group_of(plan(mode="daemonset", replicas=3)).count) == ("system", 1)
    assert plan().job.id == job_id("edge") == "otel-collector-edge"


def test_a_container_gets_its_ports_mapped_and_its_configuration_unchanged() -> None:
    made = plan(image="otel/opentelemetry-collector:1.2.3")
    assert network_of(made) == {
        "otlp_grpc": (0, 4317),
        "otlp_http": (0, 4318),
        "health_check": (0, 13133),
        "metrics": (0, 8888),
    }
    config = task_of(made).config
    assert config is not None
    assert config["image"] == "otel/opentelemetry-collector:1.2.3"
    assert config["ports"] == ["otlp_grpc", "otlp_http", "health_check", "metrics"]
    assert load_yaml(text_of(made))["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "0.0.0.0:4317"


def test_a_process_reads_its_ports_from_the_environment() -> None:
    made = plan(driver="raw_exec", binary="/opt/otelcol")
    assert set(network_of(made).values()) == {(0, 0)}
    config = task_of(made).config
    assert config == {"command": "/opt/otelcol", "args": ["--config=${NOMAD_TASK_DIR}/collector.yaml"]}
    endpoint = load_yaml(text_of(made))["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert endpoint == "0.0.0.0:${env:NOMAD_PORT_otlp_http}"


def test_each_port_is_a_service_and_the_health_check_has_a_check() -> None:
    services = {service.name: service for service in group_of(plan()).services or []}
    assert list(services) == [f"edge-collector-{port}" for port in ("otlp-grpc", "otlp-http", "health-check", "metrics")]
    assert services["edge-collector-otlp-grpc"].tags == ["grpc"]
    assert {service.provider for service in services.values()} == {"nomad"}
    checked = {name: service.checks for name, service in services.items() if service.checks}
    assert list(checked) == ["edge-collector-health-check"]
    [check] = checked["edge-collector-health-check"]
    assert (check.type, check.path, check.protocol) == ("http", "/", "http")


def test_what_listens_on_loopback_has_a_port_but_no_service() -> None:
    config = {**CONFIG, "extensions": {"zpages": {}}, "service": {**CONFIG["service"], "extensions": ["zpages"]}}
    process = plan(config=config, driver="raw_exec")
    assert "zpages" in network_of(process)
    assert "edge-collector-zpages" not in {service.name for service in _services(process)}
    assert "zpages" not in network_of(plan(config=config))  # a container's loopback is its own


def test_without_a_health_check_running_is_all_there_is_to_see() -> None:
    made = plan(health_check=False)
    update = group_of(made).update
    assert update is not None
    assert update.health_check == "task_states"
    assert not any(service.checks for service in _services(made))
    checked = group_of(plan()).update
    assert checked is not None
    assert checked.health_check == "checks"


def test_the_update_block_is_the_users() -> None:
    update = group_of(plan(update={"max_parallel": 2, "min_healthy_time": "7s", "healthy_deadline": "1m"})).update
    assert update is not None
    assert (update.max_parallel, update.min_healthy_time, update.healthy_deadline) == (2, 7 * 10**9, 60 * 10**9)
    assert update.progress_deadline > update.healthy_deadline  # type: ignore[operator]


def test_arguments_are_sorted_and_environment_and_memory_limit_are_set() -> None:
    made = plan(args={"set": "a=b", "feature-gates": "-x", "dry": ""}, env={"A": "1"}, resources={"memory": 500})
    task = task_of(made)
    assert task.config is not None
    assert task.config["args"][1:] == ["--dry", "--feature-gates=-x", "--set=a=b"]
    assert task.env == {"GOMEMLIMIT": "400MiB", "A": "1"}
    assert task_of(plan(env={"GOMEMLIMIT": "1GiB"})).env == {"GOMEMLIMIT": "1GiB"}


def test_a_port_of_the_user_names_an_inferred_one_and_may_fix_its_number_on_the_node() -> None:
    made = plan(ports=[{"name": "traces", "port": 4317, "host_port": 4317}], driver="raw_exec")
    assert network_of(made)["traces"] == (4317, 0)
    assert "NOMAD_PORT_traces" in text_of(made)
    assert "edge-collector-traces" in {service.name for service in _services(made)}
    docker = plan(ports=[{"name": "traces", "port": 4317, "host_port": 14317}])
    assert network_of(docker)["traces"] == (14317, 4317)


def test_a_port_unknown_to_the_configuration_keeps_its_number() -> None:
    ports = [{"name": "extra", "port": 9999, "protocol": "udp"}]
    assert network_of(plan(ports=ports))["extra"] == (0, 9999)
    assert network_of(plan(ports=ports, driver="raw_exec"))["extra"] == (9999, 0)
    assert _services(plan(ports=ports))[0].tags == ["udp"]


def test_placement_is_the_users() -> None:
    constraint = {"attribute": "${attr.kernel.name}", "value": "linux"}
    job = plan(datacenters=["a", "b"], node_pool="edge", constraints=[constraint]).job
    assert (job.datacenters, job.node_pool) == (["a", "b"], "edge")
    [made] = job.constraints or []
    assert (made.l_target, made.operand, made.r_target) == ("${attr.kernel.name}", "=", "linux")


def test_a_changed_configuration_is_a_changed_job_and_an_equal_one_is_not() -> None:
    reordered = dict(reversed(CONFIG.items()))
    assert plan(config=reordered).job.to_json() == plan().job.to_json()
    changed = plan(config={**CONFIG, "exporters": {"debug": {"verbosity": "detailed"}}})
    assert changed.job.meta is not None
    assert changed.job.meta[CONFIG_META] == changed.config.sha256 != plan().config.sha256


@given(st.text(st.characters(exclude_categories=("C",)), max_size=40))
def test_nothing_in_a_configuration_is_taken_for_a_template(text: str) -> None:
    made = plan(config={**CONFIG, "exporters": {"debug": {"note": f"{{{{ {text} }}}}", "more": "[[ << {% x %} >> ]]"}}})
    templates = task_of(made).templates
    assert templates is not None
    assert str(templates[0].left_delim) not in text_of(made)
    assert load_yaml(text_of(made))["exporters"]["debug"]["note"] == f"{{{{ {text} }}}}"


@pytest.mark.parametrize("name", ["Edge", "edge_1", "team/edge", "-edge", "edge-", "e" * (LONGEST_NAME + 1)])
def test_a_name_that_makes_no_service_name_is_refused(name: str) -> None:
    assert "becomes part of service names" in name_problem(name)


def test_the_longest_name_makes_service_names_that_nomad_takes() -> None:
    assert name_problem("e" * LONGEST_NAME) == ""
    made = plan("e" * LONGEST_NAME, ports=[{"name": "p" * 15, "port": 1}])
    assert max(len(service.name) for service in _services(made)) == 63


def test_a_wrong_configuration_is_refused_with_all_its_problems() -> None:
    pipelines = {"traces": {"receivers": ["nope"], "exporters": ["nada"]}}
    with pytest.raises(ConfigError) as caught:
        plan(config={**CONFIG, "service": {"pipelines": pipelines}})
    assert len(caught.value.problems) == 2


def _services(made: Plan) -> list[Service]:
    return list(group_of(made).services or [])
