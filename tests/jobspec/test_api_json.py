"""Jobs that are JSON of the API."""

from __future__ import annotations

import pytest

from jobspec import JobspecError, parse_api_json


@pytest.mark.parametrize("text", ['{"ID": "a"}', '{"Job": {"ID": "a"}}'])
def test_bare_or_wrapped(text: str) -> None:
    assert parse_api_json(text) == {"ID": "a"}


@pytest.mark.parametrize(("text", "message"), [("{\n]", r"input\.json:2,1-2: Invalid JSON"), ("[1]", "A job is a JSON object")])
def test_what_is_no_job(text: str, message: str) -> None:
    with pytest.raises(JobspecError, match=message):
        parse_api_json(text)
