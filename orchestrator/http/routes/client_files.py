"""Files and logs of allocations: /v1/client/fs/…"""

import base64
from collections.abc import AsyncIterator

import orjson
from aiohttp import web

from orchestrator.client.log_files import Frame, Origin
from orchestrator.errors import APIError
from orchestrator.http.call import Call
from orchestrator.http.go_bool import bool_error, parse_bool
from orchestrator.http.node_call import allocation_of, client_of, node_errors
from orchestrator.http.permission import anyone
from orchestrator.http.route import TEXT, Answer, stream, write

_METHODS = "GET PUT POST DELETE"


@write("/v1/client/fs/ls/{alloc_id+}", needs=anyone, methods=_METHODS)
async def ls(call: Call) -> Answer:
    allocation = allocation_of(call, "read-fs")
    with node_errors():
        files = client_of(call).files(allocation.id).list(call.text("path"))
    return Answer([file.to_wire() for file in files])


@write("/v1/client/fs/stat/{alloc_id+}", needs=anyone, methods=_METHODS)
async def stat(call: Call) -> Answer:
    allocation = allocation_of(call, "read-fs")
    if not call.text("path"):
        raise APIError(400, "must provide a file name")
    with node_errors():
        return Answer(client_of(call).files(allocation.id).stat(call.text("path")).to_wire())


@write("/v1/client/fs/cat/{alloc_id+}", needs=anyone, methods=_METHODS)
async def cat(call: Call) -> Answer:
    return await _content(call, 0, None)


@write("/v1/client/fs/readat/{alloc_id+}", needs=anyone, methods=_METHODS)
async def read_at(call: Call) -> Answer:
    try:
        return await _content(call, _integer(call, "offset", 400), _integer(call, "limit", 400))
    except APIError as error:
        return _told_as_content(error)


@stream("/v1/client/fs/stream/{alloc_id+}", needs=anyone, methods=_METHODS)
async def follow_file(call: Call) -> web.StreamResponse:
    allocation = allocation_of(call, "read-fs")
    follow = _boolean(call, "follow", 500, default=True)
    offset, origin = _integer(call, "offset", 500), _origin(call)
    with node_errors(400):
        frames = client_of(call).stream(allocation.id, call.text("path"), origin=origin, offset=offset, follow=follow)
    return await _send(call, frames, plain=False, content_type=TEXT)


@stream("/v1/client/fs/logs/{alloc_id+}", needs=anyone, methods=_METHODS)
async def logs(call: Call) -> web.StreamResponse:
    allocation = allocation_of(call, "read-logs")
    task, kind = call.text("task"), call.text("type")
    if not task:
        raise APIError(400, "must provide task name")
    follow, plain = _boolean(call, "follow", 400), _boolean(call, "plain", 400)
    if kind not in ("stdout", "stderr"):
        raise APIError(400, "must provide log type (stdout/stderr)")
    offset, origin = _integer(call, "offset", 400), _origin(call)
    with node_errors(400):
        frames = client_of(call).logs(allocation.id, task, kind, origin=origin, offset=offset, follow=follow)
    return await _send(call, frames, plain=plain, content_type="text/plain" if plain else "application/json")


@write("/v1/client/fs/{rest+}", needs=anyone, methods=_METHODS)
async def unknown(call: Call) -> Answer:
    raise APIError(404, "Invalid method")


async def _content(call: Call, offset: int, limit: int | None) -> Answer:
    """The bytes of a file. What goes wrong is told as content with status 200, as a real agent does it."""
    try:
        allocation = allocation_of(call, "read-fs")
        if not call.text("path"):
            raise APIError(400, "must provide a file name")
        with node_errors():
            data = client_of(call).files(allocation.id).read(call.text("path"), offset, limit)
    except APIError as error:
        return _told_as_content(error)
    return Answer(data, content_type=TEXT)


def _told_as_content(error: APIError) -> Answer:
    if error.status == 403:
        raise error
    return Answer(error.message.encode(), content_type=TEXT)


async def _send(call: Call, frames: AsyncIterator[Frame], *, plain: bool, content_type: str) -> web.StreamResponse:
    """Frames as they come. The answer begins with the first of them, so one without any is empty and has no type."""
    response: web.StreamResponse | None = None
    async for frame in frames:
        data = frame.data if plain else _encode(frame)
        if response is None and (data or plain):
            response = web.StreamResponse(headers={"Content-Type": content_type, "Vary": "Accept-Encoding"})
            await response.prepare(call.request)
        if response is not None and data:
            await response.write(data)
    if response is None:
        return web.Response(headers={"Content-Type": content_type} if plain else {})
    await response.write_eof()
    return response


def _encode(frame: Frame) -> bytes:
    fields: dict[str, object] = {}
    if frame.data:
        fields["Data"] = base64.b64encode(frame.data).decode()
    if frame.file:
        fields["File"] = frame.file
    if frame.event:
        fields["FileEvent"] = frame.event
    if frame.offset:
        fields["Offset"] = frame.offset
    return orjson.dumps(fields)


def _boolean(call: Call, name: str, status: int, *, default: bool = False) -> bool:
    text = call.text(name)
    value = parse_bool(text) if text else default
    if value is None:
        raise APIError(status, f"failed to parse {name} field to boolean: {bool_error(text)}")
    return value


def _integer(call: Call, name: str, status: int) -> int:
    text = call.text(name)
    try:
        return int(text) if text else 0
    except ValueError:
        raise APIError(status, f'error parsing {name}: strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _origin(call: Call) -> Origin:
    text = call.text("origin") or "start"
    if text == "start":
        return "start"
    if text == "end":
        return "end"
    raise APIError(400, "origin must be start or end")
