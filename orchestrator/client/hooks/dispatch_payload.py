"""The payload of a dispatched job, as a file of the task."""

import base64
import os

from orchestrator.client import task_events
from orchestrator.client.hooks.base import HookError, TaskHook


class DispatchPayloadHook(TaskHook):
    async def prestart(self, *, restored: bool) -> None:
        place = self.scope.place
        payload = place.task.dispatch_payload
        if restored or payload is None or not payload.file or not place.job.payload:
            return
        folder = place.directory.local
        file = folder / payload.file
        if not os.path.normpath(file).startswith(f"{folder}{os.sep}"):
            raise HookError(task_events.setup_failure(f"dispatch payload file {payload.file!r} escapes"), recoverable=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(place.job.payload))
