"""Waiting for one thing unless another comes first."""

import asyncio
from collections.abc import Awaitable
from typing import Any


async def first_of(work: Awaitable[Any], interruption: Awaitable[Any]) -> bool:
    """Wait for either; True if the work was done (its exception is raised). What is not done is cancelled and awaited."""
    working, interrupted = asyncio.ensure_future(work), asyncio.ensure_future(interruption)
    try:
        await asyncio.wait([working, interrupted], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        unfinished = [future for future in (working, interrupted) if not future.done()]
        for future in unfinished:
            future.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
