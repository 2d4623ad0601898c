"""Allocations: a task group placed on a node, with the state of each of its tasks."""

from typing import Any

from pydantic import Field

from nomad_api.duration import Duration
from nomad_api.models.base import SparseWire, Wire
from nomad_api.models.job import Job, Network, Resources, Sparse


class TaskEvent(Wire):
    """Something that happened to a task; `time` is in nanoseconds since the epoch."""

    type: str = ""
    time: int = 0
    message: str = ""
    display_message: str = ""
    details: dict[str, str] | None = None
    fails_task: bool = False
    restart_reason: str = ""
    setup_error: str = ""
    driver_error: str = ""
    driver_message: str = ""
    exit_code: int = 0
    signal: int = 0
    kill_timeout: Duration = 0
    kill_error: str = ""
    kill_reason: str = ""
    start_delay: int = 0
    download_error: str = ""
    validation_error: str = ""
    disk_limit: int = 0
    failed_sibling: str = ""
    vault_error: str = ""
    task_signal: str = ""
    task_signal_reason: str = ""
    generic_source: str = ""


class TaskState(Wire):
    """The state of one task: `pending`, `running` or `dead`. Times are RFC 3339 texts, None while they have not come."""

    state: str = "pending"
    failed: bool = False
    restarts: int = 0
    last_restart: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    events: list[TaskEvent] | None = None
    paused: str = ""

    @property
    def successful(self) -> bool:
        """Whether the task has ended and did not fail."""
        return self.state == "dead" and not self.failed


class AllocatedCPU(Wire):
    cpu_shares: int = Field(default=0, alias="CpuShares")
    reserved_cores: list[int] | None = None


class AllocatedMemory(Wire):
    memory_mb: int = 0
    memory_max_mb: int = 0


class AllocatedTaskResources(Wire):
    cpu: AllocatedCPU = Field(default=AllocatedCPU(), alias="Cpu")
    memory: AllocatedMemory = AllocatedMemory()
    networks: list[Network] | None = None
    devices: list[dict[str, Any]] | None = None


class AllocatedPort(SparseWire):
    """A port given to an allocation: `value` on the host, `to` inside the network namespace (0 or -1: the same)."""

    label: str = ""
    value: int = 0
    to: int = 0
    host_ip: str = ""
    ignore_collision: bool = False


class AllocatedSharedResources(Wire):
    disk_mb: int = 0
    networks: list[Network] | None = None
    ports: list[AllocatedPort] | None = None


class AllocatedResources(Wire):
    tasks: dict[str, AllocatedTaskResources] = {}
    task_lifecycles: dict[str, dict[str, Any] | None] = {}
    shared: AllocatedSharedResources = AllocatedSharedResources()


class NodeScore(Wire):
    node_id: str = ""
    scores: dict[str, float] | None = None
    norm_score: float = 0.0


class AllocationMetric(Wire):
    """Why an allocation landed where it did, or why it could not be placed."""

    nodes_evaluated: int = 0
    nodes_filtered: int = 0
    nodes_in_pool: int = 0
    node_pool: str = ""
    nodes_available: dict[str, int] | None = None
    class_filtered: dict[str, int] | None = None
    constraint_filtered: dict[str, int] | None = None
    nodes_exhausted: int = 0
    class_exhausted: dict[str, int] | None = None
    dimension_exhausted: dict[str, int] | None = None
    quota_exhausted: list[str] | None = None
    resources_exhausted: dict[str, Resources] | None = None
    scores: dict[str, float] | None = None
    score_meta_data: list[NodeScore] | None = None
    allocation_time: int = 0
    coalesced_failures: int = 0


class DesiredTransition(Wire):
    """What a user or the server wants done with an allocation beyond running or stopping it."""

    migrate: bool | None = None
    reschedule: bool | None = None
    force_reschedule: bool | None = None
    no_shutdown_delay: bool | None = None
    migrate_disable_placement: bool | None = None


