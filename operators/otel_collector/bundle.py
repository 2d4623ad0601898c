"""The collector operator as a job: what `nomadctl operator install otel_collector` submits.

A system job whose task has a workload identity and nothing else: no address and no token stand in it. It reaches the API
through the socket of the task API, and may do what the policy bound to the job allows.
"""

from collections.abc import Mapping

from nomad_api.models import ACLPolicy, Job, Resources, Task, TaskGroup, Update, WorkloadIdentity
from nomad_api.models.job import RestartPolicy
from operators.bundle import LABEL, Bundle

NAME = "otel_collector"
POLICY = "otel-collector"  # the name of a policy takes no underscore

RULES = """\
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job", "read-logs"]

  variables {
    path "resources/otel/*" {
      capabilities = ["list", "read"]
    }
    path "status/otel/*" {
      capabilities = ["list", "read", "write", "destroy"]
    }
    path "crds/otel/*" {
      capabilities = ["list", "read", "write"]
    }
    path "locks/otel_collector" {
      capabilities = ["list", "read", "write"]
    }
  }
}
"""


def operator_job(options: Mapping[str, str]) -> Job:
    """The job.

    Args:
        options: `python`, the interpreter that has this project installed, and `driver` (`raw_exec`, the only one).

    Raises:
        ValueError: an option is unknown, or `driver` is not to be had.
    """
    unknown = sorted(set(options) - {"python", "driver"})
    if unknown:
        raise ValueError(f'unknown option "{unknown[0]}"; there are: python, driver')
    if options.get("driver", "raw_exec") != "raw_exec":
        raise ValueError(f'driver "{options["driver"]}" is not to be had for this operator; use raw_exec')
    task = Task(
        name="operator",
        driver="raw_exec",
        config={"command": options.get("python", "python3"), "args": ["-m", "operators.otel_collector"]},
        env={"PYTHONUNBUFFERED": "1"},
        identity=WorkloadIdentity(env=True),
        resources=Resources(cpu=100, memory_mb=128),
    )
    restart = RestartPolicy(attempts=10, interval="1m", delay="1s", mode="delay")  # type: ignore[arg-type]
    update = Update(health_check="task_states", min_healthy_time="1s")  # type: ignore[arg-type]
    group = TaskGroup(name="operator", restart_policy=restart, update=update, tasks=[task])
    return Job(id=NAME, type="system", datacenters=["*"], meta={LABEL: NAME}, task_groups=[group])


def policy() -> ACLPolicy:
    """The least that the operator needs."""
    return ACLPolicy(name=POLICY, description="What the OpenTelemetry Collector operator may do", rules=RULES)


BUNDLE = Bundle(
    name=NAME,
    summary="Runs OpenTelemetry Collectors",
    kinds=("otel/collector",),
    job=operator_job,
    policy=policy,
)
