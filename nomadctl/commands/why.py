"""`why`: why is a resource not ready, why does nothing happen to it."""

from typing import TYPE_CHECKING, Final

from nomadctl.framework import Call, command, flag, takes
from nomadctl.output import quoted
from nomadctl.resources import KindName, find_one, find_target
from nomadctl.structured import as_text

if TYPE_CHECKING:
    from nomadctl.diagnosis.finding import Finding
    from nomadctl.diagnosis.resource import Subject

IN_THE_WAY: Final = 2
"""Exit code if anything stands in the way."""


@command("why", takes(1, 2, "This command takes a kind and a name, or a path: <kind> <name>"), flag("json", "As JSON."))
async def why(call: Call, wanted: str, name: str = "", *, json: bool) -> int:
    """Tell why a resource is not ready, or why nothing happens to it: what stands in the way, the most likely cause first.

    Every finding has a cure. The exit code is 2 if there are any, and 0 if all is well.
    """
    from nomadctl.diagnosis.resource import Subject, diagnose

    kind, name = await find_target(call.nomad, wanted, name)
    subject = Subject(kind, name, await find_one(call.nomad, kind, name), None if isinstance(kind, KindName) else kind)
    findings = await diagnose(call.nomad, subject)
    ready, reason = subject.found.readiness if subject.found else ("False", "NotDeclared")
    if json:
        named = {"Group": kind.group, "Kind": kind.kind, "Name": name, "Ready": ready, "Reason": reason}
        call.out(as_text({**named, "Findings": [finding.plain() for finding in findings]}))
    else:
        call.out(_text(subject, ready, reason, findings))
    return IN_THE_WAY if findings else 0


def _text(subject: "Subject", ready: str, reason: str, findings: "list[Finding]") -> str:
    state = {"True": "is ready", "False": "is not ready"}.get(ready, "may be ready or not")
    title = f"{subject.kind.group}/{subject.kind.kind} {quoted(subject.name)} {state} ({reason})"
    if not findings:
        return f"{title}; nothing stands in its way"
    return "\n".join([title, *(_finding(number, finding) for number, finding in enumerate(findings, 1))])


def _finding(number: int, finding: "Finding") -> str:
    lines = [f"\n{number}. {finding.reason}: {finding.message}"]
    lines += [f"   | {line}" for line in finding.evidence]
    if finding.cure:
        lines.append(f"   → {finding.cure}")
    return "\n".join(lines)
