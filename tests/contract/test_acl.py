"""Access control: who is nobody may do nothing; a token may do what its policies say, and no more."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from nomad_api.client import Connected
from nomad_api.errors import BadRequest, Conflict, Forbidden
from nomad_api.models import ACLPolicy

UNKNOWN = "11111111-2222-3333-4444-555555555555"


def variables(rules: Mapping[str, list[str]]) -> str:
    """The rules of a policy for variables of the namespace `default`."""
    paths = "\n".join(f'path "{path}" {{ capabilities = {json.dumps(names)} }}' for path, names in rules.items())
    return f'namespace "default" {{ variables {{ {paths} }} }}'


@pytest.fixture
async def as_token(acl_agent, make_token):
    """A client with a new token whose policy has these rules."""
    clients = []

    async def client(rules):
        token = await make_token(rules)
        clients.append(acl_agent.client(token.secret_id))
        return clients[-1]

    yield client
    for opened in clients:
        await opened.close()


async def test_bootstrap_happens_once(acl_wire):
    reply = await acl_wire("POST", "/v1/acl/bootstrap", token="")
    assert reply.status == 400
    assert reply.text.startswith("ACL bootstrap already done (reset index: ")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/nodes", "/v1/var/some/path", "/v1/agent/self", "/v1/acl/tokens"])
@pytest.mark.parametrize("token", ["", UNKNOWN], ids=["no token", "an unknown token"])
async def test_nobody_may_do_nothing(acl_wire, path, token):
    reply = await acl_wire("GET", path, token=token)
    assert (reply.status, reply.text) == (403, "Permission denied")


async def test_token_may_be_sent_as_bearer(acl_agent, acl_wire):
    header = {"Authorization": f"Bearer {acl_agent.token}"}
    assert (await acl_wire("GET", "/v1/acl/token/self", token="", headers=header)).json()["Type"] == "management"


async def test_secret_of_a_token_is_shown_when_it_is_made_but_not_in_lists(acl_nomad, acl_wire, make_token):
    token = await make_token(variables({"a": ["read"]}))
    assert token.secret_id
    assert token.type == "client"
    rows = (await acl_wire("GET", "/v1/acl/tokens")).json()
    (row,) = [row for row in rows if row["AccessorID"] == token.accessor_id]
    assert "SecretID" not in row


async def test_deleted_token_is_nobody_at_once(acl_nomad, acl_wire, make_token):
    token = await make_token('namespace "default" { policy = "read" }')
    assert (await acl_wire("GET", "/v1/jobs", token=token.secret_id)).status == 200
    await acl_nomad.acl.delete_token(token.accessor_id)
    assert (await acl_wire("GET", "/v1/jobs", token=token.secret_id)).status == 403


async def test_changed_policy_counts_at_once(acl_nomad, acl_wire, make_token):
    token = await make_token('namespace "default" { policy = "read" }')
    assert (await acl_wire("GET", "/v1/jobs", token=token.secret_id)).status == 200
    await acl_nomad.acl.upsert_policy(ACLPolicy(name=token.policies[0], rules='namespace "other" { policy = "read" }'))
    assert (await acl_wire("GET", "/v1/jobs", token=token.secret_id)).status == 403


async def test_read_policy_does_not_write(acl_nomad, as_token, unique, sleeper):
    reader = await as_token('namespace "default" { policy = "read" }')
    assert unique not in [job.id for job in await reader.jobs.list(unique)]
    with pytest.raises(Forbidden):
        await reader.jobs.register(sleeper(unique))


async def test_write_policy_of_a_namespace_gives_no_variables(acl_nomad, as_token, unique):
    await acl_nomad.variables.put(unique, {"k": "v"})
    writer = await as_token('namespace "default" { policy = "write" }')
    with pytest.raises(Forbidden):
        await writer.variables.get(unique)
    with pytest.raises(Forbidden):
        await writer.variables.put(unique, {"k": "w"})
    assert await writer.variables.list(unique) == []


async def test_read_of_a_variable_includes_list_but_no_change(acl_nomad, as_token, unique):
    await acl_nomad.variables.put(f"{unique}/a", {"k": "v"})
    reader = await as_token(variables({f"{unique}/*": ["read"]}))
    assert (await reader.variables.get(f"{unique}/a")).items == {"k": "v"}
    assert [row.path for row in await reader.variables.list(unique)] == [f"{unique}/a"]
    with pytest.raises(Forbidden):
        await reader.variables.put(f"{unique}/a", {"k": "w"})
    with pytest.raises(Forbidden):
        await reader.variables.delete(f"{unique}/a")


async def test_list_of_variables_does_not_include_read(acl_nomad, as_token, unique):
    await acl_nomad.variables.put(f"{unique}/a", {"k": "v"})
    lister = await as_token(variables({f"{unique}/*": ["list"]}))
    assert [row.path for row in await lister.variables.list(unique)] == [f"{unique}/a"]
    with pytest.raises(Forbidden):
        await lister.variables.get(f"{unique}/a")


async def test_write_of_a_variable_gives_neither_read_nor_list_nor_destroy(acl_nomad, as_token, unique):
    writer = await as_token(variables({f"{unique}/*": ["write"]}))
    assert (await writer.variables.put(f"{unique}/a", {"k": "v"})).items == {"k": "v"}
    with pytest.raises(Forbidden):
        await writer.variables.get(f"{unique}/a")
    assert await writer.variables.list(unique) == []
    with pytest.raises(Forbidden):
        await writer.variables.delete(f"{unique}/a")


async def test_conflict_shows_items_only_to_who_may_read(acl_nomad, as_token, unique):
    await acl_nomad.variables.put(f"{unique}/a", {"k": "secret"})
    writer = await as_token(variables({f"{unique}/*": ["write"]}))
    with pytest.raises(Conflict) as conflict:
        await writer.variables.put(f"{unique}/a", {"k": "v"}, cas=0)
    assert conflict.value.current.path == f"{unique}/a"
    assert not getattr(conflict.value.current, "items", None)


async def test_closest_rule_decides(acl_nomad, as_token, unique):
    await acl_nomad.variables.put(f"{unique}/a/b", {"k": "v"})
    token = await as_token(
        variables({f"{unique}/*": ["read", "write"], f"{unique}/a/*": ["read"], f"{unique}/a/hidden": ["deny"]})
    )
    await token.variables.put(f"{unique}/other", {"k": "v"})
    await token.variables.get(f"{unique}/a/b")
    with pytest.raises(Forbidden):
        await token.variables.put(f"{unique}/a/b", {"k": "w"})
    with pytest.raises(Forbidden):
        await token.variables.get(f"{unique}/a/hidden")


async def test_lock_is_shown_to_no_reader(acl_nomad, as_token, unique):
    held = await acl_nomad.variables.acquire_lock(f"{unique}/a", {"k": "v"})
    reader = await as_token(variables({f"{unique}/*": ["read"]}))
    assert (await reader.variables.get(f"{unique}/a")).lock is None
    assert [row.lock for row in await reader.variables.list(unique)] == [None]
    await acl_nomad.variables.release_lock(f"{unique}/a", held.lock.id)


async def test_variable_events_reach_only_who_may_list(acl_nomad, as_token, unique):
    """The writer's stream is open: it may see its other tree. Yet no event of what it may only write comes."""
    token = await as_token(variables({f"{unique}/seen/*": ["list"], f"{unique}/written/*": ["write"]}))
    keys = []
    async with asyncio.timeout(20):
        async for item in token.events({"Variable": ["*"]}, reconnect=False):
            if isinstance(item, Connected):
                await token.variables.put(f"{unique}/written/a", {"k": "v"})
                await acl_nomad.variables.put(f"{unique}/neither/a", {"k": "v"})
                await acl_nomad.variables.put(f"{unique}/seen/a", {"k": "v"})
                continue
            keys += [event.key for event in item.events]
            if f"{unique}/seen/a" in keys:
                break
    assert keys == [f"{unique}/seen/a"]


@pytest.mark.parametrize(
    "rules",
    ['namespace "default" {', 'namespace "default" { policy = "everything" }', 'planet "earth" { policy = "read" }'],
    ids=["syntax", "level", "block"],
)
async def test_bad_rules_are_refused(acl_nomad, unique, rules):
    with pytest.raises(BadRequest):
        await acl_nomad.acl.upsert_policy(ACLPolicy(name=unique, rules=rules))


async def test_client_token_needs_a_policy_and_a_management_token_none(acl_nomad, unique):
    with pytest.raises(BadRequest):
        await acl_nomad.acl.create_token(unique)
    with pytest.raises(BadRequest):
        await acl_nomad.acl.create_token(unique, type="management", policies=["any"])


async def test_without_acls_there_is_nothing_to_bootstrap(open_agent):
    async with open_agent.client() as nomad:
        with pytest.raises(BadRequest, match="ACL support disabled"):
            await nomad.acl.bootstrap()
