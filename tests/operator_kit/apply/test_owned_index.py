"""Whom to wake for an object, and what is known of it without a read."""

from operator_kit.apply.owned_index import ObjectKey, OwnedIndex
from operator_kit.ownership import Owner

A, B = Owner("resources/t/w/a", 1), Owner("resources/t/w/b", 2)
KEY = ObjectKey("Variable", "default", "shared")
OTHER = ObjectKey("Namespace", "", "team")


def test_an_object_knows_all_its_owners() -> None:
    index = OwnedIndex()
    index.add(KEY, B, ["b"])
    index.add(KEY, A, ["a"])
    assert index.owners(KEY) == [A, B]
    assert index.owner_of_field(KEY, "b", but=A) == B
    assert index.owner_of_field(KEY, "a", but=A) is None
    index.remove(KEY, B)
    assert index.owners(KEY) == [A]


def test_a_look_at_a_resource_replaces_what_was_known_of_it() -> None:
    index = OwnedIndex()
    index.learn(A, {KEY: [], OTHER: []})
    index.learn(A, {OTHER: []})
    assert (index.owners(KEY), index.owners(OTHER)) == ([], [A])
    index.learn(A, {})
    assert index.owners(OTHER) == []


def test_an_index_is_known_only_while_somebody_follows() -> None:
    index = OwnedIndex()
    index.add(KEY, A)
    index.seen(KEY, 7)
    assert index.index(KEY) is None
    index.follow("Variable", "default")
    assert index.index(KEY) == 7
    elsewhere = KEY._replace(namespace="elsewhere")
    index.add(elsewhere, A)
    index.seen(elsewhere, 7)
    assert index.index(elsewhere) is None


def test_who_follows_knows_better_than_who_wrote() -> None:
    index = OwnedIndex()
    index.follow("Variable", "default")
    index.add(KEY, A)
    index.seen(KEY, 13)
    index.wrote(KEY, 12, A)
    assert index.index(KEY) == 13
    index.wrote(KEY, 14, A)
    assert index.index(KEY) == 14
    index.seen(KEY, 2)  # the server began anew
    assert index.index(KEY) == 2


def test_what_is_gone_has_to_be_read() -> None:
    index = OwnedIndex()
    index.follow("Variable", "default")
    index.add(KEY, A)
    index.seen(KEY, 9)
    index.lost(KEY)
    assert index.index(KEY) is None


def test_what_belongs_to_nobody_is_not_kept() -> None:
    index = OwnedIndex()
    index.follow("Variable", "default")
    index.seen(KEY, 7)
    index.add(KEY, A)
    assert index.index(KEY) is None


def test_whoever_wrote_it_is_not_called_for_it_and_the_others_are() -> None:
    index = OwnedIndex()
    index.follow("Variable", "default")
    for owner in (A, B):
        index.add(KEY, owner)
    index.wrote(KEY, 7, A)
    for _ in range(2):  # each kind that follows the object tells of it
        index.seen(KEY, 7)
        assert index.concerned(KEY, 7) == [B]
    index.seen(KEY, 8)
    assert index.concerned(KEY, 8) == [A, B]
