"""The blocks of a Nomad job, one declaration each.

The order is from the leaves to the job, so that a declaration only uses what stands above it.
"""

from __future__ import annotations

from dataclasses import replace

from jobspec.schema import (
    BOOL,
    DURATION,
    FREE_BLOCK,
    INT,
    INT8,
    REQUIRED_STRING,
    STRING,
    STRING_MAP,
    STRING_MAP_BLOCK,
    STRING_MAP_EITHER_WAY,
    STRINGS,
    STRINGS_MAP_BLOCK,
    UINT8,
    UINT16,
    UINT16S,
    UINT32,
    UINT64,
    Schema,
    keyed,
    many,
    one,
)

NAME = {"name": "Name"}

CONSTRAINT = Schema(
    attribute=STRING.named("LTarget"),
    value=STRING.named("RTarget"),
    operator=STRING.named("Operand"),
)
AFFINITY = Schema(
    attribute=STRING.named("LTarget"),
    value=STRING.named("RTarget"),
    operator=STRING.named("Operand"),
    weight=INT8.optional,
)
SPREAD = Schema(
    attribute=STRING,
    weight=INT8.optional,
    target=many(Schema(labels={"": "Value"}, percent=UINT8), "SpreadTarget"),
)

RESTART = Schema(
    interval=DURATION.optional,
    attempts=INT.optional,
    delay=DURATION.optional,
    mode=STRING.optional,
    render_templates=BOOL.optional,
)
RESCHEDULE = Schema(
    attempts=INT.optional,
    interval=DURATION.optional,
    delay=DURATION.optional,
    delay_function=STRING.optional,
    max_delay=DURATION.optional,
    unlimited=BOOL.optional,
)
MIGRATE = Schema(
    max_parallel=INT.optional,
    health_check=STRING.optional,
    min_healthy_time=DURATION.optional,
    healthy_deadline=DURATION.optional,
)
UPDATE = Schema(
    stagger=DURATION.optional,
    max_parallel=INT.optional,
    health_check=STRING.optional,
    min_healthy_time=DURATION.optional,
    healthy_deadline=DURATION.optional,
    progress_deadline=DURATION.optional,
    canary=INT.optional,
    auto_revert=BOOL.optional,
    auto_promote=BOOL.optional,
)
DISCONNECT = Schema(
    lost_after=DURATION.optional,
    stop_on_client_after=DURATION.optional,
    replace=BOOL.optional,
    reconcile=STRING.optional,
)
SCALING = Schema(
    min=INT.optional,
    max=INT.optional,
    policy=FREE_BLOCK,
    enabled=BOOL.optional,
    type=STRING,
    also={"ID": "", "Namespace": "", "Target": None, "CreateIndex": 0, "ModifyIndex": 0},
)

PORT = Schema(
    labels={"": "Label"},
    static=INT.named("Value"),
    to=INT,
    host_network=STRING,
    ignore_collision=BOOL,
)
NETWORK = Schema(
    mode=STRING,
    device=STRING,
    cidr=STRING.named("CIDR"),
    ip=STRING.named("IP"),
    dns=one(Schema(servers=STRINGS, searches=STRINGS, options=STRINGS), "DNS"),
    reserved_ports=many(PORT, "ReservedPorts"),
    port=many(PORT, "DynamicPorts"),
    hostname=STRING,
    mbits=INT.optional.named("MBits"),
    cni=one(Schema(args=STRING_MAP), "CNI"),
)
RESOURCES = Schema(
    cpu=INT.optional.named("CPU"),
    cores=INT.optional,
    memory=INT.optional.named("MemoryMB"),
    memory_max=INT.optional.named("MemoryMaxMB"),
    disk=INT.optional.named("DiskMB"),
    network=many(NETWORK, "Networks"),
    device=many(
        Schema(
            labels={"": "Name"},
            count=UINT64.optional,
            constraint=many(CONSTRAINT, "Constraints"),
            affinity=many(AFFINITY, "Affinities"),
        ),
        "Devices",
    ),
    numa=one(Schema(affinity=STRING, devices=STRINGS), "NUMA"),
    secrets=INT.optional.named("SecretsMB"),
    iops=INT.optional.named("IOPS"),
)

