"""HCL 1: what a document says, and what is said about a broken one."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.hcl1 import Literal, Node, Object, Sequence, SyntaxFailure, parse


def plain(node: Node) -> Any:
    if isinstance(node, Literal):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return [(*item.keys, plain(item.value)) for item in node.items]


def test_blocks_may_share_a_line() -> None:
    assert plain(parse('a "x" { b = 1 } a "y" { b = true, c = [1, "z",] }')) == [
        ("a", "x", [("b", "1")]),
        ("a", "y", [("b", "true"), ("c", ["1", "z"])]),
    ]


def test_an_assigned_object_is_a_block() -> None:
    assert plain(parse("a = { b = 1 }")) == plain(parse("a { b = 1 }"))


@pytest.mark.parametrize("comment", ["# x", "// x", "/* x\n y */"])
def test_comments_are_skipped(comment: str) -> None:
    assert plain(parse(f"a = 1 {comment}\nb = 2")) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"a\tb\"\\"', 'a\tb"\\'),
        (r'"\u00e9\x41\101"', "éAA"),
        (r'"\ud800"', "\ufffd"),
        ('"${a["b"]}"', '${a["b"]}'),
        ('"${a\n}"', "${a\n}"),
        ("<<EOF\n one\ntwo\nEOF\n", " one\ntwo\n"),
        ("<<-EOF\n    one\n      two\n    EOF\n", "one\n  two\n"),
        ("<<-EOF\n  one\n    EOF\n", "  one\n"),
        ("-1.5e3", "-1.5e3"),
        ("0x1F", "0x1F"),
    ],
)
def test_values(written: str, meant: str) -> None:
    assert plain(parse(f"a = {written}")) == [("a", meant)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {", "At 1:5: object expected closing RBRACE got: EOF"),
        ("a {\n b = 1\n", "At 3:2: object expected closing RBRACE got: EOF"),
        ("a { b", "At 1:7: key 'b' expected start of object ('{') or assignment ('=')"),
        ("a { b }", "At 1:7: key 'b' expected start of object ('{') or assignment ('=')"),
        ('"x"', "At 1:4: key '\"x\"' expected start of object ('{') or assignment ('=')"),
        ("a { b = }", "At 1:10: object expected closing RBRACE got: EOF"),
        ("a { b = [ }", "At 1:12: object expected closing RBRACE got: EOF"),
        ("a { b =", "At 1:9: object expected closing RBRACE got: EOF"),
        ("a = }", "At 1:5: Unknown token: 1:5 RBRACE }"),
        ("a = b", "At 1:5: Unknown token: 1:5 IDENT b"),
        ("}", "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"),
        ("= 1", "At 1:1: no object keys found!"),
        ("a b = 1", "At 1:5: nested object expected: LBRACE got: ASSIGN"),
        ("a = [1 2]", "At 1:8: error parsing list, expected comma or list end, got: NUMBER"),
        ("a = [b]", "At 1:6: unexpected token while parsing list: IDENT"),
        ("a = 1;", "At 1:6: illegal char"),
        ('a = "b', "At 1:7: literal not terminated"),
        ('a = "b\n"', "At 2:2: literal not terminated"),
        (r'a = "\q"', "At 1:7: illegal char escape"),
        ("a = 1 /* b", "At 1:11: comment not terminated"),
        ("/ a", "At 1:1: expected '/' for comment"),
        ("a = <b", "At 1:6: heredoc expected second '<', didn't see it"),
        ('{"a": ', "At 1:7: Expecting value"),
    ],
)
def test_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(SyntaxFailure) as failure:
        parse(text)
    assert str(failure.value) == message


@pytest.mark.parametrize("deep", ["a = " + "[" * 5000, "a {" * 5000, '{"a":' * 5000])
def test_deep_nesting_is_refused(deep: str) -> None:
    with pytest.raises(SyntaxFailure):
        parse(deep)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SyntaxFailure):
        parse(text)


@given(st.text(alphabet='a={}[]"\\$,#/*<-\n 0.x', max_size=40))
def test_any_mixture_of_symbols_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SyntaxFailure):
        parse(text)


def names_of(document: Object) -> list[tuple[str, Any]]:
    return [(name, plain(block.content)) for name, block in document.labelled("a")]


def test_names_of_blocks() -> None:
    assert names_of(parse('a "x" { b = 1 }\nA y "z" { b = 2 }\na { b = 3 }')) == [
        ("x", [("b", "1")]),
        ("y", [("z", [("b", "2")])]),
        ("", [("b", "3")]),
    ]


def test_names_of_blocks_in_json() -> None:
    document = {"a": [{"x": {"b": 1}, "y": {}}, {"z": {"b": None}}]}
    assert names_of(parse(json.dumps(document))) == [("x", [("b", "1")]), ("y", []), ("z", [("b", "")])]


def test_a_json_block_without_a_name() -> None:
    assert names_of(parse('{"a": {"b": "c"}}')) == [("", [("b", "c")])]


def test_half_a_surrogate_pair_in_json_is_replaced() -> None:
    assert plain(parse('{"\\ud800": "\\udfff"}')) == [("\ufffd", "\ufffd")]
