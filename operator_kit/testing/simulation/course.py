"""One course of a simulation: two processes of an operator, a bad network, users and meddlers, and what becomes of it all.

The faults are drawn for each course anew, and each course has another mixture of them: many kinds at once hide each other, few
reach deep. They end after a while; from then on there is only peace, and the course is over when nothing is left to do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

from operator_kit.crd_store import paths
from operator_kit.crd_store.status_items import unpack
from operator_kit.engine.backoff import Backoff
from operator_kit.manager import Manager
from operator_kit.status import ResourceStatus
from operator_kit.testing.faults import Faults, Rates
from operator_kit.testing.harness import loop_time
from operator_kit.testing.jobs import wish
from operator_kit.testing.nomad import MemoryNomad
from operator_kit.testing.simulation.operations import PREFIX, SECONDS, Operation
from operator_kit.testing.simulation.outside import Connection, Outside
from operator_kit.testing.simulation.subject import LOCK_TTL, Thing, ThingReconciler, Witness, loop_now
from operator_kit.testing.state import Cluster
from operator_kit.testing.variables import expire_lock

OPERATOR: Final = "simulation"
LOCK: Final = paths.lock(OPERATOR)
STATUS: Final = paths.statuses(Thing.group, Thing.kind)

FAULTY: Final = SECONDS + 15
"""Seconds until the faults end."""

PATIENCE: Final = 1300.0
"""Seconds after that within which everything must be as it should be: two collections of garbage and all pauses fit in."""

_HISTORY: Final = ("Drifted",)
"""Conditions that tell of what was, not of what is."""

LATENCY: Final = 0.001
"""Seconds that every request takes."""

State = dict[str, Any]


@dataclass
class Outcome:
    """How a course ended: the state of everything, and what should not have happened."""

    state: State = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    requests: int = 0


class Process:
    """One process of the operator: it starts, dies at any moment, and starts anew with an empty memory."""

    def __init__(self, course: "Course", name: str, random: Random, rates: Rates) -> None:
        self.name = name
        self.faults = Faults.random(random, rates, latency=LATENCY)
        self.faults.on_crash = self.kill
        self._course = course
        self._random = random
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start, if it does not run."""
        if self.alive:
            return
        course = self._course
        nomad = MemoryNomad(cluster=course.cluster, faults=self.faults)
        reconciler = ThingReconciler(self.name, Connection(course.outside, self.faults, nomad.memory), course.witness)
        manager = Manager(
            nomad,
            [reconciler],
            name=OPERATOR,
            identity=self.name,
            lock_ttl=f"{LOCK_TTL:g}s",
            random=self._random,
            now=loop_time,
            backoff=Backoff(longest=8.0),
        )
        self._nomad = nomad
        self._task = asyncio.ensure_future(manager.run())
        self._task.add_done_callback(self._ended)

    def kill(self) -> None:
        """Die as by `kill -9`: nothing more reaches the world."""
        if self._task is not None and self.alive:
            self._nomad.memory.cut()
            self._course.witness.dead(self.name)
            self._task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._course.outcome.problems.append(f"process {self.name} ended by itself: {error!r}")
        if not self._course.ended:
            loop = asyncio.get_running_loop()
            loop.call_later(0.0 if self.faults.over else self._random.uniform(0, 6), self._start_again)

    def _start_again(self) -> None:
        if not self._course.ended:
            self.start()


