import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs import canonicalize
from orchestrator.scheduler.rank import binpack, score
from orchestrator.scheduler.resources import Amount

ROOM = Amount(1000, 1000, 1000)


def scored(job, node, **fields):
    return score(
        job, job.task_groups[0], node, **{"capacity": ROOM, "used": Amount(), "same_group": 0, "penalized": (), **fields}
    )


def test_an_empty_node_scores_nothing_and_a_full_one_all():
    assert binpack(ROOM, Amount()) == 0
    assert binpack(ROOM, ROOM) == 1


@given(st.integers(0, 999), st.integers(0, 999))
def test_a_fuller_node_scores_more(cpu, memory):
    assert binpack(ROOM, Amount(cpu + 1, memory)) > binpack(ROOM, Amount(cpu, memory)) >= 0


def test_company_of_the_same_group_and_a_failure_there_count_against_a_node(new_job, node):
    job = canonicalize(new_job(Count=4))
    scores, total = scored(job, node, same_group=1, penalized={node.id})
    assert scores["job-anti-affinity"] == -0.5
    assert scores["node-reschedule-penalty"] == -1
    assert total == pytest.approx(-0.5)


def test_affinities_are_weighed(new_job, node):
    near = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r1", "Weight": 75}
    far = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r9", "Weight": -25}
    scores, total = scored(canonicalize(new_job(Affinities=[near, far])), node)
    assert scores["node-affinity"] == 0.75
    assert total == pytest.approx(0.375)
