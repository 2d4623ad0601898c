"""Renders a template out of what is known, and says what it would need to know besides.

Looking up a variable or a service takes time, and a template is carried out in one go. So a rendering is a pure function of
what was looked up before: what it misses it asks for, and it is repeated with the answers until it asks for nothing more.
What it asked for is what it depends on: when that changes, it is rendered anew.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nomad_api.models import ServiceRegistration, Variable, VariableMetadata
from orchestrator.client.templates.errors import TemplateError
from orchestrator.client.templates.evaluation import Evaluation, Record
from orchestrator.client.templates.functions import FUNCTIONS
from orchestrator.client.templates.syntax import parse

_LOOKUPS: Final = frozenset(
    "nomadVar nomadVarExists nomadVarList nomadVarListSafe nomadService nomadServices env mustEnv envOrDefault".split()
)


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something a template looks up: a variable at a path, the variables below a prefix, or all services."""

    kind: Literal["variable", "variables", "services"]
    name: str = ""


Lookup = Mapping[Dependency, Variable | list[VariableMetadata] | list[ServiceRegistration] | None]


@dataclass(frozen=True)
class Rendering:
    """What came of a template.

    `text` is None unless everything was known. `unknown` must be looked up first; `missing` was looked up and is not there,
    named as in the event that tells a user why a task waits.
    """

    text: str | None
    used: frozenset[Dependency]
    unknown: frozenset[Dependency]
    missing: frozenset[str]


class VariableItem(str):
    """A value of a variable: prints as itself, and knows its key."""

    __slots__ = ("template_fields",)

    def __new__(cls, key: str, value: str) -> "VariableItem":
        item = super().__new__(cls, value)
        item.template_fields = {"Key": key, "Value": value}
        return item


class TemplateText:
    """A template that was read. `namespace` and `region` only name what is missing.

    Raises TemplateError if the text is no template.
    """

    def __init__(
        self,
        text: str,
        *,
        left: str = "",
        right: str = "",
        missing_key_is_error: bool = False,
        namespace: str = "default",
        region: str = "global",
    ) -> None:
        self._tree = parse(text, left, right, frozenset(FUNCTIONS) | _LOOKUPS)
        self._missing_key_is_error = missing_key_is_error
        self._where = f"{namespace}.{region}"

    def render(self, known: Lookup, environment: Mapping[str, str]) -> Rendering:
        """Raises TemplateError if the template fails on what is known; one that still misses something has not failed."""
        asked = _Asked(known, environment, self._where)
        evaluation = Evaluation(self._tree, {**FUNCTIONS, **asked.functions()}, missing_is_error=self._missing_key_is_error)
        text = None
        try:
            text = evaluation.run()
        except TemplateError:
            if not asked.unknown and not asked.missing:
                raise
        if asked.unknown or asked.missing:
            text = None
        return Rendering(text, frozenset(asked.used), frozenset(asked.unknown), frozenset(asked.missing))


@dataclass
class _Asked:
    """The functions that look things up, and what they were asked."""

    known: Lookup
    environment: Mapping[str, str]
    where: str
    used: set[Dependency] = field(default_factory=set)
    unknown: set[Dependency] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "nomadVar": self._variable,
            "nomadVarExists": lambda path: self._look_up("variable", path) is not None,
            "nomadVarList": self._variables,
            "nomadVarListSafe": self._variables,
            "nomadService": self._service,
            "nomadServices": self._services,
            "env": lambda name: self.environment.get(name, ""),
            "envOrDefault": lambda name, default: self.environment.get(name) or default,
            "mustEnv": self._must_env,
        }

    def _look_up(self, kind: Literal["variable", "variables", "services"], name: Any = "") -> Any:
        if not isinstance(name, str):
            raise TemplateError("needs a path")
        dependency = Dependency(kind, name.strip("/") if kind == "variable" else name)
        self.used.add(dependency)
        if dependency not in self.known:
            self.unknown.add(dependency)
        return self.known.get(dependency)

    def _variable(self, path: Any) -> dict[str, VariableItem] | None:
        variable = self._look_up("variable", path)
        if variable is None:
            if not self.unknown:
                self.missing.add(f"nomad.var.block({path.strip('/')}@{self.where})")
            return None
        return {key: VariableItem(key, value) for key, value in (variable.items or {}).items()}

    def _variables(self, prefix: Any = "") -> list[Record]:
        found = self._look_up("variables", prefix) or []
        return [
            Record(
                Namespace=metadata.namespace,
                Path=metadata.path,
                CreateIndex=metadata.create_index,
                ModifyIndex=metadata.modify_index,
                CreateTime=metadata.create_time,
                ModifyTime=metadata.modify_time,
            )
            for metadata in found
        ]

    def _service(self, *arguments: Any) -> list[Record]:
        """`nomadService "name"`, or `nomadService 2 "key" "name"` for two instances that stay the same for a key."""
        name = arguments[-1]
        instances = [service for service in self._look_up("services") or [] if service.service_name == name]
        if len(arguments) == 3:
            count, key, _ = arguments
            instances = sorted(instances, key=lambda service: _rendezvous(str(key), service.id))[: int(count)]
        return [
            Record(
                ID=service.id,
                Name=service.service_name,
                Namespace=service.namespace,
                NodeID=service.node_id,
                Datacenter=service.datacenter,
                JobID=service.job_id,
                AllocID=service.alloc_id,
                Address=service.address,
                Port=service.port,
                Tags=list(service.tags or ()),
            )
            for service in instances
        ]

    def _services(self) -> list[Record]:
        tags: dict[str, set[str]] = {}
        for service in self._look_up("services") or []:
            tags.setdefault(service.service_name, set()).update(service.tags or ())
        return [Record(Name=name, Tags=sorted(tags[name])) for name in sorted(tags)]

    def _must_env(self, name: str) -> str:
        if name not in self.environment:
            raise TemplateError(f"environment variable {name} is not set")
        return self.environment[name]


def _rendezvous(key: str, instance: str) -> str:
    return hashlib.sha256(f"{key}|{instance}".encode()).hexdigest()
