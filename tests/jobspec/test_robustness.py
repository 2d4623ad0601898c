"""Whatever the text is: a job, or one error that says what is wrong. Never anything else."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from jobspec import JobspecError, parse
from jobspec.functions.catalog import all_functions
from jobspec.hcl import parse_document

PIECES = [
    *"{}[]()=,:?.!-+*/%<>&|^~;'`\"\n \t\\#é\x00\ud800",
    *["${", "%{", "~}", "<<E\n", "<<-E\n", "\nE\n", "...", "=>", "::", "[*]", ".*", "\r\n", "/*", "*/", "//", "$${"],
    *['job "j" {', 'group "g" {', 'task "t" {', "config {", "locals {", 'variable "v" {', 'dynamic "port" {'],
    *["for_each = ", "content {", "labels = ", "meta = ", "count = ", "for x in ", "if ", "else ", "endif", "endfor"],
    *["1", "0.5", "1e400", "null", "true", '"a"', "var.v", "local.l", "attr.x", "\\u00e9", "\\U00110000", "{a=1}"],
]
VALUES = ["0", "-1", "1/0", "1e300", "null", "true", '"a"', '""', '"1"', "[]", "{}", "[1, null]", "{ a = null }"]
VALUES += ["attr.x", "local.l", 'convert(["b"], set(string))', "convert({ a = 1 }, map(number))", '"(a"', '"%d"']
CALLABLE = sorted(name for name in all_functions(files=False) if name not in ("bcrypt", "convert"))
EXPRESSIONS = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "/", "%", "==", "<", "&&"]), inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}({})".format, st.sampled_from(CALLABLE), st.lists(inner, max_size=3).map(", ".join)),
        st.builds("[for k, v in {} : {} if {}]".format, inner, inner, inner),
        st.builds("{{ for k, v in {} : k => v... }}".format, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[*].a".format, inner),
        st.builds('"x${{{}}}"'.format, inner),
        st.builds("{{ ({}) = {} }}".format, inner, inner),
    ),
    max_leaves=8,
)


def survives(text: str) -> None:
    with suppress(JobspecError):
        json.dumps(parse(text, variables=text[:40]), allow_nan=False)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_sequence_of_tokens(text: str) -> None:
    survives(text)
    survives(f'job "j" {{\n{text}\n}}')
    with suppress(JobspecError):
        parse_document(text).to_dict()


@given(EXPRESSIONS, EXPRESSIONS)
@settings(max_examples=300, deadline=None)
def test_any_expression_anywhere(one: str, other: str) -> None:
    survives(
        f"""
        locals {{
          l = try({one}, 1)
        }}
        job "j" {{
          priority = {one}
          datacenters = {other}
          meta = {one}
          group "g" {{
            shutdown_delay = {other}
            dynamic "task" {{
              for_each = {one}
              labels   = [{other}]
              content {{
                config {{ x = {other} }}
              }}
            }}
          }}
        }}
        """
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["job", "group", "task", "config", "meta", "variable", "default", "//", "${x}"]), inner
            )
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json(document: object) -> None:
    survives("{" + f'"job": {json.dumps(document)}' + "}")
    survives(json.dumps(document))