IDENTITY = Schema(
    name=STRING,
    aud=STRINGS.named("Audience"),
    change_mode=STRING,
    change_signal=STRING,
    env=BOOL,
    file=BOOL,
    filepath=STRING,
    service_name=STRING,
    ttl=DURATION.named("TTL"),
    extra_claims=STRINGS,
)
VAULT = Schema(
    policies=STRINGS,
    role=STRING,
    namespace=STRING.optional,
    cluster=STRING,
    env=BOOL.optional,
    disable_file=BOOL.optional,
    change_mode=STRING.optional,
    change_signal=STRING.optional,
    allow_token_expiration=BOOL.optional,
)
CONSUL = Schema(namespace=STRING, cluster=STRING, partition=STRING)
SECRET = Schema(labels=NAME, provider=STRING, path=STRING, config=FREE_BLOCK, env=STRING_MAP_BLOCK)
LOGS = Schema(
    max_files=INT.optional,
    max_file_size=INT.optional.named("MaxFileSizeMB"),
    enabled=BOOL.optional,
    disabled=BOOL.optional,
)
VOLUME_MOUNT = Schema(
    volume=STRING.optional,
    destination=STRING.optional,
    read_only=BOOL.optional,
    propagation_mode=STRING.optional,
    selinux_label=STRING.optional.named("SELinuxLabel"),
)
ARTIFACT = Schema(
    source=STRING.optional.named("GetterSource"),
    options=replace(STRING_MAP_BLOCK, key="GetterOptions"),
    headers=replace(STRING_MAP_BLOCK, key="GetterHeaders"),
    mode=STRING.optional.named("GetterMode"),
    insecure=BOOL.optional.named("GetterInsecure"),
    destination=STRING.optional.named("RelativeDest"),
    chown=BOOL,
)
CHANGE_SCRIPT = Schema(
    command=STRING.optional,
    args=STRINGS,
    timeout=DURATION.optional,
    fail_on_error=BOOL.optional,
    run_on_first_render=BOOL.optional,
)
TEMPLATE = Schema(
    source=STRING.optional.named("SourcePath"),
    destination=STRING.optional.named("DestPath"),
    data=STRING.optional.named("EmbeddedTmpl"),
    change_mode=STRING.optional,
    change_script=one(CHANGE_SCRIPT),
    change_signal=STRING.optional,
    once=BOOL.optional,
    splay=DURATION.optional,
    perms=STRING.optional,
    uid=INT.optional,
    gid=INT.optional,
    left_delimiter=STRING.optional.named("LeftDelim"),
    right_delimiter=STRING.optional.named("RightDelim"),
    env=BOOL.optional.named("Envvars"),
    vault_grace=DURATION.optional,
    wait=one(Schema(min=DURATION.optional, max=DURATION.optional)),
    error_on_missing_key=BOOL.optional.named("ErrMissingKey"),
)

CHECK_RESTART = Schema(limit=INT, grace=DURATION.optional, ignore_warnings=BOOL)
CHECK = Schema(
    name=STRING,
    type=STRING,
    command=STRING,
    args=STRINGS,
    path=STRING,
    protocol=STRING,
    port=STRING.named("PortLabel"),
    expose=BOOL,
    address_mode=STRING,
    advertise=STRING,
    interval=DURATION,
    timeout=DURATION,
    initial_status=STRING,
    notes=STRING,
    tls_server_name=STRING.named("TLSServerName"),
    tls_skip_verify=BOOL.named("TLSSkipVerify"),
    header=STRINGS_MAP_BLOCK,
    method=STRING,
    check_restart=one(CHECK_RESTART),
    grpc_service=STRING.named("GRPCService"),
    grpc_use_tls=BOOL.named("GRPCUseTLS"),
    task=STRING.named("TaskName"),
    success_before_passing=INT,
    failures_before_critical=INT,
    failures_before_warning=INT,
    body=STRING,
    on_update=STRING,
)

