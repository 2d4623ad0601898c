"""Declared dependents: in order up, in order down, each with a condition that says what it waits for."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from nomad_api.models import Job, Task, TaskGroup, Variable
from operator_kit import Context, PermanentError, Reconciler, Resource, TemporaryError
from operator_kit.dependents import Dependent, DependentsReconciler
from operator_kit.testing import Cluster, MemoryNomad, eventually, ready, running, simulate, status_of, virtual_time

PATH = "resources/test/shop/one"


class Shop(Resource, group="test", kind="shop"):
    class Spec(BaseModel):
        cached: bool = False
        name: str = "a"
        broken: str = ""


def job(id: str) -> Job:
    return Job(id=id, type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[Task(name="t", driver="mock_driver")])])


def job_of(part: str) -> Callable[[Shop, Context[Shop]], Job]:
    return lambda shop, ctx: job(f"{shop.name}-{part}")


def settings_of(shop: Shop, ctx: Context[Shop]) -> Variable:
    return Variable(path=f"shops/{shop.name}", items={"name": shop.spec.name})


async def web_of(shop: Shop, ctx: Context[Shop]) -> Job:
    if shop.spec.broken:
        raise (PermanentError if shop.spec.broken == "for good" else TemporaryError)("no such image")
    return job(f"{shop.name}-web-{shop.spec.name}")


class ShopReconciler(DependentsReconciler[Shop]):
    dependents: ClassVar[list[Dependent[Shop]]] = [
        Dependent("web", web_of, depends_on=("database",)),
        Dependent("database", job_of("database"), depends_on=("settings",)),
        Dependent("settings", settings_of, kind=Variable),
        Dependent("cache", job_of("cache"), active_when=lambda shop, ctx: shop.spec.cached),
        Dependent("cache-monitor", job_of("monitor"), depends_on=("cache",)),
    ]


def conditions(nomad: MemoryNomad) -> dict[str, tuple[str, str, str]]:
    status = status_of(nomad, Shop, "one")
    assert status is not None
    return {one.type: (one.status, one.reason, one.message) for one in status.conditions}


def jobs(nomad: MemoryNomad) -> list[str]:
    return sorted(row["ID"] for row in nomad.cluster.jobs.values() if not row["Stop"])


@virtual_time
async def test_each_comes_when_what_it_depends_on_is_ready() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=None))
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, cached="false")
        await eventually(lambda: bool(jobs(nomad)))
        await asyncio.sleep(30)
        assert jobs(nomad) == ["one-database"]
        assert nomad.items("shops/one") is not None
        told = conditions(nomad)
        assert told["SettingsReady"] == ("True", "Ready", "")
        assert told["DatabaseReady"] == ("False", "Progressing", "0 of 1 allocations healthy")
        assert told["WebReady"] == ("False", "Waiting", "waits for database")
        assert told["CacheReady"] == ("Unknown", "Inactive", "it is not wanted")
        assert told["CacheMonitorReady"] == ("Unknown", "Inactive", "cache is inactive")
        assert told["Ready"] == (
            "False",
            "Progressing",
            "1 of 3 dependents ready; database: 0 of 1 allocations healthy; web: waits for database",
        )
        nomad.make_healthy("one-database")
        await eventually(lambda: "one-web-a" in jobs(nomad))
        nomad.make_healthy("one-web-a")
        await ready(nomad, Shop, "one")
        assert conditions(nomad)["Ready"] == ("True", "Ready", "3 of 3 dependents ready")


@virtual_time
async def test_what_is_not_wanted_any_more_goes_in_the_reverse_order() -> None:
    nomad = MemoryNomad()
    gone: list[str] = []
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, cached="true")
        await ready(nomad, Shop, "one")
        assert jobs(nomad) == ["one-cache", "one-database", "one-monitor", "one-web-a"]

        def note(method: str, path: str) -> None:
            if method == "DELETE" and path not in gone:
                gone.append(path)

        nomad.cluster.fault = note
        await nomad.declare(PATH, cached="false")
        await eventually(lambda: jobs(nomad) == ["one-database", "one-web-a"] and len(nomad.cluster.jobs) == 2)
        await ready(nomad, Shop, "one")
        assert gone == ["/v1/job/one-monitor", "/v1/job/one-cache"]
        status = status_of(nomad, Shop, "one")
        assert status is not None
        assert set(status.dependents) == {"settings", "database", "web"}
        gone.clear()
        await nomad.variables.delete(PATH)
        await eventually(lambda: status_of(nomad, Shop, "one") is None)
        assert gone[:3] == [f"/v1/var/{PATH}", "/v1/job/one-web-a", "/v1/job/one-database"]
        assert nomad.cluster.jobs == {}
        assert nomad.items("shops/one") is None


@virtual_time
async def test_a_purge_with_orphan_leaves_all_there() -> None:
    nomad = MemoryNomad()
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, cached="false", operator__deletion="orphan")
        await ready(nomad, Shop, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: status_of(nomad, Shop, "one") is None)
        assert jobs(nomad) == ["one-database", "one-web-a"]


@virtual_time
async def test_an_object_with_another_name_is_followed_by_the_end_of_the_old_one() -> None:
    nomad = MemoryNomad()
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, name="a")
        await ready(nomad, Shop, "one")
        nomad.cluster.healthy_after = None
        await nomad.declare(PATH, name="b")
        await eventually(lambda: "one-web-b" in jobs(nomad))
        await asyncio.sleep(5)
        assert "one-web-a" in jobs(nomad), "the successor is not ready yet"
        nomad.make_healthy("one-web-b")
        await ready(nomad, Shop, "one")
        assert jobs(nomad) == ["one-database", "one-web-b"]


@virtual_time
async def test_what_is_not_declared_any_more_goes() -> None:
    class Fewer(DependentsReconciler[Shop]):
        dependents: ClassVar[list[Dependent[Shop]]] = [Dependent("settings", settings_of, kind=Variable)]
        owns: ClassVar[list[type[Any]]] = [Job]

    nomad = MemoryNomad()
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, name="a")
        await ready(nomad, Shop, "one")
    async with running(nomad, Fewer()):
        await eventually(lambda: nomad.cluster.jobs == {})
        await eventually(lambda: "WebReady" not in conditions(nomad))
    assert nomad.items("shops/one") is not None


@pytest.mark.parametrize("broken", ["for a while", "for good"])
@virtual_time
async def test_an_error_holds_up_only_what_depends_on_it(broken: str) -> None:
    nomad = MemoryNomad()
    async with running(nomad, ShopReconciler()):
        await nomad.declare(PATH, cached="true", broken=broken)
        await eventually(lambda: "one-cache" in jobs(nomad) and "one-database" in jobs(nomad))
        await eventually(lambda: conditions(nomad)["WebReady"][1:] == ("Failed", "no such image"), within=300)
        told = conditions(nomad)
        assert told["Ready"][:2] == ("False", "Failed")
        assert told["Reconciled"][2] == "no such image"
        await nomad.declare(PATH, cached="true")
        await ready(nomad, Shop, "one", within=300)


@virtual_time
async def test_readiness_and_activity_may_be_the_authors_own_and_asynchronous() -> None:
    open_now = {"ready": False, "active": False}

    async def is_ready(shop: Shop, ctx: Context[Shop]) -> bool:
        return open_now["ready"]

    async def is_active(shop: Shop, ctx: Context[Shop]) -> bool:
        return open_now["active"]

    class Own(DependentsReconciler[Shop]):
        resync: ClassVar[float] = 1.0
        dependents: ClassVar[list[Dependent[Shop]]] = [
            Dependent("first", job_of("first"), ready_when=is_ready),
            Dependent("second", job_of("second"), depends_on=("first",), active_when=is_active),
        ]

    nomad = MemoryNomad()
    async with running(nomad, Own()):
        await nomad.declare(PATH, name="a")
        await eventually(lambda: jobs(nomad) == ["one-first"])
        assert conditions(nomad)["FirstReady"] == ("False", "NotReady", "its condition does not hold yet")
        open_now["active"] = True
        await eventually(lambda: conditions(nomad)["SecondReady"][1] == "Waiting")
        open_now["ready"] = True
        await ready(nomad, Shop, "one")
        assert jobs(nomad) == ["one-first", "one-second"]


def declare(*declared: Dependent[Shop]) -> DependentsReconciler[Shop]:
    class Declared(DependentsReconciler[Shop]):
        resync: ClassVar[float] = 1.0
        dependents: ClassVar[tuple[Dependent[Shop], ...]] = declared

    return Declared()


@pytest.mark.parametrize(
    ("dependents", "problem"),
    [
        ((("a", ("b",)), ("b", ("c",)), ("c", ("a",))), "wait for each other: (a → b → c → a|b → c → a → b|c → a → b → c)"),
        ((("a", ("a",)),), "wait for each other: a → a"),
        ((("web", ("databse",)), ("database", ())), 'web depends on "databse", which is not declared; did you mean database?'),
        ((("a", ()), ("a", ())), 'two dependents are named "a"'),
        ((("My Web", ()),), '"My Web" must be named'),
    ],
)
def test_a_graph_that_cannot_be_is_a_type_error(dependents: tuple[tuple[str, tuple[str, ...]], ...], problem: str) -> None:
    with pytest.raises(TypeError, match=problem.replace("?", r"\?")):
        declare(*(Dependent(name, job_of(name), depends_on=needs) for name, needs in dependents))


def test_what_a_reconciler_owns_follows_from_its_dependents() -> None:
    assert ShopReconciler.owns == [Job, Variable]


graphs = st.integers(min_value=1, max_value=6).flatmap(
    lambda size: st.tuples(
        *(st.sets(st.integers(min_value=0, max_value=number - 1)) if number else st.just(set()) for number in range(size))
    )
)


@settings(max_examples=40, deadline=None)
@given(graphs, st.sets(st.integers(min_value=0, max_value=5)), st.randoms(use_true_random=False))
def test_any_graph_comes_up_and_goes_down_in_order(graph: tuple[set[int], ...], off: set[int], random: Any) -> None:
    names = [f"d{number}" for number in range(len(graph))]
    needs = {name: tuple(f"d{number}" for number in sorted(graph[position])) for position, name in enumerate(names)}
    reachable: dict[str, set[str]] = {}
    for name in names:
        reachable[name] = {name}.union(*(reachable[other] for other in needs[name]))
    inactive = {name for name in names if reachable[name] & {f"d{number}" for number in off}}
    shuffled = list(names)
    random.shuffle(shuffled)

    async def run() -> None:
        nomad = MemoryNomad()
        switched: set[str] = set()
        wrong: list[str] = []

        def there(name: str) -> bool:
            return f"one-{name}" in nomad.cluster.jobs

        def desired(name: str) -> Callable[[Shop, Context[Shop]], Job]:
            def make(shop: Shop, ctx: Context[Shop]) -> Job:
                wrong.extend(f"{name} comes before {other}" for other in needs[name] if not there(other))
                return job(f"one-{name}")

            return make

        def active(name: str) -> Callable[[Shop, Context[Shop]], bool]:
            return lambda shop, ctx: name not in switched

        dependents = [Dependent(name, desired(name), depends_on=needs[name], active_when=active(name)) for name in shuffled]

        def watch(method: str, path: str) -> None:
            if method == "DELETE" and path.startswith("/v1/job/one-"):
                going = path.removeprefix("/v1/job/one-")
                wrong.extend(f"{going} goes before {name}" for name in names if going in needs[name] and there(name))

        nomad.cluster.fault = watch
        async with running(nomad, declare(*dependents)):
            await nomad.declare(PATH, name="a")
            await ready(nomad, Shop, "one", within=600)
            assert len(nomad.cluster.jobs) == len(names)
            switched |= {f"d{number}" for number in off}
            await eventually(lambda: {name for name in names if there(name)} == set(names) - inactive, within=600)
            switched.clear()
            await eventually(lambda: len(nomad.cluster.jobs) == len(names), within=600)
            await nomad.variables.delete(PATH)
            await eventually(lambda: not nomad.cluster.jobs and nomad.items("status/test/shop/one") is None, within=600)
        assert wrong == []

    simulate(run())


class Store(Resource, group="test", kind="store"):
    """What another operator looks after."""

    class Spec(BaseModel):
        size: int = 1


class StoreReconciler(Reconciler[Store]):
    """Ready for sizes that are allowed."""

    def __init__(self) -> None:
        self.allowed: set[int] = set()
        self.busy = asyncio.Event()
        self.busy.set()

    async def reconcile(self, store: Store, ctx: Context[Store]) -> None:
        await self.busy.wait()
        ready = store.spec.size in self.allowed
        ctx.set_condition("Ready", ready, "Stored" if ready else "NoRoom", "" if ready else f"no room for {store.spec.size}")


class Market(Resource, group="test", kind="market"):
    class Spec(BaseModel):
        size: int = 1


class MarketReconciler(DependentsReconciler[Market]):
    dependents: ClassVar[list[Dependent[Market]]] = [
        Dependent("store", lambda market, ctx: Store(market.name, Store.Spec(size=market.spec.size)), kind=Store),
        Dependent("web", lambda market, ctx: job(f"{market.name}-web"), depends_on=("store",)),
    ]


@virtual_time
async def test_a_resource_is_ready_when_its_own_operator_says_so_of_its_present_spec(nomad: MemoryNomad) -> None:
    stores = StoreReconciler()
    path = "resources/test/market/one"

    def told() -> tuple[str, str, str]:
        status = status_of(nomad, Market, "one")
        condition = None if status is None else status.condition("StoreReady")
        return ("", "", "") if condition is None else (condition.status, condition.reason, condition.message)

    async with running(nomad, stores, MarketReconciler()):
        await nomad.declare(path, size="1")
        await eventually(lambda: told() == ("False", "NotReady", "no room for 1"))
        assert jobs(nomad) == []
        stores.allowed.add(1)
        await nomad.declare("resources/test/store/one", size="1", **{"operator.reconcile": "now"}, **owner_of(nomad))
        await eventually(lambda: jobs(nomad) == ["one-web"])
        assert told() == ("True", "Ready", "")

        stores.busy.clear()
        await nomad.declare(path, size="2")
        await eventually(lambda: told()[0] == "False")
        assert (nomad.items("resources/test/store/one") or {})["size"] == "2"
        stores.allowed.add(2)
        stores.busy.set()
        await eventually(lambda: told() == ("True", "Ready", ""))


def owner_of(nomad: MemoryNomad) -> dict[str, str]:
    """The marks of its owner on the store."""
    items = nomad.items("resources/test/store/one") or {}
    return {key: text for key, text in items.items() if key.startswith("operator.owner")}
