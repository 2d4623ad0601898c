"""Flags as Go reads them, exit codes, help texts, lazy imports."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nomadctl.framework import Call, Group
from nomadctl.main import TREE


@pytest.mark.parametrize(
    "arguments",
    [
        ["-check-index", "7"],
        ["-check-index=7"],
        ["--check-index", "7"],
        ["--check-index=7"],
    ],
)
def test_a_flag_has_one_dash_or_two_and_a_value_apart_or_not(run: Any, agent: Any, arguments: list[str]) -> None:
    agent.on("DELETE", "/v1/var/a", None)
    assert run("var", "purge", *arguments, "a").code == 0
    assert agent.requests[-1][1] == "/v1/var/a?cas=7"


def test_flags_end_at_the_first_argument(run: Any, agent: Any) -> None:
    result = run("var", "purge", "a", "-check-index=7")
    assert (result.code, result.err.splitlines()[0]) == (1, "This command takes one argument: <path>")
    assert "For additional help try 'nomadctl var purge -help'" in result.err


def test_a_flag_can_be_false(run: Any, agent: Any) -> None:
    agent.on("GET", "/v1/jobs", [])
    assert run("job", "status", "-json=false").out == "No running jobs\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["var", "get", "-nosuch", "a"], "flag provided but not defined: -nosuch"),
        (["var", "get", "-out"], "flag needs an argument: -out"),
        (["job", "status", "-short=perhaps"], 'invalid value "perhaps" for flag -short: strconv.ParseBool'),
        (["var", "list", "-per-page", "many"], 'invalid value "many" for flag -per-page: parse error'),
    ],
)
def test_a_wrong_flag_is_told_with_the_help_text(run: Any, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.code == 1
    assert result.err.startswith(message)
    assert result.out.startswith("Usage: nomadctl")


def test_exit_codes_of_what_does_not_exist(run: Any) -> None:
    assert run().code == 127
    assert run("nosuch").code == 127
    assert run("job", "nosuch").code == 1
    assert run("job", "plan").code == 255


def test_help_is_no_failure(run: Any) -> None:
    for arguments in (["-h"], ["job", "-help"], ["job", "run", "--help"]):
        result = run(*arguments)
        assert (result.code, result.out.split()[0]) == (0, "Usage:")


def commands(group: Group, words: list[str]) -> Iterator[tuple[list[str], Any]]:
    context: Any = None
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Group):
            yield from commands(command, [*words, name])
        else:
            yield [*words, name], command


@pytest.mark.parametrize(("words", "command"), [pytest.param(w, c, id=" ".join(w)) for w, c in commands(Group(None, TREE), [])])
def test_every_command_declares_what_its_handler_takes(words: list[str], command: Any) -> None:
    import inspect

    parameters = inspect.signature(command.handler).parameters.values()
    keywords = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    from nomadctl.framework import COMMON_OPTIONS

    common = {option.name for option in COMMON_OPTIONS}
    assert keywords == {param.name for param in command.params if param.name not in {*common, "args"}}
    assert command.help


def test_the_version_is_told_without_the_client() -> None:
    script = (
        "import sys; sys.argv = ['nomadctl', 'version']\n"
        "from nomadctl.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('aiohttp', 'pydantic', 'orchestrator', 'asyncio') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    version, loaded = done.stdout.splitlines()
    assert version.startswith("Nomadctl v")
    assert loaded in ("[]", "['asyncio']")


def test_settings_come_from_flags_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_ADDR", "http://env:1")
    monkeypatch.setenv("NOMAD_TOKEN", "env")
    monkeypatch.setenv("NOMAD_CACERT", "env.pem")
    command: Any = None
    call = Call(command, {"address": "https://flag:2", "client_cert": "c", "client_key": "k", "tls_skip_verify": True}, [])
    assert call.settings.address == "https://flag:2"
    assert call.settings.token == "env"
    assert (call.settings.tls.ca_cert, call.settings.tls.client_key, call.settings.tls.skip_verify) == ("env.pem", "k", True)


def test_nobody_there(run: Any) -> None:
    result = run("job", "status", "-address", "http://127.0.0.1:1")
    assert result.code == 1
    where = 'Get "http://127.0.0.1:1/v1/jobs": dial tcp 127.0.0.1:1: connect: connection refused'
    assert result.err == f"Error querying jobs: {where}\n"
