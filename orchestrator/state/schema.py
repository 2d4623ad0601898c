"""The tables of the state, declared: what each holds, its key, what else it is looked up by, and the events it emits.

A change of a row becomes an event of the row's topic; the event's type is the kind of the transaction, as in Nomad, where it
names the message that made the change. Topics, keys and filter keys are those of Nomad's event stream.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nomad_api.models import (
    ACLPolicy,
    ACLToken,
    Allocation,
    Deployment,
    Evaluation,
    Job,
    JobSummary,
    Namespace,
    Node,
    ServiceRegistration,
)
from nomad_api.models.base import Wire
from orchestrator.state.records import RootKey, SealedVariable, Setting, StoredSubmission
from orchestrator.state.table import Table, TableSpec


@dataclass(frozen=True)
class EventSpec:
    """How a changed row looks in the event stream. `payload` also tells whether the row was deleted."""

    topic: str
    key: Callable[[Any], str]
    payload: Callable[[Any, bool], dict[str, Any]]
    filter_keys: Callable[[Any], list[str]] = lambda row: []
    namespaced: bool = True
    on_delete: bool = False


JOBS = TableSpec("jobs", Job, lambda job: (job.namespace, job.id), {"parent": lambda job: (job.namespace, job.parent_id)})
JOB_VERSIONS = TableSpec(
    "job_versions", Job, lambda job: (job.namespace, job.id, job.version), {"job": lambda job: (job.namespace, job.id)}
)
JOB_SUMMARIES = TableSpec("job_summaries", JobSummary, lambda summary: (summary.namespace, summary.job_id))
JOB_SUBMISSIONS = TableSpec("job_submissions", StoredSubmission, lambda row: (row.namespace, row.job_id, row.version))
EVALUATIONS = TableSpec(
    "evaluations",
    Evaluation,
    lambda evaluation: (evaluation.id,),
    {"job": lambda evaluation: (evaluation.namespace, evaluation.job_id)},
)
ALLOCATIONS = TableSpec(
    "allocations",
    Allocation,
    lambda alloc: (alloc.id,),
    {
        "job": lambda alloc: (alloc.namespace, alloc.job_id),
        "node": lambda alloc: alloc.node_id,
        "evaluation": lambda alloc: alloc.eval_id,
        "deployment": lambda alloc: alloc.deployment_id,
    },
)
DEPLOYMENTS = TableSpec(
    "deployments",
    Deployment,
    lambda deployment: (deployment.id,),
    {"job": lambda deployment: (deployment.namespace, deployment.job_id)},
)
NODES = TableSpec("nodes", Node, lambda node: (node.id,))
NAMESPACES = TableSpec("namespaces", Namespace, lambda namespace: (namespace.name,))
VARIABLES = TableSpec("variables", SealedVariable, lambda variable: (variable.namespace, variable.path))
SERVICES = TableSpec(
    "services",
    ServiceRegistration,
    lambda service: (service.namespace, service.service_name, service.id),
    {"allocation": lambda service: service.alloc_id, "job": lambda service: (service.namespace, service.job_id)},
)
ACL_POLICIES = TableSpec("acl_policies", ACLPolicy, lambda policy: (policy.name,))
ACL_TOKENS = TableSpec("acl_tokens", ACLToken, lambda token: (token.accessor_id,), {"secret": lambda token: token.secret_id})
ROOT_KEYS = TableSpec("root_keys", RootKey, lambda key: (key.id,))
SETTINGS = TableSpec("settings", Setting, lambda setting: (setting.name,))


def _variable_payload(variable: SealedVariable, deleted: bool) -> dict[str, Any]:
    return {"Metadata": variable.metadata(), "Deleted": deleted}


EVENTS: dict[str, EventSpec] = {
    JOBS.name: EventSpec(
        "Job",
        lambda job: job.id,
        lambda job, deleted: {"Job": job.to_wire(), "Deleted": deleted},
        on_delete=True,
    ),
    EVALUATIONS.name: EventSpec(
        "Evaluation",
        lambda evaluation: evaluation.id,
        lambda evaluation, _: {"Evaluation": evaluation.to_wire()},
        lambda evaluation: [evaluation.job_id, evaluation.deployment_id],
    ),
    ALLOCATIONS.name: EventSpec(
        "Allocation",
        lambda alloc: alloc.id,
        lambda alloc, _: {"Allocation": alloc.evolve(job=None).to_wire()},
        lambda alloc: [alloc.job_id, alloc.deployment_id],
    ),
    DEPLOYMENTS.name: EventSpec(
        "Deployment",
        lambda deployment: deployment.id,
        lambda deployment, _: {"Deployment": deployment.to_wire()},
        lambda deployment: [deployment.job_id],
    ),
    NODES.name: EventSpec("Node", lambda node: node.id, lambda node, _: {"Node": node.to_wire()}, namespaced=False),
    SERVICES.name: EventSpec(
        "Service",
        lambda service: service.id,
        lambda service, _: {"Service": service.to_wire()},
        lambda service: [service.job_id, service.service_name],
        on_delete=True,
    ),
    VARIABLES.name: EventSpec("Variable", lambda variable: variable.path, _variable_payload, on_delete=True),
    ACL_POLICIES.name: EventSpec(
        "ACLPolicy",
        lambda policy: policy.name,
        lambda policy, _: {"ACLPolicy": policy.to_wire()},
        namespaced=False,
        on_delete=True,
    ),
    ACL_TOKENS.name: EventSpec(
        "ACLToken",
        lambda token: token.accessor_id,
        lambda token, _: {
            "ACLToken": token.evolve(secret_id="", policies=token.policies or [], roles=token.roles or []).to_wire()
        },
        namespaced=False,
        on_delete=True,
    ),
}


class State:
    """All tables. Anyone may read; only the store writes."""

    def __init__(self) -> None:
        self.jobs: Table[Job] = Table(JOBS)
        self.job_versions: Table[Job] = Table(JOB_VERSIONS)
        self.job_summaries: Table[JobSummary] = Table(JOB_SUMMARIES)
        self.job_submissions: Table[StoredSubmission] = Table(JOB_SUBMISSIONS)
        self.evaluations: Table[Evaluation] = Table(EVALUATIONS)
        self.allocations: Table[Allocation] = Table(ALLOCATIONS)
        self.deployments: Table[Deployment] = Table(DEPLOYMENTS)
        self.nodes: Table[Node] = Table(NODES)
        self.namespaces: Table[Namespace] = Table(NAMESPACES)
        self.variables: Table[SealedVariable] = Table(VARIABLES)
        self.services: Table[ServiceRegistration] = Table(SERVICES)
        self.acl_policies: Table[ACLPolicy] = Table(ACL_POLICIES)
        self.acl_tokens: Table[ACLToken] = Table(ACL_TOKENS)
        self.root_keys: Table[RootKey] = Table(ROOT_KEYS)
        self.settings: Table[Setting] = Table(SETTINGS)
        self.tables: dict[str, Table[Any]] = {
            table.spec.name: table for table in vars(self).values() if isinstance(table, Table)
        }


def table_of(row: Wire) -> str:
    """The name of the table that holds objects of this type; job versions share the model of jobs and are named explicitly."""
    return _TABLE_OF[type(row)]


_TABLE_OF: dict[type[Wire], str] = {
    spec.model: spec.name
    for spec in (
        JOBS,
        JOB_SUMMARIES,
        JOB_SUBMISSIONS,
        EVALUATIONS,
        ALLOCATIONS,
        DEPLOYMENTS,
        NODES,
        NAMESPACES,
        VARIABLES,
        SERVICES,
        ACL_POLICIES,
        ACL_TOKENS,
        ROOT_KEYS,
        SETTINGS,
    )
}
