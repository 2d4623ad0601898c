"""The task API: the agent's whole HTTP API on a unix socket among the task's secrets.

That it cannot be served (a path of more than about 100 bytes is too long for a socket) does not keep the task from starting.
"""

from contextlib import AsyncExitStack

import structlog

from orchestrator.client.hooks.base import TaskHook, TaskScope

log = structlog.get_logger(__name__)


class TaskApiHook(TaskHook):
    def __init__(self, scope: TaskScope) -> None:
        super().__init__(scope)
        self._open = AsyncExitStack()

    async def prestart(self, *, restored: bool) -> None:
        scope = self.scope
        place = scope.place
        socket = place.directory.secrets / "api.sock"
        socket.unlink(missing_ok=True)
        try:
            await self._open.enter_async_context(scope.server.serve_task_api(place.allocation, place.task.name, socket))
        except OSError as error:
            log.warning("task API not available", allocation=place.allocation.id, task=place.task.name, error=str(error))
            return
        if any(identity and identity.env for identity in (place.task.identity, *(place.task.identities or ()))):
            inside = "/secrets/api.sock" if scope.environment.container else str(socket)
            scope.environment.added["NOMAD_UNIX_ADDR"] = f"unix://{inside}"

    async def stop(self) -> None:
        await self._open.aclose()
