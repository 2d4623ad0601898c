"""The frame of the command line: commands with Go's flags, groups that import a command only when it is called.

`nomad` is a Go program: its flags have one dash (`-detach`, `-check-index 7`, `-check-index=7`, `-diff=false`), two are the
same, and the first word that is no flag ends them. `click` declares options and finds commands; only its reading of the
arguments is replaced, by `GoFlags`. Exit codes are Go's too: 127 for a command that does not exist, 1 for a wrong argument.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

import click

from nomadctl.failure import Failure

if TYPE_CHECKING:
    from nomad_api.client import Nomad, Settings

PROGRAM: Final = "nomadctl"
NO_SUCH_COMMAND: Final = 127

Outcome = int | None
Handler = Callable[..., Coroutine[Any, Any, Outcome] | Outcome]


@dataclass(frozen=True)
class Takes:
    """How many arguments a command takes, and what it says when there are others."""

    least: int
    most: int | None
    message: str
    hint: bool = True
    code: int | None = None
    """The exit code then; None is the command's usual one."""


def nothing() -> Takes:
    """No arguments at all."""
    return Takes(0, 0, "This command takes no arguments")


def one(what: str) -> Takes:
    """Exactly one argument."""
    return Takes(1, 1, f"This command takes one argument: {what}")


def takes(least: int, most: int | None, message: str, *, hint: bool = True, code: int | None = None) -> Takes:
    """Any other number of arguments, with the message for it; `most` None is without end."""
    return Takes(least, most, message, hint, code)


class GoFlags:
    """Reads arguments as Go's `flag` package does."""

    _opt_prefixes: Final = {"-"}

    def __init__(self, command: "Command") -> None:
        self._command = command
        self._options = {
            name.lstrip("-"): option for option in command.params if isinstance(option, click.Option) for name in option.opts
        }

    def parse_args(self, args: list[str]) -> tuple[dict[str, Any], list[str], list[click.Parameter]]:
        """Values by parameter, and the arguments after the flags."""
        values: dict[str, Any] = {}
        rest = list(args)
        while rest and rest[0].startswith("-") and rest[0] != "-":
            word = rest.pop(0)
            if word == "--":
                break
            name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
            option = self._options.get(name)
            if option is None:
                raise FlagError(f"flag provided but not defined: -{name}")
            if option.is_flag:
                value = value if equals else "true"
            elif not equals:
                if not rest:
                    raise FlagError(f"flag needs an argument: -{name}")
                value = rest.pop(0)
            self._put(values, option, name, value)
        values["args"] = rest
        return values, [], []

    def _put(self, values: dict[str, Any], option: click.Option, name: str, text: str) -> None:
        try:
            value = _boolean(text) if option.is_flag else option.type.convert(text, option, None)
        except (ValueError, click.BadParameter) as error:
            reason = error.message if isinstance(error, click.BadParameter) else str(error)
            raise FlagError(f'invalid value "{text}" for flag -{name}: {reason}') from error
        key = str(option.name)
        if option.multiple:
            values.setdefault(key, []).append(value)
        else:
            values[key] = value


class FlagError(Exception):
    """A flag that the command does not have, or that has a wrong value: told on stderr, with the help text on stdout."""