class AllocationDeploymentStatus(Wire):
    """Whether an allocation counts as healthy in its deployment; None while that is undecided."""

    healthy: bool | None = None
    timestamp: str = ""
    canary: bool = False
    modify_index: int = 0


class RescheduleEvent(Wire):
    reschedule_time: int = 0
    prev_alloc_id: str = ""
    prev_node_id: str = ""
    delay: Duration = 0


class RescheduleTracker(Wire):
    events: list[RescheduleEvent] | None = None
    last_reschedule: str = ""


class NetworkStatus(Wire):
    interface_name: str = ""
    address: str = ""
    address_ipv6: str = Field(default="", alias="AddressIPv6")
    dns: dict[str, Any] | None = None


class Allocation(SparseWire):
    """A task group placed on a node.

    `desired_status` is what the server wants (`run`, `stop`, `evict`), `client_status` what the node reports (`pending`,
    `running`, `complete`, `failed`, `lost`, `unknown`).
    """

    id: str
    namespace: str = ""
    eval_id: str = ""
    name: str = ""
    node_id: str = ""
    node_name: str = ""
    job_id: str = ""
    job: Job | None = None
    task_group: str = ""
    resources: Resources | None = None
    shared_resources: Resources | None = None
    task_resources: dict[str, Resources] | None = None
    allocated_resources: AllocatedResources | None = None
    metrics: AllocationMetric | None = None
    desired_status: str = ""
    desired_description: str = ""
    desired_transition: DesiredTransition = Field(
        default=DesiredTransition(), exclude_if=lambda value: not any(value.model_dump().values())
    )
    client_status: str = ""
    client_description: str = ""
    task_states: dict[str, TaskState] | None = None
    alloc_states: list[dict[str, Any]] | None = None
    previous_allocation: str = ""
    next_allocation: str = ""
    deployment_id: str = ""
    deployment_status: AllocationDeploymentStatus | None = None
    reschedule_tracker: RescheduleTracker | None = None
    network_status: NetworkStatus | None = None
    followup_eval_id: str = ""
    preempted_allocations: list[str] | None = None
    preempted_by_allocation: str = ""
    signing_key_id: str = ""
    create_index: int = 0
    modify_index: int = 0
    alloc_modify_index: int = 0
    create_time: int = 0
    modify_time: int = 0

    @property
    def terminal(self) -> bool:
        """Whether the allocation does not run and never will again."""
        return self.desired_status in ("stop", "evict") or self.client_terminal

    @property
    def client_terminal(self) -> bool:
        """Whether the node has reported the end of the allocation."""
        return self.client_status in ("complete", "failed", "lost")

    @property
    def healthy(self) -> bool | None:
        """The verdict of the deployment, None while there is none."""
        return self.deployment_status.healthy if self.deployment_status else None

    @property
    def ports(self) -> dict[str, AllocatedPort]:
        """The ports of the group's network, by label."""
        shared = self.allocated_resources.shared.ports if self.allocated_resources else None
        return {port.label: port for port in shared or ()}


class AllocationStub(Wire):
    """An allocation in a list."""

    id: str
    eval_id: str = ""
    name: str = ""
    namespace: str = ""
    node_id: str = ""
    node_name: str = ""
    job_id: str = ""
    job_type: str = ""
    job_version: int = 0
    task_group: str = ""
    allocated_resources: Sparse[AllocatedResources]
    desired_status: str = ""
    desired_description: str = ""
    client_status: str = ""
    client_description: str = ""
    desired_transition: DesiredTransition = DesiredTransition()
    task_states: dict[str, TaskState] | None = None
    deployment_status: AllocationDeploymentStatus | None = None
    followup_eval_id: str = ""
    next_allocation: str = ""
    reschedule_tracker: RescheduleTracker | None = None
    preempted_allocations: list[str] | None = None
    preempted_by_allocation: str = ""
    create_index: int = 0
    modify_index: int = 0
    create_time: int = 0
    modify_time: int = 0

    @property
    def healthy(self) -> bool | None:
        """The verdict of the deployment, None while there is none."""
        return self.deployment_status.healthy if self.deployment_status else None
