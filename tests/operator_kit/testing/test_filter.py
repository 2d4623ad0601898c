"""Filters select as Nomad's do, what is absent included."""

import pytest

from operator_kit.testing.filter import matching
from operator_kit.testing.routing import Refused

ROWS = [
    {"ID": "a", "Status": "running", "Stop": False, "Priority": 50, "Meta": {"team": "x", "backup.schedule": "daily"}},
    {"ID": "b", "Status": "dead", "Stop": True, "Priority": 70, "Meta": None},
    {"ID": "c", "Status": "pending", "Stop": False, "Priority": 50, "Meta": {"team": ""}, "Datacenters": ["dc1", "dc2"]},
]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('Status == "running"', "a"),
        ("Status != running", "bc"),
        ("Stop == true", "b"),
        ("Priority == 50", "ac"),
        ('Meta.team == "x"', "a"),
        ('Meta["backup.schedule"] == "daily"', "a"),
        ('Meta["backup.schedule"] is not empty', "a"),
        ('Meta["backup.schedule"] != ""', "abc"),
        ("Meta.team is empty", "bc"),
        ('Status matches "^(run|pend)"', "ac"),
        ('Status not matches "ing$"', "b"),
        ('Status contains "ea"', "b"),
        ('"dc1" in Datacenters', "c"),
        ('"dc1" not in Datacenters', "ab"),
        ('Datacenters contains "dc2"', "c"),
        ('Status == "dead" or Meta.team == "x" and Stop == false', "ab"),
        ('not (Status == "dead" or ID == "a")', "c"),
        ("Status == `dead`", "b"),
    ],
)
def test_a_filter_selects(expression: str, expected: str) -> None:
    assert "".join(row["ID"] for row in matching(ROWS, expression)) == expected


@pytest.mark.parametrize(
    "expression", ["Status ==", "Status", '"x" == Status', "(Status == a", "Status == a b", "Status is full", "?"]
)
def test_what_cannot_be_read_is_refused(expression: str) -> None:
    with pytest.raises(Refused, match="failed to read filter expression"):
        matching(ROWS, expression)
