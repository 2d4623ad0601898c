"""The task API socket of an agent without ACLs: whoever reaches it must still show a token."""

import sys
import uuid

from nomad_api.models import Job

SCRIPT = """
import http.client, os, socket
for token in ("", os.environ["NOMAD_TOKEN"], "any-text-at-all"):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(os.path.join(os.environ["NOMAD_SECRETS_DIR"], "api.sock"))
    connection.request("GET", "/v1/jobs?prefix=none", headers={"X-Nomad-Token": token} if token else {})
    answer = connection.getresponse()
    print(answer.status, answer.read().decode())
    connection.close()
"""


async def test_socket_wants_a_token_even_without_acls(open_agent, until):
    job_id = f"c{uuid.uuid4().hex[:10]}"
    task = {
        "Name": "main",
        "Driver": "raw_exec",
        "Config": {"command": sys.executable, "args": ["-I", "-c", SCRIPT]},
        "Identity": {"Env": True},
        "Resources": {"CPU": 20, "MemoryMB": 64},
    }
    group = {"Name": "main", "Tasks": [task]}
    job = Job.model_validate({"ID": job_id, "Type": "batch", "Datacenters": ["*"], "TaskGroups": [group]})
    async with open_agent.client() as nomad:
        await nomad.jobs.register(job)
        try:
            await until(nomad.jobs.watch(job_id), lambda job: job.status == "dead")
            (alloc,) = await nomad.jobs.allocations(job_id)
            output = b"".join([chunk async for chunk in nomad.allocations.logs(alloc.id, "main")])
        finally:
            await nomad.jobs.deregister(job_id, purge=True)
    assert output.decode().splitlines() == ["401 Unauthorized", "200 []", "200 []"]
