"""`Backoff`: growing, jittered pauses after failures in a row."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses after failures: `first` seconds, doubled for each further failure, at most `longest`.

    Up to half of a pause is left out at random. The defaults reach the longest pause with the 12th failure in a row.
    """

    first: float = 0.1
    longest: float = 300.0

    def pause(self, failures: int, random: Random) -> float:
        """Seconds to wait after that many failures in a row (at least 1)."""
        return min(self.first * 2.0 ** min(failures - 1, 64), self.longest) * random.uniform(0.5, 1.0)
