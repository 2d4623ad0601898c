"""Finding the object that a prefix of an ID means."""

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nomadctl.failure import Failure, failing
from nomadctl.output import instant, table

if TYPE_CHECKING:
    from nomad_api.models import JobStub
    from nomadctl.framework import Call

_PAGE = 20


class HasID(Protocol):
    """What can be found by its ID."""

    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=HasID)


async def find_job(call: "Call", prefix: str, *, kind: str = "", filter: str | None = None) -> tuple[str, str]:
    """ID and namespace of the job that a prefix means: the exact match, else the only one.

    A token that may not list jobs may still read one: then the prefix is taken for the whole ID.

    Args:
        kind: what sort of job is looked for, for the message if there is none; `filter` is the expression for it.
    """
    from nomad_api.errors import Forbidden

    prefix = prefix.strip()
    try:
        with failing(f'Error querying job prefix "{prefix}"'):
            jobs = await call.nomad.jobs.list(prefix, filter=filter, per_page=_PAGE)
    except Failure as failure:
        if isinstance(failure.__cause__, Forbidden):
            return prefix, call.settings.namespace
        raise
    if not jobs:
        raise Failure(f'No {kind}{" " if kind else ""}job(s) with prefix or ID "{prefix}" found')
    ambiguous = jobs[0].id != prefix or (call.all_namespaces and len(jobs) > 1 and jobs[1].id == jobs[0].id)
    if len(jobs) > 1 and ambiguous:
        more = "\n(results may be truncated)" if len(jobs) >= _PAGE else ""
        raise Failure(f'Prefix "{prefix}" matched multiple jobs\n\n{job_table(jobs, call.all_namespaces)}{more}')
    return jobs[0].id, jobs[0].namespace


def job_table(jobs: "Sequence[JobStub]", namespaces: bool) -> str:
    """A list of jobs, with their namespaces where there are several."""
    heading = ["ID", *(["Namespace"] if namespaces else []), "Type", "Priority", "Status", "Submit Date"]
    rows = []
    for job in jobs:
        kind = job.type + ("/periodic" if job.periodic else "") + ("/parameterized" if job.parameterized_job else "")
        where = [job.namespace] if namespaces else []
        rows.append([job.id, *where, kind, job.priority, job_status(job.status, job.stop), instant(job.submit_time)])
    return table([heading, *rows])


def job_status(status: str | None, stopped: bool | None) -> str:
    """A job's status, and whether that is because somebody stopped it."""
    return f"{status} (stopped)" if stopped else status or ""


async def find_one(
    prefix: str,
    listing: Callable[[str], Coroutine[Any, Any, list[Found]]],
    *,
    doing: str,
    too_short: str = "Identifier must contain at least two characters.",
    none: str,
    many: Callable[[list[Found]], Failure],
) -> Found:
    """The object whose UUID begins with a prefix.

    Args:
        listing: the objects with a prefix, which Nomad wants to have an even number of digits.
        doing: what a failing list was for.
        none: the message if there is no such object; `{prefix}` stands for what was looked for.
        many: the failure if there are several.
    """
    if len(prefix) == 1:
        raise Failure(too_short)
    prefix = even(prefix)
    with failing(doing):
        found = await listing(prefix)
    if not found:
        raise Failure(none.format(prefix=prefix))
    if len(found) > 1:
        raise many(found)
    return found[0]


def even(prefix: str) -> str:
    """A prefix of a UUID with an even number of digits, as Nomad's index needs it."""
    digits = len(prefix.replace("-", ""))
    return prefix[: len(prefix) - digits % 2]
