"""`job tag apply` and `job tag unset`."""

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, one, option
from nomadctl.lookup import find_job


@command(
    "job tag apply",
    one("<job>"),
    option("name", "The tag.", default=""),
    option("description", "Why the version has it.", default=""),
    option("version", "The version; the present one if not given."),
)
async def apply(call: Call, prefix: str, *, name: str, description: str, version: str | None) -> None:
    """Tag a version of a job: it is kept, however many come after it."""
    _check(prefix, name)
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    if version is not None and not version.isdigit():
        raise Failure(f'Error parsing version: strconv.ParseUint: parsing "{version}": invalid syntax')
    with failing("Error retrieving job versions"):
        number = int(version) if version is not None else (await nomad.jobs.get(id)).version or 0
    with failing("Error tagging job version"):
        await nomad.jobs.tag(id, name, number, description)
    call.out(f'Job version {number} tagged with name "{name}"')


@command("job tag unset", one("<job>"), option("name", "The tag.", default=""))
async def unset(call: Call, prefix: str, *, name: str) -> None:
    """Remove a tag from a job's version."""
    _check(prefix, name)
    id, namespace = await find_job(call, prefix)
    with failing("Error tagging job version"):
        await call.nomad.scoped(namespace=namespace).jobs.untag(id, name)
    call.out(f'Tag "{name}" removed from job "{prefix}"')


def _check(job: str, name: str) -> None:
    if not job:
        raise Failure("A job name is required", hint=True)
    if not name:
        raise Failure("A version tag name is required", hint=True)
