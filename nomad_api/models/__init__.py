"""Pydantic models of Nomad's JSON, one module for each kind of object."""

from nomad_api.models.acl import ACLPolicy, ACLPolicyStub, ACLToken, ACLTokenStub, JobACL
from nomad_api.models.allocation import Allocation, AllocationMetric, AllocationStub, TaskEvent, TaskState
from nomad_api.models.deployment import Deployment, DeploymentState
from nomad_api.models.evaluation import Evaluation
from nomad_api.models.event import Event, EventBatch
from nomad_api.models.job import (
    Job,
    JobStub,
    JobSubmission,
    JobSummary,
    Lifecycle,
    Network,
    Port,
    Resources,
    Service,
    ServiceCheck,
    Task,
    TaskGroup,
    Template,
    Update,
    WorkloadIdentity,
)
from nomad_api.models.namespace import Namespace
from nomad_api.models.node import Node, NodeStub
from nomad_api.models.node_pool import NodePool
from nomad_api.models.plan import JobPlan, JobRegistration, JobValidation
from nomad_api.models.service import ServiceList, ServiceRegistration
from nomad_api.models.variable import Variable, VariableLock, VariableMetadata
from nomad_api.models.volume import CSIVolume, CSIVolumeStub, HostVolume, HostVolumeStub, MountOptions, VolumeCapability

__all__ = [
    "ACLPolicy",
    "ACLPolicyStub",
    "ACLToken",
    "ACLTokenStub",
    "Allocation",
    "AllocationMetric",
    "AllocationStub",
    "CSIVolume",
    "CSIVolumeStub",
    "Deployment",
    "DeploymentState",
    "Evaluation",
    "Event",
    "EventBatch",
    "HostVolume",
    "HostVolumeStub",
    "Job",
    "JobACL",
    "JobPlan",
    "JobRegistration",
    "JobStub",
    "JobSubmission",
    "JobSummary",
    "JobValidation",
    "Lifecycle",
    "MountOptions",
    "Namespace",
    "Network",
    "Node",
    "NodePool",
    "NodeStub",
    "Port",
    "Resources",
    "Service",
    "ServiceCheck",
    "ServiceList",
    "ServiceRegistration",
    "Task",
    "TaskEvent",
    "TaskGroup",
    "TaskState",
    "Template",
    "Update",
    "Variable",
    "VariableLock",
    "VariableMetadata",
    "VolumeCapability",
    "WorkloadIdentity",
]
