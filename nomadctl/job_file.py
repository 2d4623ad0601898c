"""Job files: HCL2 (parsed here, with variables) or JSON, from a path or stdin, and the submission that keeps their source."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nomadctl.failure import Failure
from nomadctl.framework import flag, option
from nomadctl.json_text import decode
from nomadctl.structured import whole

if TYPE_CHECKING:
    from nomad_api.models import JobSubmission

_WRITTEN: Final = (
    "Region Namespace ID Name Type Priority AllAtOnce Datacenters NodePool Constraints Affinities TaskGroups Update "
    "Multiregion Spreads Periodic ParameterizedJob Reschedule Migrate Meta UI"
).split()
_FREE: Final = frozenset(("Meta", "Env", "Config", "Volumes", "GetterOptions", "GetterHeaders"))
"""Fields whose keys are their author's."""

JOB_FILE_OPTIONS: Final[tuple[click.Parameter, ...]] = (
    flag("json", "The file is JSON, with or without an outer Job."),
    flag("hcl2-strict", "Refuse values for variables that the file does not declare.", default=True),
    option("var", "A variable of the file, as name=value; may be repeated.", multiple=True),
    option("var-file", "A file with values for variables; may be repeated.", multiple=True),
)


@dataclass(frozen=True)
class JobFile:
    """A job file read: the job's JSON, and the source to keep with it."""

    job: dict[str, Any]
    submission: "JobSubmission"

    @property
    def namespace(self) -> str:
        """The namespace the job names, empty if it names none."""
        return self.job.get("Namespace") or ""

    @property
    def region(self) -> str:
        """The region the job names, empty if it names none."""
        return self.job.get("Region") or ""

    @property
    def periodic(self) -> bool:
        """Whether the job is launched by the clock."""
        return bool(self.job.get("Periodic"))

    @property
    def parameterized(self) -> bool:
        """Whether the job is launched by dispatching it."""
        return bool(self.job.get("ParameterizedJob"))


def read_job(path: str, *, as_json: bool, strict: bool, values: Sequence[str], files: Sequence[str]) -> JobFile:
    """Read and parse a job file; `-` is stdin.

    Raises:
        Failure: the file cannot be read or parsed.
    """
    if as_json and (values or files):
        raise Failure("Invalid job options: cannot use variables with JSON files.")
    source = _source(path)
    try:
        return _from_json(source) if as_json else _from_hcl(path, source, strict, values, files)
    except ValueError as error:
        raise Failure(f"Error getting job struct: {error}") from error


def _source(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    absolute = Path(path).absolute()
    try:
        return absolute.read_text()
    except FileNotFoundError:
        reason = f"source path error: stat {absolute}: no such file or directory"
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error)
    raise Failure(f'Error getting job struct: Error getting jobfile from "{path}": {reason}')


def _from_json(source: str) -> JobFile:
    from nomad_api.models import JobSubmission

    try:
        data = decode(source, truncated="unexpected EOF")
    except ValueError as error:
        raise ValueError(f"Failed to parse JSON job: {error}") from error
    return JobFile(_every_field(data.get("Job") or data), JobSubmission(source=source, format="json"))


def _from_hcl(path: str, source: str, strict: bool, values: Sequence[str], files: Sequence[str]) -> JobFile:
    import jobspec
    from nomad_api.models import JobSubmission

    # The name in messages: the file's, without its folder.
    name = "stdin" if path == "-" else Path(path).name
    flags = {variable: value for variable, equals, value in (text.partition("=") for text in values) if equals}
    try:
        job = jobspec.parse(source, filename=name, var_values=flags, var_files=files, env=os.environ, files=True, strict=strict)
    except (jobspec.JobspecError, OSError) as error:
        raise ValueError(f"Error parsing job file from {path}:\n{error}") from error
    texts = "\n".join(Path(file).read_text() for file in files)
    return JobFile(job, JobSubmission(source=source, format="hcl2", variable_flags=flags or None, variables=texts))


def in_order(job: dict[str, Any]) -> dict[str, Any]:
    """A job in the order that `nomad` prints it: what an author writes first, maps of free keys sorted."""
    job = _every_field(job)
    job["VersionTag"] = job.pop("VersionTag")
    written = sorted(job, key=lambda key: _WRITTEN.index(key) if key in _WRITTEN else len(_WRITTEN))
    return {key: _sorted_maps(key, job[key]) for key in written}


def _sorted_maps(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_sorted_maps("", entry) for entry in value]
    if not isinstance(value, dict):
        return value
    keys = sorted(value) if key in _FREE else list(value)
    return {name: _sorted_maps("" if key in _FREE else name, value[name]) for name in keys}


def _every_field(job: dict[str, Any]) -> dict[str, Any]:
    """A job written by hand with every field of the API, as `nomad` submits it."""
    from nomad_api.models import Job

    data = {"Migrate": None, "Reschedule": None, **whole(Job.model_validate(job), strict=False)}
    for group in data["TaskGroups"] or ():
        for task in group["Tasks"] or ():
            if task["CSIPluginConfig"] is None:
                del task["CSIPluginConfig"]
    return data
