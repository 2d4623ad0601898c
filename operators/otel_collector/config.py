"""From the configuration in a resource to the one that a collector is given.

A user's configuration is a mapping or YAML text. It is read, checked and filled in, as pure functions on plain data;
whatever is wrong with it ends as one `ConfigError` with all problems, never as another exception, so that a bad
resource cannot disturb its neighbours. Whether the settings inside a component are right is known only to the
component itself, and so to `otelcol validate`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operator_kit.crd_store.yaml_text import MAX_DEPTH, MAX_INT, MAX_VALUES, MIN_INT, YamlError, load_yaml
from operators.otel_collector.defaulting import fill_in_defaults
from operators.otel_collector.findings import ConfigError, Findings
from operators.otel_collector.listeners import check_listeners
from operators.otel_collector.pipelines import SECTIONS, check_pipelines, kind_of

_EXAMPLE = "it has receivers, exporters and service"


@dataclass(frozen=True, slots=True)
class EffectiveConfig:
    """A configuration that is checked and complete, and what its author should know about it."""

    config: dict[str, Any]
    warnings: tuple[str, ...]


def effective_config(source: Mapping[str, Any] | str, *, health_check: bool = True) -> EffectiveConfig:
    """Read, check and fill in a configuration; `source` is not changed.

    `health_check` adds a health_check extension on port 13133 unless one is enabled. Raises `ConfigError` with every
    problem found.
    """
    findings = Findings()
    config = read_config(source)
    check_pipelines(config, findings)
    check_listeners(config, findings)
    findings.raise_problems()
    for section in SECTIONS:
        declared = config.get(section)
        if isinstance(declared, dict):
            config[section] = {key: {} if value is None else value for key, value in declared.items()}
    fill_in_defaults(config, health_check, findings)
    return EffectiveConfig(config, tuple(findings.warnings))


def read_config(source: Mapping[str, Any] | str) -> dict[str, Any]:
    """The configuration as plain dicts, lists and scalars that share nothing with `source`. Raises `ConfigError`."""
    value: object = source
    if isinstance(source, str):
        try:
            value = load_yaml(source)
        except YamlError as error:
            raise ConfigError([f"config: not YAML: {error}"]) from error
    if not isinstance(value, Mapping):
        raise ConfigError([f"config: expected a mapping, found {kind_of(value)}; {_EXAMPLE}"])
    reader = _Reader()
    config = reader.read("", value, 0)
    reader.findings.raise_problems()
    assert isinstance(config, dict)
    return config


class _Reader:
    """Copies a value into plain data, within bounds of depth and size, and says what has no place in it."""

    def __init__(self) -> None:
        self.findings = Findings()
        self.values = 0

    def read(self, where: str, value: object, depth: int) -> Any:
        self.values += 1
        if self.values > MAX_VALUES or depth > MAX_DEPTH:
            bound = f"{MAX_DEPTH} levels deep" if depth > MAX_DEPTH else f"{MAX_VALUES} values"
            raise ConfigError([f"{where or 'config'}: the configuration is more than {bound}"])
        match value:
            case None | bool():
                return value
            # Subclasses, such as members of an enumeration, become the plain value.
            case int():
                if not MIN_INT <= value <= MAX_INT:
                    self.findings.problem(where, "the number does not fit into 64 bits")
                return int(value)
            case float():
                if math.isnan(value):
                    self.findings.problem(where, "not a number (NaN)")
                return float(value)
            case str():
                if not _is_text(value):
                    self.findings.problem(where, "the text has characters that are not Unicode")
                return str.__str__(value)
            case Mapping():
                return self._read_mapping(where, value, depth)
            case list() | tuple():
                return [self.read(f"{where}[{index}]", item, depth + 1) for index, item in enumerate(value)]
        self.findings.problem(where, f"found {kind_of(value)}; write text, a number, a boolean, a list or a mapping")
        return None

    def _read_mapping(self, where: str, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, item in value.items():
            # A number as a key is its digits to the collector too.
            name = str(key) if isinstance(key, int) and not isinstance(key, bool) and abs(key) <= MAX_INT else key
            place = f"{where}.{name}" if where else f"{name}" if isinstance(name, str) else "config"
            if not isinstance(name, str) or not _is_text(name):
                self.findings.problem(where or "config", f"a key is {kind_of(key)}; write it as text, in quotes")
            elif name in plain:
                self.findings.problem(place, "the key is given twice")
            else:
                plain[name] = self.read(place, item, depth + 1)
        return plain


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
