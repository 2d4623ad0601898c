"""Changes of tokens."""

import pytest

from nomad_api.duration import HOUR, MINUTE
from nomad_api.models import ACLToken
from nomad_api.models.acl import ACLTokenRole
from orchestrator.acl import tokens
from orchestrator.acl.resolver import is_uuid
from orchestrator.errors import APIError
from orchestrator.timestamps import format_time

ACCESSOR = "11111111-2222-3333-4444-555555555555"
SECRET = "99999999-2222-3333-4444-555555555555"
CLIENT = ACLToken(name="ci", type="client", policies=["read"])


async def refused(cluster, change, *args, **options):
    """The message of a refusal."""
    with pytest.raises(APIError) as refusal:
        await cluster.write(change, *args, **options)
    assert refusal.value.status == 400
    return refusal.value.message


def invalid(*messages):
    count = "1 error" if len(messages) == 1 else f"{len(messages)} errors"
    return f"token 0 invalid: {count} occurred:\n" + "".join(f"\t* {message}\n" for message in messages) + "\n"


async def test_bootstrap_makes_a_management_token(cluster):
    token = await cluster.write(tokens.bootstrap)
    assert (token.type, token.name, token.global_) == ("management", "Bootstrap Token", True)
    assert is_uuid(token.accessor_id)
    assert is_uuid(token.secret_id)
    assert cluster.store.state.acl_tokens.by("secret", token.secret_id) == [token]


async def test_the_hash_of_the_bootstrap_token_is_that_of_a_real_agent(cluster):
    assert (await cluster.write(tokens.bootstrap)).hash == "BUJ3BerTfrqFVm1P+vZr1gz9ubOkd+JAvYjNAJyaU9Y="


async def test_bootstrap_takes_a_secret_of_the_callers_choice(cluster):
    assert (await cluster.write(tokens.bootstrap, SECRET)).secret_id == SECRET


async def test_bootstrap_refuses_what_is_no_secret(cluster):
    assert await refused(cluster, tokens.bootstrap, "nope") == "invalid acl token"
    await cluster.write(tokens.bootstrap)


async def test_bootstrap_works_once(cluster):
    index = (await cluster.write(tokens.bootstrap)).create_index
    assert await refused(cluster, tokens.bootstrap) == f"ACL bootstrap already done (reset index: {index})"


async def test_bootstrap_works_again_for_whoever_knows_its_index(cluster):
    index = (await cluster.write(tokens.bootstrap)).create_index
    wrong = await refused(cluster, tokens.bootstrap, reset_index=index + 1)
    assert wrong == f"Invalid bootstrap reset index (specified {index + 1}, reset index: {index})"
    second = await cluster.write(tokens.bootstrap, reset_index=index)
    assert second.create_index > index
    assert (await refused(cluster, tokens.bootstrap, reset_index=index)).startswith("Invalid bootstrap reset index")


async def test_a_new_token_has_ids_of_its_own(cluster):
    token = await cluster.write(tokens.upsert, CLIENT.evolve(secret_id=SECRET))
    assert is_uuid(token.accessor_id)
    assert token.secret_id != SECRET
    assert token.create_time == format_time(cluster.clock())
    assert token.to_wire()["ExpirationTTL"] == ""


async def test_a_token_may_name_policies_that_do_not_exist(cluster):
    assert (await cluster.write(tokens.upsert, CLIENT)).policies == ["read"]


async def test_a_token_from_elsewhere_keeps_its_ids(cluster):
    token = await cluster.write(tokens.upsert, CLIENT.evolve(accessor_id=ACCESSOR, secret_id=SECRET))
    assert (token.accessor_id, token.secret_id) == (ACCESSOR, SECRET)


async def test_a_management_token_cannot_be_brought_from_elsewhere(cluster):
    manager = ACLToken(type="management", accessor_id=ACCESSOR, secret_id=SECRET)
    assert await refused(cluster, tokens.upsert, manager) == f"cannot find token {ACCESSOR}"


async def test_a_ttl_becomes_a_time(cluster):
    token = await cluster.write(tokens.upsert, CLIENT.evolve(expiration_ttl="1h"))
    assert token.expiration_ttl == "1h0m0s"
    assert token.expiration_time == format_time(cluster.clock() + HOUR)


async def test_a_change_keeps_secret_and_times(cluster):
    token = await cluster.write(tokens.upsert, CLIENT.evolve(expiration_time=format_time(cluster.clock() + HOUR)))
    cluster.clock.now += MINUTE
    changed = await cluster.write(tokens.upsert, CLIENT.evolve(accessor_id=token.accessor_id, name="new", secret_id=SECRET))
    assert changed.name == "new"
    assert changed.hash != token.hash
    for kept in ("secret_id", "create_time", "expiration_time", "create_index"):
        assert getattr(changed, kept) == getattr(token, kept)


async def test_what_cannot_change(cluster):
    token = await cluster.write(tokens.upsert, CLIENT.evolve(expiration_ttl="1h"))
    mine = CLIENT.evolve(accessor_id=token.accessor_id)
    assert await refused(cluster, tokens.upsert, mine) == invalid("cannot update expiration TTL")
    assert await refused(cluster, tokens.upsert, mine.evolve(global_=True, expiration_ttl="2h")) == invalid(
        "cannot toggle global mode", "cannot update expiration TTL", "cannot update expiration time"
    )
    same = token.evolve(name="new")
    assert (await cluster.write(tokens.upsert, same)).name == "new"


@pytest.mark.parametrize(
    ("token", "messages"),
    [
        ({"type": "root"}, ["token type must be client or management"]),
        ({"policies": None}, ["client token missing policies or roles"]),
        ({"type": "management"}, ["management token cannot be associated with policies or roles"]),
        ({"name": "a" * 257}, ["token name too long"]),
        ({"expiration_ttl": "5s"}, ["expiration time cannot be less than 1m0s in the future (was 5s)"]),
        ({"expiration_ttl": "25h"}, ["expiration time cannot be more than 24h0m0s in the future (was 25h0m0s)"]),
        (
            {"expiration_ttl": "-5m"},
            [
                "token expiration TTL '-5m0s' should not be negative",
                "expiration time cannot be before create time",
                "expiration time cannot be less than 1m0s in the future (was -5m0s)",
            ],
        ),
    ],
)
async def test_refused_tokens(cluster, token, messages):
    assert await refused(cluster, tokens.upsert, CLIENT.evolve(**token)) == invalid(*messages)
    assert not list(cluster.store.state.acl_tokens)


async def test_there_are_no_roles_to_find(cluster):
    role = CLIENT.evolve(policies=None, roles=[ACLTokenRole(name="ops")])
    assert await refused(cluster, tokens.upsert, role) == "cannot find role ops"


async def test_deleting(cluster):
    token = await cluster.write(tokens.upsert, CLIENT)
    await cluster.write(tokens.delete, token.accessor_id)
    assert cluster.store.state.acl_tokens.by("secret", token.secret_id) == []
    gone = await refused(cluster, tokens.delete, token.accessor_id)
    assert gone == f"Cannot delete nonexistent tokens: {token.accessor_id}"


async def test_lists_show_no_secrets(cluster):
    row = tokens.stub(await cluster.write(tokens.upsert, CLIENT)).to_wire()
    assert "SecretID" not in row
    assert "ExpirationTTL" not in row
