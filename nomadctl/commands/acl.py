"""`acl bootstrap`."""

import sys
from pathlib import Path

from nomadctl.acl_view import token_text
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.structured import structured


@command(
    "acl bootstrap",
    takes(0, 1, "This command takes up to one argument"),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
)
async def bootstrap(call: Call, source: str = "", *, json: bool, t: str | None) -> None:
    """Make the first management token; its secret can come from a file or stdin (`-`)."""
    try:
        secret = sys.stdin.read() if source == "-" else Path(source).read_text() if source else ""
    except OSError as error:
        raise Failure(f"Error reading provided token: {error}") from error
    with failing("Error bootstrapping"):
        token = await call.nomad.acl.bootstrap(secret.removesuffix("\n"))
    call.out(structured(json, t, token) if json or t else token_text(token))
