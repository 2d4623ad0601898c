"""A status fits into a variable, whatever is in it, or is refused."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.conditions import Condition
from operator_kit.crd_store.status_items import LARGEST, LONG, StatusTooLarge, pack, unpack
from operator_kit.status import LastApplied, OwnedObject, ResourceStatus
from operator_kit.testing.specs import specs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Status(ResourceStatus):
    url: str = ""
    ready_replicas: int = 0


def status(text: str = "") -> Status:
    return Status(
        uid=4,
        observed_generation=9,
        url="http://x",
        ready_replicas=2,
        conditions=[Condition(type="Ready", status="True", reason="Fine", last_transition_time=NOON)],
        last_applied=LastApplied(generation=9, version="v1", written_as="v1", labels={"a": "b"}, spec={"text": text}),
        owned=[OwnedObject(id="web", fingerprint="f", index=3)],
    )


def size(items: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in items.items())


def test_every_field_is_an_item_that_others_can_use() -> None:
    items = pack(status())
    assert items["url"] == "http://x"
    assert items["readyReplicas"] == "2"
    assert items["observedGeneration"] == "9"
    assert items["lastApplied"] == ('{"generation":9,"version":"v1","writtenAs":"v1","labels":{"a":"b"},"spec":{"text":""}}')
    assert unpack(Status, items) == status()


@pytest.mark.parametrize("length", [LONG - 200, LONG + 18, 60_000])
def test_a_long_spec_is_remembered_whole(length: int) -> None:
    long = status("receivers: [otlp] " * (length // 18))
    items = pack(long)
    assert size(items) < LARGEST
    assert items["lastApplied"].startswith("zlib:") == (length >= LONG)
    assert unpack(Status, items) == long


def test_events_make_room_for_what_matters_more() -> None:
    full = status("".join(Random(1).choices("abcdefghijklmnop0123456789", k=65_000)))
    full.url = "x" * 12_000
    for number in range(10):
        full.record("Normal", "Step", f"{number}" + "y" * 500, NOON)
    items = pack(full)
    assert size(items) <= LARGEST
    kept = [event.message[0] for event in unpack(Status, items).events]
    assert kept == list("0123456789"[-len(kept) :])
    assert 0 < len(kept) < 10


def test_what_cannot_fit_is_refused_with_the_sizes() -> None:
    large = status()
    large.url = "u" * 66_000
    with pytest.raises(StatusTooLarge, match=r"takes \d+ bytes.*a variable holds 65536"):
        pack(large)


@pytest.mark.parametrize(
    "last_applied", ["zlib:!!!", "zlib:AAAA", "not json", '{"generation": "x"}', "zlib:" + "x" * 7], ids=repr
)
def test_an_unreadable_memory_is_no_memory(last_applied: str) -> None:
    read = unpack(Status, {**pack(status()), "lastApplied": last_applied})
    assert read == status().model_copy(update={"last_applied": None})


def test_an_empty_variable_is_a_fresh_status() -> None:
    assert unpack(Status, {}) == Status()


@given(specs(Status, {datetime: st.datetimes(timezones=st.just(UTC))}))
def test_a_status_that_is_read_and_written_again_is_the_same_to_the_byte(written: Status) -> None:
    items = pack(written)
    read = unpack(Status, items)
    assert read == written
    assert pack(read) == items


def _with_news(value: Any) -> Any:
    """What a newer operator would write: every mapping of the kit's own has one more key."""
    if isinstance(value, list):
        return [_with_news(inner) for inner in value]
    return {**value, "news": {"deep": 1}} if isinstance(value, dict) else value


def test_an_operator_that_is_rolled_back_forgets_nothing_of_what_the_newer_one_did() -> None:
    items = pack(status())
    newer = {
        key: orjson.dumps(_with_news(orjson.loads(text))).decode() if text[:1] in ("[", "{") else text
        for key, text in items.items()
    }
    assert unpack(Status, {**newer, "news": "1"}) == status()
