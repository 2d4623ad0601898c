"""The canonical form: defaults of a client, and what groups and tasks inherit."""

from typing import Any

from jobspec import parse
from jobspec.canonical import canonical

SECOND = 1_000_000_000


def job(text: str) -> dict[str, Any]:
    return canonical(parse(f'job "j" {{\n{text}\n}}'))


def test_a_service_gets_every_policy_and_the_parsed_job_stays_as_it_is() -> None:
    parsed = parse('job "j" {\n  group "g" {\n    task "t" {\n      driver = "docker"\n    }\n  }\n}')
    group = canonical(parsed)["TaskGroups"][0]
    assert (group["Count"], group["Update"]["MaxParallel"], group["Migrate"]["HealthCheck"]) == (1, 1, "checks")
    assert group["ReschedulePolicy"]["Unlimited"] is True
    assert group["Tasks"][0]["Resources"]["CPU"] == 100
    assert group["Tasks"][0]["KillTimeout"] == 5 * SECOND
    assert parsed["TaskGroups"][0]["Count"] is None


def test_a_batch_job_is_neither_rolled_out_nor_migrated() -> None:
    group = job('type = "batch"\ngroup "g" {\n}')["TaskGroups"][0]
    assert (group["Update"], group["Migrate"]) == (None, None)
    assert group["ReschedulePolicy"]["Attempts"] == 1
    assert group["RestartPolicy"]["Attempts"] == 3


def test_groups_inherit_from_the_job_and_tasks_from_their_group() -> None:
    group = job(
        'update {\n  max_parallel = 3\n}\ngroup "g" {\n  update {\n    canary = 1\n  }\n'
        '  restart {\n    attempts = 9\n  }\n  task "t" {\n    restart {\n      mode = "delay"\n    }\n  }\n}'
    )["TaskGroups"][0]
    assert (group["Update"]["MaxParallel"], group["Update"]["Canary"]) == (3, 1)
    restart = group["Tasks"][0]["RestartPolicy"]
    assert (restart["Attempts"], restart["Mode"]) == (9, "delay")


def test_services_are_named_after_their_place_and_checks_follow_them() -> None:
    text = 'group "g" {\n  service {\n    on_update = "ignore"\n    check {\n      type = "tcp"\n    }\n  }\n}'
    service = job(text)["TaskGroups"][0]["Services"][0]
    assert (service["Name"], service["Provider"]) == ("j-g", "consul")
    assert service["Checks"][0]["OnUpdate"] == "ignore"


def test_cores_take_the_place_of_cpu() -> None:
    text = 'group "g" {\n  task "t" {\n    resources {\n      cores = 2\n    }\n  }\n}'
    assert job(text)["TaskGroups"][0]["Tasks"][0]["Resources"]["CPU"] == 0
