"""Jobs written as JSON of the API, what `nomad job run -json` takes."""

from __future__ import annotations

import json
from typing import Any

from jobspec.diagnostics import Diagnostic, JobspecError, Range, Source


def parse_api_json(source: str, *, filename: str = "input.json") -> dict[str, Any]:
    """The job, bare or as the value of `Job`. Raises JobspecError with the place of a mistake."""
    text = Source(filename, source)
    try:
        document = json.loads(source)
    except json.JSONDecodeError as error:
        where = Range(text, error.pos, min(error.pos + 1, len(source)))
        raise JobspecError([Diagnostic("Invalid JSON", f"{error.msg}.", where)]) from None
    except RecursionError:
        raise JobspecError([Diagnostic("Invalid JSON", "The document is nested too deeply.")]) from None
    job = document.get("Job", document) if isinstance(document, dict) else document
    if not isinstance(job, dict):
        detail = 'A job is a JSON object, or one within {"Job": …}.'
        raise JobspecError([Diagnostic("Invalid job", detail, Range(text, 0, 0))])
    return job
