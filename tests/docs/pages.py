"""Pages of the documentation, and the fenced blocks in them."""

import re
from dataclasses import dataclass
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
