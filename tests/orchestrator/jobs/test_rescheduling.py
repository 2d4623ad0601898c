import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.duration import HOUR, MINUTE, SECOND
from nomad_api.models import Allocation, Job, TaskState
from nomad_api.models.allocation import RescheduleEvent, RescheduleTracker
from orchestrator.jobs import canonicalize
from orchestrator.jobs.rescheduling import eligible, next_delay, next_reschedule, policy_of, tracked
from orchestrator.timestamps import format_time

NOW = 1_700_000_000 * SECOND


def alloc(*delays, **policy):
    group = {"Name": "g", "Tasks": [{"Name": "t", "Driver": "d"}], "ReschedulePolicy": policy}
    job = canonicalize(Job.model_validate({"ID": "j", "TaskGroups": [group]}))
    events = [RescheduleEvent(reschedule_time=NOW - MINUTE, delay=delay) for delay in delays]
    state = TaskState(state="dead", failed=True, finished_at=format_time(NOW))
    return Allocation(
        id="a",
        job=job,
        task_group="g",
        client_status="failed",
        desired_status="run",
        task_states={"t": state},
        reschedule_tracker=RescheduleTracker(events=events) if events else None,
    )


@pytest.mark.parametrize(
    ("function", "delays", "following"),
    [
        ("constant", [30, 30], 30),
        ("exponential", [], 30),
        ("exponential", [30], 60),
        ("exponential", [30, 60], 120),
        ("fibonacci", [30], 30),
        ("fibonacci", [30, 30], 60),
        ("fibonacci", [30, 60], 90),
    ],
)
def test_delays_grow_as_told(function, delays, following):
    policy = {"Delay": 30 * SECOND, "DelayFunction": function, "MaxDelay": HOUR}
    assert next_delay(alloc(*(delay * SECOND for delay in delays), **policy)) == following * SECOND


@given(st.sampled_from(["exponential", "fibonacci"]), st.integers(0, 12))
def test_delays_have_an_end(function, attempts):
    each, now = alloc(Delay=30 * SECOND, DelayFunction=function, MaxDelay=HOUR), NOW
    for _ in range(attempts):
        delay = next_delay(each)
        assert 30 * SECOND <= delay <= HOUR
        now += delay
        state = TaskState(state="dead", failed=True, finished_at=format_time(now))
        each = tracked(each, each, now).evolve(task_states={"t": state})
    assert len((each.reschedule_tracker.events if each.reschedule_tracker else None) or ()) <= 6


def test_attempts_are_limited_in_an_interval():
    limited = alloc(SECOND, Attempts=1, Interval=HOUR, Delay=5 * SECOND, Unlimited=False)
    assert not eligible(limited, policy_of(limited), NOW)
    assert eligible(limited, policy_of(limited), NOW + 2 * HOUR)
    assert not next_reschedule(limited).eligible


def test_a_replacement_is_due_after_the_end():
    due = next_reschedule(alloc(Delay=30 * SECOND))
    assert (due.time, due.eligible) == (NOW + 30 * SECOND, True)


def test_no_policy_no_replacement():
    never = alloc(Attempts=0, Unlimited=False)
    assert not next_reschedule(never).eligible
