"""Job, task group, task and everything below them.

A field whose type allows `None` is one that a job's author may leave unset and the server then fills in (or leaves absent);
all other fields have Go's zero value as their default, as in Nomad's structures.
"""

from typing import Annotated, Any, TypeVar

from pydantic import Field

from nomad_api.duration import Duration
from nomad_api.models.base import SparseWire, Wire

_T = TypeVar("_T")
Sparse = Annotated[_T | None, Field(default=None, exclude_if=lambda value: value is None)]
"""A field that is left out of the JSON while it is unset."""


class Constraint(Wire):
    l_target: str = ""
    r_target: str = ""
    operand: str = ""


class Affinity(Constraint):
    weight: int | None = None


class SpreadTarget(Wire):
    value: str = ""
    percent: int = 0


class Spread(Wire):
    attribute: str = ""
    weight: int | None = None
    spread_target: list[SpreadTarget] | None = None


class Update(Wire):
    """How a new version is rolled out: `update` of a job or group."""

    stagger: Duration | None = None
    max_parallel: int | None = None
    health_check: str | None = None
    min_healthy_time: Duration | None = None
    healthy_deadline: Duration | None = None
    progress_deadline: Duration | None = None
    auto_revert: bool | None = None
    auto_promote: bool | None = None
    canary: int | None = None


class Migrate(Wire):
    max_parallel: int | None = None
    health_check: str | None = None
    min_healthy_time: Duration | None = None
    healthy_deadline: Duration | None = None


class RestartPolicy(Wire):
    attempts: int | None = None
    interval: Duration | None = None
    delay: Duration | None = None
    mode: str | None = None
    render_templates: bool | None = None


class ReschedulePolicy(Wire):
    attempts: int | None = None
    interval: Duration | None = None
    delay: Duration | None = None
    delay_function: str | None = None
    max_delay: Duration | None = None
    unlimited: bool | None = None


class Disconnect(Wire):
    lost_after: Duration | None = None
    stop_on_client_after: Duration | None = None
    replace: bool | None = None
    reconcile: str | None = None


class EphemeralDisk(Wire):
    sticky: bool | None = None
    size_mb: int | None = None
    migrate: bool | None = None


class Port(SparseWire):
    label: str = ""
    value: int = 0
    to: int = 0
    host_network: str = ""
    ignore_collision: bool = False


class DNSConfig(Wire):
    servers: list[str] | None = None
    searches: list[str] | None = None
    options: list[str] | None = None


class CNIConfig(Wire):
    args: dict[str, str] | None = None


class Network(SparseWire):
    """A network asked for by a group (`network` block) or given to an allocation."""

    mode: str = ""
    device: str = ""
    cidr: str = ""
    ip: str = ""
    hostname: str = ""
    mbits: int | None = None
    dns: DNSConfig | None = None
    reserved_ports: list[Port] | None = None
    dynamic_ports: list[Port] | None = None
    cni: CNIConfig | None = None


class RequestedDevice(Wire):
    name: str = ""
    count: int | None = None
    constraints: list[Constraint] | None = None
    affinities: list[Affinity] | None = None


class NUMA(Wire):
    affinity: str = ""
    devices: list[str] | None = None


class Resources(Wire):
    cpu: int | None = None
    cores: int | None = None
    memory_mb: int | None = None
    memory_max_mb: int | None = None
    disk_mb: int | None = None
    iops: int | None = None
    networks: list[Network] | None = None
    devices: list[RequestedDevice] | None = None
    numa: NUMA | None = None
    secrets_mb: int | None = None


class WorkloadIdentity(Wire):
    """An identity of a task: a JSON Web Token that the agent signs and hands to the task by environment or file."""

    name: str = ""
    audience: list[str] | None = None
    change_mode: str = ""
    change_signal: str = ""
    env: bool = False
    file: bool = False
    filepath: str = ""
    service_name: str = ""
    ttl: Duration = 0
    extra_claims: list[str] | None = None


class CheckRestart(Wire):
    limit: int = 0
    grace: Duration | None = None
    ignore_warnings: bool = False


class ServiceCheck(Wire):
    name: str = ""
    type: str = ""
    command: str = ""
    args: list[str] | None = None
    path: str = ""
    protocol: str = ""
    port_label: str = ""
    expose: bool = False
    address_mode: str = ""
    advertise: Sparse[str]
    interval: Duration = 0
    timeout: Duration = 0
    initial_status: str = ""
    notes: str = ""
    tls_server_name: str = ""
    tls_skip_verify: bool = False
    header: dict[str, list[str]] | None = None
    method: str = ""
    check_restart: CheckRestart | None = None
    grpc_service: str = ""
    grpc_use_tls: bool = False
    task_name: str = ""
    success_before_passing: int = 0
    failures_before_critical: int = 0
    failures_before_warning: int = 0
    body: str = ""
    on_update: str = ""


