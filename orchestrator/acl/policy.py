"""Policies: HCL or JSON text -> rules.

A rule keeps the words it was written with (`policy`, `capabilities` expanded), because Nomad shows them. Nomad decodes
policies with the first edition of HCL; the texts of errors, down to the Go types in them, reach users and are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator import hcl1
from orchestrator.acl.capabilities import (
    HOST_VOLUME,
    LEVELS,
    NAMESPACE,
    NODE_POOL,
    OPERATOR,
    PLUGIN_LEVELS,
    SENTINEL,
    VARIABLE_CAPABILITIES,
    expand_variable,
)
from orchestrator.hcl1 import Literal, Node, Object, Sequence

_NAMESPACE_NAME = re.compile(r"[a-zA-Z0-9\-*]{1,128}")
_POOL_NAME = re.compile(r"[a-zA-Z0-9\-_*]{1,128}")
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9\-*]{1,128}")


class PolicyError(ValueError):
    """The text is no policy. The message is Nomad's."""


@dataclass(frozen=True)
class PathRule:
    """Rights on the variables whose path matches."""

    path: str
    capabilities: tuple[str, ...] | None

    def to_wire(self) -> dict[str, Any]:
        return {"PathSpec": self.path, "Capabilities": _shown(self.capabilities)}


@dataclass(frozen=True)
class NamedRule:
    """Rights on what has a matching name: a node pool or a host volume. `*` in the name matches anything."""

    name: str
    policy: str
    capabilities: tuple[str, ...] | None

    def to_wire(self) -> dict[str, Any]:
        return {"Name": self.name, "Policy": self.policy, "Capabilities": _shown(self.capabilities)}


@dataclass(frozen=True)
class NamespaceRule(NamedRule):
    """Rights in the namespaces whose name matches."""

    variables: tuple[PathRule, ...] | None

    def to_wire(self) -> dict[str, Any]:
        paths = None if self.variables is None else {"Paths": [rule.to_wire() for rule in self.variables]}
        return {**super().to_wire(), "Variables": paths}


@dataclass(frozen=True)
class LevelRule:
    """One level for the whole cluster: agent, node, quota, plugin."""

    policy: str

    def to_wire(self) -> dict[str, Any]:
        return {"Policy": self.policy}


@dataclass(frozen=True)
class ClusterRule(LevelRule):
    """A level with capabilities for the whole cluster: operator, sentinel."""

    capabilities: tuple[str, ...] | None

    def to_wire(self) -> dict[str, Any]:
        return {**super().to_wire(), "Capabilities": _shown(self.capabilities)}


@dataclass(frozen=True)
class Policy:
    """The rules of one policy."""

    namespaces: tuple[NamespaceRule, ...] = ()
    node_pools: tuple[NamedRule, ...] = ()
    host_volumes: tuple[NamedRule, ...] = ()
    agent: LevelRule | None = None
    node: LevelRule | None = None
    operator: ClusterRule | None = None
    sentinel: ClusterRule | None = None
    quota: LevelRule | None = None
    plugin: LevelRule | None = None
    raw: str = ""

    def to_wire(self) -> dict[str, Any]:
        """The policy as Nomad shows it under `RulesJSON`."""
        named = {"Namespaces": self.namespaces, "NodePools": self.node_pools, "HostVolumes": self.host_volumes}
        single = {name.capitalize(): getattr(self, name) for name in _SINGLE}
        return {
            **{key: [rule.to_wire() for rule in rules] or None for key, rules in named.items()},
            **{key: rule and rule.to_wire() for key, rule in single.items()},
            "Raw": self.raw,
            "ExtraKeysHCL": None,
        }


_SINGLE = ("agent", "node", "operator", "sentinel", "quota", "plugin")
_NAMED = ("namespace", "node_pool", "host_volume")


@lru_cache(maxsize=512)
def parse(rules: str) -> Policy:
    """Read a policy; the empty text is a policy without rules.

    Raises:
        PolicyError: the text cannot be read, holds no rule, or one that Nomad does not know.
    """
    if not rules:
        return Policy()
    try:
        decoded = _decode(hcl1.parse(rules), rules)
    except hcl1.SyntaxFailure as failure:
        raise PolicyError(f"Failed to parse ACL Policy: {failure}") from None
    return decoded


