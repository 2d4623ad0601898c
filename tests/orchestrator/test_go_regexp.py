"""Go's regular expressions on Python's engine."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.go_regexp import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^p$", "p"),
        (r"^a\z", "a"),
        (r"\d+\.\d+", "x1.2"),
        ("(?i)ABC", "xabc"),
        ("x(?i)ABC", "xabc"),
        ("(a(?i)b)C", "aBC"),
        ("(?P<name>p)", "p"),
        ("(?<name>p)", "p"),
        ("(?:a|b)c", "bc"),
        ("[[:alpha:]_]+$", "a_"),
        ("[^[:digit:]]", "1x"),
        ("[]a]", "]"),
        (r"[\]]", "]"),
        (r"\Qa.b\E$", "a.b"),
        ("(?m)^b$", "a\nb"),
        ("(?s)a.b", "a\nb"),
        (r"\x{70}\x70", "pp"),
        ("a{2,3}?", "aa"),
        ("{", "{"),
        ("a{,2}", "a{,2}"),
        ("", "anything"),
    ],
)
def test_pattern_finds(pattern, text):
    assert compile_pattern(pattern).search(text)


@pytest.mark.parametrize(
    ("pattern", "text"), [("^p$", "p\n"), (r"^\d$", "٣"), ("x(?i)ABC", "Xabc"), ("(a(?i)b)C", "aBc"), ("(?s)a.b", "ab")]
)
def test_pattern_does_not_find(pattern, text):
    assert not compile_pattern(pattern).search(text)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing closing ): `(`"),
        ("[", "missing closing ]: `[`"),
        ("a)", "unexpected ): `a)`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("(*)", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+", "invalid nested repetition operator: `*+`"),
        (r"\q", r"invalid escape sequence: `\q`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<=x)", "invalid or unsupported Perl syntax: `(?<=`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        ("\\", "trailing backslash at end of expression: ``"),
    ],
)
def test_what_go_refuses_is_refused(pattern, reason):
    with pytest.raises(PatternError) as refusal:
        compile_pattern(pattern)
    assert str(refusal.value) == f"error parsing regexp: {reason}"


@given(st.one_of(st.text(), st.text("()[]{}*+?|^$\\.:aPQEiz<>=!-,1[:dxp")))
def test_nothing_but_a_pattern_error_is_ever_raised(pattern):
    with suppress(PatternError):
        compile_pattern(pattern).search("text")
