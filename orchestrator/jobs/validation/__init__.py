"""Whether a job may be registered, and what about it is probably not meant.

All that is wrong is told at once, in the words of Nomad's server: clients show the texts, and some search them.
"""

from dataclasses import dataclass

from nomad_api.models import Job
from orchestrator.errors import APIError, multiple_errors
from orchestrator.jobs.validation.job import job_problems
from orchestrator.jobs.validation.namespace import namespace_problems
from orchestrator.jobs.validation.warnings import job_warnings, warnings_text
from orchestrator.state.schema import State

NODE_POOLS = ("all", "default")


@dataclass(frozen=True)
class Validation:
    """The outcome of checking a job."""

    errors: list[str]
    warnings: list[str]

    @property
    def error_text(self) -> str:
        """The errors as the API shows them, empty if there are none."""
        return multiple_errors(self.errors) if self.errors else ""

    @property
    def warnings_text(self) -> str:
        """The warnings as the API shows them, empty if there are none."""
        return warnings_text(self.warnings)


def validate(state: State, job: Job) -> Validation:
    """Check a canonical job."""
    errors = []
    if job.multiregion is not None:
        errors.append("Multiregion jobs are unlicensed.")
    namespace = state.namespaces.get(job.namespace)
    if namespace is None:
        errors.append(f'job "{job.id}" is in nonexistent namespace "{job.namespace}"')
    else:
        errors += namespace_problems(namespace, job)
    if job.node_pool not in NODE_POOLS and all(node.node_pool != job.node_pool for node in state.nodes):
        errors.append(f'job "{job.id}" is in nonexistent node pool "{job.node_pool}"')
    return Validation([*errors, *job_problems(job)], list(job_warnings(job)))


def check(state: State, job: Job) -> list[str]:
    """The warnings about a canonical job.

    Raises:
        APIError: 500, with all that is wrong with it.
    """
    validation = validate(state, job)
    if validation.errors:
        raise APIError(500, validation.error_text)
    return validation.warnings


__all__ = ["Validation", "check", "validate", "warnings_text"]
