"""Strings. Lengths and positions count user-perceived characters."""

from __future__ import annotations

from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.functions.patterns import replace_pattern
from jobspec.functions.whole_numbers import whole_number
from jobspec.graphemes import grapheme_count, graphemes
from jobspec.values import NUMBER, STRING, Value, list_of, list_value, number, string


@function(str=STRING)
def upper(text: Value) -> Value:
    return string("".join(_one_to_one(char, char.upper()) for char in text.raw))


@function(str=STRING)
def lower(text: Value) -> Value:
    return string("".join(_one_to_one(char, char.lower()) for char in text.raw))


def _one_to_one(char: str, mapped: str) -> str:
    """Case mapping never changes the number of characters: the sharp s has no upper case."""
    return mapped if len(mapped) == 1 else char


@function(str=STRING)
def title(text: Value) -> Value:
    """The first letter of each word in upper case; a word ends at anything but letters, digits and underscores."""
    result, inside = [], False
    for char in text.raw:
        result.append(char if inside else _one_to_one(char, char.title()))
        inside = char.isalnum() or char == "_" or not (char.isascii() or char.isspace())
    return string("".join(result))


@function(str=STRING)
def reverse(text: Value) -> Value:
    return string("".join(reversed(graphemes(text.raw))))


@function(str=STRING)
def strlen(text: Value) -> Value:
    return number(grapheme_count(text.raw))


@function(str=STRING, offset=NUMBER, length=NUMBER)
def substr(text: Value, offset: Value, length: Value) -> Value:
    """A negative offset counts from the end, a negative length means 'up to the end'; so does, by a slip of Nomad's
    that specifications may rely on, a length of zero with a negative offset."""
    clusters = graphemes(text.raw)
    start, count = whole_number(offset), whole_number(length)
    if start >= 0 and count == 0:
        return string("")
    if start < 0:
        start = max(0, start + len(clusters))
    return string("".join(clusters[start:] if count <= 0 else clusters[start : start + count]))


@function(separator=STRING, rest={"lists": list_of(STRING)})
def join(separator: Value, *lists: Value) -> Value:
    if not lists:
        raise CallError("at least one list is required")
    parts: list[str] = []
    for number_of_list, items in enumerate(lists, 1):
        for index, item in enumerate(items.raw):
            if item.is_null:
                where = f" of list {number_of_list}" if len(lists) > 1 else ""
                reason = f"element {index}{where} is null; cannot concatenate null values"
                raise ArgumentError(number_of_list, reason)
            parts.append(item.raw)
    return string(separator.raw.join(parts))


@function(separator=STRING, str=STRING)
def split(separator: Value, text: Value) -> Value:
    parts = text.raw.split(separator.raw) if separator.raw else list(text.raw)
    return list_value(map(string, parts), STRING)


@function(list=list_of(STRING))
def sort(items: Value) -> Value:
    for index, item in enumerate(items.raw):
        if item.is_null:
            raise CallError(f"given list element {index} is null; a null string cannot be sorted")
    return list_value(sorted(items.raw, key=lambda item: item.raw), STRING)


@function(str=STRING)
def chomp(text: Value) -> Value:
    return string(text.raw.rstrip("\r\n"))


@function(spaces=NUMBER, str=STRING)
def indent(spaces: Value, text: Value) -> Value:
    """Every line but the first gets the spaces."""
    width = whole_number(spaces)
    if width < 0:
        raise ArgumentError(0, "the number of spaces must not be negative")
    return string(text.raw.replace("\n", "\n" + " " * min(width, 10_000)))


@function(str=STRING)
def trimspace(text: Value) -> Value:
    return string(text.raw.strip())


@function(str=STRING, cutset=STRING)
def trim(text: Value, cutset: Value) -> Value:
    return string(text.raw.strip(cutset.raw) if cutset.raw else text.raw)


@function(str=STRING, prefix=STRING)
def trimprefix(text: Value, prefix: Value) -> Value:
    return string(text.raw.removeprefix(prefix.raw))


@function(str=STRING, suffix=STRING)
def trimsuffix(text: Value, suffix: Value) -> Value:
    return string(text.raw.removesuffix(suffix.raw))


@function(str=STRING, substr=STRING, replace=STRING)
def replace(text: Value, part: Value, replacement: Value) -> Value:
    return string(text.raw.replace(part.raw, replacement.raw))


@function(str=STRING, pattern=STRING, replace=STRING)
def regex_replace(text: Value, pattern: Value, replacement: Value) -> Value:
    return string(replace_pattern(pattern.raw, replacement.raw, text.raw))


FUNCTIONS: dict[str, Function] = {
    "chomp": chomp,
    "indent": indent,
    "join": join,
    "lower": lower,
    "regex_replace": regex_replace,
    "replace": replace,
    "reverse": reverse,
    "sort": sort,
    "split": split,
    "strlen": strlen,
    "strrev": reverse,
    "substr": substr,
    "title": title,
    "trim": trim,
    "trimprefix": trimprefix,
    "trimspace": trimspace,
    "trimsuffix": trimsuffix,
    "upper": upper,
}