class Service(Wire):
    name: str = ""
    task_name: str = ""
    port_label: str = ""
    address_mode: str = ""
    address: str = ""
    enable_tag_override: bool = False
    tags: list[str] | None = None
    canary_tags: list[str] | None = None
    checks: list[ServiceCheck] | None = None
    check_restart: Sparse[CheckRestart]
    connect: dict[str, Any] | None = None
    meta: dict[str, str] | None = None
    canary_meta: dict[str, str] | None = None
    weights: dict[str, Any] | None = None
    tagged_addresses: dict[str, str] | None = None
    on_update: str = ""
    provider: str = ""
    cluster: str = ""
    kind: str = ""
    identity: WorkloadIdentity | None = None


class Lifecycle(Wire):
    hook: str = ""
    sidecar: bool = False


class LogConfig(Wire):
    max_files: int | None = None
    max_file_size_mb: int | None = None
    disabled: bool | None = None


class Artifact(Wire):
    getter_source: str | None = None
    getter_options: dict[str, str] | None = None
    getter_headers: dict[str, str] | None = None
    getter_mode: str | None = None
    getter_insecure: bool | None = None
    relative_dest: str | None = None
    chown: bool = False


class ChangeScript(Wire):
    command: str | None = None
    args: list[str] | None = None
    timeout: Duration | None = None
    fail_on_error: bool | None = None
    run_on_first_render: bool | None = None


class TemplateWait(Wire):
    min: Duration | None = None
    max: Duration | None = None


class Template(Wire):
    source_path: str | None = None
    dest_path: str | None = None
    embedded_tmpl: str | None = None
    change_mode: str | None = None
    change_script: ChangeScript | None = None
    change_signal: str | None = None
    once: bool | None = None
    splay: Duration | None = None
    perms: str | None = None
    uid: int | None = None
    gid: int | None = None
    left_delim: str | None = None
    right_delim: str | None = None
    envvars: bool | None = None
    vault_grace: Duration | None = None
    wait: TemplateWait | None = None
    err_missing_key: bool | None = None


class DispatchPayload(Wire):
    file: str = ""


class VolumeRequest(Wire):
    name: str = ""
    type: str = ""
    source: str = ""
    read_only: bool = False
    sticky: bool = False
    access_mode: str = ""
    attachment_mode: str = ""
    mount_options: dict[str, Any] | None = None
    per_alloc: bool = False


class VolumeMount(Wire):
    volume: str | None = None
    destination: str | None = None
    read_only: bool | None = None
    propagation_mode: str | None = None
    selinux_label: str | None = Field(default=None, alias="SELinuxLabel")


class Scaling(Wire):
    """A scaling policy of a group or task: bounds for whoever scales it."""

    id: str = ""
    type: str = ""
    target: dict[str, str] | None = None
    policy: dict[str, Any] | None = None
    min: int | None = None
    max: int | None = None
    enabled: bool | None = None
    create_index: int = 0
    modify_index: int = 0


class Action(Wire):
    name: str = ""
    command: str = ""
    args: list[str] | None = None


class Task(Wire):
    name: str = ""
    driver: str = ""
    user: str = ""
    lifecycle: Lifecycle | None = None
    config: dict[str, Any] | None = None
    constraints: list[Constraint] | None = None
    affinities: list[Affinity] | None = None
    env: dict[str, str] | None = None
    services: list[Service] | None = None
    resources: Resources | None = None
    restart_policy: RestartPolicy | None = None
    meta: dict[str, str] | None = None
    kill_timeout: Duration | None = None
    log_config: LogConfig | None = None
    artifacts: list[Artifact] | None = None
    vault: dict[str, Any] | None = None
    consul: dict[str, Any] | None = None
    templates: list[Template] | None = None
    dispatch_payload: DispatchPayload | None = None
    volume_mounts: list[VolumeMount] | None = None
    csi_plugin_config: dict[str, Any] | None = None
    leader: bool = False
    shutdown_delay: Duration = 0
    kill_signal: str = ""
    kind: str = ""
    scaling_policies: list[Scaling] | None = None
    secrets: list[dict[str, Any]] | None = None
    identity: WorkloadIdentity | None = None
    identities: list[WorkloadIdentity] | None = None
    actions: list[Action] | None = None
    schedule: dict[str, Any] | None = None


