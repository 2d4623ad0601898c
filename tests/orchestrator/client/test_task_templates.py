"""Templates of running tasks: waiting for what is missing, and acting on what changes."""

import asyncio
from typing import Any

import pytest
from client_harness import FakeServer, allocation, events, shell, task, until

from orchestrator.client import Client

PATH = "nomad/jobs/demo"
GREETING = f'{{{{ with nomadVar "{PATH}" }}}}{{{{ .greeting }}}}{{{{ end }}}}'


def template(text: str, dest: str = "local/file", **fields: Any) -> dict[str, Any]:
    return {"EmbeddedTmpl": text, "DestPath": dest, "Splay": 0, "ChangeMode": "noop", **fields}


async def until_said(client: Client, allocation_id: str, name: str, expected: str) -> None:
    async def said() -> bool:
        return b"".join([frame.data async for frame in client.logs(allocation_id, name, "stdout")]).decode() == expected

    await until(said)


async def test_a_task_waits_for_what_its_template_misses(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "cat local/file", Templates=[template(GREETING)]))
    await server.place(placed)
    await server.until(lambda: (found := server.updates.get(placed.id)) and "Template" in events(found, "t"))
    update = server.updates[placed.id]
    told = update.task_states["t"].events[2]
    assert told.display_message == f"Missing: nomad.var.block({PATH}@default.global)"
    assert (update.client_status, update.client_description) == ("pending", "No tasks have started")
    await server.put(PATH, greeting="hello")
    await server.until_status(placed.id, "complete")
    await until_said(client, placed.id, "t", "hello")


async def test_a_change_restarts_signals_or_only_rewrites(client: Client, server: FakeServer) -> None:
    await server.put(PATH, greeting="hello")
    env_file = template(
        f'GREETING={GREETING}\n# a comment\nexport QUOTED="a b"\n', "local/env", Envvars=True, ChangeMode="restart"
    )
    signals = template(GREETING, Perms="0600", ChangeMode="signal", ChangeSignal="SIGUSR1")
    placed = allocation(
        shell("again", "echo $GREETING $QUOTED; exec sleep 300", Templates=[env_file]),
        shell("told", "trap 'cat local/file' USR1; cat local/file; while true; do sleep 0.02; done", Templates=[signals]),
        task("silent", Templates=[template(f"[[ 1 ]] {{{{ {GREETING[3:]}", LeftDelim="", RightDelim="")]),
        kind="service",
    )
    await server.place(placed)
    for name in ("again", "told", "silent"):
        await server.until_state(placed.id, name, state="running")
    await until_said(client, placed.id, "again", "hello a b\n")
    await until_said(client, placed.id, "told", "hello")
    assert client.files(placed.id).stat("told/local/file").mode == "-rw-------"
    assert client.files(placed.id).stat("silent/local/file").mode == "-rw-r--r--"
    await server.put(PATH, greeting="bye")
    update = await server.until_state(placed.id, "again", restarts=1, state="running")
    assert events(update, "again")[3:] == ["Restart Signaled", "Terminated", "Restarting", "Started"]
    assert update.task_states["again"].events[3].display_message == "Template with change_mode restart re-rendered"
    await until_said(client, placed.id, "again", "hello a b\nbye a b\n")
    await until_said(client, placed.id, "told", "hellobye")
    assert client.files(placed.id).read("silent/local/file") == b"[[ 1 ]] bye"


async def test_a_change_script_runs_inside_the_task(client: Client, server: FakeServer) -> None:
    await server.put(PATH, greeting="hello")
    script = {"Command": "/bin/sh", "Args": ["-c", "cp local/file local/copied"], "Timeout": 5 * 10**9}
    placed = allocation(
        shell("t", "exec sleep 300", Templates=[template(GREETING, ChangeMode="script", ChangeScript=script)]), kind="service"
    )
    await server.place(placed)
    await server.until_state(placed.id, "t", state="running")
    await server.put(PATH, greeting="bye")
    copied = client.config.alloc_dir / placed.id / "t/local/copied"
    await until(lambda: copied.exists() and copied.read_text() == "bye")


async def test_what_may_not_be_read_is_told(client: Client, server: FakeServer) -> None:
    server.forbidden.add(PATH)
    placed = allocation(task("t", Templates=[template(GREETING)]))
    await server.place(placed)
    await server.until(lambda: (found := server.updates.get(placed.id)) and "Template" in events(found, "t"))
    told = server.updates[placed.id].task_states["t"].events[2]
    assert told.display_message == f"Missing: nomad.var.block({PATH}@default.global): Permission denied"
    await server.stop(placed.id)
    update = await server.until_status(placed.id, "complete")
    assert update.task_states["t"].started_at is None


@pytest.mark.parametrize(
    ("text", "dest", "reason"),
    [
        ("{{ nonsense }}", "local/file", 'Template failed: line 1: function "nonsense" not defined'),
        ("{{ divide 0 1 }}", "local/file", "Template failed: line 1: error calling divide: division by zero"),
        ("x", "../../x", "Template failed: template path ../../x escapes the task's folder"),
    ],
)
async def test_a_template_that_fails_fails_the_task(
    client: Client, server: FakeServer, text: str, dest: str, reason: str
) -> None:
    placed = allocation(task("t", Templates=[template(text, dest)]))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    assert update.task_states["t"].events[2].display_message == reason


async def test_a_killed_task_stops_watching(client: Client, server: FakeServer) -> None:
    await server.put(PATH, greeting="hello")
    placed = allocation(task("t", Templates=[template(GREETING)]), kind="service")
    await server.place(placed)
    await server.until_state(placed.id, "t", state="running")
    await server.stop(placed.id)
    await server.until_status(placed.id, "complete")
    await server.put(PATH, greeting="bye")
    await asyncio.sleep(0)
    assert client.files(placed.id).read("t/local/file") == b"hello"
