"""One expression in, its value out: through the `config` of a task, where any value is kept as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobspec import parse

Evaluate = Callable[[str], Any]


@pytest.fixture
def evaluated() -> Evaluate:
    def evaluate(expression: str) -> Any:
        job = parse(f'job "j" {{\ngroup "g" {{\ntask "t" {{\nconfig {{\n\nx = [{expression}\n]\n}}\n}}\n}}\n}}\n')
        [value] = job["TaskGroups"][0]["Tasks"][0]["Config"]["x"]
        return value

    return evaluate