def _decode(document: Object, rules: str) -> Policy:
    reader = _Reader(document)
    namespaces = list(reader.namespaces())
    node_pools = list(reader.named("node_pool"))
    host_volumes = list(reader.named("host_volume"))
    single = {name: reader.single(name) for name in _SINGLE}
    if not (namespaces or node_pools or host_volumes or any(single.values())):
        raise PolicyError(f"Invalid policy: {rules}")
    checked_namespaces = tuple(_namespace(rule) for rule in namespaces)
    checked_pools = tuple(_node_pool(rule) for rule in node_pools)
    checked_volumes = tuple(_host_volume(rule) for rule in host_volumes)
    extra = reader.unknown_keys()
    if extra:
        raise PolicyError(f"Invalid or duplicate policy keys: {', '.join(extra)}")
    return Policy(
        namespaces=checked_namespaces,
        node_pools=checked_pools,
        host_volumes=checked_volumes,
        agent=_level("agent", single["agent"]),
        node=_level("node", single["node"]),
        operator=_cluster("operator", single["operator"]),
        sentinel=_cluster("sentinel", single["sentinel"]),
        quota=_level("quota", single["quota"]),
        plugin=_level("plugin", single["plugin"]),
        raw=rules,
    )


def _namespace(rule: NamespaceRule) -> NamespaceRule:
    go = _go("NamespacePolicy", rule, Variables=_go_pointer(rule.variables, "VariablesPolicy"))
    if not _NAMESPACE_NAME.fullmatch(rule.name):
        raise PolicyError(f"Invalid namespace name: {go}")
    if rule.policy and rule.policy not in LEVELS:
        raise PolicyError(f"Invalid namespace policy: {go}")
    for capability in rule.capabilities or ():
        if capability not in NAMESPACE.capabilities:
            raise PolicyError(f"Invalid namespace capability '{capability}': {go}")
    variables = None if rule.variables is None else _paths(rule.name, rule.variables)
    return NamespaceRule(rule.name, rule.policy, NAMESPACE.expand(rule.policy, rule.capabilities), variables)


def _paths(namespace: str, rules: tuple[PathRule, ...]) -> tuple[PathRule, ...]:
    if not rules:
        raise PolicyError(f"Invalid variable policy: no variable paths in namespace {namespace}")
    for rule in rules:
        if not rule.path:
            raise PolicyError(f"Invalid missing variable path in namespace {namespace}")
        if rule.path.startswith("/"):
            where = f'Invalid variable path "{rule.path}" in namespace {namespace}'
            raise PolicyError(f"{where}: cannot start with a leading '/'`")
        for capability in rule.capabilities or ():
            if capability not in VARIABLE_CAPABILITIES:
                raise PolicyError(f"Invalid variable capability '{capability}' in namespace {namespace}")
    return tuple(PathRule(rule.path, expand_variable(rule.capabilities)) for rule in rules)


def _node_pool(rule: NamedRule) -> NamedRule:
    if not _POOL_NAME.fullmatch(rule.name):
        raise PolicyError(f"Invalid node pool name '{rule.name}'")
    if rule.policy and rule.policy not in LEVELS:
        raise PolicyError(f"Invalid node pool policy '{rule.policy}' for '{rule.name}'")
    for capability in rule.capabilities or ():
        if capability not in NODE_POOL.capabilities:
            raise PolicyError(f"Invalid node pool capability '{capability}' for '{rule.name}'")
    return NamedRule(rule.name, rule.policy, NODE_POOL.expand(rule.policy, rule.capabilities))


def _host_volume(rule: NamedRule) -> NamedRule:
    go = _go("HostVolumePolicy", rule)
    if not _VOLUME_NAME.fullmatch(rule.name):
        raise PolicyError(f"Invalid host volume name: {go}")
    if rule.policy and rule.policy not in LEVELS:
        raise PolicyError(f"Invalid host volume policy: {go}")
    for capability in rule.capabilities or ():
        if capability not in HOST_VOLUME.capabilities:
            raise PolicyError(f"Invalid host volume capability '{capability}': {go}")
    return NamedRule(rule.name, rule.policy, HOST_VOLUME.expand(rule.policy, rule.capabilities))


def _level(name: str, rule: ClusterRule | None) -> LevelRule | None:
    if rule is None:
        return None
    if rule.policy not in (PLUGIN_LEVELS if name == "plugin" else LEVELS):
        raise PolicyError(f"Invalid {name} policy: &acl.{name.capitalize()}Policy{{Policy:{_quoted(rule.policy)}}}")
    return LevelRule(rule.policy)


def _cluster(name: str, rule: ClusterRule | None) -> ClusterRule | None:
    if rule is None:
        return None
    if rule.policy and rule.policy not in LEVELS:
        raise PolicyError(f"Invalid {name} policy: {_go(f'{name.capitalize()}Policy', rule)}")
    vocabulary = OPERATOR if name == "operator" else SENTINEL
    for capability in rule.capabilities or ():
        if capability not in vocabulary.capabilities:
            raise PolicyError(f"Invalid {name} capability '{capability}'")
    return ClusterRule(rule.policy, vocabulary.expand(rule.policy, rule.capabilities))


