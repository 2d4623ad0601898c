"""Who a request comes from."""

import pytest

from nomad_api.duration import HOUR
from nomad_api.models import ACLPolicy, ACLToken, Allocation, Job, JobACL, WorkloadIdentity
from orchestrator.acl import policies, tokens
from orchestrator.acl.resolver import InvalidCredentials
from orchestrator.errors import APIError

UNKNOWN = "11111111-2222-3333-4444-555555555555"
READ = 'namespace "default" { policy = "read" }'
WRITE = 'namespace "default" { policy = "write" }'
DEFAULT = WorkloadIdentity(name="default", audience=["nomadproject.io"])


async def put_policy(cluster, name, rules=READ, **options):
    return await cluster.write(policies.upsert, ACLPolicy(name=name, rules=rules, **options))


async def put_token(cluster, *names, **options):
    return await cluster.write(tokens.upsert, ACLToken(type="client", policies=list(names), **options))


async def put_allocation(cluster, **fields):
    """An allocation of the task `t` of the group `g` of the job `web`, and the identity of that task."""
    allocation = Allocation(
        id=UNKNOWN,
        namespace="default",
        job_id="web",
        job=Job(id="web", namespace="default", region="global"),
        task_group="g",
        client_status="running",
    ).evolve(**fields)
    await cluster.keyring.start()
    await cluster.write(lambda tx: tx.put(allocation))
    return allocation, await cluster.keyring.sign_identity(allocation, "t", DEFAULT)


async def test_without_acls_everybody_may_do_everything(cluster):
    for secret in (None, "", UNKNOWN, "nonsense"):
        caller = cluster.resolver(enabled=False).resolve(secret)
        assert caller.kind == "disabled"
        assert caller.acl.is_management
        assert caller.token.accessor_id == "acls-disabled"


async def test_nobody_may_do_what_the_policy_anonymous_says(cluster):
    resolver = cluster.resolver()
    assert not resolver.resolve("").acl.allow_namespace("default", "read-job")
    await put_policy(cluster, "anonymous")
    caller = resolver.resolve(None)
    assert caller.kind == "anonymous"
    assert caller.policies == ("anonymous",)
    assert caller.acl.allow_namespace("default", "read-job")


async def test_a_management_token(cluster):
    token = await cluster.write(tokens.bootstrap)
    caller = cluster.resolver().resolve(token.secret_id)
    assert caller.acl.is_management
    assert caller.token == token


async def test_a_client_token_has_its_policies_and_ignores_unknown_ones(cluster):
    await put_policy(cluster, "read")
    await put_policy(cluster, "anonymous", WRITE)
    caller = cluster.resolver().resolve((await put_token(cluster, "read", "unknown")).secret_id)
    assert caller.policies == ("read", "unknown")
    assert caller.acl.allow_namespace("default", "read-job")
    assert not caller.acl.allow_namespace("default", "submit-job")


async def test_a_changed_policy_counts_at_once(cluster):
    resolver = cluster.resolver()
    await put_policy(cluster, "p", READ)
    secret = (await put_token(cluster, "p")).secret_id
    assert not resolver.resolve(secret).acl.allow_namespace("default", "submit-job")
    await put_policy(cluster, "p", WRITE)
    assert resolver.resolve(secret).acl.allow_namespace("default", "submit-job")
    await cluster.write(policies.delete, "p")
    assert not resolver.resolve(secret).acl.allow_namespace("default", "read-job")


async def test_policies_are_compiled_once(cluster):
    resolver = cluster.resolver()
    await put_policy(cluster, "p")
    first, second = await put_token(cluster, "p"), await put_token(cluster, "p")
    assert resolver.resolve(first.secret_id).acl is resolver.resolve(second.secret_id).acl
    await put_policy(cluster, "other")
    assert resolver.resolve(first.secret_id).acl is resolver.resolve(second.secret_id).acl


async def refusal_of(cluster, secret):
    with pytest.raises(InvalidCredentials) as refusal:
        cluster.resolver().resolve(secret)
    assert (refusal.value.status, refusal.value.message) == (403, "Permission denied")
    return refusal.value.cause.status, refusal.value.cause.message


async def test_an_unknown_secret_is_refused(cluster):
    assert await refusal_of(cluster, UNKNOWN) == (403, "Permission denied")


async def test_a_text_that_is_no_secret_is_refused(cluster):
    status, message = await refusal_of(cluster, "nonsense")
    assert (status, message) == (
        500,
        "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts",
    )


async def test_an_expired_token_is_refused(cluster):
    token = await put_token(cluster, "p", expiration_ttl="1h")
    assert cluster.resolver().resolve(token.secret_id).token == token
    cluster.clock.now += HOUR + 1
    assert await refusal_of(cluster, token.secret_id) == (500, "ACL token expired")


async def test_a_deleted_token_is_refused(cluster):
    token = await put_token(cluster, "p")
    await cluster.write(tokens.delete, token.accessor_id)
    assert await refusal_of(cluster, token.secret_id) == (403, "Permission denied")


