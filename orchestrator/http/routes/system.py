"""Upkeep of the state: /v1/system/gc, /v1/system/reconcile/summaries."""

from orchestrator import garbage
from orchestrator.http.call import Call
from orchestrator.http.permission import management
from orchestrator.http.route import Answer, empty, write


@write("/v1/system/gc", needs=management, methods="PUT")
async def collect(call: Call) -> Answer:
    await call.store.write("JobBatchDeregistered", garbage.collect)
    return empty()


@write("/v1/system/reconcile/summaries", needs=management, methods="PUT")
async def reconcile_summaries(call: Call) -> Answer:
    """Nothing to do: a summary changes in the same transaction as what it counts, so it cannot be wrong."""
    return empty()
