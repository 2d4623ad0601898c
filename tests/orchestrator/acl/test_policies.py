"""Changes of policies."""

import pytest

from nomad_api.models import ACLPolicy, JobACL
from orchestrator.acl import policies
from orchestrator.errors import APIError

READ = 'namespace "default" { policy = "read" }'


async def test_a_policy_is_stored_with_a_hash_of_what_was_written(cluster):
    policy = ACLPolicy(name="web", rules=READ, job_acl=JobACL(namespace="default", job_id="web"))
    first = await cluster.write(policies.upsert, policy)
    same = await cluster.write(policies.upsert, policy)
    other = await cluster.write(policies.upsert, policy.evolve(description="x"))
    assert cluster.store.state.acl_policies.get("web") == other
    assert first.hash == same.hash != other.hash
    assert first.create_index == other.create_index < other.modify_index


async def test_the_hash_is_that_of_a_real_agent(cluster):
    stored = await cluster.write(policies.upsert, ACLPolicy(name="x", rules=READ))
    assert stored.hash == "6/aj85adGnHftH9JRbDdxX2mkeJqhbLPBCA1NZ6lUyM="


async def test_what_rules_say_is_shown_but_not_stored(cluster):
    stored = await cluster.write(policies.upsert, ACLPolicy(name="web", rules=READ, rules_json={"left": "over"}))
    assert stored.rules_json is None
    shown = policies.explained(stored).rules_json
    assert shown["Namespaces"][0]["Name"] == "default"
    assert shown["Raw"] == READ


async def test_lists_show_no_rules(cluster):
    stored = await cluster.write(policies.upsert, ACLPolicy(name="web", rules=READ))
    assert "Rules" not in policies.stub(stored).to_wire()


async def test_deleting_is_no_error_where_there_is_nothing(cluster):
    await cluster.write(policies.upsert, ACLPolicy(name="web", rules=READ))
    await cluster.write(policies.delete, "web")
    await cluster.write(policies.delete, "web")
    assert cluster.store.state.acl_policies.get("web") is None


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"name": "a b"}, "invalid name 'a b'"),
        ({"name": ""}, "invalid name ''"),
        ({"rules": " "}, "failed to parse rules: Invalid policy:  "),
        ({"description": "x" * 257}, "description longer than 256"),
        ({"job_acl": JobACL(job_id="web")}, "namespace must be set to set job ID"),
        ({"job_acl": JobACL(namespace="default", group="g")}, "job ID must be set to set group"),
        ({"job_acl": JobACL(namespace="default", job_id="web", task="t")}, "group must be set to set task"),
    ],
)
async def test_refused_policies(cluster, policy, message):
    with pytest.raises(APIError) as refusal:
        await cluster.write(policies.upsert, ACLPolicy(**{"name": "web", "rules": READ, **policy}))
    assert refusal.value.status == 400
    assert refusal.value.message == f"policy 0 invalid: 1 error occurred:\n\t* {message}\n\n"
    assert not list(cluster.store.state.acl_policies)


async def test_all_that_is_wrong_is_told_at_once(cluster):
    with pytest.raises(APIError, match="2 errors occurred:\n\t\\* invalid name 'a b'\n\t\\* failed to parse rules: "):
        await cluster.write(policies.upsert, ACLPolicy(name="a b", rules="{"))
