"""What the in-memory Nomad merely keeps: namespaces, node pools, ACL policies, volumes.

Each kind is a table and a few rules: what a name must look like, what cannot be changed or removed, and what to say then.
"""

import asyncio
import re
from typing import Final

from nomad_api.duration import HOUR, SECOND, parse_duration
from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import DEFAULT, Cluster, Row, key_of

_NAME: Final = re.compile(r"[a-zA-Z0-9-]{1,128}")
_POOL: Final = re.compile(r"[a-zA-Z0-9-_]{1,128}")
_BUILT_IN_POOLS: Final = ("all", DEFAULT)


# Namespaces


def namespaces(request: Request) -> list[Row]:
    return request.listed(request.cluster.namespaces.values(), "Name")


def namespace(request: Request) -> Row:
    return _found(request.cluster.namespaces.get(request.id), "Namespace not found")


def put_namespace(request: Request) -> None:
    name = _named(request, "Namespace name does not match request path")
    if _NAME.fullmatch(name) is None:
        problem = f'invalid name "{name}". Must match regex ^[a-zA-Z0-9-]{{1,128}}$'
        raise Refused(500, f'Invalid namespace "{name}": 1 error occurred:\n\t* {problem}\n\n')
    nothing = dict.fromkeys(("Description", "Quota"), "") | dict.fromkeys(("Capabilities", "Meta", "NodePoolConfiguration"))
    _store(request.cluster, "namespaces", request.cluster.namespaces, name, {**nothing, **request.body})


def delete_namespace(request: Request) -> None:
    cluster, name = request.cluster, request.id
    if name == DEFAULT:
        raise Refused(500, "can not delete default namespace")
    if name not in cluster.namespaces:
        raise Refused(500, "namespace not found")
    for what, rows in (("non-terminal jobs", cluster.jobs), ("variables associated with it", cluster.variables)):
        if any(row["Namespace"] == name and not row.get("Stop") for row in rows.values()):
            raise Refused(500, f'1 error occurred:\n\t* namespace "{name}" has {what} in regions: [global]\n\n')
    _remove(cluster, "namespaces", cluster.namespaces, name)


# Node pools


def pools(request: Request) -> list[Row]:
    return request.listed(request.cluster.node_pools.values(), "Name")


def pool(request: Request) -> Row:
    return _found(request.cluster.node_pools.get(request.id), "node pool not found")


def put_pool(request: Request) -> None:
    name = _named(request, "Node pool name does not match request path")
    if name in _BUILT_IN_POOLS:
        raise Refused(400, f'modifying node pool "{name}" is not allowed')
    if _POOL.fullmatch(name) is None:
        problem = f'invalid name "{name}", must match regex ^[a-zA-Z0-9-_]{{1,128}}$'
        raise Refused(400, f'invalid node pool "{name}": 1 error occurred:\n\t* {problem}\n\n')
    cluster, lives = request.cluster, request.body.get("NodeIdentityTTL")
    lifetime = parse_duration(lives) if isinstance(lives, str) else lives or 24 * HOUR
    row = {"Description": "", "Meta": None, "SchedulerConfiguration": None, **request.body, "NodeIdentityTTL": lifetime}
    row = _store(cluster, "node_pools", cluster.node_pools, name, row)
    cluster.publish("NodePool", "NodePoolUpserted", name, {"NodePool": row}, namespace="")


def delete_pool(request: Request) -> None:
    cluster, name = request.cluster, request.id
    if name == "all":
        raise Refused(500, 'deleting node pool "all" is not allowed')
    if name not in cluster.node_pools:
        raise Refused(500, f"node pool {name} not found")
    users = [("nodes", cluster.nodes.values()), ("non-terminal jobs", cluster.jobs.values())]
    for what, rows in users:
        if any(row["NodePool"] == name and not row.get("Stop") for row in rows):
            raise Refused(500, f'1 error occurred:\n\t* node pool "{name}" has {what} in regions: [global]\n\n')
    row = _remove(cluster, "node_pools", cluster.node_pools, name)
    cluster.publish("NodePool", "NodePoolDeleted", name, {"NodePool": row}, namespace="")


# ACL policies; the client's token may do everything


def own_token(request: Request) -> Row:
    return {"AccessorID": "memory", "Name": "memory", "Type": "management", "CreateIndex": 1, "ModifyIndex": 1}


def policies(request: Request) -> list[Row]:
    return request.listed(request.cluster.policies.values(), "Name")


def policy(request: Request) -> Row:
    return _found(request.cluster.policies.get(request.id), "ACL policy not found")


