"""The tokens as the parsers see them: comments gone, newlines visible only where they end something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobspec.diagnostics import Diagnostic, Range
from jobspec.syntax import tokens
from jobspec.syntax.tokens import Token

MAX_DEPTH = 200
"""Levels of brackets, blocks and templates; a real document has ten. Nomad knows no limit, but JSON encoders do (254)."""


class SyntaxFailure(Exception):
    """Parsing ends here; the reason is the stream's last diagnostic."""


class TokenStream:
    """Peek at and read tokens; collect diagnostics.

    The first structural error ends parsing, because what a parser believes to see after it is mostly noise. Errors
    that leave the structure intact (a bad escape, an attribute set twice) are collected on the way.
    """

    def __init__(self, all_tokens: list[Token]) -> None:
        self._tokens = all_tokens
        self._index = 0
        self._newlines = True
        self._depth = 0
        self.diagnostics: list[Diagnostic] = []

    def _next(self) -> tuple[Token, int]:
        index = self._index
        while index < len(self._tokens):
            token = self._tokens[index]
            index += 1
            if token.kind == tokens.COMMENT:
                if self._newlines and token.text.endswith("\n"):  # a line comment takes the end of its line with it
                    return Token(tokens.NEWLINE, token.range), index
            elif token.kind != tokens.NEWLINE or self._newlines:
                return token, index
        return self._tokens[-1], index

    def peek(self) -> Token:
        return self._next()[0]

    def read(self) -> Token:
        token, self._index = self._next()
        return token

    def at(self, *kinds: str) -> bool:
        return self.peek().kind in kinds

    def at_keyword(self, word: str) -> bool:
        token = self.peek()
        return token.kind == tokens.IDENTIFIER and token.text == word

    @property
    def previous(self) -> Range:
        """The range of the token read last; of the first token before any was read."""
        return self._tokens[self._index - 1].range if self._index else self.peek().range

    @contextmanager
    def newlines(self, visible: bool) -> Iterator[None]:
        """Within brackets newlines mean nothing, within braces they end an item."""
        before, self._newlines = self._newlines, visible
        try:
            yield
        finally:
            self._newlines = before

    @contextmanager
    def nested(self, levels: int = 1) -> Iterator[None]:
        self._depth += levels
        if self._depth > MAX_DEPTH:
            detail = f"Brackets, blocks and templates may be nested {MAX_DEPTH} levels deep."
            raise self.failure("Nesting too deep", detail, self.previous)
        try:
            yield
        finally:
            self._depth -= levels

    def report(self, summary: str, detail: str, where: Range) -> None:
        self.diagnostics.append(Diagnostic(summary, detail, where))

    def failure(self, summary: str, detail: str, where: Range) -> SyntaxFailure:
        """Report, and get what to raise."""
        self.report(summary, detail, where)
        return SyntaxFailure()
