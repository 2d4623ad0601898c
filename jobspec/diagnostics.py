"""Positions in source text, diagnostics, and the error that carries them.

Texts follow the form Nomad prints: `input.hcl:3,9-12: Summary; Detail`, lines and columns from 1, columns counted
in user-perceived characters (grapheme clusters), the end column exclusive. A diagnostic without a position prints
`<nil>` in its place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from jobspec.graphemes import grapheme_count


class Source:
    """One piece of HCL text and the name it has in messages."""

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._line_starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of the character at `offset`."""
        if self._line_starts is None:
            self._line_starts = [0, *(index + 1 for index, char in enumerate(self.text) if char == "\n")]
        line = bisect_right(self._line_starts, offset)
        return line, grapheme_count(self.text[self._line_starts[line - 1] : offset]) + 1


@dataclass(frozen=True, slots=True)
class Range:
    """The characters from `start` up to but not including `end` of a source."""

    source: Source
    start: int
    end: int

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        end_line, end_column = self.source.position(self.end)
        end = f"{end_column}" if end_line == line else f"{end_line},{end_column}"
        return f"{self.source.name}:{line},{column}-{end}"

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Range) -> Range:
        """The range from the start of this one to the end of `other`."""
        return Range(self.source, self.start, other.end)

    def at_end(self) -> Range:
        """The empty range just behind this one."""
        return Range(self.source, self.end, self.end)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: where (None for the document as a whole), what, and why or how to mend it.

    A warning is only printed when there is an error beside it.
    """

    summary: str
    detail: str
    range: Range | None = None
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.range or '<nil>'}: {self.summary}; {self.detail}"


class JobspecError(Exception):
    """A document that cannot be used: all diagnostics, and `str()` is the text Nomad would print.

    `condensed`: Nomad prints syntax errors, and errors in driver configurations, as the first diagnostic and the
    number of the others, and everything else in full.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], *, condensed: bool = False, prefix: str = "") -> None:
        self.diagnostics = list(diagnostics)
        text = "\n".join(map(str, self.diagnostics))
        if condensed and len(self.diagnostics) > 1:
            text = f"{self.diagnostics[0]}, and {len(self.diagnostics) - 1} other diagnostic(s)"
        super().__init__(prefix + text)
