import json
from typing import Any

from nomad_api.client import Nomad
from nomad_api.models import CSIVolume, HostVolume, NodePool


async def test_volumes_of_one_type_are_listed(server: Any, nomad: Nomad) -> None:
    server.answers("GET", "/v1/volumes", [{"ID": "4711", "Name": "data", "NodePool": "default"}])
    (stub,) = await nomad.host_volumes.list(node_pool="default")
    assert (stub.id, stub.name) == ("4711", "data")
    assert dict(server.last.query) == {"type": "host", "node_pool": "default"}
    await nomad.csi_volumes.list()
    assert server.last.query["type"] == "csi"


async def test_a_host_volume_is_created_registered_and_deleted(server: Any, nomad: Nomad) -> None:
    for action in ("create", "register"):
        server.answers("PUT", f"/v1/volume/host/{action}", {"Volume": {"ID": "4711", "State": "pending"}})
    made = await nomad.host_volumes.create(HostVolume(name="data", requested_capacity_max_bytes=5))
    assert (made.id, made.state) == ("4711", "pending")
    assert json.loads(server.bodies[-1])["Volume"]["RequestedCapacityMaxBytes"] == 5
    assert (await nomad.host_volumes.register(HostVolume(name="data", host_path="/srv"))).id == "4711"
    assert json.loads(server.bodies[-1])["Volume"]["HostPath"] == "/srv"
    server.answers("DELETE", "/v1/volume/host/4711", None)
    await nomad.host_volumes.delete("4711", force=True)
    assert server.last.query["force"] == "true"


async def test_a_csi_volume_is_created_registered_and_taken_away(server: Any, nomad: Nomad) -> None:
    for method, path in (("PUT", ""), ("PUT", "/create"), ("DELETE", ""), ("DELETE", "/delete")):
        server.answers(method, f"/v1/volume/csi/db{path}", None)
    volume = CSIVolume(id="db", name="db", plugin_id="ebs", external_id="vol-1")
    await nomad.csi_volumes.register(volume)
    (sent,) = json.loads(server.bodies[-1])["Volumes"]
    assert (sent["ID"], sent["PluginID"], sent["ExternalID"]) == ("db", "ebs", "vol-1")
    await nomad.csi_volumes.create(volume)
    await nomad.csi_volumes.deregister("db")
    await nomad.csi_volumes.delete("db")
    assert server.last.path == "/v1/volume/csi/db/delete"


async def test_a_node_pool_is_written_and_deleted(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/node/pools", None)
    server.answers("DELETE", "/v1/node/pool/gpu", None)
    await nomad.node_pools.apply(NodePool(name="gpu", meta={"team": "ml"}, node_identity_ttl="48h"))
    assert json.loads(server.bodies[-1])["NodeIdentityTTL"] == 48 * 3600 * 10**9
    await nomad.node_pools.delete("gpu")
    assert server.last.method == "DELETE"
