"""A status as items of a variable: one item for each field, in no more than a variable can hold.

Nomad takes 64 KiB of keys and values. A long last applied spec is compressed; if that is not enough, old events go, then the
old values that handlers would be shown. What is still too large is refused, for a status that forgets how to undo things is
worse than none.

Every look reads a status, and most change nothing of it. So the items are put together to the very JSON that the model itself
writes (`as_json`): it is read in one pass, and whether anything has changed is a comparison of two texts, at half the price of
items there and back.
"""

import base64
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar

import orjson
from pydantic import ValidationError

from operator_kit.crd_store.codec import InvalidItems, decode, encode
from operator_kit.crd_store.shapes import Text, fields_of
from operator_kit.masking import Mask
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


def pack(status: ResourceStatus, mask: Mask | None = None) -> dict[str, str]:
    """The items of a status, without the values of a mask. Its oldest events, and old values, go where they have no room.

    Raises:
        StatusTooLarge: it does not fit even so.
    """
    while True:
        items = encode(status)
        if mask:
            items = mask.items(items, _OF_THE_KIT, _KEPT)
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


def unpack(model: type[Status], items: Mapping[str, str]) -> Status:
    """The status that items say. Fields that cannot be read (written by another version, or by hand) are as if unset."""
    texts = dict(items)
    if (last_applied := texts.get(_LAST_APPLIED, "")).startswith(_COMPRESSED):
        try:
            texts[_LAST_APPLIED] = _inflated(last_applied)
        except ValueError:
            del texts[_LAST_APPLIED]
    while True:
        try:
            return decode(model, texts)
        except InvalidItems as error:
            unreadable = {problem.key.split(".")[0] for problem in error.problems}
            kept = {key: text for key, text in texts.items() if key.split(".")[0] not in unreadable}
            texts = kept if len(kept) < len(texts) else {}


def as_json(model: type[ResourceStatus], items: Mapping[str, str]) -> str | None:
    """The items as one text: what `to_json` writes of the status that they say, if `pack` made them.

    None where there are items that the model does not know, or a spec that cannot be read: those are for `unpack`.
    """
    if items.get(_LAST_APPLIED, "").startswith(_COMPRESSED):
        try:
            items = {**items, _LAST_APPLIED: _inflated(items[_LAST_APPLIED])}
        except ValueError:
            return None
    parts = []
    known = 0
    for key, is_text, absent in _fields(model):
        if (text := items.get(key)) is not None:
            known += 1
            parts.append(f'"{key}":{orjson.dumps(text).decode() if is_text else text}')
        elif absent:
            parts.append(absent)
    return f"{{{','.join(parts)}}}" if known == len(items) else None


def from_json(model: type[Status], text: str) -> Status | None:
    """The status that a text of `as_json` says; None if it cannot be read as a whole."""
    try:
        return model.model_validate_json(text)
    except ValidationError:
        return None


def to_json(status: ResourceStatus) -> str:
    """A status as one text; nothing is masked or left out."""
    return status.model_dump_json(by_alias=True)


def is_short(text: str) -> bool:
    """Whether the status of a text of `to_json` fits into a variable for certain, without being packed to be measured."""
    return _LONGEST_CHARACTER * len(text) <= LARGEST


@cache
def _fields(model: type[ResourceStatus]) -> list[tuple[str, bool, str]]:
    """The fields of a status in the order in which its model writes them: key, whether it is text, what stands for no item."""
    defaults = {field.alias or name: field.default for name, field in model.model_fields.items()}
    return [
        (key, isinstance(shape, Text), f'"{key}":null' if defaults[key] is None else "")
        for key, shape in fields_of(model).items()
    ]


def _inflated(text: str) -> str:
    """The last applied spec that was compressed.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return zlib.decompress(base64.b85decode(text.removeprefix(_COMPRESSED))).decode()
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _forget_values(status: ResourceStatus) -> bool:
    """Forget the old values that handlers would be shown, but not that they have dealt with them; whether there were any."""
    handled = status.handled
    if handled is None or all(seen.value is None for seen in (*handled.fields.values(), *handled.apart.values())):
        return False
    for seen in (*handled.fields.values(), *handled.apart.values()):
        seen.value = None
    return True
