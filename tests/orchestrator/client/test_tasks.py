"""Tasks of the drivers raw_exec and mock_driver, from placement to their end, with what they report."""

import asyncio
import time
from pathlib import Path

import pytest
from client_harness import FakeServer, allocation, ended, events, shell, task, until

from nomad_api.models.allocation import AllocatedPort
from orchestrator.client import Client, ClientConfig
from orchestrator.client.errors import (
    NotRestartable,
    SignalFailed,
    TaskNotRunning,
    TaskNotStarted,
    UnknownAllocation,
    UnknownTask,
)


async def output(client: Client, allocation_id: str, name: str, kind: str = "stdout") -> str:
    return b"".join([frame.data async for frame in client.logs(allocation_id, name, kind)]).decode()


async def until_output(client: Client, allocation_id: str, name: str, expected: str) -> None:
    async def said() -> bool:
        return await output(client, allocation_id, name) == expected

    await until(said)


async def test_a_batch_task_runs_to_its_end(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "echo out; echo err >&2"))
    await server.place(placed)
    update = await server.until_status(placed.id, "complete", "failed")
    assert (update.client_status, update.client_description) == ("complete", "All tasks have completed")
    assert events(update, "t") == ["Received", "Task Setup", "Started", "Terminated"]
    state = update.task_states["t"]
    assert (state.state, state.failed, state.restarts) == ("dead", False, 0)
    assert state.started_at < state.finished_at
    assert await output(client, placed.id, "t") == "out\n"
    assert await output(client, placed.id, "t", "stderr") == "err\n"


@pytest.mark.parametrize(
    ("config", "types", "text"),
    [
        ({"command": "/bin/sh", "args": ["-c", "exit 3"]}, "Started Terminated", "Exit Code: 3"),
        ({"command": "/bin/sh", "args": ["-c", "kill -9 $$"]}, "Started Terminated", "Exit Code: 137, Signal: 9"),
        (
            {"command": "no-such-command"},
            "Driver Failure",
            "failed to launch command with executor: rpc error: code = Unknown desc = "
            'binary "no-such-command" could not be found',
        ),
        (
            {"args": ["a"]},
            "Failed Validation",
            "2 errors occurred:\n\t* failed to parse config: \n\t* Missing required argument: The argument "
            '"command" is required, but no definition was found.\n\n',
        ),
        (
            {"command": "true", "args": "a"},
            "Failed Validation",
            "2 errors occurred:\n\t* failed to parse config: \n\t* Incorrect attribute value type: Inappropriate value for "
            'attribute "args": list of string required, but have string.\n\n',
        ),
        (
            {"command": "true", "nonsense": 1},
            "Failed Validation",
            "2 errors occurred:\n\t* failed to parse config: \n\t* Invalid label: No argument or block type is named "
            '"nonsense".\n\n',
        ),
    ],
)
async def test_a_task_that_fails_says_why(
    client: Client, server: FakeServer, config: dict[str, object], types: str, text: str
) -> None:
    placed = allocation(task("t", "raw_exec", config=config))
    await server.place(placed)
    update = await server.until_status(placed.id, "complete", "failed")
    assert (update.client_status, update.client_description) == ("failed", "Failed tasks")
    assert " ".join(events(update, "t")) == f"Received Task Setup {types} Not Restarting"
    told = update.task_states["t"].events
    assert told[-2].display_message == text
    assert told[-1].details == {"restart_reason": "Policy allows no restarts", "fails_task": "true"}


async def test_the_mock_driver_does_what_it_is_told(client: Client, server: FakeServer) -> None:
    config = {"run_for": "10ms", "exit_code": 137, "exit_signal": 9, "exit_err_msg": "it broke", "stdout_string": "hello"}
    placed = allocation(task("t", config=config))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    told = update.task_states["t"].events[3]
    assert told.display_message == 'Exit Code: 137, Signal: 9, Exit Message: "it broke"'
    assert told.details == {"exit_code": "137", "signal": "9", "oom_killed": "false", "exit_message": "it broke"}
    assert await output(client, placed.id, "t") == "hello"


async def test_a_duration_that_is_none_is_a_driver_failure(client: Client, server: FakeServer) -> None:
    placed = allocation(task("t", config={"run_for": "soon"}))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    expected = 'run_for soon not a valid duration: time: invalid duration "soon"'
    assert update.task_states["t"].events[2].driver_error == expected


