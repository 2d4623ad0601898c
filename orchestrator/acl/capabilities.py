"""The vocabulary of the policy language: what may be granted, and what grants what.

The order inside the tuples is the order in which Nomad shows the capabilities that a `policy = "…"` stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LEVELS: Final = frozenset({"deny", "read", "write", "scale"})
"""What `policy` may be. (`scale` grants something in namespaces only, but Nomad accepts it everywhere.)"""

PLUGIN_LEVELS: Final = frozenset({"deny", "read", "list", "write"})

DENY: Final = "deny"
"""Takes away everything else, wherever it stands."""


@dataclass(frozen=True)
class Vocabulary:
    """The capabilities of one kind of rule, what each level of `policy` stands for, and what a capability brings along."""

    capabilities: frozenset[str]
    levels: Mapping[str, tuple[str, ...]]
    implied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expand(self, level: str, capabilities: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """All that a rule grants; None if it says nothing."""
        granted = capabilities if not self.levels.get(level) else (*(capabilities or ()), *self.levels[level])
        extra = tuple(extra for capability in granted or () for extra in self.implied.get(capability, ()))
        return (*(granted or ()), *extra) if extra else granted


_READ_NAMESPACE = (
    "list-jobs",
    "parse-job",
    "read-job",
    "csi-list-volume",
    "csi-read-volume",
    "read-job-scaling",
    "list-scaling-policies",
    "read-scaling-policy",
    "host-volume-read",
)
_WRITE_NAMESPACE = (
    *_READ_NAMESPACE,
    "scale-job",
    "submit-job",
    "dispatch-job",
    "read-logs",
    "read-fs",
    "alloc-exec",
    "alloc-lifecycle",
    "csi-mount-volume",
    "csi-write-volume",
    "submit-recommendation",
    "host-volume-create",
)
_SCALE_NAMESPACE = (
    "list-scaling-policies",
    "read-scaling-policy",
    "read-job-scaling",
    "scale-job",
    "read-job",
    "submit-recommendation",
)
_ONLY_BY_NAME = (
    "alloc-node-exec",
    "csi-register-plugin",
    "host-volume-delete",
    "host-volume-register",
    "host-volume-write",
    "sentinel-override",
)

BROADER: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "register-job",
            "revert-job",
            "deregister-job",
            "purge-job",
            "evaluate-job",
            "plan-job",
            "tag-job-version",
            "stable-job",
            "fail-deployment",
            "pause-deployment",
            "promote-deployment",
            "unblock-deployment",
            "cancel-deployment",
            "set-alloc-health-deployment",
            "gc-allocation",
            "pause-allocation",
            "delete-service-registration",
        ),
        ("submit-job",),
    ),
    "force-periodic-job": ("submit-job", "dispatch-job"),
}
"""Capabilities that were split off others: who has one of the broader ones may do it too."""

NAMESPACE: Final = Vocabulary(
    frozenset({DENY, *_WRITE_NAMESPACE, *_ONLY_BY_NAME, *BROADER}),
    {"deny": (DENY,), "read": _READ_NAMESPACE, "write": _WRITE_NAMESPACE, "scale": _SCALE_NAMESPACE},
    {
        "host-volume-write": ("host-volume-register", "host-volume-create", "host-volume-delete", "host-volume-read"),
        "host-volume-register": ("host-volume-create", "host-volume-read"),
        "host-volume-create": ("host-volume-read",),
    },
)
NODE_POOL: Final = Vocabulary(
    frozenset({DENY, "delete", "read", "write"}),
    {"deny": (DENY,), "read": ("read",), "write": ("delete", "read", "write")},
)
HOST_VOLUME: Final = Vocabulary(
    frozenset({DENY, "mount-readonly", "mount-readwrite"}),
    {"deny": (DENY,), "read": ("mount-readonly",), "write": ("mount-readonly", "mount-readwrite")},
)
OPERATOR: Final = Vocabulary(
    frozenset({DENY, "snapshot-save", "license-read", "keyring-rotate", "keyring-read", "keyring-delete"}),
    {
        "deny": (DENY,),
        "read": ("license-read", "keyring-read"),
        "write": ("snapshot-save", "license-read", "keyring-rotate", "keyring-read", "keyring-delete"),
    },
)
SENTINEL: Final = Vocabulary(
    frozenset({DENY, "sentinel-read", "sentinel-submit", "sentinel-delete"}),
    {"deny": (DENY,), "read": ("sentinel-read",), "write": ("sentinel-read", "sentinel-submit", "sentinel-delete")},
)
VARIABLE_CAPABILITIES: Final = frozenset({DENY, "list", "read", "write", "destroy"})


def expand_variable(capabilities: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What a path rule grants: `deny` leaves nothing else, `read` brings `list` along."""
    if capabilities is None or DENY not in capabilities:
        lists = "read" in (capabilities or ()) and "list" not in (capabilities or ())
        return (*(capabilities or ()), "list") if lists else capabilities
    return (DENY,)