EXPOSE = Schema(
    path=many(
        Schema(path=STRING, protocol=STRING, local_path_port=INT, listener_port=STRING),
        "Paths",
    ),
    also={"Path": None},
)
UPSTREAM = Schema(
    destination_name=STRING,
    destination_namespace=STRING,
    destination_peer=STRING,
    destination_partition=STRING,
    destination_type=STRING,
    local_bind_port=INT,
    datacenter=STRING,
    local_bind_address=STRING,
    local_bind_socket_path=STRING,
    local_bind_socket_mode=STRING,
    mesh_gateway=one(Schema(mode=STRING)),
    config=FREE_BLOCK,
)
TRANSPARENT_PROXY = Schema(
    uid=STRING.named("UID"),
    outbound_port=UINT16,
    exclude_inbound_ports=STRINGS,
    exclude_outbound_ports=UINT16S,
    exclude_outbound_cidrs=STRINGS.named("ExcludeOutboundCIDRs"),
    exclude_uids=STRINGS.named("ExcludeUIDs"),
    no_dns=BOOL.named("NoDNS"),
)
SIDECAR_PROXY = Schema(
    local_service_address=STRING,
    local_service_port=INT,
    expose=one(EXPOSE),
    upstreams=many(UPSTREAM, "Upstreams"),
    transparent_proxy=one(TRANSPARENT_PROXY),
    config=FREE_BLOCK,
    also={"ExposeConfig": None},
)
SIDECAR_SERVICE = Schema(
    tags=STRINGS,
    port=STRING,
    proxy=one(SIDECAR_PROXY),
    disable_default_tcp_check=BOOL.named("DisableDefaultTCPCheck"),
    meta=STRING_MAP_BLOCK,
)
SIDECAR_TASK = Schema(
    name=STRING,
    driver=STRING,
    user=STRING,
    config=FREE_BLOCK,
    env=STRING_MAP_BLOCK,
    resources=one(RESOURCES),
    meta=STRING_MAP_BLOCK,
    kill_timeout=DURATION.optional,
    logs=one(LOGS, "LogConfig"),
    shutdown_delay=DURATION.optional,
    kill_signal=STRING,
    volume_mount=many(VOLUME_MOUNT, "VolumeMounts"),
    identity=many(IDENTITY, "Identities"),
)
GATEWAY_TLS = Schema(
    enabled=BOOL,
    tls_min_version=STRING.named("TLSMinVersion"),
    tls_max_version=STRING.named("TLSMaxVersion"),
    cipher_suites=STRINGS,
    sds=one(Schema(cluster_name=STRING, cert_resource=STRING), "SDS"),
)
HTTP_HEADERS = Schema(add=STRING_MAP_BLOCK, set=STRING_MAP_BLOCK, remove=STRINGS)
INGRESS_SERVICE = Schema(
    name=STRING,
    hosts=STRINGS,
    tls=one(GATEWAY_TLS, "TLS"),
    request_headers=one(HTTP_HEADERS),
    response_headers=one(HTTP_HEADERS),
    max_connections=UINT32.optional,
    max_pending_requests=UINT32.optional,
    max_concurrent_requests=UINT32.optional,
)
GATEWAY = Schema(
    proxy=one(
        Schema(
            connect_timeout=DURATION.optional,
            envoy_gateway_bind_tagged_addresses=BOOL,
            envoy_gateway_bind_addresses=keyed(
                Schema(labels={"": "Name"}, address=STRING, port=INT), "EnvoyGatewayBindAddresses"
            ),
            envoy_gateway_no_default_bind=BOOL,
            envoy_dns_discovery_type=STRING.named("EnvoyDNSDiscoveryType"),
            config=FREE_BLOCK,
        )
    ),
    ingress=one(
        Schema(
            tls=one(GATEWAY_TLS, "TLS"),
            listener=many(Schema(port=INT, protocol=STRING, service=many(INGRESS_SERVICE, "Services")), "Listeners"),
        )
    ),
    terminating=one(
        Schema(
            service=many(
                Schema(
                    name=STRING,
                    ca_file=STRING.named("CAFile"),
                    cert_file=STRING,
                    key_file=STRING,
                    sni=STRING.named("SNI"),
                ),
                "Services",
            )
        )
    ),
    mesh=one(Schema()),
)
SERVICE = Schema(
    name=STRING,
    tags=STRINGS,
    canary_tags=STRINGS,
    enable_tag_override=BOOL,
    port=STRING.named("PortLabel"),
    address_mode=STRING,
    address=STRING,
    check=many(CHECK, "Checks"),
    check_restart=one(CHECK_RESTART),
    connect=one(
        Schema(
            native=BOOL,
            gateway=one(GATEWAY),
            sidecar_service=one(SIDECAR_SERVICE),
            sidecar_task=one(SIDECAR_TASK),
        )
    ),
    meta=STRING_MAP_BLOCK,
    canary_meta=STRING_MAP_BLOCK,
    tagged_addresses=STRING_MAP_BLOCK,
    task=STRING.named("TaskName"),
    on_update=STRING,
    identity=one(IDENTITY),
    weights=one(Schema(passing=INT, warning=INT)),
    provider=STRING,
    cluster=STRING,
    kind=STRING,
)

