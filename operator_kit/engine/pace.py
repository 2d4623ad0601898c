"""How fast and how long: the settings that every reconciler has, with or without a kind."""

from typing import ClassVar

from operator_kit.engine.stream import Hasher, shard_of


class Pace:
    """Class attributes of a reconciler:

    workers: how many ids are looked at at the same time (one id never twice), for each shard.
    timeout: seconds that a reconcile may take before it is cancelled.
    resync: seconds after which an id is looked at though nothing happened, jittered by a tenth; None for never.
    hasher: which shard looks after an id, where an operator runs in several.
    """

    workers: ClassVar[int] = 8
    timeout: ClassVar[float] = 60.0
    resync: ClassVar[float | None] = 600.0
    hasher: ClassVar[Hasher] = staticmethod(shard_of)
