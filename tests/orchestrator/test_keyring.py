"""Root keys: sealing, signing, and where they lie."""

import base64
import json
import stat

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nomad_api.duration import HOUR, MINUTE, SECOND
from nomad_api.models import Allocation, Job, WorkloadIdentity
from orchestrator.keyring import InvalidIdentity, Keyring, KeyringError
from orchestrator.state.journal import Journal
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Store

NOW = 1_800_000_000
ITEMS = b'{"password":"geheim","user":"x"}'
ALLOCATION = Allocation(
    id="1ed1c4e0-890c-85b0-91c0-a18a5fce38fc",
    namespace="default",
    job_id="web",
    job=Job(id="web", namespace="default", region="global"),
    task_group="g",
)


class Clock:
    now = NOW * SECOND

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def keyring(clock):
    keyring = Keyring(Store(clock), clock)
    await keyring.start()
    return keyring


def sealed(keyring, items=ITEMS):
    data, key_id = keyring.seal(items)
    return SealedVariable(namespace="default", path="a", data=data, key_id=key_id)


async def identity(keyring, **options):
    wanted = WorkloadIdentity(**{"name": "default", "audience": ["nomadproject.io"], **options})
    return await keyring.sign_identity(ALLOCATION, "t", wanted)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.binary())
async def test_what_is_sealed_can_be_opened(keyring, items):
    assert keyring.open(sealed(keyring, items)) == items


async def test_sealing_twice_gives_different_texts(keyring):
    assert sealed(keyring).data != sealed(keyring).data


async def test_changed_data_is_not_opened(keyring):
    variable = sealed(keyring)
    data = bytearray(base64.b64decode(variable.data))
    data[-1] ^= 1
    with pytest.raises(KeyringError, match="the variable a cannot be decrypted"):
        keyring.open(variable.evolve(data=base64.b64encode(data).decode()))


async def test_data_of_an_unknown_key_is_not_opened(keyring):
    with pytest.raises(KeyringError, match="unknown root key nope"):
        keyring.open(sealed(keyring).evolve(key_id="nope"))


async def test_a_keyring_that_was_not_started_seals_nothing(clock):
    with pytest.raises(KeyringError, match="has not been started"):
        Keyring(Store(clock), clock).seal(ITEMS)


async def test_claims_of_a_task(keyring):
    token = await identity(keyring)
    claims = dict(keyring.verify(token))
    assert claims.pop("jti")
    assert claims == {
        "aud": "nomadproject.io",
        "iat": NOW,
        "nbf": NOW,
        "sub": "global:default:web:g:t:default",
        "nomad_namespace": "default",
        "nomad_job_id": "web",
        "nomad_allocation_id": ALLOCATION.id,
        "nomad_task": "t",
    }
    kid = keyring.jwks()["keys"][0]["kid"]
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": kid, "typ": "JWT"}


async def test_claims_of_a_named_identity(keyring):
    claims = keyring.verify(await identity(keyring, name="vault", audience=["a", "b"], ttl=HOUR))
    assert claims["aud"] == ["a", "b"]
    assert claims["sub"] == "global:default:web:g:t:vault"
    assert claims["exp"] == NOW + 3600


async def test_children_of_a_job_are_its_parent(keyring):
    child = ALLOCATION.evolve(job_id="web/dispatch-1", job=ALLOCATION.job.evolve(id="web/dispatch-1", parent_id="web"))
    token = await keyring.sign_identity(child, "t", WorkloadIdentity(name="default"))
    assert keyring.verify(token)["nomad_job_id"] == "web"


async def test_no_two_identities_are_the_same(keyring):
    assert await identity(keyring) != await identity(keyring)


async def test_an_identity_expires_a_minute_after_its_end(keyring, clock):
    token = await identity(keyring, ttl=HOUR)
    clock.now += HOUR + MINUTE
    assert keyring.verify(token)
    clock.now += SECOND
    with pytest.raises(InvalidIdentity, match=r"token is expired \(exp\)"):
        keyring.verify(token)


async def test_a_signature_is_checked_once(keyring, monkeypatch):
    token = await identity(keyring)
    claims = keyring.verify(token)
    monkeypatch.delattr(jwt, "decode")
    assert keyring.verify(token) == claims


