"""Workload identities: the tokens of a task, in its environment and its secrets, renewed before they end.

Every task has the identity `default`, whether it asks for it or not; only `env` and `file` let the task see it.
"""

import asyncio
import os

from nomad_api.duration import SECOND
from nomad_api.models import WorkloadIdentity
from orchestrator.client import task_events
from orchestrator.client.hooks.base import HookError, TaskHook, TaskScope
from orchestrator.client.signals import NAMES

RENEW_AT = 0.5
"""The part of its life after which a token is replaced."""


class IdentityHook(TaskHook):
    """Hands out one identity and keeps it valid."""

    def __init__(self, scope: TaskScope, identity: WorkloadIdentity) -> None:
        super().__init__(scope)
        self._identity = identity
        self._renewing: asyncio.Task[None] | None = None

    async def prestart(self, *, restored: bool) -> None:
        identity = self._identity
        if not (identity.env or identity.file):
            return
        await self._issue()
        if identity.ttl:
            self._renewing = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        if self._renewing:
            self._renewing.cancel()

    async def _renew(self) -> None:
        while True:
            await self.scope.clock.sleep(self._identity.ttl / SECOND * RENEW_AT)
            await self._issue()
            match self._identity.change_mode:
                case "restart":
                    await self.scope.request_restart(task_events.restart_requested(f"Identity[{self._name}]: renewed token"))
                case "signal":
                    signal = self._identity.change_signal or "SIGHUP"
                    event = task_events.signaling_because(NAMES.get(signal, 1), f"Identity[{self._name}]: renewed token")
                    await self.scope.request_signal(signal, event)

    async def _issue(self) -> None:
        scope, identity = self.scope, self._identity
        place = scope.place
        token = await scope.server.sign_identity(place.allocation, place.task.name, identity)
        default = self._name == "default"
        if identity.env:
            scope.environment.added["NOMAD_TOKEN" if default else f"NOMAD_TOKEN_{self._name}"] = token
        if identity.file:
            name = "nomad_token" if default else f"nomad_{self._name}.jwt"
            chosen = scope.environment.interpolate(identity.filepath, scope.environment.on_host()) if identity.filepath else ""
            file = place.directory.root / chosen if chosen else place.directory.secrets / name
            if not os.path.normpath(file).startswith(f"{place.directory.root}{os.sep}"):
                event = task_events.setup_failure(f"identity file {identity.filepath!r} escapes the task's folder")
                raise HookError(event, recoverable=False)
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f".{file.name}.new")
            new.write_text(token)
            new.chmod(0o644)
            new.replace(file)

    @property
    def _name(self) -> str:
        return self._identity.name or "default"


def identity_hooks(scope: TaskScope) -> list[TaskHook]:
    """A hook for each identity that the task is given."""
    task = scope.place.task
    identities = [task.identity] if task.identity else []
    return [IdentityHook(scope, identity) for identity in [*identities, *(task.identities or ())]]
