"""Whether a job may be registered."""

from nomad_api.models import Job
from orchestrator.errors import APIError, multiple_errors
from orchestrator.state.schema import State


def check(state: State, job: Job) -> list[str]:
    """The warnings about a canonical job.

    Raises:
        APIError: 500, with all that is wrong with it.
    """
    problems = []
    if state.namespaces.get(job.namespace) is None:
        problems.append(f'job "{job.id}" is in nonexistent namespace "{job.namespace}"')
    errors, warnings = find_problems(job)
    problems += errors
    if problems:
        raise APIError(500, multiple_errors(problems))
    return warnings


def find_problems(job: Job) -> tuple[list[str], list[str]]:
    return [], []


def validate(job: Job) -> tuple[str | None, str]:
    return None, ""


def messages(text: str) -> list[str]:
    return [text]
