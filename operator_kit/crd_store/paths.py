"""The trees of variables. Siblings, so that an access rule can give each its writer:

crds/<group>/<kind>               the published kind          its operator
resources/<group>/<kind>/<name>   desired state               users
status/<group>/<kind>/<name>      observed state              the kind's operator
locks/<operator>                  leadership                  operators; those in shards: …/shards/<n>, …/members/<identity>
operators/<operator>              pause, developer            people
released/<group>/<kind>/<name>    deletions ended by force    people
"""

import re
from dataclasses import dataclass
from typing import Final

CRDS: Final = "crds/"
RESOURCES: Final = "resources/"
STATUS: Final = "status/"
LOCKS: Final = "locks/"
OPERATORS: Final = "operators/"
RELEASED: Final = "released/"

_PATH: Final = re.compile(r"(resources|status)/([^/]+)/([^/]+)/(.+)")


def crd(group: str, kind: str) -> str:
    return f"{CRDS}{group}/{kind}"


def resources(group: str, kind: str) -> str:
    """Prefix of all resources of a kind."""
    return f"{RESOURCES}{group}/{kind}/"


def resource(group: str, kind: str, name: str) -> str:
    return f"{RESOURCES}{group}/{kind}/{name}"


def statuses(group: str, kind: str) -> str:
    """Prefix of the statuses of a kind."""
    return f"{STATUS}{group}/{kind}/"


def status(group: str, kind: str, name: str) -> str:
    return f"{STATUS}{group}/{kind}/{name}"


def lock(operator: str) -> str:
    return f"{LOCKS}{operator}"


def shard_lock(operator: str, number: int) -> str:
    """The lock of one shard, of an operator that runs in several."""
    return f"{LOCKS}{operator}/shards/{number}"


def members(operator: str) -> str:
    """Prefix of the heartbeats of an operator's processes, of one that runs in several shards."""
    return f"{LOCKS}{operator}/members/"


def operator(operator: str) -> str:
    """The switch by which people pause an operator, or run it themselves."""
    return f"{OPERATORS}{operator}"


def released(group: str, kind: str, name: str) -> str:
    """The trail of a deletion that a person has ended by force."""
    return f"{RELEASED}{group}/{kind}/{name}"


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """What the path of a resource, or of its status, says."""

    group: str
    kind: str
    name: str

    @classmethod
    def parse(cls, path: str) -> "ResourcePath | None":
        """The parts of `resources/…` or `status/…`; None for any other path. A name may hold slashes."""
        match = _PATH.fullmatch(path)
        return cls(match[2], match[3], match[4]) if match else None
