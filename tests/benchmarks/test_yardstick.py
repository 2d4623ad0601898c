import pytest

from benchmarks import yardstick


async def test_the_yardstick_answers_and_is_told_by_its_own_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "SECONDS", 0.2)
    assert await yardstick.requests_per_second() > 100
