"""Commands against the in-memory Nomad, in one virtual time with the operators that they talk about."""

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import click

from nomadctl.failure import Failure
from nomadctl.framework import COMMON_OPTIONS, Call, Command, Group
from nomadctl.main import TREE
from operator_kit.testing import MemoryNomad
from tests.nomadctl.conftest import Result


async def invoke(nomad: MemoryNomad, *words: str) -> Result:
    """What the program does with these words: its exit code, and what it prints."""
    command, rest = _find(list(words))
    params = command.make_context(str(command.name), rest).params
    args = list(params.pop("args"))
    common = {str(option.name) for option in COMMON_OPTIONS}
    call = Call(command, {}, args)
    call._nomad = nomad
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = await call.delegate(command, *args, **{name: value for name, value in params.items() if name not in common})
        except Failure as failure:
            click.echo(str(failure), err=True)
            code = 1 if failure.code is None else failure.code
    return Result(code or 0, out.getvalue(), err.getvalue())


def _find(words: list[str]) -> tuple[Command, list[str]]:
    found: Any = Group(None, TREE)
    while not isinstance(found, Command):
        found = found.get_command(None, words.pop(0))
    return found, words
