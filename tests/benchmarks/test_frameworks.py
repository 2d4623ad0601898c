from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import frameworks, yardstick
from benchmarks.measure import Figure
from benchmarks.rivals.cache import provided
from benchmarks.rivals.contestant import Contestant, NotProvided
from benchmarks.yardstick import REFERENCE


class Steady(Contestant):
    name = "steady"

    def __init__(self) -> None:
        self._values = iter((3.0, 1.0, 100.0))
        self.measurements = {"no-op": self._no_op}

    async def provide(self) -> str:
        return "1"

    async def _no_op(self, count: int) -> list[Figure]:
        return [Figure("pace", next(self._values), "s")]


class Missing(Contestant):
    name = "missing"
    measurements = {}

    async def provide(self) -> str:
        raise NotProvided("there is no Go")


async def test_the_table_has_the_median_of_the_rounds_and_says_who_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    contestants: Sequence[type[Contestant]] = (Steady, Missing)
    monkeypatch.setattr(frameworks, "CONTESTANTS", contestants)
    marks = iter((REFERENCE / 2, REFERENCE / 4, REFERENCE / 3))

    async def mark() -> float:
        return next(marks)

    monkeypatch.setattr(yardstick, "requests_per_second", mark)

    text = await frameworks.run(["no-op"], rounds=3)

    assert "3.00 s" in text
    assert "3.0 times as many" in text
    assert "missing is left out: there is no Go" in text


def test_what_a_rival_needs_is_made_once_and_made_again_where_it_was_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[Path] = []

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        provided("thing", "1", fail)
    folder = provided("thing", "1", made.append)
    assert provided("thing", "1", made.append) == folder
    assert made == [folder]
    assert not (folder / "half").exists()
    assert provided("thing", "2", made.append) != folder
