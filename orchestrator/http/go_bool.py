"""Booleans in texts, as Go's `strconv.ParseBool` reads them: in parameters and in filter expressions."""

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def parse_bool(text: str) -> bool | None:
    """The boolean that a text means; None if it means none."""
    return True if text in _TRUE else False if text in _FALSE else None


def bool_error(text: str) -> str:
    """What Go says of a text that means none."""
    return f'strconv.ParseBool: parsing "{text}": invalid syntax'
