"""Checks that a collector configuration hangs together, and tells which of its components are in use.

These are the collector's own rules that need no knowledge of a component's settings: sections, ids, and references from
`service` to what is declared. A misspelt reference is by far the most common fault, and a collector that meets one
ends at once; found here, it never gets that far.

A string with `${…}` in place of a mapping or list is filled in by the collector when it starts. What depends on it is
not checked, and a warning says so.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from operators.otel_collector.components import is_component_id
from operators.otel_collector.findings import Findings

SECTIONS = ("receivers", "processors", "exporters", "connectors", "extensions")
SIGNALS = ("traces", "metrics", "logs", "profiles")

_TOP_KEYS = (*SECTIONS, "service")
_SERVICE_KEYS = ("telemetry", "extensions", "pipelines")
_PIPELINE_KEYS = ("receivers", "processors", "exporters")


class Component(NamedTuple):
    """A component that the service uses: its section, its id there, and its own configuration."""

    section: str
    id: str
    config: dict[str, Any]


def enabled_components(config: Mapping[str, Any]) -> Iterator[Component]:
    """The declared components that a pipeline or `service.extensions` names, in the order of their declaration."""
    service = mapping_at(config, "service")
    used: dict[str, set[str]] = {section: set() for section in SECTIONS}
    used["extensions"] = _texts(service.get("extensions"))
    for pipeline in mapping_at(service, "pipelines").values():
        if isinstance(pipeline, Mapping):
            for key in _PIPELINE_KEYS:
                used[key] |= _texts(pipeline.get(key))
    used["connectors"] = used["receivers"] & used["exporters"]
    for section in SECTIONS:
        for component_id, component in mapping_at(config, section).items():
            if component_id in used[section] and not is_expansion(component):
                yield Component(section, component_id, component if isinstance(component, dict) else {})


def check_pipelines(config: Mapping[str, Any], findings: Findings) -> None:
    """Write into `findings` every reason why the collector would refuse this configuration's structure."""
    _check_keys("", config, _TOP_KEYS, findings)
    for section in SECTIONS:
        _check_section(section, config.get(section), findings)
    service = _mapping("service", config.get("service"), findings, cure="it names the pipelines to run")
    if service is None:
        return
    _check_keys("service", service, _SERVICE_KEYS, findings)
    if service.get("telemetry") is not None:
        _mapping("service.telemetry", service["telemetry"], findings, cure="it has logs, metrics, traces, resource")
    for extension in dict.fromkeys(_references("service.extensions", service.get("extensions"), findings)):
        _check_reference("service.extensions", extension, ("extensions",), config, findings)
    pipelines = _mapping("service.pipelines", service.get("pipelines"), findings, cure="write at least one pipeline")
    if pipelines is None:
        return
    if not pipelines:
        findings.problem("service.pipelines", "there is no pipeline; write at least one, such as traces")
    for name, pipeline in pipelines.items():
        _check_pipeline(name, pipeline, config, findings)
    _check_connectors(config, pipelines, findings)


