"""Pages of the documentation, and the fenced blocks in them."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_BLOCK: Final = re.compile(r"^```(\S*) ?(.*)\n((?:.*\n)*?)```$|^<!-- (\w+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block; a comment `<!-- word -->` is a block of the language `comment`.

    Attributes:
        line: of the page, where it begins.
        note: what follows the language.
    """

    line: int
    language: str
    note: str
    text: str


def blocks(page: str) -> list[Block]:
    """All blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        language, note, text, comment = match.groups()
        found.append(Block(line, "comment", comment, "") if comment else Block(line, language, note, text))
    return found


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", page)


_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def named_tests(text: str) -> list[tuple[str, str]]:
    """The tests that a text names, as `path::name`."""
    return _TEST.findall(text)


def missing_tests(text: str) -> list[str]:
    """Those of them that there are not."""
    return [f"{path}::{name}" for path, name in named_tests(text) if name not in _tests_in(ROOT / path)]


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions))
