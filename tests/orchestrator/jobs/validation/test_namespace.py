"""What a namespace lets its jobs use."""

import pytest

from nomad_api.models import Job, Namespace, Network, Task, TaskGroup
from orchestrator.jobs.validation.namespace import namespace_problems


def job(*drivers: str, mode: str = "host") -> Job:
    tasks = [Task(name=f"t{number}", driver=driver) for number, driver in enumerate(drivers)]
    return Job(id="j", task_groups=[TaskGroup(name="g", tasks=tasks, networks=[Network(mode=mode)])])


@pytest.mark.parametrize(
    ("capabilities", "wanted", "problems"),
    [
        (None, job("docker"), []),
        ({"EnabledTaskDrivers": None, "DisabledTaskDrivers": None}, job("docker"), []),
        ({"EnabledTaskDrivers": ["docker"]}, job("docker"), []),
        ({"EnabledTaskDrivers": ["exec"]}, job("docker"), ['used task driver "docker" is not allowed in namespace "n"']),
        (
            {"DisabledTaskDrivers": ["docker", "exec"]},
            job("docker", "raw_exec", "exec"),
            ['used task drivers ["docker" "exec"] are not allowed in namespace "n"'],
        ),
        (
            {"EnabledTaskDrivers": ["docker"], "DisabledTaskDrivers": ["docker"]},
            job("docker"),
            ['used task driver "docker" is not allowed in namespace "n"'],
        ),
        (
            {"EnabledNetworkModes": ["host"]},
            job("docker", mode="bridge"),
            ['used group network mode "bridge" is not allowed in namespace "n"'],
        ),
    ],
)
def test_what_a_namespace_refuses(capabilities, wanted, problems):
    assert list(namespace_problems(Namespace(name="n", capabilities=capabilities), wanted)) == problems
