"""The task of `test_operator_identity.py`: an operator in miniature that writes down what it was answered.

It runs inside an allocation with nothing but Python's standard library, its workload identity and the task API socket. Each
request's answer is noted under a name; at the end the notes are written, as JSON, to the variable that the test waits for.
"""

import http
import http.client
import json
import os
import socket
import sys
from typing import Any
from urllib.parse import urlencode

RUN = sys.argv[1]
SOCKET = os.environ["NOMAD_UNIX_ADDR"].removeprefix("unix://")
TOKEN = os.environ["NOMAD_TOKEN"]
TIMEOUT = 40.0


class Connection(http.client.HTTPConnection):
    """HTTP over the socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(SOCKET)


notes: dict[str, dict[str, Any]] = {}


def ask(name: str, method: str, path: str, body: Any = None, token: str | None = TOKEN, **params: str) -> tuple[int, int, Any]:
    """Send a request and note the answer; returns status, index and decoded body."""
    connection = Connection("localhost")
    query = f"?{urlencode(params)}" if params else ""
    headers = {} if token is None else {"X-Nomad-Token": token}
    connection.request(method, path + query, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    notes[name] = {"status": answer.status, "body": value}
    return answer.status, int(answer.headers.get("X-Nomad-Index") or 0), value


def first_event(name: str, path: str) -> None:
    """Note the first event of a variable at this path or below it."""
    connection = Connection("localhost")
    connection.request("GET", "/v1/event/stream?topic=Variable&index=1", headers={"X-Nomad-Token": TOKEN})
    answer = connection.getresponse()
    while answer.status == http.HTTPStatus.OK and (line := answer.readline()):
        for event in json.loads(line).get("Events") or ():
            if event["Key"].startswith(path):
                notes[name] = {"status": answer.status, "body": event}
                connection.close()
                return
    notes[name] = {"status": answer.status, "body": None}


def variable(**items: str) -> dict[str, Any]:
    return {"Items": items}


resources, status, locks = f"resources/{RUN}", f"status/{RUN}", f"locks/{RUN}"

# what the policy allows
_, index, _ = ask("list", "GET", "/v1/vars", prefix=f"{resources}/")
ask("read", "GET", f"/v1/var/{resources}/first")
ask("write status", "PUT", f"/v1/var/{status}/first", variable(ready="false"))
ask("rewrite status", "PUT", f"/v1/var/{status}/first", variable(ready="true"))
_, _, locked = ask("take lock", "PUT", f"/v1/var/{locks}?lock-acquire", {**variable(holder=RUN), "Lock": {"TTL": "10s"}})
lock = {"Lock": {"ID": locked["Lock"]["ID"]}}
ask("renew lock", "PUT", f"/v1/var/{locks}?lock-renew", lock)
ask("release lock", "PUT", f"/v1/var/{locks}?lock-release", lock)
child = {
    "ID": f"{RUN}-child",
    "Type": "batch",
    "Datacenters": ["*"],
    "TaskGroups": [
        {
            "Name": "g",
            "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}, "Resources": {"CPU": 20}}],
        }
    ],
}
ask("plan job", "PUT", f"/v1/job/{RUN}-child/plan", {"Job": child, "Diff": True})
ask("register job", "PUT", "/v1/jobs", {"Job": child})
ask("read job", "GET", f"/v1/job/{RUN}-child")
ask("own variable", "GET", f"/v1/var/nomad/jobs/{RUN}")

# what it leaves out
ask("write resource", "PUT", f"/v1/var/{resources}/first", variable(mode="mine"))
ask("delete resource", "DELETE", f"/v1/var/{resources}/first")
ask("delete status", "DELETE", f"/v1/var/{status}/first")
ask("read other", "GET", f"/v1/var/other/{RUN}")
ask("list other", "GET", "/v1/vars", prefix=f"other/{RUN}")
ask("below own variable", "GET", f"/v1/var/nomad/jobs/{RUN}/group/task/more")
ask("other namespace", "GET", f"/v1/var/{resources}/first", namespace="other")
ask("jobs of other namespace", "GET", "/v1/jobs", namespace="other")
ask("nodes", "GET", "/v1/nodes")
ask("policies", "PUT", f"/v1/acl/policy/{RUN}-mine", {"Name": f"{RUN}-mine", "Rules": 'node { policy = "write" }'})
ask("agent", "GET", "/v1/agent/self")
ask("without token", "GET", "/v1/jobs", token=None)
ask("unknown token", "GET", "/v1/jobs", token="11111111-2222-3333-4444-555555555555")

# watching, while the test declares another resource
ask("say ready", "PUT", f"/v1/var/{status}/ready", variable(index=str(index)))
seen: list[Any] = []
while len(seen) < 2:
    _, index, seen = ask("watch", "GET", "/v1/vars", prefix=f"{resources}/", index=str(index), wait="30s")
first_event("event", f"{resources}/second")

ask("report", "PUT", f"/v1/var/{status}/report", variable(notes=json.dumps(notes)))
