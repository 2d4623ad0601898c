"""A finding: something that stands in the way of a resource, and what to do about it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is found.

    Attributes:
        reason: one CamelCase word, for programs.
        message: a sentence for people.
        cure: what to do; a command where one does it.
        evidence: lines that show it, such as the last of a log.
    """

    reason: str
    message: str
    cure: str = ""
    evidence: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {"Reason": self.reason, "Message": self.message, "Cure": self.cure, "Evidence": list(self.evidence)}


Findings = AsyncIterator[Finding]


async def gathered(*steps: tuple[str, Findings]) -> list[Finding]:
    """What all steps find, in their order. A step that the API keeps from looking is a finding itself.

    Args:
        steps: each with what it looks at, for the message when it cannot.
    """
    from nomad_api.errors import Forbidden, NomadError

    found: list[Finding] = []
    for what, step in steps:
        try:
            found += [finding async for finding in step]
        except Forbidden:
            found.append(Finding("MayNotLook", f"the token may not read {what}", "ask with a token that may (-token)"))
        except NomadError as error:
            found.append(Finding("CannotLook", f"{what} could not be read: {error}"))
    return found
