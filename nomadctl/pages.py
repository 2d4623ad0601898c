"""Lists that come in pages."""

import shlex
import sys

from nomadctl.framework import PROGRAM


def next_page(token: str) -> str:
    """The command that shows the page after this one."""
    words = [PROGRAM]
    skip = False
    for word in sys.argv[1:]:
        name, equals, _ = word.lstrip("-").partition("=")
        if skip or (word.startswith("-") and name == "page-token"):
            skip = not skip and not equals
            continue
        words.append(shlex.quote(word))
    return f"\nResults have been paginated. To get the next page run:\n\n{' '.join(words)} -page-token {token}"
