"""Starts containers, finds those of an earlier agent again by their name, and watches them."""

import asyncio
import base64
import contextlib
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from nomad_api.duration import SECOND, parse_duration
from nomad_api.models import TaskEvent
from nomad_api.models.node import DriverInfo
from orchestrator.client import task_events
from orchestrator.client.config import ClientConfig
from orchestrator.client.drivers.base import (
    DriverError,
    ExecSession,
    ExitResult,
    RunningTask,
    TaskConfig,
    TaskDriver,
    TaskUsage,
)
from orchestrator.client.drivers.docker.container import SCHEMA, creation
from orchestrator.client.drivers.docker.engine import Engine, EngineError
from orchestrator.client.drivers.docker.exec import ContainerExec
from orchestrator.client.drivers.docker.logs import ContainerLog
from orchestrator.client.drivers.process_usage import process_usage

log = structlog.get_logger(__name__)

STARTS_AT_ONCE: Final = 4
"""More containers started at the same time only slow each other down: the engine is the bottleneck."""

SIGNALS: Final = (
    "SIGABRT SIGALRM SIGBUS SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGNULL SIGPIPE SIGPROF SIGQUIT SIGSEGV "
    "SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGUSR1 SIGUSR2 SIGWINCH SIGXCPU SIGXFSZ"
).split()

_PROBE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 1.0
_KILLED: Final = 137
_OOM_SECONDS: Final = 0.3