class _Reader:
    """Takes rules out of a document, as they are written. Keys that it does not know inside a rule are no error in Nomad."""

    def __init__(self, document: Object) -> None:
        self._document = document

    def namespaces(self) -> Iterator[NamespaceRule]:
        for index, (name, body) in enumerate(_labelled(self._document, "namespace", "root.namespace")):
            where = f"root.namespace[{index}]"
            yield NamespaceRule(name, *_rights(body, where), self._variables(body, f"{where}.variables"))

    def named(self, kind: str) -> Iterator[NamedRule]:
        for index, (name, body) in enumerate(_labelled(self._document, kind, f"root.{kind}")):
            yield NamedRule(name, *_rights(body, f"root.{kind}[{index}]"))

    def single(self, kind: str) -> ClusterRule | None:
        """All blocks of a kind as one; in each the later wins."""
        body = _merged(self._document, kind, f"root.{kind}")
        return None if body is None else ClusterRule(*_rights(body, f"root.{kind}"))

    def unknown_keys(self) -> list[str]:
        """Top-level keys that are no rules, labels where none belong, and second blocks of what may stand only once."""
        seen: set[str] = set()
        extra: list[str] = []
        for item in self._document.items:
            kind = item.keys[0].lower()
            if kind in _NAMED:
                extra += item.keys[2:]
            else:
                extra += item.keys[1:] if kind in _SINGLE and kind not in seen else item.keys
            seen.add(kind)
        return sorted(extra)

    def _variables(self, body: Object, where: str) -> tuple[PathRule, ...] | None:
        variables = _merged(body, "variables", where)
        if variables is None:
            return None
        paths = _labelled(variables, "path", f"{where}.path")
        return tuple(
            PathRule(path, _texts(rule, "Capabilities", f"{where}.path[{index}]")) for index, (path, rule) in enumerate(paths)
        )


def _labelled(body: Object, kind: str, where: str) -> Iterator[tuple[str, Object]]:
    for index, (name, block) in enumerate(body.labelled(kind)):
        if isinstance(block.content, Literal):
            raise _wrong(block.content, "unknown slice type: *ast.LiteralType")
        yield name, _object(block.content, f"{where}[{index}]")


def _merged(body: Object, kind: str, where: str) -> Object | None:
    """Blocks that have no name, as one."""
    blocks = body.matching(kind)
    inner = [item for block in blocks for item in _object(block.content, where).items]
    return Object(tuple(inner), blocks[0].position, body.json) if blocks else None


def _object(node: Node, where: str) -> Object:
    if isinstance(node, Object):
        return node
    raise _wrong(node, f"{where}: not an object type for struct (*ast.{_go_type(node)})")


def _rights(body: Object, where: str) -> tuple[str, tuple[str, ...] | None]:
    return _text(body, "Policy", where), _texts(body, "Capabilities", where)


def _text(body: Object, key: str, where: str) -> str:
    values = [_literal(item.content, f"{where}.{key}") for item in body.matching(key)]
    return values[-1] if values else ""


def _texts(body: Object, key: str, where: str) -> tuple[str, ...] | None:
    items = body.matching(key)
    texts: list[str] = []
    for item in items:
        value = item.content
        if isinstance(value, Literal):
            raise _wrong(value, "unknown slice type: *ast.LiteralType")
        nodes = value.items if isinstance(value, Sequence) else [inner.value for inner in value.items]
        texts += [_literal(node, f"{where}.{key}[{index}]") for index, node in enumerate(nodes)]
    return tuple(texts) if items else None


def _literal(node: Node, where: str) -> str:
    if isinstance(node, Literal):
        return node.text
    raise _wrong(node, f"{where}: unknown type for string *ast.{_go_type(node)}")


def _go_type(node: Node) -> str:
    return {Literal: "LiteralType", Sequence: "ListType", Object: "ObjectType"}[type(node)]


def _wrong(node: Node, message: str) -> hcl1.SyntaxFailure:
    return hcl1.SyntaxFailure(node.position, message)


def _shown(capabilities: tuple[str, ...] | None) -> list[str] | None:
    return None if capabilities is None else list(capabilities)


def _go(kind: str, rule: Any, **more: str) -> str:
    """A rule as Go's `%#v` prints it."""
    names = None if rule.capabilities is None else ", ".join(_quoted(name) for name in rule.capabilities)
    fields = {
        **({"Name": _quoted(rule.name)} if isinstance(rule, NamedRule) else {}),
        "Policy": _quoted(rule.policy),
        "Capabilities": "[]string(nil)" if names is None else f"[]string{{{names}}}",
        **more,
    }
    return f"&acl.{kind}{{{', '.join(f'{name}:{value}' for name, value in fields.items())}}}"


def _go_pointer(value: object, kind: str) -> str:
    return f"(*acl.{kind})({'nil' if value is None else '0xc000000000'})"


_ESCAPES: dict[str, str] = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'
