"""The services of an allocation in Nomad's own service discovery: announced, checked, and withdrawn again.

A group's services live as long as its tasks run, a task's only while that task does.
"""

import asyncio
from collections.abc import Iterable

from nomad_api.models import Service, ServiceRegistration, Task
from orchestrator.client.server import Server
from orchestrator.client.service_checks import ServiceChecks, service_address
from orchestrator.client.task_env import TaskEnvironment, TaskPlace


class AllocServices:
    """Announces the services of one allocation. Each part of it is announced and withdrawn any number of times."""

    def __init__(self, place: TaskPlace, server: Server, checks: ServiceChecks) -> None:
        self._place = place
        self._server = server
        self._checks = checks
        self._announced: dict[str, list[ServiceRegistration]] = {}
        self._order = asyncio.Lock()

    async def announce_group(self) -> None:
        """Announce what the group itself offers."""
        await self._announce("", self._place.group.services or ())

    async def announce(self, task: str) -> None:
        """Announce what a task offers."""
        found = self._place.group.task(task)
        await self._announce(task, (found.services if found else None) or ())

    async def withdraw(self, task: str) -> None:
        async with self._order:
            self._checks.stop(task)
            gone = self._announced.pop(task, [])
            if gone:
                await self._server.delete_services([registration.id for registration in gone])

    async def withdraw_group(self) -> None:
        await self.withdraw("")

    async def update(self, place: TaskPlace) -> None:
        """The job changed: what is announced is announced anew."""
        self._place = place
        for task in list(self._announced):
            await self.withdraw(task)
            await (self.announce(task) if task else self.announce_group())

    async def _announce(self, task: str, services: Iterable[Service]) -> None:
        environment = _environment(self._place, task)
        async with self._order:
            mine = [service for service in services if service.provider == "nomad"]
            registrations = [_registration(self._place, environment, task, service) for service in mine]
            self._announced[task] = registrations
            if registrations:
                await self._server.upsert_services(registrations)
            for service in mine:
                for check in service.checks or ():
                    self._checks.start(task, service, check, environment)


def _environment(place: TaskPlace, task: str) -> TaskEnvironment:
    """What the texts of a service are interpolated with."""
    found = place.group.task(task) or Task()
    own = TaskPlace(place.allocation, place.job, place.group, found, place.node, place.region, place.directory)
    return TaskEnvironment(own, container=True)


def _registration(place: TaskPlace, environment: TaskEnvironment, task: str, service: Service) -> ServiceRegistration:
    allocation = place.allocation
    known = environment.build()
    canary = bool(allocation.deployment_status and allocation.deployment_status.canary)
    tags = service.canary_tags if canary and service.canary_tags else service.tags
    name = environment.interpolate(service.name, known)
    address, port = service_address(place, service, service.port_label)
    owner = task or f"group-{place.group.name}"
    return ServiceRegistration(
        id=f"_nomad-task-{allocation.id}-{owner}-{name}-{service.port_label}",
        service_name=name,
        namespace=place.namespace,
        node_id=place.node.id,
        datacenter=place.node.datacenter,
        job_id=allocation.job_id,
        alloc_id=allocation.id,
        tags=[environment.interpolate(tag, known) for tag in tags or ()],
        address=environment.interpolate(service.address, known) or address,
        port=port,
    )
