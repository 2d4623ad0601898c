"""Models of the wire: Nomad's keys, Go's decoding."""

import orjson
import pytest
from pydantic import ValidationError

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Evaluation, Job, Task, TaskGroup, Update, Variable
from nomad_api.models.base import wire_name
from nomad_api.models.job import Network


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("id", "ID"),
        ("eval_id", "EvalID"),
        ("memory_max_mb", "MemoryMaxMB"),
        ("mbits", "MBits"),
        ("l_target", "LTarget"),
        ("failed_tg_allocs", "FailedTGAllocs"),
        ("http_addr", "HTTPAddr"),
        ("job_acl", "JobACL"),
        ("kill_timeout", "KillTimeout"),
    ],
)
def test_python_names_become_nomads_keys(name: str, key: str) -> None:
    assert wire_name(name) == key


def test_unknown_fields_survive_a_round_trip() -> None:
    text = b'{"ID":"web","Novelty":{"a":[1,null]}}'
    assert Job.from_json(text).to_wire()["Novelty"] == {"a": [1, None]}


def test_keys_are_read_without_regard_to_case() -> None:
    assert Job.from_json(b'{"id":"web","TASKGROUPS":[{"name":"g"}]}').task_groups == [TaskGroup(name="g")]


def test_null_of_a_plain_field_is_its_zero_value_and_of_an_optional_one_is_unset() -> None:
    task = Task.from_json(b'{"Name":null,"Leader":null,"KillTimeout":null}')
    assert (task.name, task.leader, task.kill_timeout) == ("", False, None)


def test_durations_may_be_typed_as_text() -> None:
    assert Update(min_healthy_time="10s").min_healthy_time == 10 * SECOND  # type: ignore[arg-type]


def test_a_wrong_type_names_the_field() -> None:
    with pytest.raises(ValidationError, match="TaskGroups"):
        Job.from_json(b'{"TaskGroups":[{"Count":"two"}]}')


def test_json_has_sorted_keys_and_every_field() -> None:
    keys = list(orjson.loads(TaskGroup(name="g").to_json()))
    assert keys == sorted(keys)
    assert {"Name", "Count", "Tasks", "Update"} <= set(keys)


def test_sparse_objects_leave_zero_values_out() -> None:
    assert Evaluation(id="e", priority=0, queued_allocations={}).to_wire() == {"ID": "e"}
    assert Network(mode="host").to_wire() == {"Mode": "host"}
    assert Allocation(id="a").to_wire() == {"ID": "a"}


def test_sparse_fields_are_left_out_while_unset() -> None:
    assert "Lock" not in Variable(path="a").to_wire()
    assert "Items" not in Variable(path="a").to_wire()


def test_objects_cannot_change_but_evolve() -> None:
    before = Job(id="a", priority=1)
    encoded = before.to_json()
    after = before.evolve(priority=2)
    assert (before.priority, after.priority) == (1, 2)
    assert before.to_json() is encoded
    assert orjson.loads(after.to_json())["Priority"] == 2
    with pytest.raises(ValidationError, match="frozen"):
        before.priority = 3  # type: ignore[misc]


def test_json_is_not_remembered_where_that_is_not_wanted() -> None:
    group = TaskGroup(name="g")
    passing = group.to_json(keep=False)
    kept = group.to_json()
    assert passing == kept
    assert passing is not kept
    assert group.to_json(keep=False) is kept
