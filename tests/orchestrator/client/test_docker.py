"""The docker driver on a real engine. Containers have no network unless a test needs one: that starts quickest."""

import asyncio
import urllib.request
from pathlib import Path

import pytest
from client_harness import FakeServer, allocation, events, task, until

from nomad_api.models import Allocation
from nomad_api.models.allocation import AllocatedPort
from orchestrator.client import Client, ClientConfig
from orchestrator.client.alloc_dir import TaskDir
from orchestrator.client.drivers.base import DriverError, LogLimits, TaskConfig
from orchestrator.client.drivers.docker.container import creation
from orchestrator.client.drivers.docker.engine import Engine
from orchestrator.client.errors import SignalFailed


def container(script: str, name: str = "t", **fields: object) -> dict[str, object]:
    config = {"image": "busybox:1", "command": "sh", "args": ["-c", script], "network_mode": "none"}
    return task(name, "docker", config=config | fields.pop("config", {}), **fields)


async def output(client: Client, placed: Allocation, kind: str = "stdout") -> str:
    return b"".join([frame.data async for frame in client.logs(placed.id, "t", kind)]).decode()


async def test_output_exit_code_and_cleanup(docker_client: Client, server: FakeServer, engine: Engine) -> None:
    placed = allocation(container("echo out; echo err >&2; exit 5"))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    assert events(update, "t") == ["Received", "Task Setup", "Started", "Terminated", "Not Restarting"]
    expected = 'Exit Code: 5, Exit Message: "Docker container exited with non-zero exit code: 5"'
    assert update.task_states["t"].events[3].display_message == expected
    assert await output(docker_client, placed) == "out\n"
    assert await output(docker_client, placed, "stderr") == "err\n"
    listed = await engine.request("GET", "/containers/json", params={"all": "1"})
    assert f"/t-{placed.id}" not in [name for found in listed for name in found["Names"]]


async def test_a_container_that_ends_at_once_loses_no_line(docker_client: Client, server: FakeServer) -> None:
    placed = [allocation(container("i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo $i; done")) for _ in range(3)]
    for one in placed:
        await server.place(one)
    for one in placed:
        await server.until_status(one.id, "complete")
        assert (await output(docker_client, one)).split() == [str(number) for number in range(1, 501)]


async def test_logs_are_cut_into_files(docker_client: Client, server: FakeServer) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i-----------------------------------------------------; done"
    placed = allocation(container(script, LogConfig={"MaxFiles": 9, "MaxFileSizeMB": 1}))
    await server.place(placed)
    await server.until_status(placed.id, "complete")
    numbers = [int(line.split("-")[0]) for line in (await output(docker_client, placed)).splitlines()]
    assert numbers == list(range(1, 20001))
    logs = docker_client.config.alloc_dir / placed.id / "alloc/logs"
    assert sorted(file.name for file in logs.glob("t.stdout.*")) == ["t.stdout.0", "t.stdout.1"]


async def test_folders_and_environment(docker_client: Client, server: FakeServer) -> None:
    script = "echo $NOMAD_TASK_DIR $NOMAD_ALLOC_DIR $NOMAD_SECRETS_DIR $MY; cat /local/given; echo in > /alloc/data/f; pwd"
    placed = allocation(
        container(
            script,
            config={"entrypoint": ["sh", "-c"], "args": [script], "command": "", "work_dir": "/etc", "hostname": "myhost"},
            Env={"MY": "${NOMAD_TASK_NAME}"},
            Templates=[{"DestPath": "local/given", "EmbeddedTmpl": "given\n"}],
        )
    )
    await server.place(placed)
    await server.until_status(placed.id, "complete")
    assert await output(docker_client, placed) == "/local /alloc /secrets t\ngiven\n/etc\n"
    assert docker_client.files(placed.id).read("alloc/data/f") == b"in\n"


async def test_too_much_memory(docker_client: Client, server: FakeServer) -> None:
    placed = allocation(container("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done"))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    told = update.task_states["t"].events[3]
    assert told.display_message == 'Exit Code: 137, Exit Message: "OOM Killed"'
    assert told.details["oom_killed"] == "true"


async def test_signals_commands_statistics_restart_and_stop(docker_client: Client, server: FakeServer) -> None:
    script = "trap 'echo usr1' USR1; trap 'echo term; exit 0' TERM; echo ready; while true; do sleep 0.1; done"
    placed = allocation(container(script), kind="service")
    await server.place(placed)
    await server.until_status(placed.id, "running")

    async def said(text: str) -> None:
        async def check() -> bool:
            return await output(docker_client, placed) == text

        await until(check)

    await said("ready\n")
    with pytest.raises(
        SignalFailed, match=r'failed to parse signal: invalid signal "SIGNONSENSE" - valid signals are \["SIGABRT" '
    ):
        await docker_client.signal(placed.id, "SIGNONSENSE", "t")
    await docker_client.signal(placed.id, "SIGUSR1", "t")
    await said("ready\nusr1\n")
    session = await docker_client.exec(placed.id, "t", ["sh", "-c", "cat; echo err >&2; exit 3"])
    await session.write(b"given\n")
    await session.write(b"")
    assert (await session.stdout.read(), await session.stderr.read(), await session.wait()) == (b"given\n", b"err\n", 3)
    await session.close()
    stats = await docker_client.alloc_stats(placed.id)
    assert stats["Tasks"]["t"]["ResourceUsage"]["MemoryStats"]["RSS"] > 0
    await docker_client.restart(placed.id, "t")
    update = await server.until_state(placed.id, "t", restarts=1, state="running")
    assert events(update, "t")[-4:] == ["Restart Signaled", "Terminated", "Restarting", "Started"]
    await said("ready\nusr1\nterm\nready\n")
    await server.stop(placed.id)
    await server.until_status(placed.id, "complete")
    assert await output(docker_client, placed) == "ready\nusr1\nterm\nready\nterm\n"


