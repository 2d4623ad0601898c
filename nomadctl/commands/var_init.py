"""`var init`."""

from pathlib import Path
from typing import Final

from nomadctl.failure import Failure
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.variable_spec import opening

_HCL: Final = """\
# The path of the variable, unless `var put` gets one as its first argument.
# path = "path/to/variable"

# The namespace, unless -namespace is given.
# namespace = "default"

# All that is needed: texts, stored encrypted as one unit. Keys without dots are easier to use in templates.
items {
  key1 = "value 1"
  key2 = "value 2"
}
"""

_JSON: Final = """\
{
  "Namespace": "default",
  "Path": "path/to/variable",
  "Items": {
    "key1": "value 1",
    "key2": "value 2"
  }
}
"""

_EXAMPLES: Final = {"hcl": ("spec.nv.hcl", _HCL), "json": ("spec.nv.json", _JSON)}


@command(
    "var init",
    takes(0, 1, "This command takes no arguments or one: <filename>"),
    option("out", "The format: hcl or json.", default="hcl"),
    flag("quiet", "Say nothing."),
    client=False,
)
def init(call: Call, filename: str = "", *, out: str, quiet: bool) -> None:
    """Write an example of a variable specification into a file."""
    name, content = _EXAMPLES.get(out, ("", ""))
    path = Path(filename or name)
    if not (filename or name):
        raise Failure('Failed to write "": open : no such file or directory')
    if path.exists():
        raise Failure(f'File "{path}" already exists')
    try:
        path.write_text(content)
    except OSError as error:
        raise Failure(f'Failed to write "{path}": {opening(str(path), error)}') from error
    if not quiet:
        call.out(f"Example variable specification written to {path}")
