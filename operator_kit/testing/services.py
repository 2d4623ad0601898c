"""Services of the in-memory Nomad: what running allocations offer, registered with Nomad itself."""

from typing import Any

from operator_kit.testing.routing import Request
from operator_kit.testing.state import Cluster, Row


def listed(request: Request) -> list[Row]:
    """Names and tags, by namespace."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in request.listed(request.cluster.services.values(), "ServiceName"):
        found.setdefault(row["Namespace"], {}).setdefault(row["ServiceName"], set()).update(row["Tags"])
    return [
        {"Namespace": namespace, "Services": [{"ServiceName": name, "Tags": sorted(tags)} for name, tags in names.items()]}
        for namespace, names in found.items()
    ]


def of_name(request: Request) -> list[Row]:
    return _where(request, ServiceName=request.id)


def of_job(request: Request) -> list[Row]:
    return _where(request, JobID=request.id)


def of_allocation(request: Request) -> list[Row]:
    return _where(request, AllocID=request.id)


def delete(request: Request) -> None:
    if (row := request.cluster.services.pop(request.ids[1], None)) is not None:
        request.cluster.change("services")
        _tell(request.cluster, "ServiceDeregistration", row)


def offer(cluster: Cluster, job: Row, group: Row, row: Row) -> None:
    """Register the services of an allocation: each port has a number of its own, on 192.0.2.1."""
    services = [service for part in (group, *(group.get("Tasks") or ())) for service in part.get("Services") or ()]
    for position, service in enumerate(services):
        index = cluster.change("services")
        offered = {
            "ID": f"_nomad-task-{row['ID']}-group-{group['Name']}-{service['Name']}-{service.get('PortLabel') or ''}",
            "ServiceName": service["Name"],
            "Namespace": job["Namespace"],
            "NodeID": row["NodeID"],
            "Datacenter": "dc1",
            "JobID": job["ID"],
            "AllocID": row["ID"],
            "Tags": service.get("Tags") or [],
            "Address": "192.0.2.1",
            "Port": 20_000 + 100 * int(row["ID"][-6:], 16) + position,
            "CreateIndex": index,
            "ModifyIndex": index,
        }
        cluster.services[offered["ID"]] = offered
        _tell(cluster, "ServiceRegistration", offered)


def withdraw(cluster: Cluster, row: Row) -> None:
    """Deregister the services of an allocation."""
    for service in [service for service in cluster.services.values() if service["AllocID"] == row["ID"]]:
        del cluster.services[service["ID"]]
        cluster.change("services")
        _tell(cluster, "ServiceDeregistration", service)


def _tell(cluster: Cluster, type: str, row: Row) -> None:
    keys = (row["JobID"], row["ServiceName"])
    cluster.publish("Service", type, row["ID"], {"Service": row}, *keys, namespace=row["Namespace"])


def _where(request: Request, **fields: Any) -> list[Row]:
    rows = request.listed(request.cluster.services.values(), "ID")
    return [row for row in rows if all(row[name] == value for name, value in fields.items())]
