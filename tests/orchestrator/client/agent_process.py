"""An agent that can be killed: a client in a process of its own, whose server half knows the allocations of one file.

    agent_process.py FOLDER DRIVER…

FOLDER/allocations.json is read when it starts; what the client reports goes to FOLDER/updates.jsonl, one line a change.
"""

import asyncio
import json
import sys
from pathlib import Path

from client_harness import FakeServer

from nomad_api.models import Allocation
from orchestrator.client import Client, ClientConfig


async def main(folder: Path, drivers: list[str]) -> None:
    server = FakeServer()
    for wire in json.loads((folder / "allocations.json").read_text()):
        allocation = Allocation.model_validate(wire)
        server.listed[allocation.id] = allocation
    config = ClientConfig(alloc_dir=folder / "alloc", state_dir=folder / "state", drivers=frozenset(drivers))
    await Client(config, server).start()
    with (folder / "updates.jsonl").open("a") as log:
        sent = 0
        while True:
            await server.until(lambda sent=sent: len(server.sends) > sent)
            for update in server.sends[sent]:
                states = {name: [state.state, state.restarts] for name, state in update.task_states.items()}
                events = {name: [event.type for event in state.events or ()] for name, state in update.task_states.items()}
                line = {"id": update.id, "status": update.client_status, "states": states, "events": events}
                log.write(json.dumps(line) + "\n")
                log.flush()
            sent += 1


asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