async def test_a_task_restarts_until_its_policy_is_used_up(client: Client, server: FakeServer) -> None:
    policy = {"Attempts": 2, "Interval": 10**12, "Delay": 10**6, "Mode": "fail"}
    placed = allocation(task("t", config={"run_for": "1ms", "exit_code": 1}), RestartPolicy=policy)
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    state = update.task_states["t"]
    assert state.restarts == 2
    assert state.last_restart is not None
    assert events(update, "t")[-3:] == ["Started", "Terminated", "Not Restarting"]
    assert state.events[-1].restart_reason == 'Exceeded allowed attempts 2 in interval 16m40s and mode is "fail"'
    assert len(state.events) == 10


async def test_a_stopped_task_is_interrupted_and_then_killed(client: Client, server: FakeServer) -> None:
    polite = "trap 'echo bye; exit 0' INT; echo ready; while true; do sleep 0.02; done"
    deaf = "trap '' INT; echo ready; while true; do sleep 0.02; done"
    placed = allocation(shell("polite", polite), shell("deaf", deaf, KillTimeout=100_000_000), kind="service")
    await server.place(placed)
    for name in ("polite", "deaf"):
        await server.until_state(placed.id, name, state="running")
        await until_output(client, placed.id, name, "ready\n")
    await server.stop(placed.id)
    update = await server.until_status(placed.id, "complete")
    assert await output(client, placed.id, "polite") == "ready\nbye\n"
    assert events(update, "deaf") == ["Received", "Task Setup", "Started", "Killing", "Terminated", "Killed"]
    told = update.task_states["deaf"].events
    assert told[3].display_message == "Sent interrupt. Waiting 100ms before force killing"
    assert told[4].display_message == "Exit Code: 137, Signal: 9"
    assert update.task_states["polite"].events[4].exit_code == 0


async def test_registration_to_running_is_quick(client: Client, server: FakeServer) -> None:
    times = []
    for _ in range(7):
        placed = allocation(shell("t", "exec sleep 60"))
        begin = time.perf_counter()
        await server.place(placed)
        await server.until_status(placed.id, "running")
        times.append(time.perf_counter() - begin)
        await server.purge(placed.id)
    assert sorted(times)[3] < 0.1


async def test_what_ends_with_the_first_process_ends_whole(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "sleep 300 & echo $!"))
    await server.place(placed)
    await server.until_status(placed.id, "complete")
    left = int(await output(client, placed.id, "t"))
    assert ended(left)


async def test_a_purged_allocation_leaves_nothing(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "echo $$; exec sleep 300"))
    await server.place(placed)
    await server.until_status(placed.id, "running")
    folder = client.config.alloc_dir / placed.id
    assert folder.exists()
    await server.purge(placed.id)
    await until(lambda: not folder.exists())
    with pytest.raises(UnknownAllocation, match=placed.id):
        client.files(placed.id)


async def test_the_leader_ends_the_others_and_poststop_comes_last(client: Client, server: FakeServer) -> None:
    placed = allocation(
        task("lead", Leader=True, config={"run_for": "20ms"}),
        task("follow"),
        task("last", Lifecycle={"Hook": "poststop"}, config={"run_for": "1ms"}),
    )
    await server.place(placed)
    update = await server.until_status(placed.id, "complete")
    assert events(update, "follow") == [
        *("Received", "Task Setup", "Started"),
        *("Leader Task Dead", "Killing", "Terminated", "Killed"),
    ]
    assert update.task_states["last"].started_at > update.task_states["follow"].finished_at


async def test_main_tasks_wait_for_prestart_and_sidecars_end_with_them(client: Client, server: FakeServer) -> None:
    placed = allocation(
        task("init", Lifecycle={"Hook": "prestart"}, config={"run_for": "20ms"}),
        task("side", Lifecycle={"Hook": "prestart", "Sidecar": True}),
        task("main", config={"run_for": "20ms"}),
        task("after", Lifecycle={"Hook": "poststart"}, config={"run_for": "1ms"}),
    )
    await server.place(placed)
    update = await server.until_status(placed.id, "complete")
    states = update.task_states
    assert states["init"].finished_at < states["main"].started_at
    assert states["main"].started_at < states["after"].started_at
    assert "Main Tasks Dead" in events(update, "side")


