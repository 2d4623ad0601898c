"""What is wrong with a job is told all at once, in Nomad's words."""

import pytest

from nomad_api.duration import MINUTE, SECOND
from nomad_api.models import Job, Namespace
from orchestrator.jobs import canonicalize, validate
from orchestrator.state.store import Store

TASK = {"Name": "t", "Driver": "mock_driver"}


@pytest.fixture
async def check():
    store = Store(lambda: 1)
    store.start()
    await store.write("NamespaceUpserted", lambda tx: tx.put(Namespace(name="default")))

    def check(*, group=None, task=None, **body):
        groups = [{"Name": "g", "Tasks": [{**TASK, **(task or {})}], **(group or {})}]
        job = Job.model_validate({"ID": "j", "TaskGroups": groups, **body})
        return validate(store.state, canonicalize(job))

    return check


@pytest.mark.parametrize("kind", ["service", "batch", "system", "sysbatch"])
async def test_a_plain_job_is_good(check, kind):
    found = check(Type=kind)
    assert (found.errors, found.warnings, found.error_text, found.warnings_text) == ([], [], "", "")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"ID": "a b"}, "Job ID contains a space"),
        ({"Type": "cron"}, 'Invalid job type: "cron"'),
        ({"Priority": 101}, "job priority must be between [1, 100]"),
        ({"TaskGroups": []}, "Missing job task groups"),
        ({"Namespace": "moon"}, 'job "j" is in nonexistent namespace "moon"'),
        ({"NodePool": "moon"}, 'job "j" is in nonexistent node pool "moon"'),
        (
            {"Type": "system", "group": {"Count": 2}},
            "Job task group g has count 2. Count cannot exceed 1 with system scheduler",
        ),
        ({"Multiregion": {"Regions": []}}, "Multiregion jobs are unlicensed."),
        (
            {"Type": "service", "Periodic": {"Specs": ["@daily"]}},
            'Periodic can only be used with "batch" or "sysbatch" scheduler',
        ),
    ],
)
async def test_errors_of_the_job(check, body, text):
    assert check(**body).errors == [text]


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ({"Count": -1}, "Task group count can't be negative"),
        ({"Tasks": [TASK, TASK]}, "Task 2 redefines 't' from task 1"),
        ({"Tasks": [{**TASK, "Lifecycle": {"Hook": "prestart"}}]}, "Task group g must have at least one main task"),
        ({"EphemeralDisk": {"SizeMB": 5}}, "minimum DiskMB value is 10; got 5"),
        ({"RestartPolicy": {"Mode": "often"}}, 'Unsupported restart mode: "often"'),
        (
            {"RestartPolicy": {"Attempts": 10, "Interval": 6 * SECOND}},
            "Nomad can't restart the TaskGroup 10 times in an interval of 6s with a delay of 15s",
        ),
        ({"Update": {"AutoPromote": True}}, "Auto Promote requires a Canary count greater than zero"),
        (
            {
                "ReschedulePolicy": {
                    "Attempts": 9,
                    "Interval": MINUTE,
                    "Delay": 10 * SECOND,
                    "DelayFunction": "constant",
                    "Unlimited": False,
                }
            },
            'Nomad can only make 6 attempts in 1m0s with initial delay 10s and delay function "constant"',
        ),
        ({"Networks": [{"ReservedPorts": [{"Label": "a", "Value": 70000}]}]}, "Port a (70000) cannot be greater than 65535"),
        ({"Services": [{"Name": "a b", "Provider": "nomad"}]}, 'and must be no longer than 63 characters: "a b"'),
        ({"Services": [{"Name": "s", "Provider": "dns"}]}, 'Service provider must be "consul", or "nomad"; not "dns"'),
        ({"Scaling": {"Min": 7, "Max": 3}}, "Scaling policy invalid: maximum count must not be less than minimum count"),
        ({"Volumes": {"v": {"Type": "host"}}}, "volume has an empty source"),
        ({"Disconnect": {"Reconcile": "luck"}}, "reconcile option is invalid: luck"),
    ],
)
async def test_errors_of_a_group(check, group, text):
    found = check(group=group)
    assert found.errors[0].startswith("Task group g validation failed: ")
    assert text in found.error_text


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ({"Driver": ""}, "Missing task driver"),
        ({"Name": "a/b"}, "Task name cannot include slashes"),
        ({"KillTimeout": -1}, "KillTimeout must be a positive value"),
        ({"KillTimeout": 3600 * SECOND}, "KillTimout (1h0m0s) longer than the group's ProgressDeadline (10m0s)"),
        ({"Resources": {"CPU": 0}}, "minimum CPU value is 1; got 0"),
        ({"Resources": {"CPU": 5, "Cores": 1}}, "Task can only ask for 'cpu' or 'cores' resource, not both."),
        (
            {"Resources": {"MemoryMB": 64, "MemoryMaxMB": 32}},
            "MemoryMaxMB value (32) should be larger than MemoryMB value (64)",
        ),
        ({"LogConfig": {"MaxFiles": 0}}, "minimum number of files is 1; got 0"),
        ({"Templates": [{"DestPath": "../../../x", "EmbeddedTmpl": "x"}]}, "destination escapes allocation directory"),
        ({"Templates": [{"DestPath": "x", "EmbeddedTmpl": "x", "Perms": "999"}]}, 'Failed to parse "999" as octal'),
        ({"Artifacts": [{"GetterSource": "http://h/x", "GetterOptions": {"checksum": "md5:00"}}]}, "invalid md5 checksum: 00"),
        ({"Lifecycle": {"Hook": "midnight"}}, "Lifecycle validation failed: invalid hook: midnight"),
        ({"VolumeMounts": [{"Volume": "v"}]}, "Volume Mount (0) references undefined volume v"),
        ({"Identities": [{"Name": "a b"}]}, 'invalid name "a b". Must match regex ^[a-zA-Z0-9-_]{1,128}$'),
        ({"Actions": [{"Name": "a"}]}, "command cannot be empty"),
        ({"Constraints": [{"Operand": "distinct_hosts"}]}, "Constraint 1 has disallowed Operand at task level: distinct_hosts"),
        ({"Services": [{"Name": "s", "PortLabel": "p"}]}, 'port label "p" referenced by services s does not exist'),
        ({"Secrets": [{"Name": "s", "Provider": "nomad"}]}, "secret path cannot be empty"),
        ({"Vault": {"ChangeMode": "pray"}}, 'Unknown change mode "pray"'),
    ],
)
async def test_errors_of_a_task(check, task, text):
    found = check(task=task)
    assert " validation failed: 1 error occurred:\n\t* " in found.error_text
    assert text in found.error_text


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        ({"LTarget": "${attr.a}", "Operand": "~~", "RTarget": "x"}, 'Unknown constraint type "~~"'),
        ({"LTarget": "${attr.a}", "Operand": "="}, 'Operator "=" requires an RTarget'),
        ({"Operand": "=", "RTarget": "x"}, "no attribute provided but is required by operator"),
        ({"LTarget": "${attr.a}", "Operand": "regexp", "RTarget": "("}, "missing closing ): `(`"),
        ({"LTarget": "${attr.a}", "Operand": "version", "RTarget": "no"}, "malformed constraint: no"),
        ({"LTarget": "${moon.a}", "Operand": "=", "RTarget": "x"}, 'unsupported attribute "${moon.a}"'),
        ({"LTarget": "${attr.a}", "Operand": "is_set", "RTarget": "x"}, 'Operator "is_set" does not support an RTarget'),
    ],
)
async def test_errors_of_a_constraint(check, constraint, text):
    found = check(Constraints=[constraint])
    assert found.errors[0].startswith("Constraint 1 validation failed: 1 error occurred:\n\t* ")
    assert text in found.error_text