async def test_a_workload_may_read_its_own_variables(cluster):
    allocation, identity = await put_allocation(cluster)
    caller = cluster.resolver().resolve(identity)
    assert caller.kind == "workload"
    assert caller.token is None
    assert (caller.claims.job_id, caller.claims.group, caller.claims.task) == ("web", "g", "t")
    assert caller.claims.allocation_id == allocation.id
    assert caller.acl.allow_variable("default", "nomad/jobs/web/g/t", "read", caller.claims)
    assert not caller.acl.allow_namespace("default", "read-job")


@pytest.mark.parametrize(
    ("binding", "bound"),
    [
        (JobACL(namespace="default"), True),
        (JobACL(namespace="default", job_id="web"), True),
        (JobACL(namespace="default", job_id="web", group="g"), True),
        (JobACL(namespace="default", job_id="web", group="g", task="t"), True),
        (JobACL(namespace="default", job_id="web", group="g", task="other"), False),
        (JobACL(namespace="default", job_id="web", group="other"), False),
        (JobACL(namespace="default", job_id="other"), False),
        (JobACL(namespace="other", job_id="web"), False),
        (JobACL(), False),
        (None, False),
    ],
)
async def test_policies_are_bound_to_workloads(cluster, binding, bound):
    _, identity = await put_allocation(cluster)
    await put_policy(cluster, "p", job_acl=binding)
    caller = cluster.resolver().resolve(identity)
    assert caller.policies == (("p",) if bound else ())
    assert caller.acl.allow_namespace("default", "read-job") is bound


async def test_children_of_a_job_have_the_policies_of_their_parent(cluster):
    child = Job(id="web/dispatch-1", parent_id="web", namespace="default", region="global")
    allocation, identity = await put_allocation(cluster, job_id=child.id, job=child)
    await put_policy(cluster, "p", job_acl=JobACL(namespace="default", job_id="web"))
    assert cluster.resolver().resolve(identity).policies == ("p",)
    assert cluster.resolver().workload(allocation, "t").claims.job_id == "web"


@pytest.mark.parametrize("status", ["complete", "failed", "lost"])
async def test_an_identity_ends_with_its_allocation(cluster, status):
    allocation, identity = await put_allocation(cluster)
    await cluster.write(lambda tx: tx.put(allocation.evolve(client_status=status)))
    assert await refusal_of(cluster, identity) == (500, "allocation is terminal")
    await cluster.write(lambda tx: tx.delete("allocations", allocation.id))
    assert await refusal_of(cluster, identity) == (500, "allocation does not exist")


async def test_an_identity_that_another_agent_signed_is_refused(cluster):
    allocation, _ = await put_allocation(cluster)
    other = type(cluster)(cluster.clock)
    await other.keyring.start()
    status, message = await refusal_of(cluster, await other.keyring.sign_identity(allocation, "t", DEFAULT))
    assert (status, message) == (500, "no such key")


@pytest.mark.parametrize(
    ("secret", "enabled", "status", "message"),
    [
        ("", True, 401, "Unauthorized"),
        ("", False, 401, "Unauthorized"),
        (UNKNOWN, True, 403, "Forbidden"),
        ("nonsense", True, 500, "Server error authenticating request\n"),
    ],
)
async def test_the_task_api_wants_a_token_and_has_refusals_of_its_own(cluster, secret, enabled, status, message):
    with pytest.raises(APIError) as refusal:
        cluster.resolver(enabled=enabled).resolve(secret, required=True)
    assert (refusal.value.status, refusal.value.message) == (status, message)


async def test_the_task_api_without_acls_takes_any_token(cluster):
    assert cluster.resolver(enabled=False).resolve("nonsense", required=True).kind == "disabled"


async def test_a_token_is_valid_until_it_or_its_rights_change(cluster):
    resolver = cluster.resolver()
    await put_policy(cluster, "p")
    token = await put_token(cluster, "p", expiration_ttl="1h")
    caller = resolver.resolve(token.secret_id)
    await put_policy(cluster, "other")
    assert resolver.still_valid(caller)
    await put_policy(cluster, "p", WRITE)
    assert not resolver.still_valid(caller)
    caller = resolver.resolve(token.secret_id)
    assert resolver.still_valid(caller)
    cluster.clock.now += HOUR + 1
    assert not resolver.still_valid(caller)
    cluster.clock.now -= HOUR
    await cluster.write(tokens.delete, token.accessor_id)
    assert not resolver.still_valid(caller)


async def test_nobody_is_valid_while_the_policy_anonymous_is_the_same(cluster):
    resolver = cluster.resolver()
    caller = resolver.resolve("")
    assert resolver.still_valid(caller)
    await put_policy(cluster, "anonymous")
    assert not resolver.still_valid(caller)
    assert cluster.resolver(enabled=False).still_valid(cluster.resolver(enabled=False).resolve(""))


async def test_a_workload_is_valid_until_its_allocation_ends(cluster):
    resolver = cluster.resolver()
    allocation, identity = await put_allocation(cluster)
    caller = resolver.resolve(identity)
    assert resolver.still_valid(caller)
    await cluster.write(lambda tx: tx.put(allocation.evolve(client_status="complete")))
    assert not resolver.still_valid(caller)
