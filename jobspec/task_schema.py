"""The blocks that tasks share with the sidecar tasks of services: placement, resources, identities, logs, mounts."""

from __future__ import annotations

from jobspec.schema import (
    BOOL,
    DURATION,
    INT,
    INT8,
    STRING,
    STRING_MAP,
    STRINGS,
    UINT64,
    Schema,
    many,
    one,
)

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
