"""Deployments: /v1/deployments, /v1/deployment/…"""

from typing import Any

from nomad_api.models import Deployment
from orchestrator import deployments as watched
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json, listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, namespace
from orchestrator.http.route import Answer, missing, read, write
from orchestrator.http.routes.allocations import check_prefix, stub


@read("/v1/deployments", needs=namespace("read-job"))
def deployments(call: Call) -> Answer:
    check_prefix(call.prefix)
    rows = [
        deployment
        for deployment in (call.state.deployments.prefixed(call.prefix) if call.prefix else call.state.deployments)
        if call.namespace in ("*", deployment.namespace) and call.acl.allow_namespace(deployment.namespace, "read-job")
    ]
    if not call.prefix:
        rows.sort(key=lambda deployment: (deployment.create_index, deployment.id))
    token = listing.by_id if call.prefix else listing.by_create_index
    return listing.page(call, rows, token, index=call.state.deployments.index, watch=("deployments",))


@read("/v1/deployment/{deployment_id+}", needs=anyone)
def deployment(call: Call) -> Answer:
    deployment_id = call.path["deployment_id"]
    if not deployment_id:
        raise APIError(500, "missing deployment ID")
    if len(deployment_id) != 36:
        raise APIError(500, "deployment lookup failed: index error: UUID must be 36 characters")
    found = call.state.deployments.get(deployment_id)
    watch = ("deployments", lambda key: key == (deployment_id,))
    if found is None:
        return missing("deployment not found", call.state.deployments.index, watch)
    _allow(call, found, "read-job")
    return Answer(found, found.modify_index, (watch,))


@read("/v1/deployment/allocations/{deployment_id}", needs=namespace("read-job"))
def allocations(call: Call) -> Answer:
    if len(call.path["deployment_id"]) != 36:
        raise APIError(500, "index error: UUID must be 36 characters")
    found = call.state.allocations.by("deployment", call.path["deployment_id"])
    index = max((alloc.modify_index for alloc in found), default=call.state.allocations.index)
    return Answer([stub(alloc) for alloc in found], index, ("allocations",))


@write("/v1/deployment/fail/{deployment_id}", needs=anyone)
async def fail(call: Call) -> Answer:
    deployment_id = _changeable(call)
    return await _change(call, "DeploymentStatusUpdate", lambda tx: watched.fail(tx, deployment_id))


@write("/v1/deployment/pause/{deployment_id}", needs=anyone)
async def pause(call: Call) -> Answer:
    body = _body(call, "DeploymentPauseRequest")
    paused = body.boolean("Pause", within="DeploymentPauseRequest")
    deployment_id = _changeable(call, body)
    return await _change(call, "DeploymentStatusUpdate", lambda tx: watched.pause(tx, deployment_id, paused))


@write("/v1/deployment/promote/{deployment_id}", needs=anyone)
async def promote(call: Call) -> Answer:
    body = _body(call, "DeploymentPromoteRequest")
    deployment_id = _changeable(call, body)
    groups = None if body.get("All") else body.get("Groups") or []
    return await _change(call, "DeploymentPromotion", lambda tx: watched.promote(tx, deployment_id, groups))


@write("/v1/deployment/allocation-health/{deployment_id}", needs=anyone)
async def allocation_health(call: Call) -> Answer:
    body = _body(call, "DeploymentAllocHealthRequest")
    healthy, unhealthy = body.get("HealthyAllocationIDs") or [], body.get("UnhealthyAllocationIDs") or []
    if not healthy and not unhealthy and body.get("DeploymentID"):
        raise APIError(500, "must specify at least one healthy/unhealthy allocation ID")
    deployment_id = _changeable(call, body)
    return await _change(
        call, "DeploymentAllocHealth", lambda tx: watched.set_allocation_health(tx, deployment_id, healthy, unhealthy)
    )


async def _change(call: Call, kind: str, change: Any) -> Answer:
    committed = await call.store.write(kind, change)
    result = committed.value
    reply = {
        "EvalID": result.eval_id,
        "EvalCreateIndex": committed.index if result.eval_id else 0,
        "DeploymentModifyIndex": committed.index,
        "RevertedJobVersion": result.reverted_version,
        "Index": committed.index,
    }
    return Answer(reply, committed.index)


def _body(call: Call, go_name: str) -> go_json.Fields:
    return go_json.fields(call.json(), f"api.{go_name}")


def _changeable(call: Call, body: go_json.Fields | None = None) -> str:
    """The ID of the deployment to change, which the body must name too.

    Raises:
        APIError: 400, the body names none or another; 500, it is no ID, or there is no such deployment.
        PermissionDenied: the caller may not change it.
    """
    deployment_id = call.path["deployment_id"]
    if body is not None:
        given = body.get("DeploymentID") or ""
        if not given:
            raise APIError(400, "DeploymentID must be specified")
        if given != deployment_id:
            raise APIError(400, "Deployment ID does not match")
    if len(deployment_id) != 36:
        raise APIError(500, "deployment lookup failed: index error: UUID must be 36 characters")
    found = call.state.deployments.get(deployment_id)
    if found is None:
        raise APIError(500, "deployment not found")
    _allow(call, found, "submit-job")
    return deployment_id


def _allow(call: Call, found: Deployment, capability: str) -> None:
    if not call.acl.allow_namespace(found.namespace, capability):
        raise PermissionDenied
