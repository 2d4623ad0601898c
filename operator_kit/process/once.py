"""Run an operator until everything has been looked at, and no longer: for a pipeline, or a look at what it would do."""

import asyncio
from typing import Final

from operator_kit.manager import Manager

LOOKS: Final = 0.1
"""Seconds between looks at the queues."""


async def run_once(manager: Manager) -> bool:
    """Run until this process leads and every resource there is has been looked at; whether it came that far.

    What failed, or wants another look later, is not waited for; its status tells.
    """
    work = asyncio.ensure_future(manager.run())
    settled = asyncio.ensure_future(_until_settled(manager))
    try:
        await asyncio.wait((work, settled), return_when=asyncio.FIRST_COMPLETED)
        done = settled.done()
        manager.stop()
        await work
    finally:
        settled.cancel()
        work.cancel()
        await asyncio.gather(work, settled, return_exceptions=True)
    return done


async def _until_settled(manager: Manager) -> None:
    """Wait until the queues are empty twice in a row: a look may call for another at once."""
    await manager.leading.wait()
    calm = 0
    while calm < 2:
        await asyncio.sleep(LOOKS)
        idle = all(controller.idle for controller in manager.controllers)
        calm = calm + 1 if idle else 0