async def test_a_failed_prestart_fails_its_siblings_and_still_cleans_up(client: Client, server: FakeServer) -> None:
    placed = allocation(
        task("init", Lifecycle={"Hook": "prestart"}, config={"run_for": "1ms", "exit_code": 1}),
        task("main"),
        task("clean", Lifecycle={"Hook": "poststop"}, config={"run_for": "1ms"}),
    )
    await server.place(placed)
    await server.until_state(placed.id, "clean", state="dead")
    update = server.updates[placed.id]
    assert update.client_status == "failed"
    assert events(update, "main")[:2] == ["Received", "Sibling Task Failed"]
    assert update.task_states["main"].started_at is None
    assert update.task_states["clean"].failed is False


async def test_a_group_that_runs_too_long_is_complete(client: Client, server: FakeServer) -> None:
    placed = allocation(task("t"), MaxRunDuration=20_000_000)
    await server.place(placed)
    update = await server.until_status(placed.id, "complete")
    assert update.client_description == "allocation exceeded max_run_duration"
    assert update.task_states["t"].events[3].display_message == "allocation exceeded max_run_duration"


async def test_restarts_that_people_ask_for(client: Client, server: FakeServer) -> None:
    placed = allocation(
        task("one"), task("two"), task("before", Lifecycle={"Hook": "prestart"}, config={"run_for": "5ms"}), kind="service"
    )
    await server.place(placed)
    for name in ("one", "two"):
        await server.until_state(placed.id, name, state="running")
    await client.restart(placed.id, "one")
    update = await server.until_state(placed.id, "one", restarts=1, state="running")
    assert events(update, "one")[3:] == ["Restart Signaled", "Terminated", "Restarting", "Started"]
    assert update.task_states["one"].events[3].display_message == "User requested task to restart"
    await client.restart(placed.id)
    await server.until_state(placed.id, "two", restarts=1, state="running")
    await server.until_state(placed.id, "one", restarts=2, state="running")
    await client.restart(placed.id, all_tasks=True)
    await server.until_state(placed.id, "before", restarts=1, state="dead")
    await server.until_state(placed.id, "one", restarts=3, state="running")
    await server.until_state(placed.id, "two", restarts=2, state="running")
    with pytest.raises(UnknownTask):
        await client.restart(placed.id, "nonsense")
    with pytest.raises(TaskNotRunning):
        await client.restart(placed.id, "before")
    await server.stop(placed.id)
    await server.until_status(placed.id, "complete")
    with pytest.raises(TaskNotRunning):
        await client.restart(placed.id, "one")
    with pytest.raises(NotRestartable):
        await client.restart(placed.id, all_tasks=True)


async def test_signals(client: Client, server: FakeServer) -> None:
    script = "trap 'echo usr1' USR1; trap 'echo int' INT; echo ready; while true; do sleep 0.02; done"
    placed = allocation(shell("trap", script), task("deaf", config={"run_for": "300s", "signal_error": "no"}), kind="service")
    await server.place(placed)
    await server.until_state(placed.id, "trap", state="running")
    await until_output(client, placed.id, "trap", "ready\n")
    await client.signal(placed.id, "SIGUSR1", "trap")
    await until_output(client, placed.id, "trap", "ready\nusr1\n")
    await client.signal(placed.id, "HUP", "trap")
    await until_output(client, placed.id, "trap", "ready\nusr1\nint\n")
    with pytest.raises(SignalFailed, match=r"^no$"):
        await client.signal(placed.id, "SIGUSR1", "deaf")
    with pytest.raises(SignalFailed, match="Failed to signal task: deaf, err: no"):
        await client.signal(placed.id, "SIGUSR1")


