"""Things outside of Nomad, each created once, whatever happens to the process in between.

    async def reconcile(self, database: Database, ctx: Context[Database]) -> None:
        account = await create_once(ctx, "account", lambda: cloud.open_account(database.name), find=find_account)

    async def finalize(self, database: Database, ctx: Context[Database]) -> None:
        await delete_once(ctx, "account", cloud.close_account, find=find_account)

Flow: the status says `pending` **before** the call, and `succeeded` with the ID after it. Whoever finds only `pending` knows
that somebody asked and nobody heard the answer: the thing may be there or not, and asking again may make it twice. Then

    `find` is given     it is asked. What it finds is taken over; what it does not find after the grace period was not made
    without it          nothing is done any more. The condition `Stalled`, reason `ExternalOutcomeUnknown`, asks a person to
                        look, and to write what was found: the item `operator.external.<key>=<id>`, or `=absent`

Guarantees: nothing is created twice, unless `find` or a person says wrongly that it is absent; the mark is written by
check-and-set, so a former leader cannot begin an attempt behind the back of its successor.
Assumptions: `create` ends within the grace period and the reconciler's timeout; one key is one thing of one resource.
Caveats: only `NotCreated` proves that nothing was made; every other exception of `create` leaves the question open. An answer
that stood there before the attempt began is none. An API that takes idempotency keys has the simplest `find`: the same call.

The convention is crossplane's (`external-create-pending`, `-succeeded`, `-failed`).
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

from nomad_api.client import retrying
from operator_kit.context import Context
from operator_kit.controls import ABSENT, PREFIX
from operator_kit.engine.result import PermanentError, TemporaryError
from operator_kit.status_parts import ExternalObject

GRACE: Final = 30.0
"""Seconds after an attempt in which "not found" proves nothing, since many APIs are eventually consistent (crossplane's)."""

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")

Find = Callable[[], Awaitable[str | None]]


class NotCreated(TemporaryError):
    """To be raised by `create`: it is sure that nothing was made. Tried again as any `TemporaryError`."""

    def __init__(self, message: str, delay: float | None = None, *, reason: str = "NotCreated") -> None:
        super().__init__(message, delay, reason=reason)


async def create_once(
    ctx: Context[Any], key: str, create: Callable[[], Awaitable[str]], *, find: Find | None = None, grace: float = GRACE
) -> str:
    """The ID of the thing of that key; it is created if it is not there yet.

    What exists already can be taken over: with the item `operator.external.<key>=<id>` nothing is created.

    Args:
        key: names the thing within the resource: lower case, digits, `-` and `_`.
        create: makes it and gives its ID.
        find: the ID of what an earlier call of `create` made, None if there is nothing.
        grace: seconds after a call of `create` in which None is not believed.

    Raises:
        NotCreated: of `create`.
        PermanentError: the outcome of an earlier call is unknown, and a person must look.
        TemporaryError: the grace period is not over.
        Conflict, NomadError: the status could not be written; nothing was created.
        ValueError: the key cannot be part of an item's name.
    """
    record = _record(ctx, key)
    answer = _answer(ctx, key, record)
    if record is not None and record.state == "succeeded":
        return record.id
    if record is not None and record.state != "failed":
        id = await _outcome(ctx, key, record, find, grace, "and write the item {0}=<id>, or {0}=absent,")
    else:
        id = None if answer == ABSENT else answer or None
    if id is None:
        return await _attempt(ctx, key, create)
    await _settle(ctx, key, ExternalObject(state="succeeded", id=id, time=ctx.now(), message="found"))
    ctx.event("Normal", "ExternalFound", f"{key} is {id}")
    return id


async def delete_once(
    ctx: Context[Any],
    key: str,
    delete: Callable[[str], Awaitable[None]],
    *,
    find: Find | None = None,
    grace: float = GRACE,
) -> None:
    """Delete the thing of that key and forget it; nothing to do for one that was never created.

    Args:
        delete: deletes what has that ID; succeeds also if it is gone already, for it may be called again after a crash.
        find, grace: as for `create_once`, for what a lost call of `create` may have made.

    Raises:
        PermanentError: nobody knows whether it was created. Where the resource itself is gone, it must be declared anew to
            bear the answer, which then can only be `absent`.
        TemporaryError: the grace period is not over.
    """
    record = _record(ctx, key)
    id: str | None = None
    if record is not None and record.state == "succeeded":
        id = record.id
    elif record is not None and record.state != "failed":
        id = await _outcome(ctx, key, record, find, grace, "delete it if it is there, and write the item {0}=absent")
    if id is not None:
        await delete(id)
        ctx.event("Normal", "ExternalDeleted", f"{key} {id} deleted")
    forget(ctx, key)
    if stale := _item(ctx, key):
        # It named what is deleted now, and must not bring it back.
        _keep(ctx, key, ExternalObject(state="failed", time=ctx.now(), message="deleted", stale_answer=stale))


def forget(ctx: Context[Any], key: str) -> None:
    """Know nothing of the thing of that key any more, be it there or not: `create_once` will make another."""
    status = ctx.resource.status
    status.external = {name: record for name, record in status.external.items() if name != key}


async def _attempt(ctx: Context[Any], key: str, create: Callable[[], Awaitable[str]]) -> str:
    stale = _item(ctx, key)
    _keep(ctx, key, ExternalObject(state="pending", time=ctx.now(), stale_answer=stale))
    await ctx.save()
    try:
        id = await create()
        if not id:
            raise TypeError(f"the creation of {key} must give the ID of what was made")
    except NotCreated as error:
        await _settle(ctx, key, ExternalObject(state="failed", time=ctx.now(), message=str(error), stale_answer=stale))
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        _keep(ctx, key, ExternalObject(state="pending", time=ctx.now(), message=message, stale_answer=stale))
        raise
    try:
        await _settle(ctx, key, ExternalObject(state="succeeded", id=id, time=ctx.now()))
    except BaseException:
        ctx.log.error("created, but the status could not say so", key=key, id=id)
        raise
    ctx.event("Normal", "ExternalCreated", f"{key} is {id}")
    return id


async def _outcome(
    ctx: Context[Any], key: str, record: ExternalObject, find: Find | None, grace: float, advice: str
) -> str | None:
    """The ID of what an attempt without an answer has made; None if it made nothing."""
    if answer := _answer(ctx, key, record):
        return None if answer == ABSENT else answer
    told = f" ({record.message})" if record.message else ""
    if find is None:
        _keep(ctx, key, record.model_copy(update={"state": "unknown"}))
        item = f"{PREFIX}external.{key}"
        again = f"; the present {item}={record.stale_answer} is older than the attempt" if record.stale_answer else ""
        raise PermanentError(
            f"{key} was to be created at {record.time:%Y-%m-%d %H:%M:%S} UTC, and nobody knows whether it was{told}. "
            f"Look for it, {advice.format(item)} to {ctx.resource.path}{again}",
            reason="ExternalOutcomeUnknown",
        )
    if id := await find():
        return id
    left = record.time + timedelta(seconds=grace) - ctx.now()
    if left > timedelta(0):
        raise TemporaryError(
            f"{key} was to be created and is not found yet{told}", left.total_seconds(), reason="ExternalOutcomePending"
        )
    return None


def _answer(ctx: Context[Any], key: str, record: ExternalObject | None) -> str:
    """What a person says of the thing, if it can be meant for this attempt; else nothing."""
    answer = _item(ctx, key)
    return "" if record is not None and answer == record.stale_answer else answer


def _item(ctx: Context[Any], key: str) -> str:
    answers: dict[str, str] = ctx.resource.controls.external
    return answers.get(key, "")


def _record(ctx: Context[Any], key: str) -> ExternalObject | None:
    if not _KEY.fullmatch(key):
        raise ValueError(f'the key "{key}" of an external object must hold only a-z, 0-9, - and _')
    records: dict[str, ExternalObject] = ctx.resource.status.external
    record = records.get(key)
    if record is not None and record.stale_answer and not _item(ctx, key):
        # The old answer has been taken away, so the next one is new, whatever it says.
        record = record.model_copy(update={"stale_answer": ""})
        _keep(ctx, key, record)
    return record


def _keep(ctx: Context[Any], key: str, record: ExternalObject) -> None:
    ctx.resource.status.external = {**ctx.resource.status.external, key: record}


async def _settle(ctx: Context[Any], key: str, record: ExternalObject) -> None:
    """Write down how an attempt ended; patiently, for what is not written must be found out later."""
    _keep(ctx, key, record)
    async for attempt in retrying():
        with attempt:
            await ctx.save()
