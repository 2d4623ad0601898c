"""Variables that resources refer to: a change of one brings back those that use it, and nobody else."""

import asyncio

from pydantic import BaseModel

from operator_kit import Context, Reconciler, Resource, SecretRef
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time


class Database(Resource, group="test", kind="database"):
    class Spec(BaseModel):
        password: SecretRef


class DatabaseReconciler(Reconciler[Database]):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def reconcile(self, resource: Database, ctx: Context[Database]) -> None:
        self.seen.append((resource.name, (await ctx.secret(resource.spec.password)).reveal()))


@virtual_time
async def test_a_changed_secret_brings_back_who_uses_it_and_nobody_else() -> None:
    nomad = MemoryNomad()
    await nomad.declare("secrets/a", password="first")
    await nomad.declare("secrets/b", password="other")
    await nomad.declare("resources/test/database/one", password="secrets/a#password")
    await nomad.declare("resources/test/database/two", password="secrets/b#password")
    reconciler = DatabaseReconciler()
    async with running(nomad, reconciler):
        await ready(nomad, Database, "one")
        await ready(nomad, Database, "two")
        await asyncio.sleep(1)
        reconciler.seen.clear()
        await nomad.declare("secrets/a", password="second")
        await eventually(lambda: bool(reconciler.seen))
        await asyncio.sleep(1)
    assert set(reconciler.seen) == {("one", "second")}


@virtual_time
async def test_a_secret_that_comes_later_is_noticed_before_the_retry() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/test/database/one", password="secrets/a#password")
    reconciler = DatabaseReconciler()
    async with running(nomad, reconciler):
        await ready(
            nomad, Database, "one", when=lambda status: status.retry is not None and status.retry.attempts > 6, within=300
        )
        await nomad.declare("secrets/a", password="at last")
        await ready(nomad, Database, "one", within=1)


@virtual_time
async def test_a_secret_that_is_not_used_any_more_brings_nobody_back() -> None:
    nomad = MemoryNomad()
    await nomad.declare("secrets/a", password="first")
    await nomad.declare("secrets/b", password="other")
    await nomad.declare("resources/test/database/one", password="secrets/a#password")
    reconciler = DatabaseReconciler()
    async with running(nomad, reconciler):
        await ready(nomad, Database, "one")
        await nomad.declare("resources/test/database/one", password="secrets/b#password")
        await ready(nomad, Database, "one")
        await asyncio.sleep(1)
        reconciler.seen.clear()
        await nomad.declare("secrets/a", password="second")
        await asyncio.sleep(5)
    assert reconciler.seen == []


@virtual_time
async def test_a_secret_that_changes_while_it_is_used_brings_back_who_uses_it() -> None:
    """The variable is read, then changed, then the reconcile ends."""

    class Slow(DatabaseReconciler):
        async def reconcile(self, resource: Database, ctx: Context[Database]) -> None:
            await super().reconcile(resource, ctx)
            if resource.name == "slow" and len(self.seen) < 3:
                await asyncio.sleep(10)

    nomad = MemoryNomad()
    for name in ("a", "b"):
        await nomad.declare(f"secrets/{name}", password="first")
    reconciler = Slow()
    async with running(nomad, reconciler):
        await nomad.declare("resources/test/database/other", password="secrets/b#password")
        await ready(nomad, Database, "other")
        await asyncio.sleep(60)  # the folder is followed by now
        reconciler.seen.clear()
        await nomad.declare("resources/test/database/slow", password="secrets/a#password")
        await eventually(lambda: ("slow", "first") in reconciler.seen)
        await asyncio.sleep(5)
        await nomad.declare("secrets/a", password="second")
        await ready(nomad, Database, "slow")
        await eventually(lambda: ("slow", "second") in reconciler.seen, within=1)


@virtual_time
async def test_a_secret_outside_of_any_folder_is_followed_too() -> None:
    nomad = MemoryNomad()
    await nomad.declare("token", password="first")
    await nomad.declare("resources/test/database/one", password="token#password")
    reconciler = DatabaseReconciler()
    async with running(nomad, reconciler):
        await ready(nomad, Database, "one")
        await asyncio.sleep(1)
        reconciler.seen.clear()
        await nomad.declare("tokens", password="another")
        await asyncio.sleep(5)
        assert reconciler.seen == []
        await nomad.declare("token", password="second")
        await eventually(lambda: reconciler.seen == [("one", "second")], within=1)
