"""`operator pause` and `operator resume`: people's switch of a whole operator."""

from collections.abc import Iterator
from contextlib import contextmanager

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, one, option
from nomadctl.output import quoted


@command("operator pause", one("<name>"), option("reason", "Why, for those who wonder later."))
async def pause(call: Call, name: str, *, reason: str | None) -> None:
    """Let an operator do nothing for any resource, until `operator resume`. What runs for them goes on running."""
    from operator_kit.process.pause import set_paused

    with _switching(name):
        before = await set_paused(call.nomad, name, True, reason or "")
    call.out(f"Operator {quoted(name)} {'was paused already' if before.paused else 'is paused'}")


@command("operator resume", one("<name>"))
async def resume(call: Call, name: str) -> None:
    """Let an operator that was paused go on."""
    from operator_kit.process.pause import set_paused

    with _switching(name):
        before = await set_paused(call.nomad, name, False)
    call.out(f"Operator {quoted(name)} {'goes on' if before.paused or before.developer else 'was not paused'}")


@contextmanager
def _switching(name: str) -> Iterator[None]:
    from nomad_api.errors import Conflict

    try:
        with failing(f"Error switching operator {quoted(name)}"):
            yield
    except Failure as failure:
        if isinstance(failure.__cause__, Conflict):
            raise Failure(
                f"Operator {quoted(name)} is run by a developer (nomadctl operator run -dev), who holds its switch; "
                f"nomadctl var get operators/{name} tells who"
            ) from None
        raise
