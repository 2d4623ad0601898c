"""Job specifications in HCL, or its JSON form, as Nomad reads them.

`parse` gives the job of the API; `hcl.parse_document` reads HCL documents that are no jobs. The way of a text: `syntax`
makes a tree of it, `content` looks at its bodies through what is expected there, `decode` walks the declarations in
`job_schema` and asks `evaluate` for the values.

The tree is built by a parser of our own. Nomad's messages, positions and tolerance are part of the interface here
(strip markers, templates in heredocs, one-line blocks, names in any script), and a general HCL grammar has none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobspec.diagnostics import Diagnostic, JobspecError

if TYPE_CHECKING:
    from jobspec.specification import parse

__all__ = ["Diagnostic", "JobspecError", "parse"]


def __getattr__(name: str) -> Any:
    """Load the parser when it is first asked for: importing the package costs next to nothing."""
    if name == "parse":
        from jobspec.specification import parse

        return parse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
