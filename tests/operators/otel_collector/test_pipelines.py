from typing import Any

import pytest

from operators.otel_collector.findings import Findings
from operators.otel_collector.pipelines import check_pipelines, enabled_components


def config(**changes: Any) -> dict[str, Any]:
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {}}}},
        "processors": {"batch": {}},
        "exporters": {"debug": {}, "file": {"path": "x"}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["debug"]}}},
        **changes,
    }


def pipeline(**changes: Any) -> dict[str, Any]:
    traces = {"receivers": ["otlp"], "exporters": ["debug"], **changes}
    return config(service={"pipelines": {"traces": traces}})


def findings_of(value: dict[str, Any]) -> Findings:
    findings = Findings()
    check_pipelines(value, findings)
    return findings


def test_a_sound_configuration_has_no_findings() -> None:
    findings = findings_of(config())
    assert findings.problems == findings.warnings == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            pipeline(receivers=["otlpx"]),
            'service.pipelines.traces.receivers: "otlpx" is not declared under receivers (declared: otlp); '
            'did you mean "otlp"?',
        ),
        (
            pipeline(exporters=["batch"]),
            'service.pipelines.traces.exporters: "batch" is not declared under exporters (declared: debug, file); '
            "it is declared under processors",
        ),
        (
            config(receivers=None),
            'service.pipelines.traces.receivers: "otlp" is not declared under receivers (declared: none)',
        ),
        (pipeline(receivers=[]), "service.pipelines.traces.receivers: name at least one"),
        (
            pipeline(receivers="otlp"),
            "service.pipelines.traces.receivers: expected a list of ids, found text; write [otlp]",
        ),
        (pipeline(receivers=[1]), "service.pipelines.traces.receivers: expected an id, found a number"),
        (
            pipeline(processors=["batch", "batch"]),
            'service.pipelines.traces.processors: "batch" is named more than once',
        ),
        (
            pipeline(exporter=["debug"]),
            'service.pipelines.traces.exporter: unknown key; did you mean "exporters"?',
        ),
        (
            config(service=None),
            "service: expected a mapping, found nothing; it names the pipelines to run",
        ),
        (
            config(service={"pipelines": {}}),
            "service.pipelines: there is no pipeline; write at least one, such as traces",
        ),
        (
            config(service={"pipelines": {"trace": {"receivers": ["otlp"], "exporters": ["debug"]}}}),
            "service.pipelines.trace: not a pipeline; write a signal (traces, metrics, logs, profiles) or signal/name",
        ),
        (
            config(service={"extensions": ["zpages"], **config()["service"]}),
            'service.extensions: "zpages" is not declared under extensions (declared: none)',
        ),
        (config(procesors={}), 'procesors: unknown key; did you mean "processors"?'),
        (config(zzz={}), "zzz: unknown key; known: receivers, processors, exporters, connectors, extensions, service"),
        (
            config(processors={"batch": 5}),
            "processors.batch: expected a mapping of settings, found a number",
        ),
        (
            config(extensions={"my ext": {}}),
            "extensions.my ext: not a component's id; write type or type/name, such as otlp/2, without spaces",
        ),
        (config(connectors=[]), "connectors: expected a mapping, found a list; it maps ids to settings"),
        (
            config(connectors={"debug": {}}),
            'connectors.debug: there is a "debug" under exporters too; rename one, as in "debug/connector"',
        ),
        (
            pipeline(exporters=["forward"]) | {"connectors": {"forward": {}}},
            "connectors.forward: is an exporter of a pipeline; name it as a receiver of another one too",
        ),
        (
            pipeline(receivers=["forward"]) | {"connectors": {"forward": {}}},
            "connectors.forward: is a receiver of a pipeline; name it as an exporter of another one too",
        ),
    ],
)
def test_each_fault_is_one_message_with_place_and_cure(value: dict[str, Any], problem: str) -> None:
    assert findings_of(value).problems == [problem]


def test_all_faults_are_found_at_once() -> None:
    value = config(
        exporters={"debug": 1},
        service={
            "pipelines": {
                "traces": {"receivers": ["a", "a"], "exporters": ["b"]},
                "metrics": {"receivers": ["otlp"], "exporters": []},
            }
        },
    )
    assert [problem.partition(":")[0] for problem in findings_of(value).problems] == [
        "exporters.debug",
        "service.pipelines.traces.receivers",
        "service.pipelines.traces.exporters",
        "service.pipelines.metrics.exporters",
    ]


def test_a_connector_joins_two_pipelines() -> None:
    value = config(
        connectors={"forward": {}},
        service={
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["forward"]},
                "traces/out": {"receivers": ["forward"], "exporters": ["debug"]},
            }
        },
    )
    assert findings_of(value).problems == []
    assert ("connectors", "forward") in [component[:2] for component in enabled_components(value)]


def test_an_empty_component_is_a_warning_with_the_cure() -> None:
    assert findings_of(config(processors={"batch": None})).warnings == [
        "processors.batch: is empty and taken as {}; write {} to say so"
    ]


@pytest.mark.parametrize(
    "value",
    [
        pipeline(receivers="${env:RECEIVERS}"),
        pipeline(receivers=["${env:RECEIVER}"]),
        config(receivers="${file:receivers.yaml}"),
        config(service="${file:service.yaml}"),
        config(service={"pipelines": {"traces": "${file:traces.yaml}"}}),
        config(connectors={"forward": {}}, service={"pipelines": "${file:pipelines.yaml}"}),
        pipeline(exporters=["forward"], receivers=["${env:RECEIVER}"]) | {"connectors": {"forward": {}}},
        pipeline(exporters=["forward"], receivers="${env:RECEIVERS}") | {"connectors": {"forward": {}}},
    ],
)
def test_what_the_collector_fills_in_is_not_refused(value: dict[str, Any]) -> None:
    assert findings_of(value).problems == []


def test_only_what_the_service_names_is_enabled() -> None:
    value = config(
        receivers={"otlp": {}, "otlp/unused": {}},
        extensions={"zpages": None, "pprof": {}},
        service={"extensions": ["zpages"], **config()["service"]},
    )
    assert [(component.section, component.id) for component in enabled_components(value)] == [
        ("receivers", "otlp"),
        ("processors", "batch"),
        ("exporters", "debug"),
        ("extensions", "zpages"),
    ]
