"""The command line run in this process, against an agent that answers as a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nomadctl.framework import PROGRAM, Group
from nomadctl.main import TREE


@dataclass(frozen=True)
class Result:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class FakeAgent:
    """Answers by method and path (without the query), and remembers the requests."""

    address: str = ""
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    def on(self, method: str, path: str, value: Any = None, *, status: int = 200) -> None:
        """Answer with JSON, or with a text if that is what `value` is and the status is an error."""
        self.answers[method, path] = (status, value)


class _Handler(BaseHTTPRequestHandler):
    agent: FakeAgent

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.agent.requests.append((self.command, self.path, json.loads(body) if body else None))
        status, value = self.agent.answers.get((self.command, path), (404, "no such path"))
        data = value.encode() if status >= 400 and isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Nomad-Index", "7")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    fake = FakeAgent()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"agent": fake}))
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


Run = Callable[..., Result]


@pytest.fixture
def run(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("job", "status")`: the program with these arguments, asking the fake agent."""
    for name in ("NOMAD_TOKEN", "NOMAD_NAMESPACE", "NOMAD_REGION", "NOMAD_UNIX_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NOMAD_ADDR", agent.address)

    def call(*arguments: str) -> Result:
        code = Group(None, TREE).main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        printed = capsys.readouterr()
        return Result(code or 0, printed.out, printed.err)

    return call
