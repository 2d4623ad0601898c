"""The simulation notices what it is there to notice, and plays the same course each time."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from operator_kit import Context, Result
from operator_kit.engine.workqueue import WorkQueue
from operator_kit.informers.variables import VariableInformer
from operator_kit.testing.simulation import simulate_seed
from operator_kit.testing.simulation.subject import Thing, ThingReconciler


def is_found(problem: str, seeds: int = 40) -> bool:
    """Whether one of some seeds finds a problem in these words."""
    return any(problem in found for seed in range(seeds) for found in simulate_seed(seed).problems)


def test_an_unfinished_finalizer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def finalize(self: ThingReconciler, resource: Thing, ctx: Context[Thing]) -> Result | None:
        return None

    monkeypatch.setattr(ThingReconciler, "finalize", finalize)
    assert is_found("the finalizer of")


def test_two_hands_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(self: WorkQueue[str], key: str, *arguments: Any, **options: Any) -> None:
        self._in_hand.pop(key, None)
        real(self, key, *arguments, **options)

    def done(self: WorkQueue[str], key: str, *arguments: Any, **options: Any) -> None:
        if key in self._in_hand:
            finish(self, key, *arguments, **options)

    real: Callable[..., None] = WorkQueue.add
    finish: Callable[..., None] = WorkQueue.done
    monkeypatch.setattr(WorkQueue, "add", add)
    monkeypatch.setattr(WorkQueue, "done", done)
    assert is_found("in two hands")


def test_a_lost_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VariableInformer, "_drop", lambda self, key: self._records.pop(key))
    assert is_found("left behind")


def test_a_seed_plays_the_same_course_in_every_process() -> None:
    command = (
        "from operator_kit.testing.simulation import simulate_seed\nprint([simulate_seed(s).requests for s in range(3, 9)])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(found) == 1, found
