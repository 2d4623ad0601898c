"""What users do to the resources of a simulation, and others to its jobs: at random, and the same for the same seed.

Whatever is done, every resource ends in a state that can be reached: what it was before does not show in it. So all courses of
the same operations must end alike, whatever went wrong on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from operator_kit.testing.nomad import MemoryNomad

PREFIX: Final = "resources/simulation/thing/"
NAMES: Final = ("a", "b")
SECONDS: Final = 30.0
"""The time in which all of it happens."""

Verb = Literal["put", "purge", "remake", "stop job", "purge job", "change job"]


@dataclass(frozen=True, slots=True)
class Operation:
    """Somebody does something at a time."""

    time: float
    verb: Verb
    name: str
    items: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.time:7.3f}  {self.verb} {self.name} {' '.join('='.join(item) for item in self.items)}".rstrip()

    async def act(self, nomad: MemoryNomad) -> None:
        """Do it, by a client to which nothing happens."""
        path = PREFIX + self.name
        match self.verb:
            case "put":
                await nomad.variables.put(path, dict(self.items))
            case "purge":
                await nomad.variables.delete(path)
            case "remake":
                await nomad.variables.delete(path)
                await nomad.variables.put(path, dict(self.items))
            case "stop job" | "purge job":
                await nomad.jobs.deregister(self.name, purge=self.verb == "purge job")
            case "change job":
                if (job := nomad.job(self.name)) is not None and not job.stop:
                    await nomad.jobs.register(job.evolve(priority=(job.priority or 50) % 90 + 1))


def operations(seed: int) -> Sequence[Operation]:
    """Those of a seed, in order of time."""
    random = Random(f"operations {seed}")
    planned = [_any(random) for _ in range(random.randint(3, 9))]
    last = [_last(random, name) for name in NAMES if any(operation.name == name for operation in planned)]
    return sorted([*planned, *last], key=lambda operation: operation.time)


def _any(random: Random) -> Operation:
    name, time = random.choice(NAMES), random.uniform(0, SECONDS)
    match random.randrange(10):
        case 0 | 1 | 2 | 3:
            return Operation(time, "put", name, _items(random, moods=("", "", "moody", "never", "restless")))
        case 4:
            return Operation(time, "put", name, (("jobs", "many"),))
        case 5:
            return Operation(time, "purge", name)
        case 6:
            return Operation(time, "put", name, (*_items(random), ("operator.paused", "true")))
        case 7:
            return Operation(time, "remake", name, _items(random))
    verb = random.choice(("stop job", "purge job", "change job"))
    return Operation(time, verb, f"{name}-{random.randrange(2)}")  # type: ignore[arg-type]


def _last(random: Random, name: str) -> Operation:
    """What makes an end that does not depend on what was before."""
    time = random.uniform(SECONDS, SECONDS + 5)
    if random.random() < 0.3:
        return Operation(time, "purge", name)
    return Operation(time, random.choice(("put", "put", "remake")), name, _items(random, moods=("", "moody", "restless")))


def _items(random: Random, moods: Sequence[str] = ("",)) -> tuple[tuple[str, str], ...]:
    items = [("jobs", str(random.choice((0, 1, 1, 2)))), ("text", random.choice(("", "x", "y", "z")))]
    mood = random.choice(moods)
    return (*items, ("mood", mood)) if mood else tuple(items)