TASK = Schema(
    labels=NAME,
    driver=STRING,
    user=STRING,
    lifecycle=one(Schema(hook=REQUIRED_STRING, sidecar=BOOL)),
    config=FREE_BLOCK,
    constraint=many(CONSTRAINT, "Constraints"),
    affinity=many(AFFINITY, "Affinities"),
    env=STRING_MAP_EITHER_WAY,
    service=many(SERVICE, "Services"),
    resources=one(RESOURCES),
    restart=one(RESTART, "RestartPolicy"),
    meta=STRING_MAP_EITHER_WAY,
    kill_timeout=DURATION.optional,
    logs=one(LOGS, "LogConfig"),
    artifact=many(ARTIFACT, "Artifacts"),
    vault=one(VAULT),
    consul=one(CONSUL),
    template=many(TEMPLATE, "Templates"),
    dispatch_payload=one(Schema(file=STRING)),
    volume_mount=many(VOLUME_MOUNT, "VolumeMounts"),
    csi_plugin=one(
        Schema(
            id=STRING.named("ID"),
            type=STRING,
            mount_dir=STRING,
            stage_publish_base_dir=STRING,
            health_timeout=DURATION,
        ),
        "CSIPluginConfig",
    ),
    leader=BOOL,
    shutdown_delay=DURATION,
    kill_signal=STRING,
    kind=STRING,
    scaling=many(Schema(labels=NAME), "ScalingPolicies"),
    secret=many(SECRET, "Secrets"),
    identity=many(IDENTITY, "Identities"),
    action=many(Schema(labels=NAME, command=REQUIRED_STRING, args=STRINGS), "Actions"),
    schedule=one(Schema(cron=one(Schema(start=STRING, end=STRING, timezone=STRING)))),
    also={"Identity": None},
)
GROUP = Schema(
    labels=NAME,
    count=INT.optional,
    constraint=many(CONSTRAINT, "Constraints"),
    affinity=many(AFFINITY, "Affinities"),
    task=many(TASK, "Tasks"),
    spread=many(SPREAD, "Spreads"),
    volume=keyed(
        Schema(
            labels=NAME,
            type=STRING,
            source=STRING,
            read_only=BOOL,
            sticky=BOOL,
            access_mode=STRING,
            attachment_mode=STRING,
            mount_options=one(Schema(fs_type=STRING.named("FSType"), mount_flags=STRINGS)),
            per_alloc=BOOL,
        ),
        "Volumes",
    ),
    restart=one(RESTART, "RestartPolicy"),
    disconnect=one(DISCONNECT),
    reschedule=one(RESCHEDULE, "ReschedulePolicy"),
    ephemeral_disk=one(Schema(sticky=BOOL.optional, migrate=BOOL.optional, size=INT.optional.named("SizeMB"))),
    update=one(UPDATE),
    migrate=one(MIGRATE),
    network=many(NETWORK, "Networks"),
    meta=STRING_MAP_EITHER_WAY,
    service=many(SERVICE, "Services"),
    shutdown_delay=DURATION.optional,
    max_run_duration=DURATION.optional,
    stop_after_client_disconnect=DURATION.optional,
    max_client_disconnect=DURATION.optional,
    scaling=one(SCALING),
    consul=one(CONSUL),
    prevent_reschedule_on_lost=BOOL.optional,
    vault=one(VAULT),
    secret=many(SECRET, "Secrets"),
)
JOB = Schema(
    labels=NAME,
    region=STRING.optional,
    namespace=STRING.optional,
    id=STRING.optional.named("ID"),
    name=STRING.optional,
    type=STRING.optional,
    priority=INT.optional,
    all_at_once=BOOL.optional,
    datacenters=STRINGS,
    node_pool=STRING.optional,
    constraint=many(CONSTRAINT, "Constraints"),
    affinity=many(AFFINITY, "Affinities"),
    group=many(GROUP, "TaskGroups"),
    update=one(UPDATE),
    multiregion=one(
        Schema(
            strategy=one(Schema(max_parallel=INT.optional, on_failure=STRING.optional)),
            region=many(
                Schema(
                    labels={"": "Name"},
                    count=INT.optional,
                    datacenters=STRINGS,
                    node_pool=STRING,
                    meta=STRING_MAP_BLOCK,
                ),
                "Regions",
            ),
        )
    ),
    spread=many(SPREAD, "Spreads"),
    periodic=one(
        Schema(
            enabled=BOOL.optional,
            cron=STRING.optional.named("Spec"),
            crons=STRINGS.named("Specs"),
            prohibit_overlap=BOOL.optional,
            time_zone=STRING.optional,
            also={"SpecType": None},
        )
    ),
    parameterized=one(Schema(payload=STRING, meta_required=STRINGS, meta_optional=STRINGS), "ParameterizedJob"),
    reschedule=one(RESCHEDULE),
    migrate=one(MIGRATE),
    meta=STRING_MAP_EITHER_WAY,
    ui=one(
        Schema(description=STRING, link=many(Schema(label=STRING, url=STRING.named("URL")), "Links")),
        "UI",
    ),
    vault=one(VAULT),
    secret=many(SECRET, "Secrets"),
    task=many(TASK, "Tasks"),
    also={
        "Stop": None,
        "ParentID": None,
        "Dispatched": False,
        "DispatchIdempotencyToken": None,
        "Payload": None,
        "ConsulNamespace": None,
        "VaultNamespace": None,
        "NomadTokenID": None,
        "Status": None,
        "StatusDescription": None,
        "Stable": None,
        "Version": None,
        "SubmitTime": None,
        "CreateIndex": None,
        "ModifyIndex": None,
        "JobModifyIndex": None,
        "VersionTag": None,
    },
)
