"""User-perceived characters (extended grapheme clusters, Unicode Standard Annex 29).

HCL counts columns, and its functions count and cut strings, in these units. The clusters are found with the general
categories the standard library knows, which agrees with the annex except for a few prepended marks and for emoji
sequences joined across characters that are no emoji.
"""

from __future__ import annotations

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_HANGUL_LEADING, _HANGUL_VOWEL, _HANGUL_TRAILING = range(0x1100, 0x1160), range(0x1160, 0x11A8), range(0x11A8, 0x1200)
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def _extends(char: str) -> bool:
    return char in "\u200c\u200d" or unicodedata.category(char) in ("Mn", "Me", "Mc") or ord(char) in _SKIN_TONES


def _controls(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cf") and char not in "\u200c\u200d"


def _hangul_joins(before: int, after: int) -> bool:
    if before in _HANGUL_LEADING:
        return after in _HANGUL_LEADING or after in _HANGUL_VOWEL or after in _HANGUL_SYLLABLES
    open_syllable = before in _HANGUL_SYLLABLES and (before - 0xAC00) % 28 == 0
    if before in _HANGUL_VOWEL or open_syllable:
        return after in _HANGUL_VOWEL or after in _HANGUL_TRAILING
    return (before in _HANGUL_TRAILING or before in _HANGUL_SYLLABLES) and after in _HANGUL_TRAILING


def _joins(text: str, index: int, cluster_start: int) -> bool:
    """Whether the character at `index` belongs to the cluster of the one before it."""
    before, after = text[index - 1], text[index]
    if before == "\r" and after == "\n":
        return True
    if _controls(before) or _controls(after):
        return False
    if _extends(after):
        return True
    if before == _ZERO_WIDTH_JOINER:
        return unicodedata.category(after) == "So" and unicodedata.category(text[cluster_start]) == "So"
    if ord(before) in _REGIONAL_INDICATORS and ord(after) in _REGIONAL_INDICATORS:
        return (index - cluster_start) % 2 == 1
    return _hangul_joins(ord(before), ord(after))


def graphemes(text: str) -> list[str]:
    """The clusters of `text` in order; joined they are `text`."""
    if text.isascii() and "\r" not in text:
        return list(text)
    starts: list[int] = []
    for index in range(len(text)):
        if index == 0 or not _joins(text, index, starts[-1]):
            starts.append(index)
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def grapheme_count(text: str) -> int:
    return len(text) if text.isascii() and "\r" not in text else len(graphemes(text))
