"""`format` and `formatlist`: printf as Go has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobspec.conversion import ConversionError, convert
from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.functions.encoding import json_text
from jobspec.functions.number_formats import format_float, format_integer
from jobspec.graphemes import grapheme_count, graphemes
from jobspec.values import BOOL, DYNAMIC, NUMBER, STRING, Type, Value, list_value, string, text_of

_VERB = re.compile(r"%([0#+\- ]*)([1-9][0-9]*)?(\.[0-9]*)?(?:\[([1-9][0-9]*)\])?([A-Za-z])", re.ASCII)
_WIDEST = 10_000


@dataclass(frozen=True, slots=True)
class Verb:
    """One `%…x` of a format."""

    text: str
    offset: int
    flags: str
    width: int
    precision: int | None
    letter: str

    def unsupported(self, reason: str) -> CallError:
        return CallError(f'unsupported value for "{self.text}" at {self.offset}: {reason}')

    def padded(self, text: str, fill: str = " ") -> str:
        missing = " " if "-" in self.flags else fill
        gap = missing * (self.width - grapheme_count(text))
        return text + gap if "-" in self.flags else gap + text


def formatted(template: str, arguments: list[Value]) -> str:
    """The text; raises CallError where format and arguments do not fit."""
    result: list[str] = []
    at, following, highest = 0, 0, 0
    while at < len(template):
        if template[at] != "%":
            end = template.find("%", at)
            end = len(template) if end < 0 else end
            result.append(template[at:end])
            at = end
        elif template.startswith("%%", at):
            result.append("%")
            at += 2
        else:
            match = _VERB.match(template, at)
            if not match:
                raise _unrecognized(template, at)
            verb = _verb(match)
            position = int(match[4]) if match[4] else following + 1
            if position > len(arguments):
                counts = f"need index {position} but have {len(arguments)} total"
                raise CallError(f'not enough arguments for "{verb.text}" at {verb.offset}: {counts}')
            highest, following = max(highest, position), position
            result.append(_apply(verb, arguments[position - 1]))
            at = match.end()
    if highest < len(arguments):
        reason = f"only {highest} used by format string" if highest else "no verbs in format string"
        raise ArgumentError(highest + 1, f"too many arguments; {reason}")
    return "".join(result)


def _unrecognized(template: str, at: int) -> CallError:
    end = at + 1
    while end < len(template) and template[end] in "0123456789#+- .[]":
        end += 1
    if end == len(template):
        return CallError(f"invalid format string starting at offset {at}")
    return CallError(f"unrecognized format character '{template[end]}' at offset {end}")


def _verb(match: re.Match[str]) -> Verb:
    precision = int(match[3][1:] or 0) if match[3] else None
    width = int(match[2] or 0)
    if max(width, precision or 0) > _WIDEST:
        raise CallError(f"width or precision of {match[0]} is larger than {_WIDEST}")
    return Verb(match[0], match.start(), match[1], width, precision, match[5])


def _apply(verb: Verb, value: Value) -> str:
    if verb.letter == "v":
        return _as_is(verb, value)
    if value.is_null:
        raise verb.unsupported("null value cannot be formatted")
    if verb.letter == "t":
        return text_of(_converted(verb, value, BOOL))
    if verb.letter in "bdoxX":
        amount = _converted(verb, value, NUMBER).raw
        if not isinstance(amount, int):
            raise verb.unsupported("an integer is required")
        return format_integer(amount, verb.letter, verb.flags, verb.width, verb.precision)
    if verb.letter in "eEfgG":
        amount = _converted(verb, value, NUMBER).raw
        return format_float(amount, verb.letter, verb.flags, verb.width, verb.precision)
    if verb.letter in "sq":
        text = _converted(verb, value, STRING).raw
        text = "".join(graphemes(text)[: verb.precision]) if verb.precision else text
        text = text if verb.letter == "s" else json_text(string(text))
        return verb.padded(text, "0" if "0" in verb.flags else " ")
    raise CallError(f"unsupported format verb '{verb.letter}' in \"{verb.text}\" at offset {verb.offset}")


def _converted(verb: Verb, value: Value, want: Type) -> Value:
    try:
        return convert(value, want)
    except ConversionError as error:
        raise verb.unsupported(str(error)) from None


def _as_is(verb: Verb, value: Value) -> str:
    """Strings and numbers as they are, all else, or everything with `#`, as JSON."""
    text = json_text(value)
    if "#" not in verb.flags and not value.is_null:
        if value.type == STRING:
            text = value.raw
        elif value.type == NUMBER:
            text = format_float(value.raw, "g", "", 0, None)
    return verb.padded(text, "0" if "0" in verb.flags else " ")


@function(format=STRING, rest={"args": DYNAMIC}, nullable=["args"])
def format_text(template: Value, *arguments: Value) -> Value:
    return string(formatted(template.raw, list(arguments)))


@function(format=STRING, rest={"args": DYNAMIC}, nullable=["args"])
def format_list(template: Value, *arguments: Value) -> Value:
    """One text per element of the lists among the arguments, which must be equally long."""
    lengths = {at: len(value.raw) for at, value in enumerate(arguments, 1) if value.type.is_sequence and not value.is_null}
    first, count = next(iter(lengths.items()), (0, 1))
    for at, length in lengths.items():
        if length != count:
            reason = f"argument {at} has length {length}, which is inconsistent with argument {first} of length {count}"
            raise ArgumentError(at, reason)
    texts: list[Value] = []
    for index in range(count):
        row = [value.raw[index] if at in lengths else value for at, value in enumerate(arguments, 1)]
        try:
            texts.append(string(formatted(template.raw, row)))
        except CallError as error:
            raise CallError(f"error on format iteration {index}: {error}") from None
    return list_value(texts, STRING)


FUNCTIONS: dict[str, Function] = {"format": format_text, "formatlist": format_list}
