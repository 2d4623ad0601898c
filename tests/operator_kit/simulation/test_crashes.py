"""A process may die at any of its requests, before it is sent or when it has been done: those after it end where one would have
ended that lives. Every await of the store, of a reconcile and of a finalizer leads to a request, so this is all of them."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import orjson
import pytest
from pydantic import BaseModel

from nomad_api.models import Job, Task, TaskGroup, Variable
from operator_kit import Context, Manager, Reconciler, Resource, ResourceStatus
from operator_kit.testing import Cluster, Faults, MemoryNomad, eventually, simulate
from operator_kit.testing.faults import Crash, Fault
from operator_kit.testing.harness import loop_time

PATH: Final = "resources/test/stand/one"
STEPS: Final[list[Mapping[str, str] | None]] = [{"size": "1", "text": "a"}, {"size": "2", "text": "b"}, None]
"""What people do: declare, change, purge."""

SETTLED: Final = 3.0
"""Seconds in which a living process does what is due."""

WITHIN: Final = 120.0
"""Seconds in which those that follow a dead one do: its lock has to run out first."""

_FLEETING: Final = frozenset({"lastTransitionTime", "events", "index", "observedGeneration", "generation"})
"""What tells of when and by whom, not of what there is. Indexes count the writes of all."""


class Stand(Resource, group="test", kind="stand"):
    class Spec(BaseModel):
        size: int = 1
        text: str = ""

    class Status(ResourceStatus):
        running: int = 0


class StandReconciler(Reconciler[Stand]):
    """Two objects, a status that is saved midway, and a finalizer that writes."""

    owns = [Job, Variable]

    async def reconcile(self, resource: Stand, ctx: Context[Stand]) -> None:
        await ctx.apply(Variable(path=f"stands/{resource.name}", items={"text": resource.spec.text}))
        await ctx.save()
        task = Task(name="main", driver="mock_driver", env={"TEXT": resource.spec.text})
        groups = [TaskGroup(name="g", count=resource.spec.size, tasks=[task])]
        rollout = await ctx.rollout(await ctx.apply(Job(id=f"stand-{resource.name}", type="service", task_groups=groups)))
        resource.status.running = rollout.running
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)

    async def finalize(self, resource: Stand, ctx: Context[Stand]) -> None:
        await ctx.nomad.variables.put(f"graves/{resource.name}", {"size": str(resource.spec.size)})


class Life:
    """The cluster, and an operator that is started anew whenever it has died."""

    def __init__(self, faults: Mapping[int, Fault]) -> None:
        self.cluster = Cluster()
        self.outside = MemoryNomad(cluster=self.cluster)
        self.faults = Faults.script(faults)
        self.faults.on_crash = lambda: self._process.cancel()
        self.deaths = self.requests = 0

    async def operate(self) -> None:
        """Run the operator, one process after the other, until cancelled."""
        while True:
            nomad = MemoryNomad(cluster=self.cluster, faults=self.faults)
            manager = Manager(nomad, [StandReconciler()], name="operator", lock_ttl="10s", random=Random(1), now=loop_time)
            self._process = asyncio.create_task(manager.run())
            try:
                await asyncio.wait([self._process])
            finally:
                self._process.cancel()
                await asyncio.gather(self._process, return_exceptions=True)
            self.deaths += 1

    async def take(self, step: Mapping[str, str] | None) -> None:
        """Do what people do at this step."""
        await (self.outside.variables.delete(PATH) if step is None else self.outside.declare(PATH, **step))

    def state(self) -> Any:
        """All that there is, but for what tells of when."""
        variables = {
            path: {key: _lasting(text) for key, text in row["Items"].items() if key not in _FLEETING}
            for path, row in self.cluster.variables.items()
            if not path.startswith("locks/")
        }
        jobs = {
            row["ID"]: (row["Version"], row["Stop"], row["TaskGroups"][0]["Count"], row["TaskGroups"][0]["Tasks"][0]["Env"])
            for row in self.cluster.jobs.values()
        }
        return variables, jobs


def _lasting(text: str) -> Any:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return _without_times(data)


def _without_times(data: Any) -> Any:
    match data:
        case dict():
            return {key: _without_times(value) for key, value in data.items() if key not in _FLEETING}
        case list():
            return [_without_times(value) for value in data]
    return data


async def _live(faults: Mapping[int, Fault], expected: list[Any] | None = None) -> tuple[list[Any], Life]:
    """Go through the steps; the states after each, and the life."""
    life = Life(faults)
    operator = asyncio.create_task(life.operate())
    states = []
    try:
        for number, step in enumerate(STEPS):
            await life.take(step)
            await asyncio.sleep(SETTLED)
            if expected is not None:
                await eventually(lambda wanted=expected[number]: life.state() == wanted, within=WITHIN)
            states.append(life.state())
        life.faults.over = True
        life.requests = life.faults.count
        return states, life
    finally:
        operator.cancel()
        await asyncio.gather(operator, return_exceptions=True)


@pytest.fixture(scope="module")
def unharmed() -> tuple[list[Any], Life]:
    return simulate(_live({}))


def test_a_life_without_crashes_is_what_it_should_be(unharmed: tuple[list[Any], Life]) -> None:
    ((_, jobs), (_, changed), (left, gone)), life = unharmed
    assert jobs == {"stand-one": (0, False, 1, {"TEXT": "a"})}
    assert changed == {"stand-one": (1, False, 2, {"TEXT": "b"})}
    assert gone == {}
    assert left["graves/one"] == {"size": 2}
    assert not {PATH, "status/test/stand/one", "stands/one"} & set(left)
    assert life.deaths == 0
    assert life.requests > 20


@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "when it has been done"])
def test_whoever_dies_at_a_request_is_followed_by_one_who_ends_the_same(unharmed: tuple[list[Any], Life], after: bool) -> None:
    states, whole = unharmed
    for number in range(1, whole.requests + 1):
        try:
            _, life = simulate(_live({number: Crash(after=after)}, states))
        except TimeoutError as error:
            raise AssertionError(f"after a death at request {number} it does not end the same") from error
        assert life.deaths == 1 or after, "the answer to a blocking query may come only after the end"
