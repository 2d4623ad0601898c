"""Job specifications in HCL, or its JSON form, as Nomad reads them.

`parse` gives the job of the API; `hcl.parse_document` reads HCL documents that are no jobs. The way of a text:
`syntax` makes a tree of it, `content` looks at its bodies through what is expected there, `decode` walks the
declarations in `job_schema` and asks `evaluate` for the values. The tree is built by a parser of our own: Nomad's
messages, positions and tolerance are part of the interface here, and a general HCL grammar offers none of them.
"""

from jobspec.diagnostics import Diagnostic, JobspecError
from jobspec.parse import parse

__all__ = ["Diagnostic", "JobspecError", "parse"]
