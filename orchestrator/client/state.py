"""What the client remembers across its own death: its identity and, of each task, how far it has come.

One small file a task, replaced as a whole. Nothing is flushed to the disk: it must survive the agent, not the machine, since
no task survives that either. Where tasks end with the agent (dev mode) nothing is remembered at all.
"""

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from nomad_api.models import TaskState


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """How far a task has come. `active`: its driver may hold a run of it that was not seen to end."""

    driver: str
    state: TaskState
    active: bool


class ClientState:
    """The files below a folder, or nothing if there is no folder."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        if directory:
            (directory / "allocations").mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def kept(self) -> bool:
        """Whether tasks outlive the agent."""
        return self._directory is not None

    def node_id(self) -> str:
        """The identity of this node: the same as long as the folder exists."""
        if self._directory is None:
            return str(uuid.uuid4())
        file = self._directory / "node-id"
        try:
            return file.read_text().strip()
        except FileNotFoundError:
            _replace(file, str(uuid.uuid4()).encode())
            return file.read_text()

    def allocations(self) -> list[str]:
        """The IDs of all allocations of which something is remembered."""
        return sorted(os.listdir(self._directory / "allocations")) if self._directory else []

    def tasks(self, allocation_id: str) -> dict[str, TaskRecord]:
        if self._directory is None:
            return {}
        records = {}
        for file in (self._directory / "allocations" / allocation_id).glob("*.json"):
            data = json.loads(file.read_bytes())
            state = TaskState.model_validate(data["State"])
            records[file.stem] = TaskRecord(data["Driver"], state, data["Active"])
        return records

    def save(self, allocation_id: str, task: str, record: TaskRecord) -> None:
        if self._directory is None:
            return
        folder = self._directory / "allocations" / allocation_id
        folder.mkdir(exist_ok=True)
        data = {"Driver": record.driver, "State": record.state.to_wire(), "Active": record.active}
        _replace(folder / f"{task}.json", json.dumps(data).encode())

    def forget(self, allocation_id: str) -> None:
        if self._directory:
            shutil.rmtree(self._directory / "allocations" / allocation_id, ignore_errors=True)


def _replace(file: Path, data: bytes) -> None:
    """Write a file that a reader finds either old or new, never in part."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(data)
    new.replace(file)
