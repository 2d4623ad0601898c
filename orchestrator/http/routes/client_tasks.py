"""Tasks of allocations, on the node: exec, restart, signal, statistics, checks; and the node itself: /v1/client/…"""

import asyncio
import base64
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from orchestrator.client.drivers.base import DriverError, ExecSession
from orchestrator.client.errors import ClientError, UnknownTask
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json
from orchestrator.http.call import Call
from orchestrator.http.node_call import allocation_of, client_of, node_errors
from orchestrator.http.permission import anyone, node
from orchestrator.http.route import Answer, empty, stream, write

_READ = "GET PUT POST"
_DONE = {"Index": 0}


@write("/v1/client/allocation/{alloc_id}/restart", needs=anyone, methods="GET PUT POST")
async def restart(call: Call) -> Answer:
    allocation = allocation_of(call, "alloc-lifecycle")
    try:
        body = go_json.fields(call.json(), "") if call.body else go_json.fields({}, "")
        task = body.string("TaskName", within="")
        all_tasks = body.boolean("AllTasks", within="")
    except APIError as error:
        raise APIError(500, error.message) from None
    if task and all_tasks:
        raise APIError(500, "task name cannot be set when restarting all tasks")
    with node_errors():
        try:
            await client_of(call).restart(allocation.id, task, all_tasks=all_tasks)
        except UnknownTask as error:
            raise APIError(500, f"Could not find task runner for task: {error.task}") from None
    return Answer(_DONE)


@write("/v1/client/allocation/{alloc_id}/signal", needs=anyone)
async def signal(call: Call) -> Answer:
    allocation = allocation_of(call, "alloc-lifecycle")
    try:
        body = go_json.fields(call.json(), "api.AllocSignalRequest")
    except APIError as error:
        raise APIError(400, f"Failed to decode body: {error.message}") from None
    with node_errors():
        try:
            await client_of(call).signal(allocation.id, body.get("Signal") or "", body.get("Task") or "")
        except UnknownTask:
            raise APIError(500, "Task not found") from None
    return Answer(_DONE)


@write("/v1/client/allocation/{alloc_id}/stats", needs=anyone, methods=_READ)
async def stats(call: Call) -> Answer:
    allocation = allocation_of(call, "read-job")
    with node_errors():
        return Answer(await client_of(call).alloc_stats(allocation.id, call.text("task")))


@write("/v1/client/allocation/{alloc_id}/checks", needs=anyone, methods=_READ)
@write("/v1/allocation/{alloc_id}/checks", needs=anyone, methods=_READ)
async def checks(call: Call) -> Answer:
    allocation = allocation_of(call, "read-job")
    with node_errors():
        return Answer(client_of(call).checks(allocation.id) or b"null")


@write("/v1/client/allocation/{alloc_id}/gc", needs=anyone, methods=_READ)
async def collect(call: Call) -> Answer:
    allocation = allocation_of(call, "submit-job")
    with node_errors():
        await client_of(call).gc(allocation.id)
    return empty()


@write("/v1/client/gc", needs=node("write"), methods=_READ)
async def collect_all(call: Call) -> Answer:
    await client_of(call).gc()
    return empty()


@write("/v1/client/stats", needs=node("read"), methods="GET")
async def host_stats(call: Call) -> Answer:
    node_id = call.text("node_id")
    if node_id and len(node_id) != 36:
        raise APIError(500, "node lookup failed: index error: UUID must be 36 characters")
    if node_id and call.state.nodes.get(node_id) is None:
        raise APIError(404, f"Unknown node {node_id}")
    return Answer(client_of(call).host_stats())


@write("/v1/client/allocation/{rest+}", needs=anyone, methods="GET PUT POST DELETE")
async def unknown(call: Call) -> Answer:
    raise APIError(404, "resource not found")


@stream("/v1/client/allocation/{alloc_id}/exec", needs=anyone)
async def exec_in_task(call: Call) -> web.StreamResponse:
    """A command inside a task, over a websocket. Refusals come as a close of the websocket with the reason, as in Nomad."""
    socket = web.WebSocketResponse(max_msg_size=1024 * 1024)
    if not socket.can_prepare(call.request):
        raise APIError(500, "websocket connection not found in context")
    await socket.prepare(call.request)
    try:
        if call.text("ws_handshake"):
            call.caller = call.services.resolver.resolve(await _handshake(socket))
        session = await _open(call)
    except PermissionDenied as error:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=error.message.encode())
        return socket
    except APIError as error:
        code = WSCloseCode.POLICY_VIOLATION if error.status < 500 else WSCloseCode.INTERNAL_ERROR
        await socket.close(code=code, message=error.message.encode()[:123])
        return socket
    try:
        await _converse(socket, session)
    finally:
        await session.close()
        await socket.close()
    return socket


async def _handshake(socket: web.WebSocketResponse) -> str:
    """The token of a browser, which cannot set headers, as the first message."""
    try:
        return str(orjson.loads(await socket.receive_str()).get("auth_token") or "")
    except (TypeError, ValueError, AttributeError):
        raise APIError(400, "the first message must be a JSON object with an auth_token") from None


async def _open(call: Call) -> ExecSession:
    allocation = allocation_of(call, "alloc-exec")
    task = call.text("task")
    if not task:
        raise APIError(400, "task name is not provided")
    try:
        command = orjson.loads(call.text("command") or "[]")
    except ValueError:
        raise APIError(400, "Failed to decode command") from None
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise APIError(400, "command is not present")
    try:
        return await client_of(call).exec(allocation.id, task, command, tty=call.boolean("tty"))
    except UnknownTask as error:
        raise APIError(404, str(error)) from None
    except (ClientError, DriverError) as error:
        raise APIError(500, str(error)) from None


async def _converse(socket: web.WebSocketResponse, session: ExecSession) -> None:
    """Pass input and output until the command has ended or the other side has gone."""
    reading = asyncio.create_task(_receive(socket, session))
    outputs = [asyncio.create_task(_forward(socket, "stdout", session.stdout))]
    if session.stderr is not None:
        outputs.append(asyncio.create_task(_forward(socket, "stderr", session.stderr)))
    ended = asyncio.create_task(session.wait())
    try:
        await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await asyncio.gather(*outputs)
            await _message(socket, {"exited": True, "result": {"exit_code": ended.result()}})
    finally:
        for task in (reading, ended, *outputs):
            task.cancel()
        await asyncio.gather(reading, ended, *outputs, return_exceptions=True)


async def _receive(socket: web.WebSocketResponse, session: ExecSession) -> None:
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            return
        frame = orjson.loads(message.data)
        stdin, size = frame.get("stdin") or {}, frame.get("tty_size") or {}
        if stdin.get("data"):
            await session.write(base64.b64decode(stdin["data"]))
        if stdin.get("close"):
            await session.write(b"")
        if size:
            session.resize(size.get("height", 0), size.get("width", 0))


async def _forward(socket: web.WebSocketResponse, name: str, stream: asyncio.StreamReader) -> None:
    while data := await stream.read(32 * 1024):
        await _message(socket, {name: {"data": base64.b64encode(data).decode()}})
    await _message(socket, {name: {"close": True}})


async def _message(socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
    if not socket.closed:
        await socket.send_str(orjson.dumps(frame).decode())
