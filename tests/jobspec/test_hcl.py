"""Plain HCL documents."""

from __future__ import annotations

import pytest

from jobspec.diagnostics import JobspecError
from jobspec.hcl import parse_document


def test_attributes_and_labelled_blocks_become_plain_values() -> None:
    document = parse_document(
        """
        count = 3
        ratio = 0.5
        tags  = ["a", true, null]
        namespace "default" {
          policy = "write"
          variables {
            path "apps/*" { capabilities = ["read"] }
          }
        }
        """
    )
    assert document.to_dict() == {
        "count": 3,
        "ratio": 0.5,
        "tags": ["a", True, None],
        "namespace": [{"default": [{"policy": "write", "variables": [{"path": [{"apps/*": [{"capabilities": ["read"]}]}]}]}]}],
    }
    [namespace] = document.blocks_of("namespace")
    assert namespace.labels == ["default"]
    assert namespace.range.line == 5
    assert document.attributes["ratio"].range.line == 3


def test_blocks_keep_the_order_of_the_text() -> None:
    document = parse_document('a "1" {}\nb {}\na "2" {}\n')
    assert [(block.type, block.labels) for block in document.blocks] == [("a", ["1"]), ("b", []), ("a", ["2"])]


def test_an_error_names_file_line_and_column() -> None:
    with pytest.raises(JobspecError, match=r"^policy\.hcl:2,5-9: Variables not allowed; Variables may not be used here\.$"):
        parse_document("a = 1\nb = read", "policy.hcl")


def test_a_block_can_point_at_itself() -> None:
    [block] = parse_document('\nnode "x" {}\n').blocks
    assert str(block.error("Unexpected label", "A node block has none.")).startswith("input.hcl:2,1-9: Unexpected label;")