def put_policy(request: Request) -> None:
    name = _named(request, "ACL policy name does not match request path")
    row = {"Description": "", "JobACL": None, **request.body}
    row = _store(request.cluster, "policies", request.cluster.policies, name, row)
    request.cluster.publish("ACLPolicy", "ACLPolicyUpserted", name, {"ACLPolicy": row}, namespace="")


def delete_policy(request: Request) -> None:
    row = request.cluster.policies.get(request.id)
    _remove(request.cluster, "policies", request.cluster.policies, request.id)
    if row is not None:
        request.cluster.publish("ACLPolicy", "ACLPolicyDeleted", request.id, {"ACLPolicy": row}, namespace="")


# Volumes


def volumes(request: Request) -> list[Row]:
    kind = request.params.get("type")
    if kind not in (None, "host", "csi"):
        raise Refused(404, "resource not found")
    tables = {"host": request.cluster.host_volumes, "csi": request.cluster.csi_volumes}
    return request.listed(tables[kind].values(), "ID") if kind else []


def host_volume(request: Request) -> Row:
    return _found(request.cluster.host_volumes.get(request.id), "volume not found")


def csi_volume(request: Request) -> Row:
    return _found(request.cluster.csi_volumes.get(request.key), "volume not found")


def put_host_volume(request: Request) -> Row:
    """Create or register: a volume is ready at once, on the node that it names or the first one."""
    cluster, asked = request.cluster, request.body.get("Volume")
    if not asked:
        raise Refused(500, "missing volume definition")
    if not asked.get("Name"):
        raise Refused(500, "volume validation failed: missing name")
    node = cluster.nodes.get(asked["NodeID"]) if asked.get("NodeID") else next(iter(cluster.nodes.values()))
    if node is None:
        raise Refused(500, f'validating volume "{asked["Name"]}" against state failed: node "{asked["NodeID"]}" does not exist')
    defaults = {"PluginID": "", "NodePool": node["NodePool"], "CapacityBytes": 0, "HostPath": f"/volumes/{asked['Name']}"}
    times = dict.fromkeys(("CreateTime", "ModifyTime"), round(asyncio.get_running_loop().time() * SECOND))
    fields = {"NodeID": node["ID"], "State": "ready", "Namespace": request.namespace}
    row = {**defaults, **times, **{key: value for key, value in asked.items() if value not in (None, "")}, **fields}
    row["ID"] = asked.get("ID") or cluster.new_id()
    row = _store(cluster, "host_volumes", cluster.host_volumes, row["ID"], row)
    cluster.publish("HostVolume", "HostVolumeRegistered", row["ID"], {"Volume": row}, row["Name"], namespace=row["Namespace"])
    return {"Volume": row, "Warnings": "", "Index": cluster.index}


def delete_host_volume(request: Request) -> Row:
    row = _remove(request.cluster, "host_volumes", request.cluster.host_volumes, request.id)
    if row is None:
        raise Refused(500, f"no such volume: {request.id}")
    request.cluster.publish("HostVolume", "HostVolumeDeleted", request.id, {"Volume": row}, namespace=row["Namespace"])
    return {"Index": request.cluster.index}


def put_csi_volume(request: Request) -> None:
    for asked in request.body.get("Volumes") or ():
        key = key_of(request.namespace, asked["ID"])
        row = {**asked, "Namespace": request.namespace}
        row = _store(request.cluster, "csi_volumes", request.cluster.csi_volumes, key, row)
        request.cluster.publish("CSIVolume", "CSIVolumeRegistered", asked["ID"], {"Volume": row}, namespace=request.namespace)


def delete_csi_volume(request: Request) -> None:
    if _remove(request.cluster, "csi_volumes", request.cluster.csi_volumes, request.key) is None:
        raise Refused(500, f"volume not found: {request.id}")


# What all of them share


def _found(row: Row | None, message: str) -> Row:
    if row is None:
        raise Refused(404, message)
    return row


def _named(request: Request, mismatch: str) -> str:
    """The name in the body; where the path has one it must be the same."""
    if not request.body:
        raise Refused(400, "Request body is empty")
    name = str(request.body.get("Name") or "")
    if request.ids and request.id != name:
        raise Refused(400, mismatch)
    return name


def _store(cluster: Cluster, table: str, rows: dict[str, Row], key: str, row: Row) -> Row:
    index, present = cluster.change(f"{table}/{key}"), rows.get(key)
    rows[key] = {**row, "CreateIndex": present["CreateIndex"] if present else index, "ModifyIndex": index}
    return rows[key]


def _remove(cluster: Cluster, table: str, rows: dict[str, Row], key: str) -> Row | None:
    cluster.change(f"{table}/{key}")
    return rows.pop(key, None)
