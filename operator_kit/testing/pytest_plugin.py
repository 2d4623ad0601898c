"""Fixtures for tests of operators. In `conftest.py`:

    pytest_plugins = ["operator_kit.testing.pytest_plugin"]

    memory_nomad    a Nomad in memory
    operator        runs reconcilers against it: `async with operator(WebsiteReconciler()) as manager:`
    agent           a client of a real agent, which is started for the session: `async with agent as nomad:`

A test that runs an operator against the Nomad in memory wears `@virtual_time`, so it never waits. With `--nomad-addr` (or
`NOMAD_ADDR` in the environment) `agent` is a client of that cluster, with the token of `--nomad-token` (or `NOMAD_TOKEN`), and
nothing is started.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any

import pytest

from nomad_api.client import Nomad, Settings
from operator_kit.manager import Manager
from operator_kit.testing.agent import DevelopmentAgent
from operator_kit.testing.harness import running
from operator_kit.testing.nomad import MemoryNomad

Running = Callable[..., AbstractAsyncContextManager[Manager]]
"""Of the fixture `operator`: takes reconcilers, and `Manager`'s options."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nomad")
    for option, text in (
        ("--nomad-addr", "use this Nomad instead of an agent of the tests' own"),
        ("--nomad-token", "its token"),
    ):
        with suppress(ValueError):  # a suite may have declared it already
            group.addoption(option, default="", help=text)


@pytest.fixture
def memory_nomad() -> MemoryNomad:
    """A Nomad in memory, with a client."""
    return MemoryNomad()


@pytest.fixture
def operator(memory_nomad: MemoryNomad) -> Running:
    """Runs reconcilers against `memory_nomad` for the length of a block; see `operator_kit.testing.running`."""
    return partial(running, memory_nomad)


@pytest.fixture(scope="session")
def agent_settings(pytestconfig: pytest.Config) -> Iterator[Settings]:
    """Where the agent of `agent` is. It is started when it is first needed, and ends with the session."""
    given: dict[str, Any] = dict(os.environ)
    given |= {"NOMAD_ADDR": pytestconfig.getoption("--nomad-addr") or os.environ.get("NOMAD_ADDR", "")}
    given |= {"NOMAD_TOKEN": pytestconfig.getoption("--nomad-token") or os.environ.get("NOMAD_TOKEN", "")}
    if given["NOMAD_ADDR"]:
        yield Settings.from_env(given)
        return
    with DevelopmentAgent() as agent:
        yield Settings(agent.address, "", "", "", "")


@pytest.fixture
def agent(agent_settings: Settings) -> Nomad:
    """A client of a real agent, to be used as `async with agent as nomad:`, which closes its connections."""
    return Nomad.from_settings(agent_settings)
