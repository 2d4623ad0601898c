import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.duration import HOUR, MINUTE, SECOND
from nomad_api.models import Job
from orchestrator.jobs import canonicalize

TASK = {"Name": "t", "Driver": "docker"}


def canonical(**body):
    group = {"Name": "g", "Tasks": [TASK], **body.pop("group", {})}
    return canonicalize(Job.model_validate({"ID": "j", "TaskGroups": [group], **body}))


def test_what_a_service_gets():
    job = canonical()
    (group,) = job.task_groups
    (task,) = group.tasks
    assert (job.name, job.namespace, job.region, job.priority) == ("j", "default", "global", 50)
    assert (job.datacenters, job.node_pool) == (["*"], "default")
    assert (group.count, group.ephemeral_disk.size_mb) == (1, 300)
    assert (group.update.max_parallel, group.update.progress_deadline) == (1, 10 * MINUTE)
    assert (group.restart_policy.attempts, group.restart_policy.interval) == (2, 30 * MINUTE)
    assert (group.reschedule_policy.delay_function, group.reschedule_policy.max_delay) == ("exponential", HOUR)
    assert group.migrate.max_parallel == 1
    assert (task.resources.cpu, task.resources.memory_mb, task.kill_timeout) == (100, 300, 5 * SECOND)
    assert task.identity.audience == ["nomadproject.io"]


@pytest.mark.parametrize(
    ("kind", "restarts", "reschedules", "updates"),
    [("batch", 3, True, False), ("system", 2, False, True), ("sysbatch", 3, False, False)],
)
def test_what_other_kinds_get(kind, restarts, reschedules, updates):
    (group,) = canonical(Type=kind).task_groups
    assert group.restart_policy.attempts == restarts
    assert (group.reschedule_policy is not None) is reschedules
    assert (group.update is not None) is updates
    assert group.migrate is None


def test_policies_of_the_job_are_merged_into_its_groups_and_tasks():
    job = canonical(
        Update={"MaxParallel": 3, "Canary": 1},
        Reschedule={"Delay": 9 * SECOND},
        group={
            "Update": {"Canary": 2},
            "RestartPolicy": {"Attempts": 7},
            "Tasks": [{**TASK, "RestartPolicy": {"Delay": SECOND}}],
        },
    )
    (group,) = job.task_groups
    assert (group.update.max_parallel, group.update.canary) == (3, 2)
    assert (job.update.max_parallel, job.update.canary, job.update.health_check) == (3, 0, "")
    assert group.reschedule_policy.delay == 9 * SECOND
    assert (group.tasks[0].restart_policy.attempts, group.tasks[0].restart_policy.delay) == (7, SECOND)
    assert "Reschedule" not in job.to_wire()


def test_empty_lists_and_maps_are_absent():
    job = canonical(Meta={}, Constraints=[], group={"Tasks": [{**TASK, "Env": {}, "Config": {}}]})
    assert job.meta is None
    assert job.constraints is None
    assert job.task_groups[0].tasks[0].env is None


def test_names_of_services_may_refer_to_the_job():
    services = [{"Name": "${JOB}-${TASKGROUP}-x", "Provider": "nomad"}, {"Provider": "nomad"}]
    first, second = canonical(group={"Services": services}).task_groups[0].services
    assert (first.name, second.name) == ("j-g-x", "j-g")


def test_checks_inherit_from_their_service():
    service = {
        "Name": "s",
        "Provider": "nomad",
        "CheckRestart": {"Limit": 3},
        "OnUpdate": "ignore",
        "Checks": [{"Type": "tcp"}],
    }
    (check,) = canonical(group={"Services": [service]}).task_groups[0].services[0].checks
    assert (check.name, check.on_update) == ('service: "s" check', "ignore")
    assert (check.check_restart.limit, check.check_restart.grace) == (3, SECOND)


def test_the_default_identity_is_taken_out_of_the_others():
    identities = [{"Name": "default", "Env": True}, {"Name": "aws", "Audience": ["x"]}]
    (task,) = canonical(group={"Tasks": [{**TASK, "Identities": identities}]}).task_groups[0].tasks
    assert task.identity.env
    assert [identity.name for identity in task.identities] == ["aws"]


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ({"Services": [{"Name": "s", "Provider": "nomad"}]}, "${attr.nomad.service_discovery}"),
        ({"Networks": [{"Mode": "bridge"}]}, "${attr.plugins.cni.version.bridge}"),
        ({"Tasks": [{**TASK, "KillSignal": "SIGINT"}]}, "${attr.os.signals}"),
        ({"Tasks": [{**TASK, "Vault": {}}]}, "${attr.vault.version}"),
        ({"Tasks": [{**TASK, "Identities": [{"Name": "a", "Audience": ["x"]}]}]}, "${attr.nomad.version}"),
    ],
)
def test_what_a_group_uses_constrains_it(group, target):
    job = canonical(group=group)
    assert target in [constraint.l_target for constraint in job.task_groups[0].constraints]
    assert canonicalize(job).task_groups[0].constraints == job.task_groups[0].constraints, "once is enough"


@given(
    kind=st.sampled_from(["service", "batch", "system", "sysbatch"]),
    count=st.none() | st.integers(0, 3),
    update=st.none() | st.fixed_dictionaries({}, optional={"MaxParallel": st.integers(0, 3), "Canary": st.integers(0, 2)}),
)
def test_a_canonical_job_stays_as_it_is(kind, count, update):
    once = canonical(Type=kind, group={"Count": count, "Update": update, "Networks": [{"DynamicPorts": [{"Label": "p"}]}]})
    assert canonicalize(once) == once