class TaskGroup(Wire):
    name: str = ""
    count: int | None = None
    constraints: list[Constraint] | None = None
    affinities: list[Affinity] | None = None
    tasks: list[Task] | None = None
    spreads: list[Spread] | None = None
    volumes: dict[str, VolumeRequest] | None = None
    restart_policy: RestartPolicy | None = None
    disconnect: Disconnect | None = None
    reschedule_policy: ReschedulePolicy | None = None
    ephemeral_disk: EphemeralDisk | None = None
    update: Update | None = None
    migrate: Migrate | None = None
    networks: list[Network] | None = None
    meta: dict[str, str] | None = None
    services: list[Service] | None = None
    shutdown_delay: Duration | None = None
    max_run_duration: Duration | None = None
    stop_after_client_disconnect: Duration | None = None
    max_client_disconnect: Duration | None = None
    scaling: Scaling | None = None
    consul: dict[str, Any] | None = None
    prevent_reschedule_on_lost: bool | None = None

    def task(self, name: str) -> Task | None:
        """The task of that name, or None."""
        return next((task for task in self.tasks or () if task.name == name), None)


class Periodic(Wire):
    enabled: bool | None = None
    spec: str | None = None
    specs: list[str] | None = None
    spec_type: str | None = None
    prohibit_overlap: bool | None = None
    time_zone: str | None = None


class Parameterized(Wire):
    payload: str = ""
    meta_required: list[str] | None = None
    meta_optional: list[str] | None = None


class VersionTag(Wire):
    name: str = ""
    description: str = ""
    tagged_time: int = 0


class Job(Wire):
    """A job as registered by a user (unset fields are None) or returned by the server (every field filled in)."""

    id: str | None = None
    name: str | None = None
    region: str | None = None
    namespace: str | None = None
    type: str | None = None
    priority: int | None = None
    all_at_once: bool | None = None
    datacenters: list[str] | None = None
    node_pool: str | None = None
    constraints: list[Constraint] | None = None
    affinities: list[Affinity] | None = None
    spreads: list[Spread] | None = None
    task_groups: list[TaskGroup] | None = None
    update: Update | None = None
    reschedule: Sparse[ReschedulePolicy]
    migrate: Sparse[Migrate]
    multiregion: dict[str, Any] | None = None
    periodic: Periodic | None = None
    parameterized_job: Parameterized | None = None
    meta: dict[str, str] | None = None
    ui: dict[str, Any] | None = None
    stop: bool | None = None
    parent_id: str | None = None
    dispatched: bool = False
    dispatch_idempotency_token: str | None = None
    payload: str | None = None
    consul_namespace: str | None = None
    vault_namespace: str | None = None
    nomad_token_id: str | None = None
    status: str | None = None
    status_description: str | None = None
    stable: bool | None = None
    version: int | None = None
    version_tag: VersionTag | None = None
    submit_time: int | None = None
    create_index: int | None = None
    modify_index: int | None = None
    job_modify_index: int | None = None

    def group(self, name: str) -> TaskGroup | None:
        """The task group of that name, or None."""
        return next((group for group in self.task_groups or () if group.name == name), None)


class TaskGroupSummary(Wire):
    """How many allocations of a group are in each state."""

    queued: int = 0
    complete: int = 0
    failed: int = 0
    running: int = 0
    starting: int = 0
    lost: int = 0
    unknown: int = 0


class ChildrenSummary(Wire):
    """How many children of a periodic or parameterized job are in each state."""

    pending: int = 0
    running: int = 0
    dead: int = 0


class JobSummary(Wire):
    job_id: str = ""
    namespace: str = ""
    summary: dict[str, TaskGroupSummary] = {}
    children: ChildrenSummary | None = None
    create_index: int = 0
    modify_index: int = 0


class JobStub(Wire):
    """A job in a list."""

    id: str
    parent_id: str = ""
    name: str = ""
    namespace: str = ""
    datacenters: list[str] | None = None
    node_pool: str = ""
    type: str = ""
    priority: int = 0
    periodic: bool = False
    parameterized_job: bool = False
    stop: bool = False
    status: str = ""
    status_description: str = ""
    multiregion: dict[str, Any] | None = None
    job_summary: JobSummary | None = None
    create_index: int = 0
    modify_index: int = 0
    job_modify_index: int = 0
    submit_time: int = 0
    meta: Sparse[dict[str, str]]


class JobSubmission(Wire):
    """The source text that a job was registered from."""

    source: str = ""
    format: str = ""
    variable_flags: dict[str, str] | None = None
    variables: str = ""
