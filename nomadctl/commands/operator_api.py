"""`operator api`: any request."""

import re
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import click

from nomadctl.failure import Failure, wording
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.output import interactive

if TYPE_CHECKING:
    from nomad_api.client import Settings


class _Header(click.ParamType[tuple[str, str]]):
    """A header as `Key: Value`."""

    name = "header"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, colon, content = str(value).partition(":")
        if not colon:
            raise click.BadParameter(f"Headers must be in the form 'Key: Value' but found: \"{value}\"")
        return key.strip(), content.strip()


@command(
    "operator api",
    takes(1, 1, "A path or URL is required"),
    flag("dryrun", "Print the curl command that does the same."),
    option("filter", "An expression that the entries of a list must fulfil."),
    flag("verbose", "Print the headers on stderr."),
    click.Option(["-X", "method"], default="", help="The method; POST if stdin is no terminal, else GET.", metavar="<method>"),
    click.Option(["-H", "headers"], type=_Header(), multiple=True, help="A header, as 'Key: Value'.", metavar="<header>"),
    flag_failure="Error parsing flags: {}",
)
async def api(
    call: Call,
    where: str,
    *,
    dryrun: bool,
    filter: str | None,
    verbose: bool,
    method: str,
    headers: list[tuple[str, str]],
) -> None:
    """Send a request to any path of the API and print the answer, whatever its status."""
    from nomad_api.client.transport import Transport
    from nomad_api.errors import APIError, NomadError

    body = None if interactive(sys.stdin) else sys.stdin.buffer.read()
    method = method or ("GET" if body is None else "POST")
    path = _path(call.settings, where, filter)
    if dryrun:
        call.out(_curl(call, method, path, headers, bool(body)))
        return
    tell = call.warn if verbose else _silent
    if body is not None:
        tell("* Reading request body from stdin.")
    tell(f"> {method} {urlsplit(path).path} HTTP/1.1")
    for key, value in headers:
        tell(f"> {key}: {value}")
    tell(">\n* Sending request and receiving response...")
    async with Transport(call.settings) as transport:
        try:
            answer = await transport.request(method, path, body=body or None, headers=dict(headers))
        except APIError as error:
            tell(f"< HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}")
            sys.stdout.write(error.message)
            return
        except NomadError as error:
            raise Failure(f"Error performing request: {wording(error)}") from error
    tell(f"< HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}")
    for key, value in answer.headers.items():
        if key not in ("Content-Encoding", "Content-Length"):  # of the body as it travelled, not as it is printed
            tell(f"< {key}: {value}")
    sys.stdout.buffer.write(answer.body)


def _silent(text: str) -> None:
    """For those who did not ask."""


def _path(settings: "Settings", where: str, filter: str | None) -> str:
    """The path and query of a request, with the namespace and region of the settings unless it names its own."""
    url = urlsplit(where)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    for name, value in (("filter", filter), ("namespace", settings.namespace), ("region", settings.region)):
        if value and (name == "filter" or not query.get(name)):
            query[name] = value
    path = quote(url.path if url.path.startswith("/") else f"/{url.path}", safe="/%:@!$&'()*+,;=~")
    return urlunsplit(("", "", path, urlencode(sorted(query.items())), ""))


def _curl(call: Call, method: str, path: str, headers: list[tuple[str, str]], with_body: bool) -> str:
    settings = call.settings
    parts = ["curl", *([f"-X {method}"] if method != "GET" else []), *(["--data-binary @-"] if with_body else [])]
    if settings.socket_path:
        parts.append(f'--unix-socket "{settings.socket_path}"')
    tls = settings.tls
    files = (("cacert", tls.ca_cert), ("capath", tls.ca_path), ("cert", tls.client_cert), ("key", tls.client_key))
    parts += [f'--{name} "{file}"' for name, file in files if file]
    parts += ["--insecure"] if tls.skip_verify else []
    parts += [f"-H '{key}: {value}'" for key, value in headers]
    if not any(re.fullmatch("x-nomad-token", key, re.I) for key, _ in headers) and settings.token:
        # A token of the environment stays there.
        parts.append(f"-H 'X-Nomad-Token: {settings.token}'" if call.given("token") else '-H "X-Nomad-Token: ${NOMAD_TOKEN}"')
    parts += ['-u "$NOMAD_HTTP_AUTH"'] if settings.http_auth else []
    return " \\\n  ".join([*parts, f"{settings.base_url}{path}"])
