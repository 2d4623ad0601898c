"""What users may write, and what they are told of their mistakes."""

import pytest

from operator_kit.crd_store.codec import InvalidItems, decode
from operators.otel_collector.resource import DEFAULT_IMAGE, Collector

CONFIG = """\
receivers: {otlp: {protocols: {grpc: {}}}}
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}
"""


def spec(**items: str) -> Collector.Spec:
    return decode(Collector.Spec, {"config": CONFIG, **{key.replace("__", "."): text for key, text in items.items()}})


def test_a_configuration_is_all_that_is_needed() -> None:
    wanted = spec()
    assert (wanted.mode, wanted.replicas, wanted.driver, wanted.image) == ("deployment", 1, "docker", DEFAULT_IMAGE)
    assert (wanted.health_check, wanted.management_state, wanted.datacenters) == (True, "managed", ["*"])


def test_the_configuration_may_be_text_or_a_mapping() -> None:
    assert spec().config == CONFIG
    assert spec(config='{"receivers": {}}').config == {"receivers": {}}
    items = {"config.exporters.debug.verbosity": "detailed", "config.receivers": "{}"}
    assert decode(Collector.Spec, items).config == {"exporters": {"debug": {"verbosity": "detailed"}}, "receivers": {}}


def test_flat_items_reach_every_part() -> None:
    wanted = spec(
        mode="daemonset",
        driver="raw_exec",
        binary="/usr/bin/otelcol",
        resources__memory="512",
        update__min_healthy_time="10s",
        env__GOGC="50",
        datacenters="dc1,dc2",
        ports='[{"name": "syslog", "port": 514, "protocol": "udp", "host_port": 5514}]',
    )
    assert (wanted.resources.memory, wanted.update.min_healthy_time, wanted.env) == (512, "10s", {"GOGC": "50"})
    assert wanted.datacenters == ["dc1", "dc2"]
    assert wanted.ports[0].host_port == 5514


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"mode": "statefulset"}, "mode: the mode statefulset is not supported yet; use deployment or daemonset"),
        ({"mode": "sidecar"}, "mode: the mode sidecar is not supported yet; use deployment or daemonset"),
        ({"mode": "demonset"}, "mode: input should be 'deployment' or 'daemonset'"),
        ({"repilcas": "3"}, "repilcas: unknown key; did you mean replicas?"),
        ({"replicas": "-1"}, "replicas: input should be greater than or equal to 0"),
        ({"driver": "raw_exec", "image": "otel:1"}, "image: goes with driver=docker, and the driver is raw_exec"),
        ({"binary": "/bin/otelcol"}, "binary: goes with driver=raw_exec, and the driver is docker"),
        ({"driver": "exec"}, "driver: input should be 'docker' or 'raw_exec'"),
        ({"image": " "}, "image: it is empty"),
        ({"args": '{"config": "x"}'}, 'args: "config" is set by the operator; write the configuration to the item config'),
        ({"args": '{"--set": "x"}'}, 'args: "--set": write the option without its dashes'),
        ({"env": '{"A-B": "x"}'}, 'env: "A-B" is no name of an environment variable'),
        ({"resources.memory": "a lot"}, "resources.memory: input should be a valid integer"),
        ({"update.min_healthy_time": "soon"}, 'update.min_healthy_time: "soon" is not a duration'),
        ({"update.min_healthy_time": "0s"}, "update.min_healthy_time: a duration must be more than zero"),
        ({"update.min_healthy_time": "9m"}, "update: healthy_deadline (5m) must be longer than min_healthy_time (9m)"),
        ({"ports": '[{"name": "Web_1", "port": 1}]'}, "ports.0.name: a port's name has lower-case letters"),
        ({"ports": '[{"name": "a", "port": 70000}]'}, "ports.0.port: input should be less than or equal to 65535"),
        ({"ports": '[{"name": "a", "port": 1}, {"name": "a", "port": 2}]'}, "ports: the name a is given twice"),
        ({"ports": '[{"name": "a", "port": 1}, {"name": "b", "port": 1}]'}, "ports: the port 1 is given twice"),
    ],
)
def test_a_mistake_is_told_with_key_and_cure(items: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidItems) as caught:
        decode(Collector.Spec, {"config": CONFIG, **items})
    assert message in str(caught.value)


def test_one_number_may_be_used_by_tcp_and_udp() -> None:
    ports = '[{"name": "a", "port": 514}, {"name": "b", "port": 514, "protocol": "udp"}]'
    assert len(spec(ports=ports).ports) == 2
