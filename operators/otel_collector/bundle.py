"""The collector operator as a job: what `nomadctl operator install otel_collector` submits.

A system job whose task has a workload identity and nothing else: no token stands in it, and the only address is the socket of
the task API, which an address in the environment of the node's agent must not take the place of. It may do what the policy
bound to the job allows.
"""

from collections.abc import Mapping

from nomad_api.duration import MINUTE, SECOND
from nomad_api.models import (
    ACLPolicy,
    Job,
    Network,
    Port,
    Resources,
    Service,
    ServiceCheck,
    Task,
    TaskGroup,
    Update,
    WorkloadIdentity,
)
from nomad_api.models.job import RestartPolicy
from operators.bundle import LABEL, Bundle

NAME = "otel_collector"
POLICY = "otel-collector"  # the name of a policy takes no underscore
SOCKET = "unix://${NOMAD_SECRETS_DIR}/api.sock"

_OPTIONS = ("python", "driver")

_RULES = """\
namespace "%s" {
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
    path "locks/otel_collector/*" {
      capabilities = ["list", "read", "write", "destroy"]
    }
    path "operators/otel_collector" {
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
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise ValueError(f'unknown option "{unknown[0]}"; there are: {", ".join(_OPTIONS)}')
    if options.get("driver", "raw_exec") != "raw_exec":
        raise ValueError(f'driver "{options["driver"]}" is not to be had for this operator; use raw_exec')
    task = Task(
        name="operator",
        driver="raw_exec",
        config={"command": options.get("python", "python3"), "args": ["-m", "operators.otel_collector"]},
        env={"NOMAD_ADDR": SOCKET, "PYTHONUNBUFFERED": "1"},
        identity=WorkloadIdentity(env=True, file=True),
        resources=Resources(cpu=100, memory_mb=128),
        kill_signal="SIGTERM",
    )
    # Not ready is also an operator that its policy keeps from something.
    check = ServiceCheck(name="ready", type="http", path="/readyz", interval=2 * SECOND, timeout=SECOND)
    group = TaskGroup(
        name="operator",
        networks=[Network(dynamic_ports=[Port(label="health")])],
        services=[Service(name="operator-otel-collector", port_label="health", provider="nomad", checks=[check])],
        restart_policy=RestartPolicy(attempts=10, interval=MINUTE, delay=SECOND, mode="delay"),
        update=Update(health_check="checks", min_healthy_time=SECOND),
        tasks=[task],
    )
    return Job(id=NAME, type="system", datacenters=["*"], meta={LABEL: NAME}, task_groups=[group])


def policy(namespace: str) -> ACLPolicy:
    """The least that the operator needs, in the one namespace that it looks after."""
    name = POLICY if namespace == "default" else f"{POLICY}-{namespace}"
    return ACLPolicy(name=name, description="What the OpenTelemetry Collector operator may do", rules=_RULES % namespace)


BUNDLE = Bundle(
    name=NAME,
    summary="Runs OpenTelemetry Collectors",
    kinds=("otel/collector",),
    job=operator_job,
    policy=policy,
)
