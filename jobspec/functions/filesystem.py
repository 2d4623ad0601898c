"""Files. Relative paths start at the working directory.

On a server none of these may be called, not even the ones that only look at the text of a path.
"""

from __future__ import annotations

import base64
import glob
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jobspec.functions.declaration import CallError, Function, function
from jobspec.values import STRING, Value, boolean, set_value, string


def _content(path: str) -> bytes:
    expanded = Path(path).expanduser()
    try:
        return expanded.read_bytes()
    except FileNotFoundError:
        raise CallError(f"no file exists at {expanded}") from None
    except (OSError, ValueError):
        raise CallError(f"failed to read {expanded}") from None


@function(path=STRING)
def file(path: Value) -> Value:
    try:
        return string(_content(path.raw).decode())
    except UnicodeDecodeError:
        raise CallError(
            f"contents of {path.raw} are not valid UTF-8; use the filebase64 function to obtain the Base64 encoded "
            "contents or the other file functions (e.g. filemd5, filesha256) to obtain file hashing results instead"
        ) from None


@function(path=STRING)
def filebase64(path: Value) -> Value:
    return string(base64.b64encode(_content(path.raw)).decode())


@function(path=STRING)
def fileexists(path: Value) -> Value:
    target = os.path.expanduser(path.raw)
    if os.path.exists(target) and not os.path.isfile(target):
        raise CallError(f"{path.raw} is not a regular file")
    return boolean(os.path.isfile(target))


@function(path=STRING, pattern=STRING)
def fileset(path: Value, pattern: Value) -> Value:
    """The regular files below a directory that match a pattern, relative to it."""
    root = os.path.expanduser(path.raw)
    matches = glob.iglob(pattern.raw, root_dir=root, recursive=True, include_hidden=True)
    names = {os.path.normpath(match) for match in matches if os.path.isfile(os.path.join(root, match))}
    return set_value(map(string, names), STRING)


def _of_path(compute: Callable[[str], str]) -> Function:
    @function(path=STRING)
    def path_function(path: Value) -> Value:
        return string(compute(path.raw))

    return path_function


def _basename(path: str) -> str:
    return os.path.basename(path.rstrip("/")) or ("/" if path else ".")


def _dirname(path: str) -> str:
    return os.path.normpath(os.path.dirname(path) or ".")


FUNCTIONS: dict[str, Function] = {
    "abspath": _of_path(os.path.abspath),
    "basename": _of_path(_basename),
    "dirname": _of_path(_dirname),
    "file": file,
    "filebase64": filebase64,
    "fileexists": fileexists,
    "fileset": fileset,
    "pathexpand": _of_path(os.path.expanduser),
}


def _disabled(*_: Value) -> Value:
    raise CallError("filesystem function disabled")


DISABLED = {name: replace(declared, body=_disabled) for name, declared in FUNCTIONS.items()}
"""The same functions for a server: every call fails."""
