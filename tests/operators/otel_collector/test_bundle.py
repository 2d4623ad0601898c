"""The operator as a job, and what it may do."""

import sys

import pytest

from operators.bundle import LABEL, bundles
from operators.otel_collector.bundle import BUNDLE, operator_job, policy


def test_it_is_found_among_the_bundles() -> None:
    assert bundles()["otel_collector"] is BUNDLE
    assert BUNDLE.kinds == ("otel/collector",)


def test_it_is_a_system_job_that_reaches_the_api_by_its_socket_and_identity_alone() -> None:
    job = operator_job({"python": sys.executable})
    assert (job.id, job.type, (job.meta or {})[LABEL]) == (BUNDLE.name, "system", BUNDLE.name)
    [group] = job.task_groups or []
    [task] = group.tasks or []
    assert task.config == {"command": sys.executable, "args": ["-m", "operators.otel_collector"]}
    assert task.env is not None
    assert task.env["NOMAD_ADDR"] == "unix://${NOMAD_SECRETS_DIR}/api.sock"
    assert not any("TOKEN" in name for name in task.env)
    assert task.identity is not None
    assert task.identity.env
    assert task.identity.file


@pytest.mark.parametrize("options", [{"driver": "docker"}, {"pyhton": "python3"}])
def test_an_option_that_it_does_not_know_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"driver|pyhton"):
        operator_job(options)


def test_the_policy_is_of_one_namespace_and_never_writes_a_resource() -> None:
    assert (policy("default").name, policy("ops").name) == ("otel-collector", "otel-collector-ops")
    rules = policy("ops").rules
    assert 'namespace "ops"' in rules
    resources = rules[rules.index('path "resources/') :].split("}")[0]
    assert "write" not in resources
    assert "destroy" not in resources
    for word in ('*" {\n  policy', "node", "agent", "operator {", "management"):
        assert word not in rules


def test_the_policy_lets_it_lead_follow_its_switch_and_keep_its_shards() -> None:
    rules = policy("default").rules
    for path in ("locks/otel_collector", "locks/otel_collector/*", "operators/otel_collector"):
        assert f'path "{path}"' in rules
    assert '"read-job"' in rules
