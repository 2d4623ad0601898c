"""A secret is named by the spec, read when it is needed, and written nowhere."""

import io
import json
from typing import Any

import orjson
import pytest
import structlog
from pydantic import BaseModel, ConfigDict

from nomad_api.errors import Forbidden
from operator_kit import Context, Reconciler, Resource, ResourceStatus
from operator_kit.crd_store.codec import InvalidItems, decode, encode
from operator_kit.secrets import Secret, SecretRef
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time

PATH = "resources/test/db/one"
STATUS = "status/test/db/one"
VALUE = 'hunter"2é and more'


class Db(Resource, group="test", kind="db"):
    class Spec(BaseModel):
        password: SecretRef

    class Status(ResourceStatus):
        url: str = ""
        details: dict[str, Any] = {}


class DbReconciler(Reconciler[Db]):
    """Does with the password what nobody should."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.seen: list[str] = []
        self.references: list[frozenset[str]] = []

    async def reconcile(self, resource: Db, ctx: Context[Db]) -> None:
        try:
            password = await ctx.secret(resource.spec.password)
        finally:
            self.references.append(ctx.references)
        self.seen.append(password.reveal())
        resource.status.url = f"db://user:{password.reveal()}@host"
        resource.status.details = {"password": password, "nested": [{"text": json.dumps(password.reveal())}]}
        ctx.set_condition("Connected", True, "Connected", f"with {password.reveal()}")
        ctx.event("Normal", "Connected", f"with {password.reveal()}")
        ctx.log.info("connected", password=password, revealed=password.reveal())
        if self.error:
            raise RuntimeError(self.error.format(password.reveal()))


def condition(nomad: MemoryNomad, type: str) -> tuple[str, str]:
    status = status_of(nomad, Db, "one")
    found = status.condition(type) if status else None
    return (found.reason, found.message) if found else ("", "")


@pytest.mark.parametrize(
    "items",
    [
        {"password": "secrets/db#password"},
        {"password": '{"path": "secrets/db", "key": "password"}'},
        {"password": "path: secrets/db\nkey: password\n"},
        {"password.path": "secrets/db", "password.key": "password"},
        {"spec": "password: secrets/db#password"},
        {"spec": 'password = "secrets/db#password"'},
        {"spec": 'password {\n  path = "secrets/db"\n  key = "password"\n}'},
    ],
)
def test_a_reference_is_written_as_text_or_as_a_mapping(items: dict[str, str]) -> None:
    spec = decode(Db.Spec, items)
    assert (spec.password.path, spec.password.key, str(spec.password)) == ("secrets/db", "password", "secrets/db#password")
    assert decode(Db.Spec, encode(spec)) == spec
    assert spec.model_dump(mode="json") == {"password": "secrets/db#password"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hunter2", "password: write the path of a variable and one of its keys, such as secrets/db#password (it is"),
        ("secrets/db#", "password: write the path of a variable"),
        ("a.b#c", "password.path: string should match pattern"),
        ("5", "password: "),
    ],
)
def test_what_is_no_reference_is_told(text: str, problem: str) -> None:
    with pytest.raises(InvalidItems) as caught:
        decode(Db.Spec, {"password": text})
    assert str(caught.value).startswith(problem)


def test_the_schema_allows_both_forms() -> None:
    schema = Db.Spec.model_json_schema()
    text, mapping = schema["$defs"]["SecretRef"]["anyOf"]
    assert text == {"type": "string", "pattern": "^[a-zA-Z0-9_~/-]{1,128}#.+$"}
    assert list(mapping["properties"]) == ["path", "key"]


def test_a_secret_shows_itself_only_when_asked() -> None:
    class Careless(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        anything: Any

    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {secret:>10} {[secret]}" == "*** Secret(***) *** [Secret(***)]"
    assert Careless(anything=secret).model_dump_json() == '{"anything":"***"}'
    assert Careless(anything=secret).model_dump(mode="json") == {"anything": "***"}
    with pytest.raises(TypeError):
        orjson.dumps(secret)
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert len({secret, Secret("hunter2")}) == 1
    assert secret.reveal() == "hunter2"


@virtual_time
async def test_neither_status_nor_logs_tell_the_value() -> None:
    nomad, reconciler = MemoryNomad(), DbReconciler()
    lines = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(lines),
    )
    try:
        await nomad.variables.put("secrets/db", {"password": VALUE})
        async with running(nomad, reconciler):
            await nomad.declare(PATH, password="secrets/db#password")
            status = await ready(nomad, Db, "one")
            reconciler.error = "cannot log in as {!r}"
            await nomad.declare(PATH, password="secrets/db#password", labels__x="y")
            await eventually(lambda: condition(nomad, "Reconciled")[0] == "InternalError")
    finally:
        structlog.configure(**before)
    assert set(reconciler.seen) == {VALUE}
    assert status.url == "db://user:***@host"
    assert status.details == {"password": "***", "nested": [{"text": '"***"'}]}
    assert status.condition("Connected").message == "with ***"
    assert [event.message for event in status.events] == ["with ***"]
    assert status.last_applied is not None
    assert status.last_applied.spec == {"password": "secrets/db#password"}
    assert condition(nomad, "Reconciled") == ("InternalError", "RuntimeError: cannot log in as '***'")
    assert '"revealed": "***"' in lines.getvalue()
    assert "cannot log in" in lines.getvalue()
    for text in (lines.getvalue(), json.dumps(nomad.items(STATUS), ensure_ascii=False)):
        assert "hunter" not in text


@virtual_time
async def test_a_masked_status_is_written_only_once() -> None:
    nomad, reconciler = MemoryNomad(), DbReconciler()
    await nomad.variables.put("secrets/db", {"password": VALUE})
    async with running(nomad, reconciler) as manager:
        await nomad.declare(PATH, password="secrets/db#password")
        await ready(nomad, Db, "one")
        index = nomad.cluster.variables[STATUS]["ModifyIndex"]
        manager.controllers[0].look_at_all()
        await eventually(lambda: len(reconciler.seen) == 2)
    assert nomad.cluster.variables[STATUS]["ModifyIndex"] == index


@virtual_time
async def test_a_missing_secret_is_waited_for_and_its_variable_is_known() -> None:
    nomad, reconciler = MemoryNomad(), DbReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, password="secrets/db#password")
        await eventually(lambda: condition(nomad, "Reconciled")[0] == "SecretMissing")
        assert condition(nomad, "Reconciled")[1] == (
            "the secret secrets/db#password is missing: there is no variable secrets/db; "
            "write it: nomadctl var put secrets/db password=…"
        )
        await nomad.variables.put("secrets/db", {"pasword": "x"})
        await eventually(lambda: "has no key" in condition(nomad, "Reconciled")[1])
        assert condition(nomad, "Reconciled")[1] == (
            "the secret secrets/db#password is missing: the variable secrets/db has no key password; did you mean pasword?"
        )
        await nomad.variables.put("secrets/db", {"password": VALUE})
        await ready(nomad, Db, "one")
    assert set(reconciler.references) == {frozenset({"secrets/db"})}
    assert set(reconciler.seen) == {VALUE}


@virtual_time
async def test_a_secret_that_may_not_be_read_says_what_the_operator_needs() -> None:
    nomad = MemoryNomad()

    def fault(method: str, path: str) -> None:
        if "secrets" in path:
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    async with running(nomad, DbReconciler()):
        await nomad.declare(PATH, password="secrets/db#password")
        await eventually(lambda: condition(nomad, "Reconciled")[0] == "SecretForbidden")
    assert "let the operator's ACL policy read the variable secrets/db" in condition(nomad, "Reconciled")[1]
