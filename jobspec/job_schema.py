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
    STRING_MAP_BLOCK,
    STRING_MAP_EITHER_WAY,
    STRINGS,
    UINT8,
    Schema,
    keyed,
    many,
    one,
)
from jobspec.service_schema import SERVICE
from jobspec.task_schema import AFFINITY, CONSTRAINT, IDENTITY, LOGS, NETWORK, RESOURCES, VOLUME_MOUNT

NAME = {"name": "Name"}

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
