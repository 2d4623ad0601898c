"""What policies grant together."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.acl.capabilities import BROADER
from orchestrator.acl.permissions import ACL, WorkloadClaims
from orchestrator.acl.policy import parse


def acl(*rules: str) -> ACL:
    return ACL.compile(parse(text) for text in rules)


def variables(*paths: str, namespace: str = "default") -> str:
    """A policy of rules such as `a/*: read list`."""
    blocks = []
    for path in paths:
        name, capabilities = path.split(": ")
        blocks.append(f'path "{name}" {{ capabilities = ["{capabilities.replace(" ", chr(34) + ", " + chr(34))}"] }}')
    return f'namespace "{namespace}" {{ variables {{ {" ".join(blocks)} }} }}'


def test_management_may_do_everything() -> None:
    everything = ACL.management()
    assert everything.allow_namespace("any", "submit-job")
    assert everything.allow_variable("any", "any", "destroy")
    assert everything.allow_variable_search("any")
    assert everything.allow_node("write")
    assert everything.allow_plugin("read")
    assert everything.allow_operator_capability("keyring-rotate")


def test_nobody_may_do_anything() -> None:
    nothing = ACL.none()
    assert not nothing.allow_namespace("default", "list-jobs")
    assert not nothing.allow_any_namespace("list-jobs")
    assert not nothing.allow_any_in_namespace("default")
    assert not nothing.allow_variable("default", "a", "list")
    assert not nothing.allow_variable_search("*")
    assert not nothing.allow_node("read")
    assert not nothing.allow_agent("read")
    assert not nothing.allow_operator("read")
    assert not nothing.allow_operator_capability("snapshot-save")
    assert not nothing.allow_quota("read")
    assert not nothing.allow_plugin("list")
    assert not nothing.allow_node_pool("default", "read")
    assert not nothing.allow_host_volume("data", "mount-readonly")


def test_policies_add_up() -> None:
    both = acl('namespace "a" { capabilities = ["read-job"] }', 'namespace "a" { capabilities = ["list-jobs"] }')
    assert both.allow_namespace("a", "read-job")
    assert both.allow_namespace("a", "list-jobs")
    assert not both.allow_namespace("b", "read-job")


@pytest.mark.parametrize("order", list(itertools.permutations(["write", "read", "deny"])))
def test_deny_wins_in_any_order(order: tuple[str, ...]) -> None:
    denied = acl(*(f'namespace "a" {{ policy = "{level}" }} node {{ policy = "{level}" }}' for level in order))
    assert not denied.allow_namespace("a", "read-job")
    assert not denied.allow_any_in_namespace("a")
    assert not denied.allow_node("read")


def test_the_exact_name_beats_every_glob() -> None:
    exact = acl('namespace "web*" { policy = "write" } namespace "web-a" { policy = "deny" }')
    assert not exact.allow_namespace("web-a", "read-job")
    assert exact.allow_namespace("web-b", "submit-job")


def test_the_glob_with_most_fixed_characters_decides_alone() -> None:
    globs = acl(
        'namespace "*" { policy = "deny" } namespace "web*" { policy = "read" } namespace "web-a*" { policy = "write" }'
    )
    assert globs.allow_namespace("web-abc", "submit-job")
    assert globs.allow_namespace("web-b", "read-job")
    assert not globs.allow_namespace("web-b", "submit-job")
    assert not globs.allow_namespace("default", "list-jobs")


def test_of_two_equally_good_globs_the_later_in_order_decides() -> None:
    globs = acl('namespace "a*" { policy = "read" } namespace "*b" { policy = "deny" }')
    assert globs.allow_namespace("ab", "read-job")


def test_capabilities_anywhere() -> None:
    one = acl('namespace "a" { policy = "read" }')
    assert one.allow_any_namespace("list-jobs")
    assert not one.allow_any_namespace("submit-job")
    assert one.allow_any_in_namespace("a")
    assert one.namespaces_with("list-jobs", ["a", "b"]) == ["a"]


@pytest.mark.parametrize(("narrow", "broader"), [(name, wide) for name, all_wide in BROADER.items() for wide in all_wide])
def test_the_broader_capability_includes_what_was_split_off(narrow: str, broader: str) -> None:
    assert acl(f'namespace "a" {{ capabilities = ["{broader}"] }}').allow_namespace("a", narrow)
    only = acl(f'namespace "a" {{ capabilities = ["{narrow}"] }}')
    assert only.allow_namespace("a", narrow)
    assert not only.allow_namespace("a", broader)


def test_write_in_a_namespace_grants_no_variables() -> None:
    assert not acl('namespace "default" { policy = "write" }').allow_variable("default", "a", "list")


def test_write_of_a_variable_grants_neither_read_nor_list() -> None:
    writer = acl(variables("a/*: write"))
    assert writer.allow_variable("default", "a/b", "write")
    assert not writer.allow_variable("default", "a/b", "read")
    assert not writer.allow_variable("default", "a/b", "list")
    assert not writer.allow_variable("other", "a/b", "write")


def test_paths_of_variables() -> None:
    rules = acl(variables("all/*: read write", "all/no/*: deny", "all/no/yes: read", "*: list"))
    assert rules.allow_variable("default", "all/a", "write")
    assert not rules.allow_variable("default", "all/no/a", "read")
    assert rules.allow_variable("default", "all/no/yes", "read")
    assert rules.allow_variable("default", "else", "list")
    assert not rules.allow_variable("default", "else", "read")


def test_variables_of_globbed_namespaces() -> None:
    rules = acl(variables("a/*: read", namespace="dev-*"))
    assert rules.allow_variable("dev-x", "a/b", "read")
    assert not rules.allow_variable("prod", "a/b", "read")
    assert rules.allow_variable_search("dev-x")
    assert rules.allow_variable_search("*")
    assert not rules.allow_variable_search("prod")


OWN = WorkloadClaims("default", "web", "alloc", "group", "task")


@pytest.mark.parametrize("path", ["nomad/jobs", "nomad/jobs/web", "nomad/jobs/web/group", "nomad/jobs/web/group/task"])
def test_a_workload_reads_its_own_variables(path: str) -> None:
    nothing = ACL.none()
    assert nothing.allow_variable("default", path, "read", OWN)
    assert nothing.allow_variable("default", path, "list", OWN)
    assert not nothing.allow_variable("default", path, "write", OWN)
    assert not nothing.allow_variable("other", path, "read", OWN)


@pytest.mark.parametrize("path", ["nomad/jobs/other", "nomad/jobs/web/group/task/x", "nomad/jobs/web/other", "a"])
def test_a_workload_reads_nothing_else(path: str) -> None:
    assert not ACL.none().allow_variable("default", path, "read", OWN)


def test_an_exact_rule_comes_before_the_workload_and_the_workload_before_globs() -> None:
    rules = acl(variables("nomad/jobs/web: write", "nomad/*: write"))
    assert not rules.allow_variable("default", "nomad/jobs/web", "read", OWN)
    assert rules.allow_variable("default", "nomad/jobs/web", "write", OWN)
    assert rules.allow_variable("default", "nomad/jobs", "read", OWN)
    assert not rules.allow_variable("default", "nomad/jobs", "write", OWN)


def test_levels_of_the_cluster() -> None:
    reader = acl('node { policy = "read" } agent { policy = "write" } operator { policy = "read" } quota { policy = "scale" }')
    assert reader.allow_node("read")
    assert not reader.allow_node("write")
    assert reader.allow_agent("read")
    assert reader.allow_agent("write")
    assert reader.allow_operator("read")
    assert reader.allow_operator_capability("keyring-read")
    assert not reader.allow_operator_capability("keyring-rotate")
    assert not reader.allow_quota("read")


def test_the_most_privileged_level_counts() -> None:
    assert acl('node { policy = "read" }', 'node { policy = "write" }', 'node { policy = "read" }').allow_node("write")


@pytest.mark.parametrize(("level", "lists", "reads"), [("list", 1, 0), ("read", 1, 1), ("write", 0, 0), ("deny", 0, 0)])
def test_plugins(level: str, lists: int, reads: int) -> None:
    plugin = acl(f'plugin {{ policy = "{level}" }}')
    assert (plugin.allow_plugin("list"), plugin.allow_plugin("read")) == (bool(lists), bool(reads))


def test_operator_capabilities() -> None:
    assert acl('operator { policy = "write" }').allow_operator_capability("snapshot-save")
    only = acl('operator { capabilities = ["keyring-rotate"] }')
    assert only.allow_operator_capability("keyring-rotate")
    assert not only.allow_operator("read")
    denied = acl('operator { capabilities = ["keyring-rotate"] }', 'operator { capabilities = ["deny"] }')
    assert not denied.allow_operator_capability("keyring-rotate")


def test_pools_and_volumes() -> None:
    rules = acl('node_pool "a*" { policy = "read" } host_volume "data-*" { policy = "read" }')
    assert rules.allow_node_pool("ab", "read")
    assert not rules.allow_node_pool("ab", "delete")
    assert rules.allow_host_volume("data-1", "mount-readonly")
    assert not rules.allow_host_volume("data-1", "mount-readwrite")
    assert not rules.allow_host_volume("other", "mount-readonly")


LEVELS = st.sampled_from(["read", "write", "scale", "deny"])
NAMES = st.sampled_from(["a", "b", "*", "a*", "ab"])
POLICIES = st.lists(
    st.tuples(NAMES, LEVELS).map(
        lambda rule: f'namespace "{rule[0]}" {{ policy = "{rule[1]}" }} node {{ policy = "{rule[1]}" }}'
    ),
    max_size=5,
)


@given(POLICIES)
def test_the_order_of_policies_does_not_matter(rules: list[str]) -> None:
    one, other = acl(*rules), acl(*reversed(rules))
    for namespace, capability in itertools.product(["a", "b", "ab", "c"], ["read-job", "submit-job", "scale-job"]):
        assert one.allow_namespace(namespace, capability) == other.allow_namespace(namespace, capability)
    assert one.allow_node("write") == other.allow_node("write")
