"""A status as items of a variable: one item for each field, in no more than a variable can hold.

Nomad takes 64 KiB of keys and values. A long last applied spec is compressed; if that is not enough, old events go, then the
old values that handlers would be shown. What is still too large is refused, for a status that forgets how to undo things is
worse than none.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Final, TypeVar

from operator_kit.crd_store.codec import InvalidItems, decode, encode
from operator_kit.status import ResourceStatus

Status = TypeVar("Status", bound=ResourceStatus)

LARGEST: Final = 64 * 1024
LONG: Final = 8 * 1024
"""Bytes from which on the last applied spec is compressed."""

_LONGEST_CHARACTER: Final = 4
"""Bytes that a character takes at most: what is short enough even so need not be encoded to be measured."""

_LAST_APPLIED: Final = "lastApplied"
_COMPRESSED: Final = "zlib:"

_OF_THE_KIT: Final = frozenset(str(field.alias) for field in ResourceStatus.model_fields.values())
_KEPT: Final = frozenset({_LAST_APPLIED, "owned", "handled"})
"""Items that are no words for people: what they say must stay as it is, whatever a secret is."""


class StatusTooLarge(ValueError):
    """A status that does not fit into a variable."""


def pack(status: ResourceStatus) -> dict[str, str]:
    """The items of a status, its secrets masked. Its oldest events, and old values, go where they have no room.

    Raises:
        StatusTooLarge: it does not fit even so.
    """
    while True:
        items = encode(status)
        if status.mask:
            items = status.mask.items(items, _OF_THE_KIT, _KEPT)
        last_applied = items.get(_LAST_APPLIED, "")
        if len(last_applied) > LONG:
            items[_LAST_APPLIED] = _COMPRESSED + base64.b85encode(zlib.compress(last_applied.encode())).decode()
        if _LONGEST_CHARACTER * sum(map(len, (*items, *items.values()))) <= LARGEST:
            return items
        size = sum(len(key.encode()) + len(value.encode()) for key, value in items.items())
        if size <= LARGEST:
            return items
        if not status.events and not _forget_values(status):
            spec = len(items.get(_LAST_APPLIED, ""))
            raise StatusTooLarge(
                f"the status takes {size} bytes, {spec} of them for the last applied spec, and a variable holds {LARGEST}; "
                "make the spec smaller, or keep its bulk in another variable"
            )
        status.events = status.events[1:]


def _forget_values(status: ResourceStatus) -> bool:
    """Forget the old values that handlers would be shown, but not that they have dealt with them; whether there were any."""
    handled = status.handled
    if handled is None or all(seen.value is None for seen in (*handled.fields.values(), *handled.apart.values())):
        return False
    for seen in (*handled.fields.values(), *handled.apart.values()):
        seen.value = None
    return True


def unpack(model: type[Status], items: Mapping[str, str]) -> Status:
    """The status that items say. Fields that cannot be read (written by another version, or by hand) are as if unset."""
    texts = dict(items)
    last_applied = texts.get(_LAST_APPLIED, "")
    if last_applied.startswith(_COMPRESSED):
        try:
            texts[_LAST_APPLIED] = zlib.decompress(base64.b85decode(last_applied.removeprefix(_COMPRESSED))).decode()
        except (ValueError, zlib.error):
            del texts[_LAST_APPLIED]
    while True:
        try:
            return decode(model, texts)
        except InvalidItems as error:
            unreadable = {problem.key.split(".")[0] for problem in error.problems}
            kept = {key: text for key, text in texts.items() if key.split(".")[0] not in unreadable}
            texts = kept if len(kept) < len(texts) else {}
