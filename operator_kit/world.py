"""`World`: what all controllers of a process have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from nomad_api.client import Nomad
from operator_kit.apply.owned_index import OwnedIndex
from operator_kit.conditions import utc_now
from operator_kit.crd_store.lister import Lister
from operator_kit.engine.backoff import Backoff
from operator_kit.informers.shared import Informers


@dataclass(frozen=True)
class World:
    """See the module's text.

    Attributes:
        informers: what the process follows.
        shards: into how many parts the ids are divided.
        backoff: pauses after failures, None for the default ones.
        random: for jitter.
        now: the time of day, in UTC.
        owned: who owns which objects, other than jobs.
    """

    informers: Informers
    shards: int = 1
    backoff: Backoff | None = None
    random: Random = field(default_factory=Random)
    now: Callable[[], datetime] = utc_now
    owned: OwnedIndex = field(default_factory=OwnedIndex)
    lister: Lister = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lister", Lister(self.informers))

    @property
    def nomad(self) -> Nomad:
        """The client, in the operator's namespace."""
        return self.informers.nomad
