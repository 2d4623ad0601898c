"""The agents that contract tests run against, and the ways to talk to them.

By default two embedded agents are started when they are first needed, one with ACLs and one without; both end with the
session. With `--nomad-addr` the tests run against that agent instead, which stands for the one with ACLs if `--nomad-token` is
given, else for the one without. What needs the other kind cannot run there and says so; nothing is left out because of whose
agent it is.

Everything a test makes has the name `unique`, or begins with it, and is removed afterwards.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from nomad_api.client import Nomad
from nomad_api.errors import NomadError
from nomad_api.models import ACLPolicy, ACLToken, Job, JobACL
from operator_kit.testing.agent import DevelopmentAgent

SETTLE_TIMEOUT = 30.0
"""Seconds within which what was asked for must have happened."""


@dataclass(frozen=True)
class Agent:
    """An agent to test: where it is, and a management token where it has ACLs."""

    address: str
    token: str = ""

    def client(self, token: str | None = None) -> Nomad:
        """A client with the management token, or another."""
        return Nomad(self.address, token=self.token if token is None else token)


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def index(self) -> int:
        return int(self.headers["X-Nomad-Index"])


def _chosen(config: pytest.Config, *, acl: bool) -> Iterator[Agent]:
    address, token = config.getoption("--nomad-addr"), config.getoption("--nomad-token")
    if not address:
        with DevelopmentAgent(acl=acl, name="contract-1") as embedded:
            yield Agent(embedded.address, embedded.token)
    elif bool(token) == acl:
        yield Agent(address.rstrip("/"), token)
    else:
        pytest.skip(f"needs an agent with{'' if acl else 'out'} ACLs: give {'its' if acl else 'no'} --nomad-token")


@pytest.fixture(scope="session")
def acl_agent(pytestconfig: pytest.Config) -> Iterator[Agent]:
    """An agent with ACLs."""
    yield from _chosen(pytestconfig, acl=True)


@pytest.fixture(scope="session")
def open_agent(pytestconfig: pytest.Config) -> Iterator[Agent]:
    """An agent without ACLs."""
    yield from _chosen(pytestconfig, acl=False)


@pytest.fixture(scope="session")
def agent(request: pytest.FixtureRequest) -> Agent:
    """An agent for tests that are the same with ACLs and without."""
    given = request.config.getoption("--nomad-addr")
    without_acl = given and not request.config.getoption("--nomad-token")
    chosen: Agent = request.getfixturevalue("open_agent" if without_acl else "acl_agent")
    return chosen


@pytest.fixture
async def nomad(agent: Agent) -> AsyncIterator[Nomad]:
    """A client that may do everything."""
    async with agent.client() as client:
        yield client


@pytest.fixture
async def acl_nomad(acl_agent: Agent) -> AsyncIterator[Nomad]:
    """A client that may do everything, of an agent with ACLs."""
    async with acl_agent.client() as client:
        yield client


@pytest.fixture
async def unique(agent: Agent) -> AsyncIterator[str]:
    """A name that nothing else has. Variables, jobs, policies, tokens and namespaces that begin so are removed afterwards."""
    name = f"c{uuid.uuid4().hex[:10]}"
    yield name
    async with agent.client() as client:
        await _remove(client, name, with_acl=bool(agent.token))


async def _remove(client: Nomad, name: str, *, with_acl: bool) -> None:
    everywhere = client.scoped(namespace="*")
    for job in await everywhere.jobs.list(name):
        await client.scoped(namespace=job.namespace).jobs.deregister(job.id, purge=True)
    for variable in await everywhere.variables.list():
        if name in variable.path:
            with suppress(NomadError):  # a lock that a test left behind expires by itself
                await client.scoped(namespace=variable.namespace).variables.delete(variable.path)
    if with_acl:
        for token in await client.acl.tokens():
            if token.name.startswith(name):
                await client.acl.delete_token(token.accessor_id)
        for policy in await client.acl.policies():
            if policy.name.startswith(name):
                await client.acl.delete_policy(policy.name)


@dataclass
class Wire:
    """Raw requests to an agent, for what a client would hide."""

    agent: Agent
    session: aiohttp.ClientSession

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request. `body` is sent as it is if it is a text, else as JSON; `token` replaces the management token."""
        secret = self.agent.token if token is None else token
        sent = {**({"X-Nomad-Token": secret} if secret else {}), **(headers or {})}
        data = body if isinstance(body, str | None) else json.dumps(body)
        async with self.session.request(method, self.agent.address + path, params=params, data=data, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.text())


@pytest.fixture
async def wire(agent: Agent) -> AsyncIterator[Wire]:
    """Raw requests."""
    async with aiohttp.ClientSession() as session:
        yield Wire(agent, session)


@pytest.fixture
async def acl_wire(acl_agent: Agent) -> AsyncIterator[Wire]:
    """Raw requests to an agent with ACLs."""
    async with aiohttp.ClientSession() as session:
        yield Wire(acl_agent, session)


@pytest.fixture
def make_token(acl_nomad: Nomad, unique: str) -> Callable[..., Any]:
    """Makes a client token with a policy of these rules; a policy bound to a workload if `job_acl` is given."""

    async def make(rules: str, *, job_acl: JobACL | None = None) -> ACLToken:
        name = f"{unique}-{uuid.uuid4().hex[:6]}"
        await acl_nomad.acl.upsert_policy(ACLPolicy(name=name, rules=rules, job_acl=job_acl))
        return await acl_nomad.acl.create_token(name, policies=[name])

    return make


def raw_exec_job(job_id: str, command: str, *args: str, type: str = "service", **group: Any) -> Job:
    """A job of one raw_exec task, small enough to fit anywhere."""
    task = {
        "Name": "main",
        "Driver": "raw_exec",
        "Config": {"command": command, "args": list(args)},
        "Resources": {"CPU": 20, "MemoryMB": 32},
        "KillTimeout": 1_000_000_000,
    }
    return Job.model_validate(
        {
            "ID": job_id,
            "Name": job_id,
            "Type": type,
            "Datacenters": ["*"],
            "TaskGroups": [{"Name": "main", "Tasks": [task], **group}],
        }
    )


@pytest.fixture
def sleeper() -> Callable[..., Job]:
    """Makes a job that runs until it is stopped."""
    return lambda job_id, **group: raw_exec_job(job_id, "/bin/sleep", "3600", **group)


@pytest.fixture
def shell() -> Callable[..., Job]:
    """Makes a job of a given type that runs a line of shell."""
    return lambda job_id, line, type="batch", **group: raw_exec_job(job_id, "/bin/sh", "-c", line, type=type, **group)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits, by a watch of the client, for the first value that fulfils a condition."""

    async def wait(watch: AsyncIterator[Any], condition: Callable[[Any], Any]) -> Any:
        async with asyncio.timeout(SETTLE_TIMEOUT):
            async for snapshot in watch:
                if condition(snapshot.value):
                    return snapshot.value
        raise AssertionError("the watch ended")

    return wait
