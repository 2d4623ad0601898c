"""Checks of services: an HTTP request or a TCP connection every so often, and what came of the latest one."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import aiohttp

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Service, ServiceCheck, TaskGroup
from orchestrator.client.clock import Clock
from orchestrator.client.task_env import TaskEnvironment, TaskPlace

Status = Literal["pending", "success", "failure"]
OUTPUT_LIMIT: Final = 3 * 1024
"""Bytes of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The latest outcome of a check; `timestamp` in seconds since the epoch, 0 while it has not run."""

    id: str
    check: str
    mode: Literal["healthiness", "readiness"]
    group: str
    task: str
    service: str
    status: Status = "pending"
    status_code: int = 0
    output: str = "nomad: waiting to run"
    timestamp: int = 0

    def to_wire(self) -> dict[str, object]:
        wire: dict[str, object] = {
            "ID": self.id,
            "Check": self.check,
            "Mode": self.mode,
            "Group": self.group,
            "Service": self.service,
            "Status": self.status,
            "Output": self.output,
            "Timestamp": self.timestamp,
        }
        return wire | {key: value for key, value in (("Task", self.task), ("StatusCode", self.status_code)) if value}


class ServiceChecks:
    """Runs the checks of one allocation. `changed` is called when a status changes, `restart` when a task is to restart."""

    def __init__(
        self,
        allocation: Allocation,
        group: TaskGroup,
        clock: Clock,
        changed: Callable[[], None],
        restart: Callable[[str, str], None],
    ) -> None:
        self.results: dict[str, CheckResult] = {}
        self._allocation = allocation
        self._clock = clock
        self._changed = changed
        self._restart = restart
        self._running: dict[str, list[asyncio.Task[None]]] = {}
        self._expected = len(_checks(group))

    @property
    def passing(self) -> bool:
        """Whether all checks are there, and those that say something of health have succeeded."""
        return len(self.results) >= self._expected and all(
            result.status == "success" for result in self.results.values() if result.mode == "healthiness"
        )

    def start(self, owner: str, service: Service, check: ServiceCheck, environment: TaskEnvironment) -> None:
        """Begin to run a check; `owner` is the task it belongs to, empty for the group's."""
        known = environment.build()
        name = environment.interpolate(service.name, known)
        key = f"{self._allocation.id}/{_key(owner, service, check)}"
        result = CheckResult(
            id=hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
            check=environment.interpolate(check.name, known) or f'service: "{name}" check',
            mode="readiness" if check.on_update == "ignore" else "healthiness",
            group=self._allocation.name,
            task=owner or check.task_name,
            service=name,
        )
        self.results[result.id] = result
        running = asyncio.create_task(self._repeat(result, service, check, environment))
        self._running.setdefault(owner, []).append(running)

    def stop(self, owner: str) -> None:
        for running in self._running.pop(owner, ()):
            running.cancel()

    async def _repeat(self, first: CheckResult, service: Service, check: ServiceCheck, environment: TaskEnvironment) -> None:
        failures = 0
        policy = check.check_restart or service.check_restart
        grace = self._clock.monotonic() + ((policy.grace or 0) / SECOND if policy else 0)
        while True:
            address, port = service_address(environment.place, service, check.port_label or service.port_label)
            status, code, output = await run_check(check, address, port, environment)
            previous = self.results[first.id]
            self.results[first.id] = CheckResult(
                first.id, first.check, first.mode, first.group, first.task, first.service,
                status, code, output, self._clock.now() // SECOND,
            )  # fmt: skip
            if status != previous.status:
                self._changed()
            failures = failures + 1 if status == "failure" else 0
            if policy and policy.limit and failures >= policy.limit and self._clock.monotonic() >= grace:
                failures = 0
                grace = self._clock.monotonic() + (policy.grace or 0) / SECOND
                self._restart(first.task, f'healthcheck: check "{first.check}" unhealthy')
            await self._clock.sleep(check.interval / SECOND)


def _checks(group: TaskGroup) -> set[str]:
    """The keys of all checks of a group and its tasks that Nomad itself runs."""
    owners = [("", group.services), *((task.name, task.services) for task in group.tasks or ())]
    return {
        _key(owner, service, check)
        for owner, services in owners
        for service in services or ()
        for check in service.checks or ()
        if service.provider == "nomad"
    }


def _key(owner: str, service: Service, check: ServiceCheck) -> str:
    """Tells one check from another, also if its author gave it no name."""
    return "/".join((owner, service.name, check.name, check.type, check.method, check.path, check.port_label))


def service_address(place: TaskPlace, service: Service, label: str) -> tuple[str, int]:
    """Where a port of a service is reached: an allocated port by its label, else a port number on the node's address."""
    port = place.allocation.ports.get(label)
    if port:
        return port.host_ip, port.value
    return (place.node.attributes or {}).get("unique.network.ip-address", "127.0.0.1"), int(label) if label.isdigit() else 0


async def run_check(check: ServiceCheck, address: str, port: int, environment: TaskEnvironment) -> tuple[Status, int, str]:
    """Run a check once: its status, the HTTP status code if there was one, and what to show."""
    limit = check.timeout / SECOND
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if check.type == "tcp":
        return await _tcp(address, port, where, limit)
    return await _http(check, where, limit, environment)


async def _tcp(address: str, port: int, where: str, limit: float) -> tuple[Status, int, str]:
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return "failure", 0, f"dial tcp {where}: i/o timeout"
    except OSError as error:
        return "failure", 0, _refused(where, error)
    writer.close()
    return "success", 0, "nomad: tcp ok"


async def _http(check: ServiceCheck, where: str, limit: float, environment: TaskEnvironment) -> tuple[Status, int, str]:
    method = check.method or "GET"
    url = f"{check.protocol or 'http'}://{where}{environment.interpolate(check.path)}"
    headers = [(key, environment.interpolate(value)) for key, values in (check.header or {}).items() for value in values]
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(limit)) as session,
            session.request(
                method, url, headers=headers, data=check.body or None, ssl=not check.tls_skip_verify, allow_redirects=False
            ) as answer,
        ):
            body = await answer.content.read(OUTPUT_LIMIT)
            if 200 <= answer.status < 300:
                return "success", answer.status, "nomad: http ok"
            return "failure", answer.status, body.decode(errors="replace")
    except TimeoutError:
        return "failure", 0, f'{method.capitalize()} "{url}": context deadline exceeded'
    except aiohttp.ClientConnectorError as error:
        return "failure", 0, f'{method.capitalize()} "{url}": {_refused(where, error.os_error)}'
    except aiohttp.ClientError as error:
        return "failure", 0, f'{method.capitalize()} "{url}": {error}'


def _refused(where: str, error: OSError) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in reason:
        reason = "connection refused"
    return f"dial tcp {where}: connect: {reason.lower()}"
