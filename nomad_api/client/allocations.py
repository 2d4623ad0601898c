"""Allocations: state, life cycle, logs, files and commands inside their tasks."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from nomad_api.client.api import absolute, segment
from nomad_api.client.collection import Collection
from nomad_api.client.exec_session import ExecSession, exec_session
from nomad_api.client.frames import FrameDecoder, frame_data
from nomad_api.client.request import Params
from nomad_api.client.transport import translated
from nomad_api.models.allocation import Allocation, AllocationStub
from nomad_api.models.base import Wire
from nomad_api.models.service import ServiceRegistration

SILENCE = 30.0
"""Seconds without a byte after which a log stream is dead; Nomad sends a heartbeat every second."""


class AllocationFile(Wire):
    """A file or directory of an allocation; `mod_time` is an RFC 3339 text."""

    name: str = ""
    is_dir: bool = False
    size: int = 0
    file_mode: str = ""
    mod_time: str = ""
    content_type: str = ""


class Allocations(Collection[AllocationStub, Allocation]):
    """`nomad.allocations`. What goes to the client node is forwarded by the server, wherever the node is."""

    plural = "allocations"
    singular = "allocation"
    stub = AllocationStub
    item = Allocation

    async def stop(self, id: str, *, no_shutdown_delay: bool = False, reschedule: bool = False) -> str:
        """Stop and replace an allocation; the ID of the evaluation that does it. Batch jobs need `reschedule` for that."""
        params: Params = {"no_shutdown_delay": no_shutdown_delay or None, "reschedule": reschedule or None}
        return str((await self._api.write("PUT", self._path(id, "stop"), params=params))["EvalID"])

    async def restart(self, id: str, task: str = "", *, all_tasks: bool = False) -> None:
        """Restart one task, all running ones (no name), or with `all_tasks` also those that have ended."""
        await self._api.write("PUT", _client(id, "restart"), {"TaskName": task, "AllTasks": all_tasks})

    async def signal(self, id: str, signal: str, task: str = "") -> None:
        """Send a signal to one task, or to all."""
        await self._api.write("PUT", _client(id, "signal"), {"Signal": signal, "Task": task})

    async def services(self, id: str) -> list[ServiceRegistration]:
        return await self._many(ServiceRegistration, self._path(id, "services"))

    async def checks(self, id: str) -> dict[str, dict[str, Any]]:
        """The latest results of the allocation's checks, by check ID."""
        return (await self._api.read(self._path(id, "checks"))).value or {}

    async def stats(self, id: str, task: str = "") -> dict[str, Any]:
        """Resource usage of the allocation and its tasks."""
        return dict((await self._api.read(_client(id, "stats"), {"task": task or None})).value)

    async def logs(
        self, alloc_id: str, task: str, *, stderr: bool = False, follow: bool = False, offset: int = 0, origin: str = "start"
    ) -> AsyncIterator[bytes]:
        """The output of a task. With `follow` the iterator never ends by itself.

        Args:
            offset: bytes to skip from the `origin`, which is `start` or `end`.

        Raises:
            NotFound: no such allocation, or the task has not started.
            BadRequest: no such task.
            Unreachable: the stream broke.
        """
        params: Params = {
            "task": task,
            "type": "stderr" if stderr else "stdout",
            "follow": follow,
            "offset": offset,
            "origin": origin,
        }
        async for frame in self._frames(f"client/fs/logs/{segment(alloc_id)}", params):
            if data := frame_data(frame):
                yield data

    def exec(
        self,
        alloc_id: str,
        task: str,
        command: Sequence[str],
        *,
        tty: bool = False,
        stdin: AsyncIterable[bytes] | None = None,
    ) -> AbstractAsyncContextManager[ExecSession]:
        """Run a command inside a task.

            async with nomad.allocations.exec(id, "web", ["ls", "/"]) as session:
                async for output in session:
                    print(output.data)
            print(session.exit_code)

        `stdin` is sent as it comes and then closed; without it use the session's `write` and `close_stdin`.
        """
        params = {"task": task, "tty": tty, "command": json.dumps(list(command))}
        return exec_session(self._api, _client(alloc_id, "exec"), params, stdin)

    async def ls(self, id: str, path: str = "/") -> list[AllocationFile]:
        """The entries of a directory of the allocation."""
        return await self._many(AllocationFile, f"client/fs/ls/{segment(id)}", {"path": path})

    async def stat(self, id: str, path: str) -> AllocationFile:
        return await self._one(AllocationFile, f"client/fs/stat/{segment(id)}", {"path": path})

    async def cat(self, id: str, path: str) -> bytes:
        """A whole file. (Nomad answers some failures here with status 200 and the message as content.)"""
        return (await self._api.answer(f"client/fs/cat/{segment(id)}", {"path": path})).body

    async def _frames(self, path: str, params: Params) -> AsyncIterator[dict[str, Any]]:
        transport = self._api.transport
        decoder = FrameDecoder()
        async with transport.open("GET", absolute(path), params=self._api.scope(params), silence=SILENCE) as response:
            with translated("GET", response.url):
                async for chunk in response.content.iter_any():
                    for frame in decoder.feed(chunk):
                        yield frame


def _client(id: str, action: str) -> str:
    return f"client/allocation/{segment(id)}/{action}"