class Docker(TaskDriver):
    """Runs tasks as containers. `runs` is where it keeps how far their logs are copied."""

    name = "docker"
    schema = SCHEMA
    container = True

    def __init__(self, config: ClientConfig, runs: Path) -> None:
        self._engine = Engine(config.docker_host)
        self._privileged = config.docker_privileged
        self._volumes = config.docker_volumes
        self._runs = runs
        self._starting = asyncio.Semaphore(STARTS_AT_ONCE)
        self._pulling: dict[str, asyncio.Lock] = {}

    async def fingerprint(self) -> DriverInfo:
        try:
            version = await self._engine.request("GET", "/version", limit=_PROBE_SECONDS)
            info = await self._engine.request("GET", "/info", limit=_PROBE_SECONDS)
            bridge = await self._bridge_address()
        except EngineError:
            return DriverInfo(attributes={}, health_description="Failed to connect to docker daemon")
        attributes = {
            "driver.docker": "1",
            "driver.docker.version": version["Version"],
            "driver.docker.os_type": info["OSType"],
            "driver.docker.runtimes": ",".join(sorted(info.get("Runtimes") or {})),
            "driver.docker.bridge_ip": bridge,
        }
        if self._privileged:
            attributes["driver.docker.privileged.enabled"] = "true"
        if self._volumes:
            attributes["driver.docker.volumes.enabled"] = "true"
        return DriverInfo(attributes=attributes, detected=True, healthy=True, health_description="Healthy")

    async def start(self, task: TaskConfig) -> RunningTask:
        body = creation(task, privileged=self._privileged, volumes=self._volumes)
        image = task.config["image"]
        run = self._run(task)
        try:
            await self._fetch_image(task, image)
            async with self._starting:
                await self._remove(task)
                run.mkdir(parents=True, exist_ok=True, mode=0o700)
                created = await self._engine.request("POST", "/containers/create", params={"name": _name(task)}, body=body)
                container = _Container(self._engine, created["Id"], task, run)
                await self._engine.request("POST", f"/containers/{created['Id']}/start")
        except EngineError as error:
            await self._remove(task)
            text = f"Failed to start container for image {image!r}: {error}"
            raise DriverError(text, recoverable=error.status in (0, 500)) from None
        container.watch()
        return container

    async def recover(self, task: TaskConfig) -> RunningTask | None:
        while True:
            try:
                found = await self._engine.request("GET", f"/containers/{_name(task)}/json")
                break
            except EngineError as error:
                if error.status:
                    return None
                log.warning("waiting for the Docker engine to find a task again", task=task.name, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        if found["State"]["Status"] == "created":
            # The agent before us died between creating and starting it.
            await self._remove(task)
            return None
        run = self._run(task)
        run.mkdir(parents=True, exist_ok=True, mode=0o700)
        container = _Container(self._engine, found["Id"], task, run)
        container.watch()
        return container

    async def close(self) -> None:
        await self._engine.close()

    async def _fetch_image(self, task: TaskConfig, image: str) -> None:
        """Pull the image unless it is there; several tasks that want the same one wait for one pull."""
        async with self._pulling.setdefault(image, asyncio.Lock()):
            if not task.config.get("force_pull") and await self._has_image(image):
                return
            task.emit(task_events.driver_message("Downloading image", image=image))
            repository, tag = _split(image)
            headers = {"X-Registry-Auth": auth} if (auth := _auth(task, repository)) else None
            try:
                seconds = parse_duration(task.config.get("image_pull_timeout") or "5m") / SECOND
                async with asyncio.timeout(seconds):
                    await self._pull(repository, tag, headers)
            except (EngineError, ValueError, TimeoutError) as error:
                reason = str(error) or "it took longer than image_pull_timeout"
                raise DriverError(f"Failed to pull `{image}`: {reason}", recoverable=True) from None

    async def _has_image(self, image: str) -> bool:
        try:
            await self._engine.request("GET", f"/images/{image}/json")
        except EngineError as error:
            if error.not_found:
                return False
            raise
        return True

    async def _pull(self, repository: str, tag: str, headers: dict[str, str] | None) -> None:
        params = {"fromImage": repository, "tag": tag}
        async for content in self._engine.stream("POST", "/images/create", params=params, headers=headers):
            while line := await content.readline():
                if problem := json.loads(line).get("error"):
                    raise EngineError(problem)

    async def _remove(self, task: TaskConfig) -> None:
        """Make the name of the task's container free."""
        with contextlib.suppress(EngineError):
            await self._engine.request("DELETE", f"/containers/{_name(task)}", params={"force": "1", "v": "1"})
        shutil.rmtree(self._run(task), ignore_errors=True)

    async def _bridge_address(self) -> str:
        try:
            network = await self._engine.request("GET", "/networks/bridge", limit=_PROBE_SECONDS)
        except EngineError:
            return ""
        return next((entry.get("Gateway", "") for entry in network["IPAM"]["Config"] or ()), "")

    def _run(self, task: TaskConfig) -> Path:
        return self._runs / task.allocation_id / task.name


class _Container(RunningTask):
    def __init__(self, engine: Engine, container_id: str, task: TaskConfig, run: Path) -> None:
        self._engine = engine
        self._id = container_id
        self._task = task
        self._run = run
        self._log = None
        if task.logs:
            self._log = ContainerLog(engine, container_id, task.directory.logs, task.name, task.logs, run)
        self._ended: asyncio.Task[ExitResult] | None = None
        self._stopped = False

    def watch(self) -> None:
        """Begin to copy the output and to wait for the end."""
        self._ended = asyncio.create_task(self._watch())

    async def wait(self) -> ExitResult:
        assert self._ended is not None
        return await asyncio.shield(self._ended)

    async def detach(self) -> None:
        if self._ended:
            self._ended.cancel()
            await asyncio.wait([self._ended])
        if self._log:
            self._log.close()

    async def stop(self, signal: str, grace: float) -> None:
        self._stopped = True
        with contextlib.suppress(EngineError):
            if signal:
                await self._kill(signal)
                try:
                    async with asyncio.timeout(grace):
                        await self.wait()
                except TimeoutError:
                    await self._kill("SIGKILL")
            else:
                await self._engine.request("POST", f"/containers/{self._id}/stop", params={"t": str(math.ceil(grace))})
        await self.wait()

    async def signal(self, name: str) -> TaskEvent | None:
        if name not in SIGNALS:
            valid = " ".join(f'"{signal}"' for signal in SIGNALS)
            raise DriverError(f'failed to parse signal: invalid signal "{name}" - valid signals are [{valid}]')
        try:
            await self._kill(name)
        except EngineError as error:
            raise DriverError(str(error)) from None
        return None

    async def exec(self, command: Sequence[str], *, tty: bool) -> ExecSession:
        return await ContainerExec.start(self._engine, self._id, command, tty=tty)

    async def usage(self) -> TaskUsage | None:
        try:
            found = await self._engine.request("GET", f"/containers/{self._id}/json")
        except EngineError:
            return None
        return process_usage(found["State"]["Pid"]) if found["State"]["Pid"] else None

    async def release(self) -> None:
        with contextlib.suppress(EngineError):
            await self._engine.request("DELETE", f"/containers/{self._id}", params={"force": "1", "v": "1"})
        if self._log:
            self._log.close()
        shutil.rmtree(self._run, ignore_errors=True)

    async def _watch(self) -> ExitResult:
        """Copy the output while the container runs, and once more when it has ended: following may end a little early."""
        while True:
            try:
                found = await self._inspect()
                if found is None:
                    return ExitResult(137, message="the container is gone")
                running = found["State"]["Status"] in ("running", "paused", "restarting")
                if self._log:
                    await self._log.copy(tty=found["Config"]["Tty"], follow=running)
                if not running:
                    if found["State"]["ExitCode"] == _KILLED and not found["State"]["OOMKilled"] and not self._stopped:
                        # The engine may learn of lacking memory a moment after the end.
                        await asyncio.sleep(_OOM_SECONDS)
                        found = await self._inspect() or found
                    return _result(found["State"])
                await self._engine.request("POST", f"/containers/{self._id}/wait")
            except EngineError as error:
                log.warning("Docker engine does not answer", task=self._task.name, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _inspect(self) -> Any:
        try:
            return await self._engine.request("GET", f"/containers/{self._id}/json")
        except EngineError as error:
            if error.not_found:
                return None
            raise

    async def _kill(self, signal: str) -> None:
        await self._engine.request("POST", f"/containers/{self._id}/kill", params={"signal": signal})


def _result(state: dict[str, Any]) -> ExitResult:
    code = state["ExitCode"]
    if state["OOMKilled"]:
        return ExitResult(code, oom_killed=True, message="OOM Killed")
    return ExitResult(code, message=f"Docker container exited with non-zero exit code: {code}" if code else "")


def _name(task: TaskConfig) -> str:
    return f"{task.name}-{task.allocation_id}"


def _split(image: str) -> tuple[str, str]:
    """Repository and tag (or digest) of an image; without either the newest is meant."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, _, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    return (f"{head}/{name}" if head else name), tag or "latest"


def _auth(task: TaskConfig, repository: str) -> str:
    """The credentials of a registry: from the task, else from the Docker configuration of the agent's user."""
    if blocks := task.config.get("auth"):
        block = blocks[0]
        given = {key: block.get(key, "") for key in ("username", "password", "email")}
        credentials = given | {"serveraddress": block.get("server_address", "")}
    else:
        registry = repository.split("/", 1)[0] if "." in repository.split("/", 1)[0] else "https://index.docker.io/v1/"
        try:
            known = json.loads((Path.home() / ".docker" / "config.json").read_bytes()).get("auths", {})
            username, _, password = base64.b64decode(known[registry]["auth"]).decode().partition(":")
        except (OSError, ValueError, KeyError):
            return ""
        credentials = {"username": username, "password": password, "serveraddress": registry}
    return base64.urlsafe_b64encode(json.dumps(credentials).encode()).decode()
