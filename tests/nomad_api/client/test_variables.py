import json
from typing import Any

from nomad_api.client import Nomad


async def test_put_sends_items_and_lock(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/var/a/b", {"Path": "a/b", "ModifyIndex": 4, "Items": {"k": "v"}})
    variable = await nomad.variables.put("a/b", {"k": "v"}, cas=0, lock_id="id")
    assert variable.modify_index == 4
    assert json.loads(server.bodies[-1]) == {"Path": "a/b", "Items": {"k": "v"}, "Lock": {"ID": "id"}}
    assert server.last.query["cas"] == "0"


async def test_the_operations_on_locks(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/var/l", {"Path": "l", "Lock": {"ID": "id", "TTL": "15s", "LockDelay": "15s"}})
    taken = await nomad.variables.acquire_lock("l", {"holder": "me"}, ttl="20s", lock_delay="5s")
    assert taken.lock is not None
    assert taken.lock.id == "id"
    assert "lock-acquire" in server.last.query
    assert json.loads(server.bodies[-1])["Lock"] == {"TTL": "20s", "LockDelay": "5s"}
    await nomad.variables.renew_lock("l", "id")
    assert "lock-renew" in server.last.query
    await nomad.variables.release_lock("l", "id")
    assert "lock-release" in server.last.query
    assert json.loads(server.bodies[-1]) == {"Path": "l", "Lock": {"ID": "id"}}


async def test_a_holder_deletes_what_it_has_released(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/var/l", {"Path": "l"})
    server.answers("DELETE", "/v1/var/l", None)
    await nomad.variables.delete("l", lock_id="id")
    assert [request.method for request in server.requests] == ["PUT", "DELETE"]
