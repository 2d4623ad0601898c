"""Filter expressions of lists, in the language of go-bexpr: `Status == running and "linux" in Attributes`.

`syntax` reads an expression, `evaluation` makes a function of it. Fields have the names of the JSON; texts of errors are those
of a real agent, because users search for them.
"""

from collections.abc import Callable
from typing import Any

from orchestrator.http.filter.errors import FilterError
from orchestrator.http.filter.evaluation import predicate
from orchestrator.http.filter.syntax import parse

__all__ = ["FilterError", "compile_filter"]


def compile_filter(text: str) -> Callable[[Any], bool]:
    """A function that tells whether a row matches; a row is a model or a mapping.

    Raises:
        FilterError: the text is not an expression. The function itself raises it where a field does not exist or does not fit
            its operator, which shows only with a row at hand.
    """
    return predicate(parse(text))
