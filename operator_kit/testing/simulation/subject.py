"""The operator that is simulated: it does a little of everything that operators do, and notes what is done to it.

For each resource it keeps jobs in Nomad, a text and an account outside of it, and a status that tells of them. What it made for
one spec it takes back for another. It fails for a while on some specs, and for good on others.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from pydantic import BaseModel, Field

from nomad_api.models import Job, Task, TaskGroup
from operator_kit.context import Context
from operator_kit.engine.result import PermanentError, Result, TemporaryError
from operator_kit.external import create_once, delete_once
from operator_kit.reconciler import Reconciler
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus
from operator_kit.testing.simulation.outside import Connection

LOCK_TTL: Final = 10.0

GRACE: Final = 5.0
"""Seconds after which an account that is not found was not opened; no request takes longer."""


def loop_now() -> float:
    """The time of the event loop."""
    return asyncio.get_running_loop().time()


class Thing(Resource, group="simulation", kind="thing"):
    class Spec(BaseModel):
        jobs: int = Field(default=1, ge=0, le=3)
        text: str = ""
        mood: str = ""

    class Status(ResourceStatus):
        text: str = ""
        jobs: int = 0


class Witness:
    """Sees who reconciles what, over all processes, and says what should never be.

    Attributes:
        begun: name and uid of every resource whose reconcile began.
        undone: those whose finalizer succeeded.
        problems: what should never have happened.
    """

    def __init__(self) -> None:
        self.begun: set[tuple[str, int]] = set()
        self.undone: set[tuple[str, int]] = set()
        self.problems: list[str] = []
        self.stolen_until = 0.0
        self._in_hand: dict[str, set[str]] = defaultdict(set)

    def dead(self, process: str) -> None:
        """A process has died with whatever it had in hand."""
        for processes in self._in_hand.values():
            processes.discard(process)

    @contextmanager
    def in_hand(self, process: str, name: str, now: float) -> Iterator[None]:
        """A process has a resource in hand for the length of the block."""
        others = self._in_hand[name]
        if process in others:
            self.problems.append(f"{name} is in two hands of {process} at {now:.3f}")
        elif others and now > self.stolen_until:
            self.problems.append(f"{name} is in hand of {process} and of {', '.join(others)} at {now:.3f}")
        others.add(process)
        try:
            yield
        finally:
            others.discard(process)


class Account:
    """The account of a resource, as the world beyond knows it: by a tag that no other resource ever has."""

    def __init__(self, outside: Connection, thing: Thing) -> None:
        self._outside = outside
        self._tag = f"{thing.name}@{thing.uid}"

    async def open(self) -> str:
        return await self._outside.open_account(self._tag)

    async def find(self) -> str | None:
        return await self._outside.find_account(self._tag)


class ThingReconciler(Reconciler[Thing]):
    """The operator, as one process runs it."""

    owns = [Job]
    timeout: ClassVar[float] = 20.0
    workers: ClassVar[int] = 3

    def __init__(self, process: str, outside: Connection, witness: Witness) -> None:
        self.process = process
        self.outside = outside
        self.witness = witness
        self._tries: dict[tuple[str, int], int] = defaultdict(int)

    async def reconcile(self, resource: Thing, ctx: Context[Thing]) -> Result | None:
        thing = resource
        with self.witness.in_hand(self.process, thing.name, loop_now()):
            if thing.spec.mood == "never":
                raise PermanentError("this mood cannot be")
            self.witness.begun.add((thing.name, thing.uid))
            await self.outside.set_text(thing.name, thing.spec.text)
            account = Account(self.outside, thing)
            await create_once(ctx, "account", account.open, find=account.find, grace=GRACE)
            if thing.spec.mood == "moody":
                self._tries[thing.name, thing.generation] += 1
                if self._tries[thing.name, thing.generation] < 3:
                    raise TemporaryError("not in the mood", 1.5)
            wanted = [job_of(thing, number) for number in range(thing.spec.jobs)]
            ready = True
            for job in wanted:
                ready &= (await ctx.rollout(await ctx.apply(job))).healthy
            for job in await ctx.owned_jobs():
                if job.id not in [other.id for other in wanted]:
                    await ctx.delete(job)
            thing.status.text, thing.status.jobs = thing.spec.text, thing.spec.jobs
            ctx.set_condition("Ready", ready, "Healthy" if ready else "Progressing")
            return Result(requeue_after=15.0) if thing.spec.mood == "restless" else None

    async def finalize(self, resource: Thing, ctx: Context[Thing]) -> Result | None:
        thing = resource
        with self.witness.in_hand(self.process, thing.name, loop_now()):
            await self.outside.remove_text(thing.name)
            account = Account(self.outside, thing)
            await delete_once(ctx, "account", self.outside.close_account, find=account.find, grace=GRACE)
            self.witness.undone.add((thing.name, thing.uid))
            return None


def job_of(thing: Thing, number: int) -> Job:
    task = Task(name="main", driver="mock_driver", env={"TEXT": thing.spec.text})
    return Job(id=f"{thing.name}-{number}", type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[task])])
