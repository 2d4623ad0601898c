"""Variables: paths with a small map of strings, check-and-set and locks. Durations of locks are Go duration strings."""

from nomad_api.models.base import Wire
from nomad_api.models.job import Sparse


class VariableLock(Wire):
    """A lock on a variable: `id` is the holder's secret, durations are texts such as `15s`."""

    id: str = ""
    ttl: str = ""
    lock_delay: str = ""


class VariableMetadata(Wire):
    """All of a variable but its items; times are nanoseconds since the epoch."""

    namespace: str = ""
    path: str = ""
    lock: Sparse[VariableLock]
    create_index: int = 0
    create_time: int = 0
    modify_index: int = 0
    modify_time: int = 0


class Variable(VariableMetadata):
    """A variable with its items."""

    items: Sparse[dict[str, str]]
