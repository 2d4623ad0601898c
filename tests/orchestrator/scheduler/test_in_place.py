import pytest

from orchestrator.jobs import canonicalize
from orchestrator.scheduler.in_place import needs_replacement

TASK = {"Name": "t", "Driver": "mock_driver"}


@pytest.mark.parametrize(
    ("group", "replaced"),
    [
        ({"Count": 5}, False),
        ({"Constraints": [{"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r1"}]}, False),
        ({"Services": [{"Name": "s", "Provider": "nomad"}]}, False),
        ({"Tasks": [{**TASK, "KillTimeout": 9_000_000_000}]}, False),
        ({"Tasks": [{**TASK, "LogConfig": {"MaxFiles": 3}}]}, False),
        ({"Tasks": [{**TASK, "LogConfig": {"Disabled": True}}]}, True),
        ({"Tasks": [{**TASK, "Driver": "raw_exec"}]}, True),
        ({"Tasks": [{**TASK, "Config": {"run_for": "1s"}}]}, True),
        ({"Tasks": [{**TASK, "Env": {"A": "1"}}]}, True),
        ({"Tasks": [{**TASK, "Templates": [{"DestPath": "local/x", "EmbeddedTmpl": "y"}]}]}, True),
        ({"Tasks": [{**TASK, "Resources": {"CPU": 200}}]}, True),
        ({"Tasks": [TASK, {**TASK, "Name": "u"}]}, True),
        ({"Meta": {"a": "b"}}, True),
        ({"Networks": [{"DynamicPorts": [{"Label": "p"}]}]}, True),
        ({"EphemeralDisk": {"SizeMB": 500}}, True),
    ],
)
def test_which_changes_need_new_allocations(new_job, group, replaced):
    before, after = canonicalize(new_job(Tasks=[TASK])), canonicalize(new_job(**{"Tasks": [TASK], **group}))
    assert needs_replacement(before, after, "g") is replaced