async def test_a_published_port_is_reached_from_the_host(docker_client: Client, server: FakeServer) -> None:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    free = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    port = AllocatedPort(label="web", value=free, to=8080, host_ip="127.0.0.1")
    script = "mkdir /www; echo -n hello > /www/index.html; exec httpd -f -p $NOMAD_PORT_web -h /www"
    placed = allocation(container(script, config={"network_mode": "", "ports": ["web"]}), kind="service", ports=[port])
    await server.place(placed)
    await server.until_status(placed.id, "running")

    def fetched() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{free}/index.html", timeout=1) as answer:
                return answer.read() == b"hello"
        except OSError:
            return False

    await until(lambda: asyncio.to_thread(fetched))


async def test_a_terminal(docker_client: Client, server: FakeServer) -> None:
    placed = allocation(container("echo one; echo two", config={"tty": True}))
    await server.place(placed)
    await server.until_status(placed.id, "complete")
    assert await output(docker_client, placed) == "one\r\ntwo\r\n"


async def test_an_image_that_cannot_be_had(docker_client: Client, server: FakeServer) -> None:
    placed = allocation(container("true", config={"image": "127.0.0.1:1/none:1"}))
    await server.place(placed)
    update = await server.until_status(placed.id, "failed")
    told = update.task_states["t"].events
    assert [event.type for event in told[2:]] == ["Driver", "Driver Failure", "Not Restarting"]
    assert (told[2].display_message, told[2].details) == ("Downloading image", {"image": "127.0.0.1:1/none:1"})
    assert told[3].display_message.startswith("Failed to pull `127.0.0.1:1/none:1`: ")


async def test_without_an_engine_the_driver_is_undetected_and_the_client_starts(server: FakeServer, tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/none.sock"
    client = Client(ClientConfig(alloc_dir=tmp_path, docker_host=host, drivers=frozenset({"docker"})), server)
    async with asyncio.timeout(2):
        await client.start()
    assert server.nodes[-1].drivers["docker"].detected is False
    await client.stop()


def creating(tmp_path: Path, **config: object) -> dict[str, object]:
    """The request for a container with some options."""
    task = TaskConfig(
        allocation_id="a",
        name="t",
        directory=TaskDir(tmp_path / "a" / "t", tmp_path / "a" / "alloc"),
        config={"image": "busybox:1", **config},
        logs=LogLimits(2, 1 << 20),
        memory_mb=64,
        memory_max_mb=128,
        ports=[AllocatedPort(label="web", value=20000, to=80, host_ip="10.0.0.1")],
    )
    return creation(task, privileged=False, volumes=False)


def test_what_a_config_means_to_the_engine(tmp_path: Path) -> None:
    body = creating(
        tmp_path,
        ports=["web"],
        cap_add=["net_admin"],
        cgroupns="private",
        ulimit={"nofile": "1024:2048"},
        mount=[{"type": "tmpfs", "target": "/run", "tmpfs_options": [{"size": 1000}]}],
        volumes=["local/data:/data"],
    )
    host = body["HostConfig"]
    assert host["PortBindings"] == {f"80/{kind}": [{"HostIp": "10.0.0.1", "HostPort": "20000"}] for kind in ("tcp", "udp")}
    assert (host["CapAdd"], host["CgroupnsMode"], host["NetworkMode"]) == (["net_admin"], "private", "bridge")
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 2048}]
    assert host["Mounts"][0]["TmpfsOptions"] == {"SizeBytes": 1000, "Mode": 0}
    assert host["Binds"][-1] == f"{tmp_path}/a/t/local/data:/data"
    assert (host["Memory"], host["MemoryReservation"]) == (128 << 20, 64 << 20)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"privileged": True}, "Docker privileged mode is disabled on this Nomad agent"),
        ({"pid_mode": "host"}, 'pid_mode "host" is not allowed on this Nomad agent'),
        ({"volumes": ["/etc:/etc"]}, 'volumes are not enabled; cannot mount host path: "/etc:/etc"'),
        ({"volumes": ["../../x:/x"]}, 'volumes are not enabled; cannot mount host path: "../../x:/x"'),
        ({"ports": ["nope"]}, 'Port "nope" not found, check network block'),
        ({"ulimit": {"nofile": "many"}}, 'Malformed ulimit specification nofile: "many": write soft:hard or one number'),
        ({"mount": [{"type": "odd"}]}, 'invalid mount type "odd": it is bind, tmpfs or volume'),
    ],
)
def test_what_a_config_may_not_ask_for(tmp_path: Path, config: dict[str, object], text: str) -> None:
    with pytest.raises(DriverError) as caught:
        creating(tmp_path, **config)
    assert str(caught.value) == text
