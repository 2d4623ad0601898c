"""What stands in the way of one resource: the list of causes, in the order in which they hide each other."""

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nomadctl.diagnosis.finding import Finding, Findings, gathered
from nomadctl.diagnosis.jobs import job_findings
from nomadctl.diagnosis.operators import install_command, operator_findings
from nomadctl.output import ago, quoted
from nomadctl.resources import KindName, find_one, names_of

if TYPE_CHECKING:
    from datetime import datetime

    from nomad_api.client import Nomad
    from nomadctl.resources import Found, NamedKind
    from operator_kit.crd_store.schema import PublishedKind
    from operator_kit.status import OwnedObject


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource in question.

    Attributes:
        found: it and its status, None if there is neither.
        published: its kind as its operator has made it known; None if no operator ever did.
    """

    kind: "NamedKind"
    name: str
    found: "Found | None"
    published: "PublishedKind | None"

    @property
    def path(self) -> str:
        from operator_kit.crd_store import paths

        return paths.resource(self.kind.group, self.kind.kind, self.name)

    @property
    def arguments(self) -> str:
        """The resource, as commands take it."""
        return f"{self.kind.kind if self.published else f'{self.kind.group}/{self.kind.kind}'} {self.name}"

    @property
    def operator(self) -> str:
        """The operator that published the kind."""
        return self.published.producer.partition(" ")[0] if self.published else ""


async def diagnose(nomad: "Nomad", subject: Subject) -> list[Finding]:
    """Everything that stands in the way of the resource, the most likely cause first; nothing if all is well."""
    found = subject.found
    if found is None:
        return await gathered(("resources", _not_declared(nomad, subject)))
    steps = [
        ("the operator", _operator(nomad, subject)),
        ("the resource", _controls(subject)),
        ("its status", _status(subject, found)),
        *((f"what it owns ({thing.kind} {thing.id})", _owned(nomad, subject, thing)) for thing in found.status.owned),
    ]
    findings = await gathered(*steps)
    ready, reason = found.readiness
    if ready != "True" and not findings:
        message = f"its operator says of it: {reason}" + (
            f", {text}" if (text := found.status.condition("Ready").message) else ""
        )
        findings.append(Finding("NotReady", message, f"nomadctl describe {subject.arguments}"))
    return findings


async def _not_declared(nomad: "Nomad", subject: Subject) -> Findings:
    names = await names_of(nomad, subject.kind)
    near = difflib.get_close_matches(subject.name, names, n=1)
    hint = f"; did you mean {quoted(near[0])}?" if near else ""
    yield Finding(
        "NotDeclared", f"there is no variable {subject.path}{hint}", f"nomadctl var put {subject.path} <field>=<value> …"
    )


async def _operator(nomad: "Nomad", subject: Subject) -> Findings:
    kind = f"{subject.kind.group}/{subject.kind.kind}"
    if subject.published is None:
        yield Finding(
            "KindNotPublished",
            f"no operator has ever run for the kind {kind}",
            install_command(kind=kind) or "install its operator, or check the group and kind in the resource's path",
        )
        return
    async for finding in operator_findings(nomad, subject.operator):
        yield finding


async def _controls(subject: Subject) -> Findings:
    from operator_kit.controls import split_controls

    variable = subject.found.resource if subject.found else None
    if variable is None:
        return
    _, controls, problems = split_controls(variable.items or {})
    if controls.paused:
        yield Finding("Paused", "it is paused by its item operator.paused", f"nomadctl resume {subject.arguments}")
    for problem in problems:
        yield Finding("InvalidControl", f"its item {problem.key} means nothing: {problem.reason}", problem.cure)


def _is_paused(subject: Subject) -> bool:
    """Whether nothing more is to be expected, because somebody asked for that."""
    from operator_kit.controls import split_controls

    variable = subject.found.resource if subject.found else None
    return variable is not None and split_controls(variable.items or {})[1].paused


async def _status(subject: Subject, found: "Found") -> Findings:
    """What its operator says, before what that leads to."""
    status, variable = found.status, found.resource
    if variable is None:
        yield _deletion(subject, found)
    elif not found.observed:
        yield Finding("NotSeen", "its operator has not looked at it yet", f"nomadctl reconcile {subject.arguments}")
        return
    elif status.uid not in (0, variable.create_index):
        yield Finding(
            "FormerNotFinalized",
            "it was deleted and declared anew, and its operator is still undoing the former one",
            "wait; if that does not end, the findings below tell why",
        )
    accepted = status.condition("Accepted")
    if accepted.status == "False":
        yield Finding("NotAccepted", f"its spec is not accepted ({accepted.reason})", _edit(subject), _lines(accepted.message))
    for key, thing in sorted(status.external.items()):
        if thing.state == "unknown":
            yield Finding(
                "ExternalOutcomeUnknown",
                f"nobody knows whether {quoted(key)} was created outside of Nomad: {thing.message or 'the answer was lost'}",
                f"look there, then answer with the item operator.external.{key}=<id>, or =absent: {_edit(subject)}",
            )
    if accepted.status == "False":
        return  # nothing goes on before it is
    if status.retry is not None:
        yield _failing(subject, found)
    elif (stalled := status.condition("Stalled")).status == "True" and stalled.reason != "ExternalOutcomeUnknown":
        yield Finding("Stalled", f"no progress without help ({stalled.reason}): {stalled.message}", _edit(subject))
    elif found.behind and not _is_paused(subject):
        assert variable is not None
        yield Finding(
            "NotObserved",
            f"generation {variable.modify_index} (written {ago(variable.modify_time)}) is not reconciled yet; the last that "
            f"was is {status.observed_generation or 'none'}",
            f"wait for its turn in the queue, or: nomadctl reconcile {subject.arguments}",
        )


def _deletion(subject: Subject, found: "Found") -> Finding:
    reconciled = found.status.condition("Reconciled")
    trouble = f"; its last attempt failed ({reconciled.reason}): {reconciled.message}" if reconciled.status == "False" else ""
    left = ", ".join(f"{thing.kind} {thing.id}" for thing in found.status.owned)
    return Finding(
        "DeletionPending",
        f"it is deleted, and its operator has not undone it yet{f' ({left})' if left else ''}{trouble}",
        f"let its operator finish; if that is gone for good: nomadctl release {subject.arguments}",
    )


def _failing(subject: Subject, found: "Found") -> Finding:
    """Failures in a row: the first error is worth more than the last."""
    retry = found.status.retry
    assert retry is not None
    first = (f"first error, {_ago(retry.since)}: {retry.first_error}",) if retry.first_error != retry.last_error else ()
    times = "once" if retry.attempts == 1 else f"{retry.attempts} times in a row"
    if retry.next_at is None:
        message = f"it failed for good ({retry.reason}): {retry.last_error}"
        return Finding("FailedPermanently", message, f"only a change helps: {_edit(subject)}", first)
    return Finding(
        "Retrying",
        f"it failed {times} ({retry.reason}): {retry.last_error}; tried again {_ago(retry.next_at)}",
        f"mend the cause; to try at once: nomadctl reconcile {subject.arguments}",
        first,
    )


async def _owned(nomad: "Nomad", subject: Subject, thing: "OwnedObject") -> Findings:
    """What is wrong with something that was made for the resource."""
    from operator_kit.crd_store import paths
    from operator_kit.crd_store.paths import ResourcePath

    found = subject.found
    assert found is not None
    scoped = nomad.scoped(namespace=thing.namespace or None)
    if thing.kind == "Job":
        if found.deleting:
            return
        again = f"nomadctl reconcile {subject.arguments}"
        known = found.status.first_failures.get(thing.id)
        async for finding in job_findings(scoped, thing.id, known=known, start=again, gone=again):
            yield finding
    elif child := ResourcePath.parse(f"{thing.kind}/{thing.id}"):
        kind = KindName(child.group, child.kind)
        one = await find_one(scoped, kind, child.name)
        ready, state = one.readiness if one else ("False", "it does not exist")
        if ready != "True":
            path = paths.resource(child.group, child.kind, child.name)
            yield Finding("DependentNotReady", f"it waits for {path}: {state}", f"nomadctl why {path}")


def _edit(subject: Subject) -> str:
    """How its items are corrected: what is read tells the index that the write is checked against."""
    return f"nomadctl var get -out=hcl {subject.path} >spec.nv.hcl, correct it, nomadctl var put @spec.nv.hcl"


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line)


def _ago(moment: "datetime") -> str:
    return ago(int(moment.timestamp()) * 10**9)