def mapping_at(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key, and an empty one for anything else."""
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def is_expansion(value: object) -> bool:
    """Whether the collector fills this in when it starts."""
    return isinstance(value, str) and "${" in value


def kind_of(value: object) -> str:
    """What a value is, in a person's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case Mapping():
            return "a mapping"
    return f"a {type(value).__name__}"


def _check_section(section: str, declared: object, findings: Findings) -> None:
    if declared is None:
        return
    for component_id, component in (_mapping(section, declared, findings, cure="it maps ids to settings") or {}).items():
        where = f"{section}.{component_id}"
        if not is_component_id(component_id):
            findings.problem(where, "not a component's id; write type or type/name, such as otlp/2, without spaces")
        if component is None:
            findings.warning(where, "is empty and taken as {}; write {} to say so")
        elif not isinstance(component, Mapping) and not is_expansion(component):
            findings.problem(where, f"expected a mapping of settings, found {kind_of(component)}")


def _check_pipeline(name: str, pipeline: object, config: Mapping[str, Any], findings: Findings) -> None:
    where = f"service.pipelines.{name}"
    if name.partition("/")[0] not in SIGNALS or not is_component_id(name):
        findings.problem(where, f"not a pipeline; write a signal ({', '.join(SIGNALS)}) or signal/name")
    settings = _mapping(where, pipeline, findings, cure="it has receivers, processors and exporters")
    if settings is None:
        return
    _check_keys(where, settings, _PIPELINE_KEYS, findings)
    for key in _PIPELINE_KEYS:
        place = f"{where}.{key}"
        if not settings.get(key) and key != "processors":
            findings.problem(place, "name at least one")
            continue
        sections = (key,) if key == "processors" else (key, "connectors")
        references = _references(place, settings.get(key), findings)
        for reference in dict.fromkeys(references):
            _check_reference(place, reference, sections, config, findings)
            if key == "processors" and references.count(reference) > 1:
                findings.problem(place, f'"{reference}" is named more than once')


def _check_connectors(config: Mapping[str, Any], pipelines: Mapping[str, Any], findings: Findings) -> None:
    """A connector joins two pipelines: it is an exporter of one and a receiver of the other."""
    lists = {key: [_get(pipeline, key) for pipeline in pipelines.values()] for key in ("receivers", "exporters")}
    ends = {key: set().union(*map(_texts, lists[key])) for key in lists}
    items = [item for value in (*lists["receivers"], *lists["exporters"]) if isinstance(value, list) for item in value]
    is_complete = not any(map(is_expansion, (*pipelines.values(), *lists["receivers"], *lists["exporters"], *items)))
    for connector in mapping_at(config, "connectors"):
        where = f"connectors.{connector}"
        ambiguous = [section for section in ("receivers", "exporters") if connector in mapping_at(config, section)]
        sends, receives = connector in ends["exporters"], connector in ends["receivers"]
        if ambiguous:
            cure = f'rename one, as in "{connector}/connector"'
            findings.problem(where, f'there is a "{connector}" under {" and ".join(ambiguous)} too; {cure}')
        elif is_complete and sends and not receives:
            findings.problem(where, "is an exporter of a pipeline; name it as a receiver of another one too")
        elif is_complete and receives and not sends:
            findings.problem(where, "is a receiver of a pipeline; name it as an exporter of another one too")


def _check_reference(
    where: str, reference: str, sections: tuple[str, ...], config: Mapping[str, Any], findings: Findings
) -> None:
    if any(reference in mapping_at(config, section) or is_expansion(config.get(section)) for section in sections):
        return
    declared = [component for section in sections for component in mapping_at(config, section)]
    message = f'"{reference}" is not declared under {sections[0]} (declared: {", ".join(declared) or "none"})'
    elsewhere = [section for section in SECTIONS if reference in mapping_at(config, section)]
    if elsewhere:
        message += f"; it is declared under {elsewhere[0]}"
    elif near := _nearest(reference, declared):
        message += f'; did you mean "{near}"?'
    findings.problem(where, message)


def _references(where: str, value: object, findings: Findings) -> list[str]:
    """The ids in a list of references; what is not one is a problem."""
    if value is None:
        return []
    if is_expansion(value):
        findings.warning(where, f"{value} is known only when the collector runs: it is not checked and opens no ports")
        return []
    if not isinstance(value, list):
        cure = f"; write [{value}]" if isinstance(value, str) else ""
        findings.problem(where, f"expected a list of ids, found {kind_of(value)}{cure}")
        return []
    for item in value:
        if not isinstance(item, str):
            findings.problem(where, f"expected an id, found {kind_of(item)}")
    return [item for item in value if isinstance(item, str) and not is_expansion(item)]


def _check_keys(where: str, value: Mapping[str, Any], known: tuple[str, ...], findings: Findings) -> None:
    for key in value:
        if key not in known:
            near = _nearest(key, known)
            cure = f'did you mean "{near}"?' if near else f"known: {', '.join(known)}"
            findings.problem(f"{where}.{key}" if where else key, f"unknown key; {cure}")


def _mapping(where: str, value: object, findings: Findings, cure: str) -> Mapping[str, Any] | None:
    """The mapping, or None with the reason in `findings`."""
    if isinstance(value, Mapping):
        return value
    if is_expansion(value):
        findings.warning(where, f"{value} is known only when the collector runs: it is not checked and opens no ports")
    else:
        findings.problem(where, f"expected a mapping, found {kind_of(value)}; {cure}")
    return None


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None


def _texts(value: object) -> set[str]:
    return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()
