"""Policies -> the checks that routes make.

Policies add up: the union of capabilities, the most privileged level; but `deny` takes everything else away, from whichever
policy it comes. A rule for the exact name beats every glob, and of the globs that match the one with most fixed characters
decides alone: rules for other patterns that match are not looked at.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Self

from orchestrator.acl.capabilities import BROADER, DENY
from orchestrator.acl.policy import LevelRule, NamedRule, Policy

Access = Literal["read", "write"]
_NOTHING: frozenset[str] = frozenset()
_PRIVILEGE = ("deny", "write", "read", "list")  # the first that any policy names is the level
_OWN_VARIABLES = frozenset({"read", "list"})


@dataclass(frozen=True)
class WorkloadClaims:
    """The task that a workload identity was given to."""

    namespace: str
    job_id: str
    allocation_id: str
    group: str = ""
    task: str = ""

    def owns(self, namespace: str, path: str) -> bool:
        """Whether it may read that variable without any policy: those at the paths of its job, group and task, not below."""
        return namespace == self.namespace and path in (
            "nomad/jobs",
            f"nomad/jobs/{self.job_id}",
            f"nomad/jobs/{self.job_id}/{self.group}",
            f"nomad/jobs/{self.job_id}/{self.group}/{self.task}",
        )


class _Capabilities:
    """Capabilities by name, where names may be globs."""

    def __init__(self) -> None:
        self._exact: dict[str, set[str]] = {}
        self._globs: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._globs)

    def at(self, name: str) -> set[str]:
        """The set kept for exactly this name or glob, to add to."""
        return (self._globs if "*" in name else self._exact).setdefault(name, set())

    def grant(self, name: str, capabilities: Iterable[str]) -> None:
        """Add to what the name or glob has, unless it is or becomes denied."""
        granted = self.at(name)
        granted.update(capabilities)
        if DENY in granted:
            granted.intersection_update({DENY})

    def exact(self, name: str) -> set[str] | None:
        return self._exact.get(name)

    def closest(self, name: str) -> set[str] | frozenset[str]:
        """What the best matching glob grants. Of two equally good ones it is the later in alphabetical order, as in Nomad."""
        matching = [glob for glob in self._globs if _compiled(glob).fullmatch(name)]
        if not matching:
            return _NOTHING
        return self._globs[max(matching, key=lambda glob: (len(glob) - glob.count("*"), glob))]

    def of(self, name: str) -> set[str] | frozenset[str]:
        found = self._exact.get(name)
        return self.closest(name) if found is None else found

    def all(self) -> list[set[str]]:
        return [*self._exact.values(), *self._globs.values()]

    def names(self) -> Iterable[str]:
        return (*self._exact, *self._globs)


@lru_cache(maxsize=4096)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.DOTALL)


@dataclass(frozen=True)
class ACL:
    """What one caller may do. Every `allow_…` answers yes or no and knows no errors."""

    is_management: bool = False
    """Everything is allowed: a management token, or an agent without ACLs."""
    _namespaces: _Capabilities = field(default_factory=_Capabilities)
    _variables: _Capabilities = field(default_factory=_Capabilities)
    _node_pools: _Capabilities = field(default_factory=_Capabilities)
    _host_volumes: _Capabilities = field(default_factory=_Capabilities)
    _operator: _Capabilities = field(default_factory=_Capabilities)
    _levels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def management(cls) -> Self:
        """May do everything."""
        return cls(is_management=True)

    @classmethod
    def none(cls) -> Self:
        """May do nothing."""
        return cls()

    @classmethod
    def compile(cls, policies: Iterable[Policy]) -> Self:
        """What several policies grant together."""
        acl = cls()
        for policy in policies:
            acl._add(policy)
        return acl

    def _add(self, policy: Policy) -> None:
        for namespace in policy.namespaces:
            self._namespaces.grant(namespace.name, namespace.capabilities or ())
            for rule in namespace.variables or ():
                self._variables.at(_variable(namespace.name, rule.path)).update(rule.capabilities or ())
        _grant_all(self._node_pools, policy.node_pools)
        _grant_all(self._host_volumes, policy.host_volumes)
        if policy.operator:
            self._operator.grant("", policy.operator.capabilities or ())
        for name in ("agent", "node", "operator", "quota", "plugin"):
            level: LevelRule | None = getattr(policy, name)
            if level:
                stated = (self._levels.get(name), level.policy)
                self._levels[name] = next((best for best in _PRIVILEGE if best in stated), "")

    def allow_namespace(self, namespace: str, capability: str) -> bool:
        """Whether a capability, or a broader one that includes it, is granted in a namespace."""
        return self.is_management or _includes(self._namespaces.of(namespace), capability)

    def allow_any_namespace(self, capability: str) -> bool:
        """Whether a capability is granted in any namespace. What is then listed must still be filtered by namespace."""
        return self.is_management or any(_includes(granted, capability) for granted in self._namespaces.all())

    def allow_any_in_namespace(self, namespace: str) -> bool:
        """Whether anything at all is granted in a namespace."""
        return self.is_management or _something(self._namespaces.of(namespace))

    def namespaces_with(self, capability: str, namespaces: Iterable[str]) -> list[str]:
        """Those of some namespaces in which a capability is granted."""
        return [namespace for namespace in namespaces if self.allow_namespace(namespace, capability)]

    def allow_variable(self, namespace: str, path: str, capability: str, claims: WorkloadClaims | None = None) -> bool:
        """Whether `list`, `read`, `write` or `destroy` is granted on a variable: by a rule for exactly this path, else by the
        caller's own workload identity, else by the closest glob."""
        if self.is_management:
            return True
        granted = self._variables.exact(_variable(namespace, path))
        if granted is not None:
            return capability in granted
        if claims and claims.owns(namespace, path):
            return capability in _OWN_VARIABLES
        return capability in self._variables.closest(_variable(namespace, path))

    def allow_variable_search(self, namespace: str) -> bool:
        """Whether there are any rules for variables of a namespace. What is found must still be filtered by path."""
        if self.is_management:
            return True
        if namespace == "*":
            return bool(self._variables)
        rules = (rule.split("\0")[0] for rule in self._variables.names())
        return any(_compiled(glob).fullmatch(namespace) for glob in rules)

    def allow_node_pool(self, pool: str, capability: str) -> bool:
        """Whether `read`, `write` or `delete` of a node pool is granted."""
        return self.is_management or capability in self._node_pools.of(pool)

    def allow_host_volume(self, volume: str, capability: str) -> bool:
        """Whether `mount-readonly` or `mount-readwrite` of a host volume is granted."""
        return self.is_management or capability in self._host_volumes.of(volume)

    def allow_node(self, access: Access) -> bool:
        return self._allow("node", access)

    def allow_agent(self, access: Access) -> bool:
        return self._allow("agent", access)

    def allow_operator(self, access: Access) -> bool:
        return self._allow("operator", access)

    def allow_operator_capability(self, capability: str) -> bool:
        """Whether one thing is granted by name, such as `snapshot-save` or `keyring-rotate`."""
        return self._allow("operator", "write") or capability in self._operator.of("")

    def allow_quota(self, access: Access) -> bool:
        return self._allow("quota", access)

    def allow_plugin(self, access: Literal["list", "read"]) -> bool:
        """`read` includes `list`; `write`, which Nomad accepts in a policy, grants nothing."""
        granted = self._levels.get("plugin")
        return self.is_management or granted == "read" or granted == access == "list"

    def _allow(self, what: str, access: Access) -> bool:
        return self.is_management or self._levels.get(what) in ("write", access)


def _grant_all(capabilities: _Capabilities, rules: Iterable[NamedRule]) -> None:
    for rule in rules:
        capabilities.grant(rule.name, rule.capabilities or ())


def _variable(namespace: str, path: str) -> str:
    return f"{namespace}\0{path}"


def _includes(granted: set[str] | frozenset[str], capability: str) -> bool:
    return capability in granted or any(broader in granted for broader in BROADER.get(capability, ()))


def _something(granted: set[str] | frozenset[str]) -> bool:
    return bool(granted) and DENY not in granted
