"""`job inspect`."""

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.lookup import find_job
from nomadctl.structured import structured


@command(
    "job inspect",
    takes(1, 1, "This command takes one argument: <job>"),
    flag("json", "Accepted for compatibility: the output is JSON anyway."),
    option("version", "This version of the job, instead of the present one."),
    option("t", "A Go template for the output."),
)
async def inspect(call: Call, prefix: str, *, json: bool, version: str | None, t: str | None) -> None:
    """Print a job as it is registered."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error inspecting job"):
        if version is None:
            job = await nomad.jobs.get(id)
        else:
            matching = [job for job in await nomad.jobs.versions(id) if str(job.version) == version]
            if not matching:
                raise Failure(f"Error inspecting job: no version {version} of job {id}")
            job = matching[0]
    call.out(structured(False, t, job) if t else structured(True, None, {"Job": job}))
