"""A look inside a running operator, as plain data: `/debug/queue`, `/debug/sources`, and a dump into the log at SIGHUP."""

import asyncio
from collections.abc import Iterable
from typing import Any

from operator_kit.engine.controller import Controller, Shard
from operator_kit.informers.source import Source


def queues(controllers: Iterable[Controller]) -> list[dict[str, Any]]:
    """Every shard of every controller: what waits, since when and why, what is in hand, what is put off and for how long."""
    return [_shard(controller, shard) for controller in controllers for shard in controller.shards]


def _shard(controller: Controller, shard: Shard) -> dict[str, Any]:
    now = asyncio.get_running_loop().time()
    queue = shard.queue
    return {
        "controller": controller.name,
        "shard": shard.number,
        "leading": shard.leading,
        "ready": [
            {"id": id, "waited": round(now - wish.since, 3), "priority": wish.priority, "reasons": wish.reasons}
            for id, wish in queue.waiting.items()
        ],
        "inHand": [
            {"id": id, "age": round(now - hand.since, 3), "priority": hand.priority, "reasons": hand.reasons}
            for id, hand in queue.in_hand.items()
        ],
        "putOff": [
            {"id": id, "due": round(put_off.due - now, 3), "reason": put_off.reason, "failures": queue.failures(id)}
            for id, put_off in sorted(queue.put_off.items(), key=lambda item: item[1].due)
        ],
    }


def sources(followed: Iterable[Source]) -> list[dict[str, Any]]:
    """Every source: how it is, when it was last heard of, and how much it keeps."""
    return [
        {
            "source": source.name,
            "state": str(source.state),
            "problem": source.problem,
            "age": round(source.age(), 3) if source.synced.is_set() else None,
            "objects": len(source),
            "bytes": source.cached_bytes(),
        }
        for source in followed
    ]
