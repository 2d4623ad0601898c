"""What a cache keeps is as small as it says, and comes out as it went in."""

import tracemalloc
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from operator_kit.conditions import Condition
from operator_kit.crd_store.status_items import pack
from operator_kit.informers.packing import LONG, packed, unpacked
from operator_kit.status import LastApplied, ResourceStatus

RESOURCE = {"title": "a title", "description": "of six hundred bytes, for it is a long one " * 14}


@given(st.dictionaries(st.text(), st.text() | st.text(min_size=LONG), max_size=8))
def test_what_is_unpacked_is_what_was_packed(items: dict[str, str]) -> None:
    assert unpacked(packed(items)) == items


def test_a_text_takes_no_more_than_its_own_bytes() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [packed(RESOURCE) for _ in range(100)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(kept) < len(kept[0]) + 100


def test_a_status_takes_little_more_than_the_spec_that_it_remembers() -> None:
    spec = {f"field{number}": f"{number * 7919 % 104729} {number * 104729 % 7919}" for number in range(24)}
    now = datetime(2026, 5, 17, 9, 12, tzinfo=UTC)
    status = ResourceStatus(
        uid=123,
        observed_generation=4711,
        conditions=[
            Condition(type=type, status="True", reason=reason, observed_generation=4711, last_transition_time=now)
            for type, reason in (("Accepted", "Valid"), ("Reconciled", "Success"), ("Ready", "Healthy"))
        ],
        last_applied=LastApplied(generation=4711, version="v1", written_as="v1", spec=spec),
    )
    items = pack(status)
    assert sum(map(len, items.values())) > LONG
    assert len(packed(items)) < len(items["lastApplied"])
