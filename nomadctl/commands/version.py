"""`version`."""

from nomadctl.framework import Call, command, takes


@command("version", takes(0, None, ""), client=False)
def version(call: Call, *_: str) -> None:
    """Print the version of this program."""
    from nomadctl.version import VERSION

    call.out(f"Nomadctl v{VERSION}")
