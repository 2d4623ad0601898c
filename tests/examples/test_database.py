"""The database operator, with a server that may be slow to trust, lose its answers, or be down."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from examples.database.database import Database, DatabaseReconciler
from examples.database.server import Server, Unavailable
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time

PATH = "resources/example/database/shop"
STATUS = "status/example/database/shop"
CREDENTIALS = "credentials/database/shop"
ADMIN = "correct horse"


class FlakyServer(Server):
    """Loses the answers of so many creations, and is not there at all while `down`."""

    lost_answers = 0
    down = False

    async def create(self, admin: str, label: str) -> str:
        id = await super().create(admin, label)
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the connection was reset")
        return id

    async def find(self, admin: str, label: str) -> str | None:
        if self.down:
            raise Unavailable("connection refused")
        return await super().find(admin, label)

    async def drop(self, admin: str, id: str) -> None:
        if self.down:
            raise Unavailable("connection refused")
        await super().drop(admin, id)


@pytest.fixture
def server(tmp_path: Path) -> FlakyServer:
    return FlakyServer(tmp_path, ADMIN)


def databases(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.glob("[0-9]*.sqlite"))


async def declared() -> MemoryNomad:
    nomad = MemoryNomad()
    await nomad.declare("secrets/server", password=ADMIN)
    await nomad.declare(PATH, admin="secrets/server#password")
    return nomad


async def accepted(server: Server, nomad: MemoryNomad) -> bool:
    items = nomad.items(CREDENTIALS) or {}
    return bool(items) and await server.accepts("1", items["user"], items["password"])


@virtual_time
async def test_a_database_is_made_its_credentials_published_and_both_go_with_the_resource(
    server: FlakyServer, tmp_path: Path
) -> None:
    nomad = await declared()
    async with running(nomad, DatabaseReconciler(server)):
        status = await ready(nomad, Database, "shop")
        assert databases(tmp_path) == ["1.sqlite"]
        assert status.url == f"sqlite:///{tmp_path}/1.sqlite"
        items = nomad.items(CREDENTIALS) or {}
        assert await accepted(server, nomad)
        assert (items["url"], items["operator.owner"]) == (status.url, PATH)
        with closing(sqlite3.connect(status.url.removeprefix("sqlite:///"))) as database:
            database.execute("CREATE TABLE orders (id)")

        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert databases(tmp_path) == []
    assert nomad.items(CREDENTIALS) is None


@virtual_time
async def test_a_lost_answer_makes_no_second_database(server: FlakyServer, tmp_path: Path) -> None:
    nomad = await declared()
    server.lost_answers = 1
    async with running(nomad, DatabaseReconciler(server)):
        await ready(nomad, Database, "shop")
    assert databases(tmp_path) == ["1.sqlite"]


@virtual_time
async def test_while_the_outcome_is_unknown_nothing_is_made(server: FlakyServer, tmp_path: Path) -> None:
    nomad = await declared()
    server.lost_answers, server.down = 1, True
    async with running(nomad, DatabaseReconciler(server)):
        await asyncio.sleep(120)
        status = status_of(nomad, Database, "shop")
        assert status is not None
        assert status.condition("Reconciled").reason == "ServerUnavailable"
        assert databases(tmp_path) == ["1.sqlite"]
        server.down = False
        await ready(nomad, Database, "shop", within=400)
    assert databases(tmp_path) == ["1.sqlite"]


@virtual_time
async def test_the_password_can_be_changed_and_is_replaced_when_it_is_lost_or_altered(server: FlakyServer) -> None:
    nomad = await declared()
    async with running(nomad, DatabaseReconciler(server)) as manager:
        await ready(nomad, Database, "shop")
        seen = {(nomad.items(CREDENTIALS) or {})["password"]}

        await nomad.declare(PATH, admin="secrets/server#password", rotation="2026-11")
        await ready(nomad, Database, "shop")
        seen.add((nomad.items(CREDENTIALS) or {})["password"])

        await nomad.variables.put(CREDENTIALS, {**(nomad.items(CREDENTIALS) or {}), "password": "guessed"})
        manager.controllers[0].look_at_all()
        await eventually(lambda: accepted(server, nomad))
        seen.add((nomad.items(CREDENTIALS) or {})["password"])

        await nomad.variables.delete(CREDENTIALS)
        manager.controllers[0].look_at_all()
        await eventually(lambda: accepted(server, nomad))
        seen.add((nomad.items(CREDENTIALS) or {})["password"])
    assert len(seen) == 4


@virtual_time
async def test_a_look_at_a_database_in_order_writes_nothing(server: FlakyServer) -> None:
    nomad = await declared()
    async with running(nomad, DatabaseReconciler(server)) as manager:
        await ready(nomad, Database, "shop")
        await asyncio.sleep(1)
        before = len(nomad.cluster.requests)
        manager.controllers[0].look_at_all()
        await asyncio.sleep(1)
        assert {method for method, _ in nomad.cluster.requests[before:]} <= {"GET"}


@virtual_time
async def test_a_missing_or_wrong_admin_password_is_told_and_shown_nowhere(server: FlakyServer, tmp_path: Path) -> None:
    nomad = MemoryNomad()
    async with running(nomad, DatabaseReconciler(server)):
        await nomad.declare(PATH, admin="secrets/server#password")
        await reconciled(nomad, "SecretMissing")
        await nomad.declare("secrets/server", password="battery staple")
        await reconciled(nomad, "AdminDenied")
        assert databases(tmp_path) == []
        await nomad.declare("secrets/server", password=ADMIN)
        await ready(nomad, Database, "shop", within=400)
    assert ADMIN not in str(nomad.items(STATUS))


async def reconciled(nomad: MemoryNomad, reason: str) -> None:
    def told() -> bool:
        status = status_of(nomad, Database, "shop")
        return status is not None and status.condition("Reconciled").reason == reason

    await eventually(told, within=400)


@virtual_time
async def test_a_database_that_is_not_to_be_deleted_stays_with_its_credentials(server: FlakyServer, tmp_path: Path) -> None:
    nomad = await declared()
    await nomad.declare(PATH, admin="secrets/server#password", operator__deletion="orphan")
    async with running(nomad, DatabaseReconciler(server)):
        await ready(nomad, Database, "shop")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert databases(tmp_path) == ["1.sqlite"]
    assert await accepted(server, nomad)


@virtual_time
async def test_a_resource_made_anew_gets_a_database_of_its_own(server: FlakyServer, tmp_path: Path) -> None:
    nomad = await declared()
    async with running(nomad, DatabaseReconciler(server)):
        await ready(nomad, Database, "shop")
    await nomad.variables.delete(PATH)
    await nomad.declare(PATH, admin="secrets/server#password")
    async with running(nomad, DatabaseReconciler(server)):
        await ready(nomad, Database, "shop")
    assert databases(tmp_path) == ["2.sqlite"]
