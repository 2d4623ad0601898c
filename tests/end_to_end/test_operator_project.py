"""A new operator, from `operator init` to the job that it runs, by a developer whose token may do what its policy says."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from nomad_api.client import Nomad
from nomad_api.errors import NomadError, NotFound
from nomad_api.models import ACLPolicy
from operator_kit.process.pause import read_switch
from operator_kit.testing import eventually
from tests.contract.conftest import Agent
from tests.end_to_end.conftest import NOMADCTL

pytestmark = pytest.mark.timeout(180)

WITHIN = 60.0


@dataclass(frozen=True)
class Developer:
    """Someone at a terminal, in the folder of a new project whose operator is called `name`."""

    name: str
    folder: Path
    environment: dict[str, str]
    nomad: Nomad

    @property
    def path(self) -> str:
        return f"resources/{self.name}/page/hello"

    async def run(self, *arguments: str) -> tuple[int, str]:
        process = await self.start(*arguments)
        output = (await process.communicate())[0].decode()
        return process.returncode or 0, output

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            NOMADCTL,
            *arguments,
            cwd=self.folder,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    @asynccontextmanager
    async def running(self, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The operator from its source while the block runs; stopped as by Ctrl+C."""
        process = await self.start("operator", "run", *flags, ".")
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            output = (await process.communicate())[0].decode()
            print(output)
        assert process.returncode == 0

    async def message_of_job(self) -> str:
        """What the resource's job says; nothing while there is none."""
        try:
            job = await self.nomad.jobs.get("page-hello")
        except NotFound:
            return ""
        [group] = job.task_groups or []
        [task] = group.tasks or []
        return (task.env or {})["MESSAGE"]

    async def says(self, message: str) -> None:
        async def fulfilled() -> bool:
            return await self.message_of_job() == message

        await eventually(fulfilled, within=WITHIN, every=0.2)


@pytest.fixture
async def developer(acl_agent: Agent, tmp_path: Path) -> AsyncIterator[Developer]:
    name = f"p{uuid.uuid4().hex[:8]}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NOMAD_")}
    async with acl_agent.client() as nomad:
        someone = Developer(name, tmp_path / name, {**environment, "NOMAD_ADDR": acl_agent.address}, nomad)
        tmp_path.joinpath(name).mkdir()
        code, output = await someone.run("operator", "init", "-kind", f"{name}/page", "-dir", ".", name)
        assert code == 0, output
        await nomad.acl.upsert_policy(ACLPolicy(name=name, rules=(someone.folder / "policy.hcl").read_text()))
        token = await nomad.acl.create_token(name, policies=[name])
        someone.environment["NOMAD_TOKEN"] = token.secret_id
        yield someone
        await nomad.jobs.deregister("page-hello", purge=True)
        for variable in await nomad.variables.list():
            if name in variable.path:
                with suppress(NomadError):  # a lock that was left behind ends by itself
                    await nomad.variables.delete(variable.path)
        await nomad.acl.delete_token(token.accessor_id)
        await nomad.acl.delete_policy(name)


async def test_everything_is_looked_at_once(developer: Developer) -> None:
    await developer.nomad.variables.put(developer.path, {"message": "good morning"})
    code, output = await developer.run("operator", "run", "-once", ".")
    assert code == 0, output
    assert await developer.message_of_job() == "good morning"
    assert "hello" in output
    await developer.nomad.variables.put(developer.path, {"massage": "good evening"})
    code, output = await developer.run("operator", "run", "-once", ".")
    assert (code, "massage" in output) == (1, True)
    code, output = await developer.run("why", "-json", "page", "hello")
    assert {"NotAccepted", "OperatorNotRunning"} <= {finding["Reason"] for finding in json.loads(output)["Findings"]}


async def test_a_developer_changes_the_code_while_it_runs(developer: Developer) -> None:
    await developer.nomad.variables.put(developer.path, {"message": "good morning"})
    source = developer.folder / developer.name / "operator.py"
    good = source.read_text()

    async with developer.running("-dev"):
        await developer.says("good morning")
        assert (await read_switch(developer.nomad, developer.name)).developer
        source.write_text("def broken(:\n")
        await asyncio.sleep(3)
        source.write_text(good.replace("resource.spec.message}", "resource.spec.message.upper()}"))
        await developer.says("GOOD MORNING")
    switch = await read_switch(developer.nomad, developer.name)
    assert (switch.developer, switch.paused) == ("", False)
    lock = await developer.nomad.variables.get(f"locks/{developer.name}")
    assert lock.lock is None


async def test_the_deployed_copy_waits_while_a_developer_works_and_after_a_crash_goes_on(developer: Developer) -> None:
    async def leader() -> str:
        try:
            variable = await developer.nomad.variables.get(f"locks/{developer.name}")
        except NotFound:
            return ""
        return (variable.items or {})["holder"] if variable.lock else ""

    async def leads(process: asyncio.subprocess.Process) -> None:
        async def fulfilled() -> bool:
            return (await leader()).endswith(f"/{process.pid}")

        await eventually(fulfilled, within=WITHIN, every=0.2)

    async with developer.running() as deployed:
        await leads(deployed)
        async with developer.running("-dev") as first:
            await leads(first)
        await leads(deployed)
        second = await developer.start("operator", "run", "-dev", ".")
        await leads(second)
        # Nothing tells of this end but the lock, which is not renewed any more.
        second.kill()
        await second.wait()
        await leads(deployed)
        assert not (await read_switch(developer.nomad, developer.name)).developer