async def test_errors_of_all_levels_come_together(check):
    found = check(Type="cron", Priority=500, group={"Count": -1}, task={"Driver": ""})
    assert found.error_text == (
        '3 errors occurred:\n\t* Invalid job type: "cron"\n\t* Task group g validation failed: 2 errors occurred:\n'
        "\t* Task group count can't be negative\n\t* Task t validation failed: 1 error occurred:\n"
        "\t* Missing task driver\n\n\n\n\n\t* job priority must be between [1, 100]\n\n"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"Type": "batch", "Periodic": {"Spec": "* * * * *"}}, "cron is deprecated"),
        ({"task": {"Resources": {"MemoryMaxMB": 600}}}, "Memory oversubscription is not enabled"),
        ({"group": {"Count": 2, "Update": {"MaxParallel": 3}}}, "(3 > 2)"),
        ({"group": {"Services": [{"Name": "s", "Provider": "nomad"}]}}, "have shutdown_delay set"),
        ({"task": {"Identities": [{"Name": "a"}]}}, "Identity[a] identities without an audience are insecure"),
    ],
)
async def test_warnings(check, body, text):
    found = check(**body)
    assert found.errors == []
    assert found.warnings_text.startswith("1 warning:\n\n* ")
    assert text in found.warnings_text


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("* * nope", "missing field(s)"),
        ("* * * * nope", "syntax error in day-of-week field: 'nope'"),
        ("*/5 1-3 * JAN MON", None),
        ("@hourly", None),
    ],
)
async def test_cron_expressions(check, spec, text):
    found = check(Type="batch", Periodic={"Specs": [spec]})
    assert (text is None and not found.errors) or f'Invalid cron spec "{spec}": {text}' in found.error_text