def _boolean(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


class GoInteger(click.ParamType[int]):
    """A whole number, with Go's words for what is none."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value)
        except ValueError:
            raise click.BadParameter("parse error") from None


INTEGER: Final = GoInteger()


class Command(click.Command):
    """A command of the tree. Its handler is a function of a `Call`, the arguments and the flags: asynchronous if it talks to
    the API, plain if it does not."""

    def __init__(self, name: str, handler: Handler, params: list[click.Parameter], takes: Takes) -> None:
        words = (handler.__doc__ or "").strip()
        super().__init__(name, params=[*params, click.Argument(["args"], nargs=-1)], help=words, add_help_option=False)
        self.handler = handler
        self.takes = takes
        self.failure = 1
        self.flag_failure = ""
        self.help_name = name

    def make_parser(self, ctx: click.Context) -> Any:
        return GoFlags(self)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[options]", "[args]"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if any(arg in ("-h", "-help", "--help") for arg in _before(args, "--")):
            click.echo(self.get_help(ctx))
            ctx.exit(0)
        try:
            return super().parse_args(ctx, args)
        except FlagError as error:
            click.echo(str(error), err=True)
            click.echo(self.get_help(ctx))
            if self.flag_failure:
                click.echo(self.flag_failure.format(error), err=True)
            ctx.exit(self.failure)

    def invoke(self, ctx: click.Context) -> int:
        call = Call(self, dict(ctx.params), list(ctx.params.pop("args")))
        common = {str(option.name) for option in COMMON_OPTIONS if option in self.params}
        flags = {name: value for name, value in ctx.params.items() if name not in common}
        try:
            if len(call.args) < self.takes.least or (self.takes.most is not None and len(call.args) > self.takes.most):
                raise Failure(self.takes.message, hint=self.takes.hint, code=self.takes.code)
            result = self.handler(call, *call.args, **flags)
            return (asyncio.run(call.finish(result)) if isinstance(result, Coroutine) else result) or 0
        except Failure as failure:
            if str(failure):
                click.echo(str(failure), err=True)
            if failure.hint:
                click.echo(f"For additional help try '{PROGRAM} {self.help_name} -help'", err=True)
            return self.failure if failure.code is None else failure.code


class Call:
    """One call of a command: where the API is, and where words go."""

    def __init__(self, command: Command, params: dict[str, Any], args: list[str]) -> None:
        self.command = command
        self.args = args
        self._params = params
        self._nomad: Nomad | None = None

    async def delegate(self, command: Command, *args: str, **flags: Any) -> Outcome:
        """Let another command do the rest; flags that are not given have the defaults of its handler."""
        result = command.handler(self, *args, **flags)
        return await result if isinstance(result, Coroutine) else result

    async def finish(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Await a handler's work, and close the client if it has used one."""
        try:
            return await work
        finally:
            if self._nomad is not None:
                await self._nomad.close()

    def given(self, name: str) -> str:
        """The value of a common flag as it was given, whatever the environment says; empty if it was not."""
        return self._params.get(name) or ""

    @cached_property
    def settings(self) -> "Settings":
        """Where the API is, from the flags, else the environment."""
        from nomad_api.client import Settings
        from nomad_api.errors import ConfigurationError

        given = {name: self._params.get(name) for name in ("address", "token", "namespace", "region")}
        tls = {name: self._params.get(flag) for flag, name in TLS_FIELDS.items()}
        try:
            settings = Settings.from_env()
            settings = replace(settings, tls=replace(settings.tls, **{k: v for k, v in tls.items() if v}))
            return replace(settings, **{name: value for name, value in given.items() if value})
        except ConfigurationError as error:
            raise Failure(f"Error initializing client: {error}") from error

    @property
    def nomad(self) -> "Nomad":
        """The client of this call."""
        if self._nomad is None:
            from nomad_api.client import Nomad

            self._nomad = Nomad.from_settings(self.settings)
        return self._nomad

    @property
    def all_namespaces(self) -> bool:
        """Whether the user asked for all namespaces at once."""
        return self.settings.namespace == "*"

    def out(self, text: str = "") -> None:
        """A line, or several, on stdout."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def warn(self, text: str) -> None:
        """A line, or several, on stderr."""
        click.echo(text, err=True)


class Group(click.Group):
    """A group whose commands are imported when they are called.

    Args:
        entries: by name, `module:attribute` of a command, or a group's entries.
    """

    def __init__(self, name: str | None, entries: Mapping[str, Any], help: str = "") -> None:
        super().__init__(name, help=help, add_help_option=False, no_args_is_help=False, invoke_without_command=True)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        match self.entries.get(cmd_name):
            case None:
                return None
            case str(place):
                module, _, attribute = place.partition(":")
                command = getattr(import_module(f"nomadctl.commands.{module}"), attribute)
                return command if isinstance(command, click.Command) else None
            case entries:
                return Group(cmd_name, entries)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["<subcommand>", "[options]", "[args]"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wanted = args[0] if args else ""
        if wanted in ("-h", "-help", "--help"):
            click.echo(self.get_help(ctx))
            ctx.exit(0)
        if wanted not in self.entries:
            click.echo(self.get_help(ctx), err=True)
            ctx.exit(NO_SUCH_COMMAND if ctx.parent is None else 1)
        return super().parse_args(ctx, args)


def flag(name: str, help: str, *, default: bool = False) -> click.Option:
    """A flag that is given or not."""
    return click.Option([f"-{name}", _parameter(name)], is_flag=True, default=default, help=help)


def option(name: str, help: str, *, default: str | None = None, multiple: bool = False) -> click.Option:
    """A flag with a text."""
    return click.Option([f"-{name}", _parameter(name)], default=default, multiple=multiple, help=help, metavar="<value>")


def number(name: str, help: str, *, default: int = 0) -> click.Option:
    """A flag with a whole number."""
    return click.Option([f"-{name}", _parameter(name)], type=INTEGER, default=default, help=help, metavar="<number>")


def _parameter(name: str) -> str:
    """The handler's name for a flag: `check_index`; `in_` where the flag's own is a word of Python."""
    return name.replace("-", "_") + ("_" if iskeyword(name) else "")


TLS_FIELDS: Final = {
    "ca_cert": "ca_cert",
    "ca_path": "ca_path",
    "client_cert": "client_cert",
    "client_key": "client_key",
    "tls_server_name": "server_name",
    "tls_skip_verify": "skip_verify",
}

COMMON_OPTIONS: Final[list[click.Parameter]] = [
    option("address", "The address of the API. Overrides NOMAD_ADDR; the default is http://127.0.0.1:4646."),
    option("region", "The region to ask. Overrides NOMAD_REGION."),
    option("namespace", 'The namespace; "*" is all of them, where a list is asked for. Overrides NOMAD_NAMESPACE.'),
    option("token", "The ACL token. Overrides NOMAD_TOKEN."),
    flag("no-color", "Print without colors. NOMAD_CLI_NO_COLOR does the same."),
    flag("force-color", "Accepted for compatibility."),
    option("ca-cert", "A PEM file with the CA of the server. Overrides NOMAD_CACERT."),
    option("ca-path", "A directory of such files. Overrides NOMAD_CAPATH."),
    option("client-cert", "A PEM file with the client's certificate. Overrides NOMAD_CLIENT_CERT."),
    option("client-key", "A PEM file with the key of that certificate. Overrides NOMAD_CLIENT_KEY."),
    option("tls-server-name", "The server's name in its certificate. Overrides NOMAD_TLS_SERVER_NAME."),
    flag("tls-skip-verify", "Do not verify the server's certificate. NOMAD_SKIP_VERIFY does the same."),
]


def command(
    name: str,
    takes: Takes,
    *params: click.Parameter,
    failure: int = 1,
    client: bool = True,
    help_name: str | None = None,
    flag_failure: str = "",
) -> Callable[[Handler], Command]:
    """Declare a command.

    Args:
        name: its whole name, `job run`.
        params: its own flags; those of every client come after them.
        failure: the exit code of a failure.
        client: whether it talks to the API.
        help_name: the name in the hint about the help text, where it is another.
        flag_failure: what is said, besides the mistake itself, about a wrong flag; `{}` is the mistake.
    """

    def declare(handler: Handler) -> Command:
        options = [*params, *(COMMON_OPTIONS if client else [])]
        made = Command(name.rpartition(" ")[2], handler, options, takes)
        made.failure, made.help_name, made.flag_failure = failure, help_name or name, flag_failure
        return made

    return declare


def _before(words: list[str], end: str) -> list[str]:
    return words[: words.index(end)] if end in words else words
