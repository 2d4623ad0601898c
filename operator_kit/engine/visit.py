"""A visit: one look at an id, from the moment it is taken into hand."""

from operator_kit.engine.queue_entries import Hand
from operator_kit.engine.workqueue import WorkQueue


class Visit:
    """What whoever looks at an id is told, and may ask for.

    Attributes:
        id: what to look at.
        reasons: why, in the words of the streams.
        priority: the one it was asked for with; a retry keeps it.
        waited: seconds from the first asking to the look.
    """

    def __init__(self, queue: WorkQueue[str], id: str, hand: Hand) -> None:
        self.id = id
        self.reasons = hand.reasons
        self.priority = hand.priority
        self.waited = hand.waited
        self._queue = queue
        self._appointed: float | None = None

    @property
    def failures(self) -> int:
        """How often in a row looks at the id have failed, this one included once `put_off` was called."""
        return self._queue.failures(self.id)

    def put_off(self, after: float | None = None, reason: str = "retry") -> float:
        """This look has failed: appoint the next one, `after` that many seconds or after the growing pause of failures.

        An appointment of an earlier failure stands, unless `after` is sooner. Called again it changes nothing. Returns the
        seconds until the next look.
        """
        if self._appointed is None:
            self._appointed = self._queue.retry(self.id, after, priority=self.priority, reason=reason)
        return self._appointed
