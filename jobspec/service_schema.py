"""Services: checks, Consul Connect, gateways."""

from __future__ import annotations

from jobspec.schema import (
    BOOL,
    DURATION,
    FREE_BLOCK,
    INT,
    STRING,
    STRING_MAP_BLOCK,
    STRINGS,
    STRINGS_MAP_BLOCK,
    UINT16,
    UINT16S,
    UINT32,
    Schema,
    keyed,
    many,
    one,
)
from jobspec.task_schema import IDENTITY, LOGS, RESOURCES, VOLUME_MOUNT

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