class Course:
    """Runs operations once, with faults or without."""

    def __init__(self, seed: int, operations: Sequence[Operation], *, faulty: bool) -> None:
        self.operations = operations
        self.faulty = faulty
        self.random = Random(f"course {seed}")
        self.cluster = Cluster(healthy_after=self.random.uniform(0.5, 3))
        self.outside = Outside()
        self.witness = Witness()
        self.outcome = Outcome()
        self.ended = False
        rates = _mixture(self.random) if faulty else Rates()
        self.processes = [Process(self, f"p{number}", Random(self.random.random()), rates) for number in range(1 + faulty)]

    async def run(self, expected: State | None = None) -> Outcome:
        """Let it all happen; with an expected state, wait until that is reached."""
        user = MemoryNomad(cluster=self.cluster)
        for process in self.processes:
            process.start()
        events = [(operation.time, operation.act(user)) for operation in self.operations]
        if self.faulty:
            events += self._mischief()
        for time, event in sorted(events, key=lambda pair: pair[0]):
            await asyncio.sleep(time - loop_now())
            await event
        for process in self.processes:
            process.faults.over = True
        await self._settle(expected)
        self.ended = True
        for process in self.processes:
            process.kill()
        await asyncio.sleep(0)
        outcome = self.outcome
        outcome.requests = len(self.cluster.requests)
        outcome.problems += [*self.witness.problems, *self.outside.problems, *self._left_undone()]
        return outcome

    def _mischief(self) -> list[tuple[float, Any]]:
        """What happens to processes and cluster from without."""
        random = self.random
        kinds = random.sample((self._kill, self._steal_lock, self._cut_streams, self._deafen), random.randint(0, 4))
        return [
            (random.uniform(1, FAULTY), kind(random.choice(self.processes)))
            for kind in kinds
            for _ in range(random.randint(1, 3))
        ] + [(FAULTY, _nothing())]

    async def _kill(self, process: Process) -> None:
        process.kill()

    async def _steal_lock(self, process: Process) -> None:
        self.witness.stolen_until = loop_now() + 3 * LOCK_TTL
        expire_lock(self.cluster, LOCK)

    async def _cut_streams(self, process: Process) -> None:
        self.cluster.cut_streams()

    async def _deafen(self, process: Process) -> None:
        self.cluster.deaf = True
        asyncio.get_running_loop().call_later(self.random.uniform(0, 5), setattr, self.cluster, "deaf", False)

    async def _settle(self, expected: State | None) -> None:
        """Wait until everything is as it should be; without an expectation, until nothing is left to do, and a list longer."""
        deadline = loop_now() + PATIENCE
        while loop_now() < deadline:
            if not (unsettled := self._unsettled()):
                state = self.state()
                if expected is None:
                    await asyncio.sleep(45)
                    if not (unsettled := self._unsettled()):
                        self.outcome.state = self.state()
                        return
                elif state == expected:
                    self.outcome.state = state
                    return
            await asyncio.sleep(1.0 if loop_now() < FAULTY + 60 else 10.0)
        self.outcome.state = self.state()
        self.outcome.problems += unsettled or _differences(expected or {}, self.outcome.state)

    def _unsettled(self) -> list[str]:
        """What is not yet as it must be in the end, whatever the operations were. Cheap, for it is asked often."""
        variables = self.cluster.variables
        declared = {path[len(PREFIX) :]: row for path, row in variables.items() if path.startswith(PREFIX)}
        statuses = {path[len(STATUS) :]: row["Items"] for path, row in variables.items() if path.startswith(STATUS)}
        left = [f"the status of {name} is left behind" for name in statuses if name not in declared]
        for name, row in declared.items():
            status = statuses.get(name)
            if status is None:
                left.append(f"{name} has no status")
            elif int(status["uid"]) != row["CreateIndex"] or int(status["observedGeneration"]) != row["ModifyIndex"]:
                left.append(f"{name} is not reconciled")
            elif '"type":"Ready","status":"True"' not in status["conditions"]:
                left.append(f"{name} is not ready")
        left += [f"job {job_id} is left behind" for job_id in self.cluster.jobs if job_id[0] not in declared]
        left += [f"text {name} is left behind" for name in self.outside.texts if name not in declared]
        tags = [f"{name}@{row['CreateIndex']}" for name, row in declared.items()]
        left += [f"account {tag} is left behind" for tag in self.outside.accounts.values() if tag not in tags]
        return left

    def state(self) -> State:
        """Everything that the operator is responsible for, without indexes, times and versions."""
        state: State = {f"text {name}": text for name, text in self.outside.texts.items()}
        for tag in self.outside.accounts.values():
            state[f"account {tag.partition('@')[0]}"] = True
        for path, row in self.cluster.variables.items():
            if path.startswith(STATUS):
                state[path] = _plain(unpack(Thing.Status, row["Items"]))
        for job_id, job in self.cluster.jobs.items():
            meta = {key: value for key, value in (job.get("Meta") or {}).items() if not key.endswith("uid")}
            state[f"job {job_id}"] = orjson.dumps({**wish(job), "Meta": meta, "Stop": job["Stop"]}, option=orjson.OPT_SORT_KEYS)
        return state

    def _left_undone(self) -> list[str]:
        rows = self.cluster.variables
        present = {(path[len(PREFIX) :], row["CreateIndex"]) for path, row in rows.items() if path.startswith(PREFIX)}
        skipped = self.witness.begun - self.witness.undone - present
        return [f"the finalizer of {name} (uid {uid}) was skipped" for name, uid in sorted(skipped)]


async def _nothing() -> None:
    """The end of the faults, if nothing else happens then."""


def _plain(status: ResourceStatus) -> State:
    own = set(type(status).model_fields) - set(ResourceStatus.model_fields)
    applied = status.last_applied
    return {
        **{name: getattr(status, name) for name in sorted(own)},
        "conditions": sorted(
            (one.type, one.status, one.reason, one.message) for one in status.conditions if one.type not in _HISTORY
        ),
        "spec": None if applied is None else applied.spec,
        "owned": sorted((entry.kind, entry.id) for entry in status.owned),
    }


def _differences(expected: State, found: State) -> list[str]:
    keys = [key for key in sorted({*expected, *found}) if expected.get(key) != found.get(key)]
    return [f"{key} is {found.get(key)}\n    and should be {expected.get(key)}" for key in keys]


def _mixture(random: Random) -> Rates:
    """Most kinds of faults not at all, some now and then, some often."""

    def rate(often: float) -> float:
        return random.choice((0.0, 0.0, often / 5, often))

    return Rates(
        lost=rate(0.1),
        answer_lost=rate(0.1),
        refused=rate(0.1),
        refused_after=rate(0.1),
        overtaken=rate(0.1),
        late=rate(0.2),
        stale=rate(0.2),
        cut=rate(0.02),
        crash=rate(0.05),
        event_lost=rate(0.3),
        event_late=rate(0.3),
        event_twice=rate(0.3),
        event_swapped=rate(0.3),
        longest=random.choice((0.2, 1.0, 4.0)),
    )
