"""Policies: what they say, and why they are refused. All texts are those of a real agent."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.acl.capabilities import NAMESPACE
from orchestrator.acl.policy import Policy, PolicyError, parse

READ = [
    "list-jobs",
    "parse-job",
    "read-job",
    "csi-list-volume",
    "csi-read-volume",
    "read-job-scaling",
    "list-scaling-policies",
    "read-scaling-policy",
    "host-volume-read",
]
GO_NAMESPACE = "&acl.NamespacePolicy{{Name:{}, Policy:{}, Capabilities:{}, Variables:(*acl.VariablesPolicy)(nil)}}"


def shown(rules: str) -> dict[str, Any]:
    """What the policy says, without what it does not mention."""
    return {key: value for key, value in parse(rules).to_wire().items() if value is not None and key != "Raw"}


def test_the_empty_text_is_a_policy_without_rules() -> None:
    assert parse("") == Policy()


def test_a_level_stands_for_capabilities() -> None:
    assert shown('namespace "default" { policy = "read" }') == {
        "Namespaces": [{"Name": "default", "Policy": "read", "Capabilities": READ, "Variables": None}]
    }


def test_write_brings_what_its_capabilities_bring_along() -> None:
    capabilities = shown('namespace "a" { policy = "write" }')["Namespaces"][0]["Capabilities"]
    assert capabilities[: len(READ)] == READ
    assert capabilities[-2:] == ["host-volume-create", "host-volume-read"]


def test_named_capabilities_come_before_those_of_the_level() -> None:
    rules = 'namespace "a" { policy = "deny"\n capabilities = ["read-job"] capabilities = ["list-jobs"] }'
    assert shown(rules)["Namespaces"][0]["Capabilities"] == ["read-job", "list-jobs", "deny"]


@pytest.mark.parametrize(
    ("written", "granted"),
    [
        ('["read"]', ["read", "list"]),
        ('["list", "read"]', ["list", "read"]),
        ('["read", "deny", "list"]', ["deny"]),
        ('["write"]', ["write"]),
        ("[]", []),
    ],
)
def test_capabilities_of_variables(written: str, granted: list[str]) -> None:
    rules = f'namespace "a" {{ variables {{ path "x/*" {{ capabilities = {written} }} }} }}'
    assert shown(rules)["Namespaces"][0]["Variables"] == {"Paths": [{"PathSpec": "x/*", "Capabilities": granted}]}


def test_rules_of_the_whole_cluster() -> None:
    rules = (
        'agent { policy = "write" } node { policy = "read" } quota { policy = "deny" } plugin { policy = "list" }'
        'operator { policy = "read" capabilities = ["snapshot-save"] } sentinel { policy = "read" }'
        'node_pool "p-*" { policy = "write" } host_volume "v" { policy = "write" }'
    )
    assert shown(rules) == {
        "Agent": {"Policy": "write"},
        "Node": {"Policy": "read"},
        "Quota": {"Policy": "deny"},
        "Plugin": {"Policy": "list"},
        "Operator": {"Policy": "read", "Capabilities": ["snapshot-save", "license-read", "keyring-read"]},
        "Sentinel": {"Policy": "read", "Capabilities": ["sentinel-read"]},
        "NodePools": [{"Name": "p-*", "Policy": "write", "Capabilities": ["delete", "read", "write"]}],
        "HostVolumes": [{"Name": "v", "Policy": "write", "Capabilities": ["mount-readonly", "mount-readwrite"]}],
    }


def test_json_says_the_same_as_hcl() -> None:
    hcl = """
        namespace "a" { policy = "read" variables { path "x/*" { capabilities = ["read"] } path "y" {} } }
        agent { policy = "read" }
    """
    document = {
        "namespace": {"a": {"policy": "read", "variables": {"path": {"x/*": {"capabilities": ["read"]}, "y": {}}}}},
        "agent": {"policy": "read"},
    }
    assert shown(json.dumps(document)) == shown(hcl)


def test_unknown_keys_inside_a_rule_say_nothing() -> None:
    assert shown('namespace "a" { color = "red" }')["Namespaces"][0]["Capabilities"] is None


@pytest.mark.parametrize("level", ["deny", "read", "write", "scale"])
@pytest.mark.parametrize("kind", ["agent", "node", "quota", "operator"])
def test_levels(kind: str, level: str) -> None:
    assert shown(f'{kind} {{ policy = "{level}" }}')[kind.capitalize()]["Policy"] == level


@given(st.sampled_from(sorted(NAMESPACE.capabilities)))
def test_every_capability_may_be_named(capability: str) -> None:
    assert capability in shown(f'namespace "a" {{ capabilities = ["{capability}"] }}')["Namespaces"][0]["Capabilities"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("namespace {", "Failed to parse ACL Policy: At 1:13: object expected closing RBRACE got: EOF"),
        (" ", "Invalid policy:  "),
        ("# nothing", "Invalid policy: # nothing"),
        ('color "red" { policy = "read" }', 'Invalid policy: color "red" { policy = "read" }'),
        (
            'namespace { policy = "read" }',
            "Invalid namespace name: " + GO_NAMESPACE.format('""', '"read"', "[]string(nil)"),
        ),
        (
            'namespace "a b" { policy = "read" }',
            "Invalid namespace name: " + GO_NAMESPACE.format('"a b"', '"read"', "[]string(nil)"),
        ),
        (
            'namespace "a" { policy = "list" }',
            "Invalid namespace policy: " + GO_NAMESPACE.format('"a"', '"list"', "[]string(nil)"),
        ),
        (
            'namespace "a" { policy = <<EOF\nread\nEOF\n}',
            "Invalid namespace policy: " + GO_NAMESPACE.format('"a"', '"read\\n"', "[]string(nil)"),
        ),
        (
            'namespace "a" { capabilities = [1, "fly"] }',
            "Invalid namespace capability '1': " + GO_NAMESPACE.format('"a"', '""', '[]string{"1", "fly"}'),
        ),
        (
            'namespace "a" { capabilities = "read-job" }',
            "Failed to parse ACL Policy: At 1:32: unknown slice type: *ast.LiteralType",
        ),
        (
            'namespace "a" { capabilities = [["x"]] }',
            "Failed to parse ACL Policy: At 1:33: root.namespace[0].Capabilities[0]: unknown type for string *ast.ListType",
        ),
        ('namespace = "x"', "Failed to parse ACL Policy: At 1:13: unknown slice type: *ast.LiteralType"),
        ('namespace "a" { variables {} }', "Invalid variable policy: no variable paths in namespace a"),
        (
            'namespace "a" { variables = "x" }',
            "Failed to parse ACL Policy: "
            "At 1:29: root.namespace[0].variables: not an object type for struct (*ast.LiteralType)",
        ),
        ('namespace "a" { variables { path "" {} } }', "Invalid missing variable path in namespace a"),
        (
            'namespace "a" { variables { path "/x" {} } }',
            "Invalid variable path \"/x\" in namespace a: cannot start with a leading '/'`",
        ),
        (
            'namespace "a" { variables { path "x" { capabilities = ["fly"] } } }',
            "Invalid variable capability 'fly' in namespace a",
        ),
        ('agent { policy = "list" }', 'Invalid agent policy: &acl.AgentPolicy{Policy:"list"}'),
        ("agent { policy = 1 }", 'Invalid agent policy: &acl.AgentPolicy{Policy:"1"}'),
        (
            'agent { policy = ["read"] }',
            "Failed to parse ACL Policy: At 1:18: root.agent.Policy: unknown type for string *ast.ListType",
        ),
        ('node { policy = "list" }', 'Invalid node policy: &acl.NodePolicy{Policy:"list"}'),
        ('plugin { policy = "scale" }', 'Invalid plugin policy: &acl.PluginPolicy{Policy:"scale"}'),
        ('quota { policy = "list" }', 'Invalid quota policy: &acl.QuotaPolicy{Policy:"list"}'),
        (
            'operator { policy = "list" }',
            'Invalid operator policy: &acl.OperatorPolicy{Policy:"list", Capabilities:[]string(nil)}',
        ),
        ('operator { capabilities = ["fly"] }', "Invalid operator capability 'fly'"),
        ('sentinel { capabilities = ["fly"] }', "Invalid sentinel capability 'fly'"),
        (
            'host_volume "v v" { policy = "read" }',
            'Invalid host volume name: &acl.HostVolumePolicy{Name:"v v", Policy:"read", Capabilities:[]string(nil)}',
        ),
        (
            'host_volume "v" { capabilities = ["fly"] }',
            'Invalid host volume capability \'fly\': &acl.HostVolumePolicy{Name:"v", Policy:"", Capabilities:[]string{"fly"}}',
        ),
        ('node_pool "p p" { policy = "read" }', "Invalid node pool name 'p p'"),
        ('node_pool "p" { policy = "list" }', "Invalid node pool policy 'list' for 'p'"),
        ('node_pool "p" { capabilities = ["fly"] }', "Invalid node pool capability 'fly' for 'p'"),
        ('agent { policy = "read" } agent { policy = "write" }', "Invalid or duplicate policy keys: agent"),
        ('agent "x" { policy = "read" }', "Invalid or duplicate policy keys: x"),
        ('agent { policy = "read" } color "red" {} b = 1', "Invalid or duplicate policy keys: b, color, red"),
        ('namespace "a" "b" { policy = "read" }', "Invalid or duplicate policy keys: b"),
    ],
)
def test_refused_policies(rules: str, message: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        parse(rules)
    assert str(refusal.value) == message


@given(st.text())
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    with contextlib.suppress(PolicyError):
        parse(text)
