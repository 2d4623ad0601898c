"""What a status remembers between two reconciles on behalf of the kit's building blocks.

A reconcile looks at the world, but the world forgets: Nomad keeps ten events of a task, and collects jobs that have ended; an
answer of an API outside of Nomad is lost with the process that waited for it. What must outlast that stands here.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from operator_kit.conditions import shortened

LONGEST_NOTE: Final = 512
"""Characters of a message in one of these parts that are kept."""

Note = Annotated[str, BeforeValidator(lambda text: shortened(text, LONGEST_NOTE))]


class StatusPart(BaseModel):
    """What all parts of a status have in common: camelCase keys.

    Unknown ones are ignored: an operator that was rolled back must not forget what was made because the newer one had noted
    more about it.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


ExternalState = Literal["pending", "succeeded", "failed", "unknown"]


class ExternalObject(StatusPart):
    """A thing outside of Nomad; see `operator_kit.external`.

    Attributes:
        state: `pending`, it was asked for and no answer is known yet; `succeeded`, it exists; `failed`, it was surely not made;
            `unknown`, nobody but a person can tell.
        id: what it is called there, once it exists.
        time: when the state came about.
        message: what is known of it beyond that.
        stale_answer: what `operator.external.<key>` said when the attempt began. It cannot be the answer to this attempt.
    """

    state: ExternalState
    id: str = ""
    time: datetime
    message: Note = ""
    stale_answer: str = ""


class OneOffRun(StatusPart):
    """A job that runs once; see `operator_kit.one_off`.

    Attributes:
        job_id: of the job, which may be purged or collected by now.
        fingerprint: of what was asked for.
        time: when the state came about.
        exit_code: of the task that failed, 0 after a success; None while it runs, or if no task came to run.
        message: why it has failed, or what it waits for.
        log: the last lines it has written, of stderr first after a failure.
    """

    key: str
    job_id: str
    fingerprint: str
    state: Literal["Running", "Succeeded", "Failed"]
    time: datetime
    exit_code: int | None = None
    message: Note = ""
    log: list[str] = []


class FirstFailure(StatusPart):
    """The first error of a job's version, which later ones would bury; see `operator_kit.failures`."""

    version: int
    task: str
    time: int
    message: Note


class FleetRecord(StatusPart):
    """How far a roll-out over many jobs is; see `operator_kit.fleet`.

    Attributes:
        revision: fingerprint of all that is wanted.
        applied: fingerprint of what was applied last, by job ID; empty for a job that is being taken down to be made anew.
        failed: why what was applied last is no good, by job ID.
    """

    revision: str = ""
    applied: dict[str, str] = {}
    failed: dict[str, Note] = {}


class DependentObject(StatusPart):
    """An object that was made for a declared dependent; see `operator_kit.dependents`."""

    kind: str
    id: str
    namespace: str = ""