async def test_the_environment_of_a_task(client: Client, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the agent's own")
    given = {
        "MY_NODE": "${node.unique.name}",
        "MY_RACK": "${meta.rack}",
        "MY_NONE": "${NOMAD_NONSENSE}",
        "D": "$${NOMAD_JOB_ID}",
    }
    ports = [AllocatedPort(label="two-words", value=21000, to=80, host_ip="127.0.0.1")]
    placed = allocation(
        task(
            "t",
            "raw_exec",
            config={"command": "env", "args": ["X=%%{x}"]},
            Env=given,
            Meta={"job-key": "j", "A.b": "c"},
            Identity={"Env": True, "File": True},
        ),
        ports=ports,
    )
    await server.place(placed)
    await server.until_status(placed.id, "complete")
    lines = (await output(client, placed.id, "t")).splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    folder = client.config.alloc_dir / placed.id
    expected = {
        "MY_NODE": client.node.name,
        "MY_RACK": "r1",
        "MY_NONE": "${NOMAD_NONSENSE}",
        "D": "$demo",
        "NOMAD_TASK_DIR": str(folder / "t/local"),
        "NOMAD_ALLOC_INDEX": "0",
        "NOMAD_CPU_CORES": " ",
        "NOMAD_MEMORY_LIMIT": "16",
        "NOMAD_PORT_two_words": "80",
        "NOMAD_HOST_PORT_two_words": "21000",
        "NOMAD_ADDR_two_words": "127.0.0.1:21000",
        "NOMAD_ALLOC_PORT_two-words": "80",
        "NOMAD_META_JOB_KEY": "j",
        "NOMAD_META_A.b": "c",
        "NOMAD_TOKEN": "token-of-t-default-1",
        "NOMAD_UNIX_ADDR": f"unix://{folder}/t/secrets/api.sock",
    }
    assert {key: found.get(key) for key in expected} == expected
    assert "AWS_SECRET_ACCESS_KEY" not in found
    assert found["X"] == "%{x}"
    token = folder / "t/secrets/nomad_token"
    assert token.read_text() == "token-of-t-default-1"
    assert (folder / "t/secrets").stat().st_mode & 0o777 == 0o700


async def test_identities_are_renewed_in_time(client: Client, server: FakeServer) -> None:
    identity = {"Name": "other", "File": True, "TTL": 40_000_000, "ChangeMode": "signal", "ChangeSignal": "SIGUSR1"}
    script = "trap 'cat secrets/nomad_other.jwt; echo; exit' USR1; while true; do sleep 0.01; done"
    placed = allocation(shell("t", script, Identities=[identity]))
    await server.place(placed)
    update = await server.until_status(placed.id, "complete")
    assert "Signaling" in events(update, "t")
    assert (await output(client, placed.id, "t")).startswith("token-of-t-other-")


async def test_the_payload_of_a_dispatched_job_is_a_file(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "cat local/sub/in.txt", DispatchPayload={"File": "sub/in.txt"}))
    await server.place(placed.evolve(job=placed.job.evolve(payload="aGVsbG8=")))
    await server.until_status(placed.id, "complete")
    assert await output(client, placed.id, "t") == "hello"


async def test_logs_of_a_task_that_has_not_started(client: Client, server: FakeServer) -> None:
    placed = allocation(task("main", config={"run_for": "300s"}), task("late", Lifecycle={"Hook": "poststop"}), kind="service")
    await server.place(placed)
    await server.until_status(placed.id, "running")
    with pytest.raises(TaskNotStarted, match=r'task "late" not started yet\. No logs'):
        client.logs(placed.id, "late", "stdout")
    with pytest.raises(UnknownTask, match='unknown task name "nonsense"'):
        client.logs(placed.id, "nonsense", "stdout")


async def test_commands_run_inside_a_task(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "exec sleep 300"), task("m"), kind="service")
    await server.place(placed)
    await server.until_state(placed.id, "t", state="running")
    session = await client.exec(placed.id, "t", ["/bin/sh", "-c", "cat; echo $NOMAD_TASK_NAME; echo oops >&2; exit 3"])
    await session.write(b"given\n")
    await session.write(b"")
    assert await session.stdout.read() == b"given\nt\n"
    assert await session.stderr.read() == b"oops\n"
    assert await session.wait() == 3
    await session.close()


async def test_commands_with_a_terminal(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "exec sleep 300"), kind="service")
    await server.place(placed)
    await server.until_state(placed.id, "t", state="running")
    session = await client.exec(placed.id, "t", ["/bin/sh", "-c", "read x; stty size; echo $x"], tty=True)
    session.resize(12, 34)
    await session.write(b"line\n")
    assert (await session.stdout.read()).endswith(b"12 34\r\nline\r\n")
    assert await session.wait() == 0
    await session.close()


async def test_statistics(client: Client, server: FakeServer) -> None:
    placed = allocation(shell("t", "exec sleep 300"), task("m"), kind="service")
    await server.place(placed)
    for name in ("t", "m"):
        await server.until_state(placed.id, name, state="running")
    stats = await client.alloc_stats(placed.id)
    assert stats["Tasks"]["m"] is None
    assert stats["Tasks"]["t"]["ResourceUsage"]["MemoryStats"]["RSS"] > 0
    assert stats["ResourceUsage"]["MemoryStats"]["RSS"] == stats["Tasks"]["t"]["ResourceUsage"]["MemoryStats"]["RSS"]
    assert (await client.alloc_stats(placed.id, "nonsense"))["Tasks"] == {}
    assert client.host_stats()["Memory"]["Total"] > 0


