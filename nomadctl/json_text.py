"""JSON that people have written, with `nomad`'s words for what is wrong with it."""

import json
from typing import Any


def decode(text: str, *, truncated: str = "unexpected end of JSON input") -> dict[str, Any]:
    """The object that a text holds.

    Args:
        truncated: what to say of a text that ends too early.

    Raises:
        ValueError: it is none.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise ValueError(truncated) from error
        raise ValueError(f"invalid character '{text[error.pos]}' looking for beginning of value") from error
    if not isinstance(data, dict):
        raise ValueError("an object is needed")
    return data
