"""Asking a person before something that cannot be undone."""

import sys

from nomadctl.failure import Failure


def confirm(question: str, *, otherwise: str) -> None:
    """Ask on stdout, read the answer from stdin; only an exact `y` goes on.

    Args:
        otherwise: the flag that makes the question needless, for whoever has no terminal.

    Raises:
        Failure: any other answer, or none.
    """
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if answer.strip() != "y":
        reason = "Cancelled" if answer else f"Nobody answered; give {otherwise} to do it without a question"
        raise Failure(reason)