async def test_a_shutdown_delay_comes_between_the_service_and_the_end(client: Client, server: FakeServer) -> None:
    services = [{"Name": "web", "Provider": "nomad", "PortLabel": "http", "Tags": ["i=${NOMAD_ALLOC_INDEX}"]}]
    ports = [AllocatedPort(label="http", value=21001, host_ip="127.0.0.1")]
    slow = allocation(task("t", ShutdownDelay=60 * 10**9, Services=services), kind="service", ports=ports)
    await server.place(slow)
    await server.until(lambda: server.services)
    (registration,) = server.services.values()
    assert registration.id == f"_nomad-task-{slow.id}-t-web-http"
    assert (registration.address, registration.port, registration.tags) == ("127.0.0.1", 21001, ["i=0"])
    await server.stop(slow.id)
    await server.until(lambda: not server.services)
    assert server.updates[slow.id].client_status == "running"
    await server.stop(slow.id, no_shutdown_delay=True)
    update = await server.until_status(slow.id, "complete")
    assert events(update, "t")[3:] == ["Killing", "Waiting for shutdown delay", "Terminated", "Killed"]
    assert update.task_states["t"].events[4].display_message == "Waiting for shutdown_delay of 1m0s before killing the task."


async def test_an_allocation_becomes_healthy_when_its_checks_pass(client: Client, server: FakeServer, tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = AllocatedPort(label="http", value=listener.sockets[0].getsockname()[1], host_ip="127.0.0.1")
    check = {"Name": "port", "Type": "tcp", "Interval": 20_000_000, "Timeout": 10**9}
    services = [{"Name": "web", "Provider": "nomad", "PortLabel": "http", "Checks": [check]}]
    update = {"MaxParallel": 1, "HealthCheck": "checks", "MinHealthyTime": 10_000_000, "HealthyDeadline": 10**10}
    placed = allocation(task("t"), kind="service", ports=[port], Services=services, Update=update).evolve(deployment_id="d")
    await server.place(placed)
    async with listener:
        await server.until(lambda: (found := server.updates.get(placed.id)) and found.deployment_status is not None)
    assert server.updates[placed.id].deployment_status.healthy is True
    (result,) = client.checks(placed.id).values()
    assert (result["Status"], result["Output"], result["Mode"]) == ("success", "nomad: tcp ok", "healthiness")


async def test_an_allocation_whose_checks_fail_is_unhealthy_in_the_end(client: Client, server: FakeServer) -> None:
    check = {"Name": "port", "Type": "tcp", "Interval": 20_000_000, "Timeout": 10**9}
    services = [{"Name": "web", "Provider": "nomad", "PortLabel": "1", "Checks": [check]}]
    update = {"MaxParallel": 1, "HealthCheck": "checks", "MinHealthyTime": 0, "HealthyDeadline": 200_000_000}
    placed = allocation(task("t"), kind="service", Services=services, Update=update).evolve(deployment_id="d")
    await server.place(placed)
    await server.until(lambda: (found := server.updates.get(placed.id)) and found.deployment_status is not None)
    found = server.updates[placed.id]
    assert found.deployment_status.healthy is False
    assert found.task_states["t"].events[-1].display_message == "Service checks not passing by healthy_deadline of 200ms"
    (result,) = client.checks(placed.id).values()
    assert result["Output"] == "dial tcp 127.0.0.1:1: connect: connection refused"


async def test_the_agent_ends_its_tasks_in_dev_mode(server: FakeServer, tmp_path: Path) -> None:
    client = Client(ClientConfig(alloc_dir=tmp_path, drivers=frozenset({"raw_exec"})), server)
    await client.start()
    placed = allocation(shell("t", "echo $$; exec sleep 300"), kind="service")
    await server.place(placed)
    await server.until_status(placed.id, "running")
    logs = client.config.alloc_dir / placed.id / "alloc/logs"
    await until(lambda: (logs / "t.stdout.0").read_text())
    pid = (logs / "t.stdout.0").read_text()
    await client.stop()
    assert ended(int(pid))
    assert server.updates[placed.id].client_status == "complete"
