"""The routes that operators use, as one table. The first that fits a path counts, so longer ones stand before shorter ones."""

from typing import Final

from operator_kit.testing import allocations, deployments, evaluations, jobs, launches, nodes, objects, services, variables
from operator_kit.testing.routing import Handler, Route


def _list(path: str, handler: Handler, *tables: str) -> Route:
    return Route("GET", path, handler, tables)


def _one(path: str, handler: Handler, table: str) -> Route:
    return Route("GET", path, handler, (table,), one=True)


def _put(path: str, handler: Handler) -> Route:
    return Route("PUT POST", path, handler)


def _delete(path: str, handler: Handler) -> Route:
    return Route("DELETE", path, handler)


ROUTES: Final = (
    _list("vars", variables.listed, "variables"),
    _one("var/{}", variables.get, "variables"),
    _put("var/{}", variables.put),
    _delete("var/{}", variables.delete),
    #
    _list("jobs", jobs.listed, "jobs", "job_summary"),
    _put("jobs", jobs.register),
    _put("job/{}/plan", jobs.plan),
    _put("job/{}/evaluate", jobs.reevaluate),
    _put("job/{}/dispatch", launches.dispatch),
    _put("job/{}/periodic/force", launches.force_periodic),
    _put("job/{}/scale", launches.scale),
    _put("job/{}/revert", launches.revert),
    _list("job/{}/scale", launches.scale_status, "jobs", "allocations"),
    _list("job/{}/allocations", allocations.of_job_listed, "allocations"),
    _list("job/{}/evaluations", evaluations.of_job, "evaluations"),
    _list("job/{}/deployments", deployments.of_job, "deployments"),
    _list("job/{}/deployment", deployments.latest_of_job, "deployments"),
    _list("job/{}/services", services.of_job, "services"),
    _list("job/{}/versions", jobs.versions, "jobs"),
    _list("job/{}/summary", jobs.summary, "job_summary"),
    _one("job/{}", jobs.get, "jobs"),
    _put("job/{}", jobs.register),
    _delete("job/{}", jobs.deregister),
    #
    _list("allocations", allocations.listed, "allocations"),
    _list("allocation/{}/services", services.of_allocation, "services"),
    _put("allocation/{}/stop", allocations.stop_one),
    _one("allocation/{}", allocations.get, "allocations"),
    _put("client/allocation/{}/restart", allocations.restart),
    #
    _list("evaluations", evaluations.listed, "evaluations"),
    _one("evaluation/{}", evaluations.get, "evaluations"),
    #
    _list("deployments", deployments.listed, "deployments"),
    _list("deployment/allocations/{}", allocations.of_deployment, "allocations"),
    _put("deployment/fail/{}", deployments.fail),
    _put("deployment/pause/{}", deployments.pause),
    _put("deployment/promote/{}", deployments.promote),
    _one("deployment/{}", deployments.get, "deployments"),
    #
    _list("services", services.listed, "services"),
    _delete("service/{}/{}", services.delete),
    _list("service/{}", services.of_name, "services"),
    #
    _list("namespaces", objects.namespaces, "namespaces"),
    _put("namespace", objects.put_namespace),
    _one("namespace/{}", objects.namespace, "namespaces"),
    _put("namespace/{}", objects.put_namespace),
    _delete("namespace/{}", objects.delete_namespace),
    #
    _list("nodes", nodes.listed, "nodes"),
    _list("node/pools", objects.pools, "node_pools"),
    _put("node/pools", objects.put_pool),
    _one("node/pool/{}", objects.pool, "node_pools"),
    _put("node/pool/{}", objects.put_pool),
    _delete("node/pool/{}", objects.delete_pool),
    _list("node/{}/allocations", allocations.of_node, "allocations"),
    _put("node/{}/eligibility", nodes.set_eligibility),
    _put("node/{}/drain", nodes.drain),
    _one("node/{}", nodes.get, "nodes"),
    #
    _one("acl/token/self", objects.own_token, "tokens"),
    _list("acl/policies", objects.policies, "policies"),
    _one("acl/policy/{}", objects.policy, "policies"),
    _put("acl/policy/{}", objects.put_policy),
    _delete("acl/policy/{}", objects.delete_policy),
    #
    _list("volumes", objects.volumes, "host_volumes", "csi_volumes"),
    _put("volume/host/create", objects.put_host_volume),
    _put("volume/host/register", objects.put_host_volume),
    _one("volume/host/{}", objects.host_volume, "host_volumes"),
    _delete("volume/host/{}", objects.delete_host_volume),
    _put("volumes", objects.put_csi_volume),
    _put("volume/csi/{}/create", objects.put_csi_volume),
    _delete("volume/csi/{}/delete", objects.delete_csi_volume),
    _one("volume/csi/{}", objects.csi_volume, "csi_volumes"),
    _put("volume/csi/{}", objects.put_csi_volume),
    _delete("volume/csi/{}", objects.delete_csi_volume),
)