async def test_an_identity_is_not_valid_before_its_time(keyring, clock):
    token = await identity(keyring)
    clock.now -= HOUR
    with pytest.raises(InvalidIdentity, match=r"token not valid yet \(nbf\)"):
        keyring.verify(token)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts"),
        ("a.b.c", "failed to parse signed token: illegal base64 data at input byte 0"),
        ("..", "failed to parse signed token: illegal base64 data at input byte 0"),
    ],
)
async def test_what_is_no_identity(keyring, text, message):
    with pytest.raises(InvalidIdentity) as refusal:
        keyring.verify(text)
    assert str(refusal.value) == message


async def test_a_changed_identity_is_refused(keyring):
    header, _, signature = (await identity(keyring)).split(".")
    forged = base64.urlsafe_b64encode(b'{"nomad_job_id": "other"}').rstrip(b"=").decode()
    with pytest.raises(InvalidIdentity, match="error in cryptographic primitive"):
        keyring.verify(f"{header}.{forged}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_other_algorithms_are_refused(keyring, algorithm):
    kid = keyring.jwks()["keys"][0]["kid"]
    forged = jwt.encode({"nomad_job_id": "x"}, "k" * 32 if algorithm == "HS256" else None, algorithm, headers={"kid": kid})
    with pytest.raises(InvalidIdentity):
        keyring.verify(forged)


async def test_others_check_identities_with_the_public_keys(keyring):
    (key,) = keyring.jwks()["keys"]
    assert {name: key[name] for name in ("use", "kty", "alg", "e")} == {"use": "sig", "kty": "RSA", "alg": "RS256", "e": "AQAB"}
    public = jwt.PyJWK(key)
    options = {"verify_iat": False, "verify_nbf": False}
    claims = jwt.decode(await identity(keyring), public, ["RS256"], audience="nomadproject.io", options=options)
    assert claims["nomad_task"] == "t"


async def test_public_keys_may_be_kept_until_half_the_time_to_the_next(keyring, clock):
    assert keyring.max_age == 360 * 3600
    clock.now += 720 * HOUR
    assert keyring.max_age == 15 * 60


async def started(folder, clock):
    journal = Journal(folder / "state.db")
    store = Store(clock, journal)
    store.start()
    keyring = Keyring(store, clock, folder / "keystore")
    try:
        await keyring.start()
    except KeyringError:
        store.close()
        raise
    return keyring, store


async def test_keys_outlive_the_agent(tmp_path, clock):
    first, store = await started(tmp_path, clock)
    variable, token = sealed(first), await identity(first)
    store.close()
    second, store = await started(tmp_path, clock)
    assert second.open(variable) == ITEMS
    assert second.verify(token)["nomad_job_id"] == "web"
    assert second.jwks() == first.jwks()
    store.close()


async def test_the_state_holds_no_key(tmp_path, clock):
    keyring, store = await started(tmp_path, clock)
    (row,) = store.state.root_keys
    assert row.to_wire() == {
        "KeyID": keyring.jwks()["keys"][0]["kid"],
        "Algorithm": "aes256-gcm",
        "State": "active",
        "CreateTime": clock(),
        "PublishTime": 0,
        "CreateIndex": 2,
        "ModifyIndex": 2,
    }
    (file,) = (tmp_path / "keystore").iterdir()
    secrets = json.loads(file.read_text())
    store.close()
    assert file.name == f"{row.id}.nks.json"
    content = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    for name in ("Key", "RSAKey"):
        assert secrets[name].encode() not in content
        assert base64.b64decode(secrets[name]) not in content


async def test_only_the_user_of_the_agent_may_read_keys(tmp_path, clock):
    _, store = await started(tmp_path, clock)
    store.close()
    (file,) = (tmp_path / "keystore").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_missing_key_is_told(tmp_path, clock):
    _, store = await started(tmp_path, clock)
    store.close()
    (file,) = (tmp_path / "keystore").iterdir()
    file.unlink()
    with pytest.raises(KeyringError, match=rf"restore {file} from a backup"):
        await started(tmp_path, clock)


@pytest.mark.parametrize("content", ["", "{}", '{"Key": "x", "RSAKey": "eA=="}', "[]"])
async def test_a_broken_key_is_told(tmp_path, clock, content):
    _, store = await started(tmp_path, clock)
    store.close()
    (file,) = (tmp_path / "keystore").iterdir()
    file.write_text(content)
    with pytest.raises(KeyringError, match=rf"the root key in {file} cannot be read"):
        await started(tmp_path, clock)
