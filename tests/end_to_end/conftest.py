"""The collector operator on an agent with ACLs (the embedded one, or that of `--nomad-addr`), reached as a user reaches it."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nomad_api.client import Nomad
from operator_kit.crd_store.status_items import unpack
from operators.otel_collector.distribution.build import collector_binary
from operators.otel_collector.distribution.image import ImageError, import_image
from operators.otel_collector.resource import Collector
from tests.contract.conftest import Agent, acl_agent

__all__ = ["acl_agent"]

NOMADCTL = Path(sys.executable).parent / "nomadctl"
PATIENCE = 60.0
"""Seconds within which what was asked for must have happened; a lost leader is replaced after some 25."""


@dataclass(frozen=True)
class User:
    """Someone at a terminal, with `nomadctl` and a client for looking on."""

    nomad: Nomad
    environment: dict[str, str]

    async def run(self, *arguments: str) -> str:
        """Run `nomadctl` with these arguments; what it prints. Fails the test when it fails."""
        process = await asyncio.create_subprocess_exec(
            NOMADCTL, *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"nomadctl {' '.join(arguments)}:\n{output}"
        return output

    async def json(self, *arguments: str) -> Any:
        """As `run`, of a command that prints JSON."""
        return json.loads(await self.run(*arguments))

    async def declare(self, name: str, **items: str) -> None:
        """Put a collector into its variable."""
        words = (f"{key.replace('__', '.')}={text}" for key, text in items.items())
        await self.run("var", "put", "-force", "-out", "none", f"resources/otel/collector/{name}", *words)

    async def purge(self, name: str) -> None:
        """Purge a collector's variable."""
        await self.run("var", "purge", f"resources/otel/collector/{name}")

    async def status(self, name: str, condition: Callable[[Collector.Status], bool]) -> Collector.Status:
        """Wait until the status of a collector, of the newest spec, fulfils a condition."""
        wanted = (await self.nomad.variables.get(f"resources/otel/collector/{name}")).modify_index
        seen = None
        try:
            async with asyncio.timeout(PATIENCE):
                async for snapshot in self.nomad.variables.watch(f"status/otel/collector/{name}"):
                    seen = unpack(Collector.Status, (snapshot.value.items if snapshot.value else None) or {})
                    spec = seen.last_applied
                    if spec is not None and spec.generation == wanted and condition(seen):
                        return seen
        except TimeoutError:
            raise AssertionError(f"it did not happen; the last status was {seen}") from None
        raise AssertionError("the watch ended")

    async def ready(self, name: str) -> Collector.Status:
        """Wait until a collector is ready, with its newest spec."""
        wanted = (await self.nomad.variables.get(f"resources/otel/collector/{name}")).modify_index

        def is_ready(status: Collector.Status) -> bool:
            return status.condition("Ready").status == "True" and status.observed_generation == wanted

        return await self.status(name, is_ready)

    async def gone(self, name: str) -> None:
        """Wait until nothing is left of a collector but history."""
        async with asyncio.timeout(PATIENCE):
            async for snapshot in self.nomad.variables.watch(f"status/otel/collector/{name}"):
                if snapshot.value is None:
                    break
        assert not await self.has_job(name)
        assert await self.instances(name) == []

    async def has_job(self, name: str) -> bool:
        """Whether the job of a collector exists."""
        jobs = await self.nomad.jobs.list(f"otel-collector-{name}")
        return f"otel-collector-{name}" in [job.id for job in jobs]

    async def instances(self, name: str) -> list[str]:
        """The IDs of the allocations of a collector that run."""
        allocations = await self.nomad.jobs.allocations(f"otel-collector-{name}")
        return [one.id for one in allocations if one.client_status in ("pending", "running")]


@pytest.fixture(scope="session")
def environment(acl_agent: Agent) -> Iterator[dict[str, str]]:
    """The environment of a user with a management token, where the operator is installed until the end of the session."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NOMAD_")}
    environment |= {"NOMAD_ADDR": acl_agent.address, "NOMAD_TOKEN": acl_agent.token}
    subprocess.run([NOMADCTL, "operator", "install", "otel_collector"], env=environment, check=True, stdout=subprocess.DEVNULL)
    yield environment
    for command in ("job stop -purge -yes otel_collector", "acl policy delete otel-collector"):
        subprocess.run([NOMADCTL, *command.split()], env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
async def user(acl_agent: Agent, environment: dict[str, str]) -> AsyncIterator[User]:
    """Such a user. The collectors that are there at the end are removed."""
    async with acl_agent.client() as nomad:
        someone = User(nomad, environment)
        yield someone
        declared = [variable.path for variable in await nomad.variables.list("resources/otel/collector/")]
        for path in declared:
            await nomad.variables.delete(path)
        for path in declared:
            await someone.gone(path.rpartition("/")[2])


@pytest.fixture
def name() -> str:
    """A name for a collector that no other has."""
    return f"e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def binary() -> str:
    """A real collector."""
    return str(collector_binary())


@pytest.fixture(scope="session")
def image(binary: str) -> str:
    """The same as a local image. Without a Docker engine the tests that need it are left out, or fail with REQUIRE_DOCKER."""
    try:
        return import_image(Path(binary))
    except ImageError as error:
        missing = pytest.fail if os.environ.get("REQUIRE_DOCKER") else pytest.skip
        missing(f"no Docker engine answers: {error}")
