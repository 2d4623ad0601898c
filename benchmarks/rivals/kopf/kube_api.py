"""As much of a Kubernetes API as kopf needs, for one kind of objects: `python -m benchmarks.rivals.kopf.kube_api PORT COUNT`.

Discovery, list, watch with continuation, create, merge patch and JSON patch with optimistic concurrency, and an event for each
change: what is left out would make kopf wait or try again, and its figures worse. It begins with `COUNT` objects.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from benchmarks.rivals.objects import spec

GROUP = "bench.example"
VERSION = "v1"
HANDLED = "kopf.zalando.org/last-handled-configuration"
"""The annotation in which kopf keeps what it has handled."""

EXTENSIONS = "apiextensions.k8s.io"
KEPT_EVENTS = 50_000


class KubeApi:
    """The objects, and whoever watches them."""

    def __init__(self, count: int) -> None:
        self._objects: dict[str, dict[str, Any]] = {}
        self._version = 0
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._watchers: set[asyncio.Queue[bytes]] = set()
        for number in range(count):
            self._create(f"n{number}", spec(number))

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        for path, answer in {
            "/version": {"major": "1", "minor": "34"},
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": [_resource("namespace", "Namespace", namespaced=False)]},
            "/apis": {"groups": [_group(GROUP), _group(EXTENSIONS)]},
            f"/apis/{EXTENSIONS}/v1": {
                "resources": [_resource("customresourcedefinition", "CustomResourceDefinition", namespaced=False)]
            },
            f"/apis/{GROUP}/{VERSION}": {"resources": [_resource("note", "Note")]},
        }.items():
            application.router.add_get(path, _answering(answer))
        application.router.add_get(f"/apis/{GROUP}/{VERSION}/notes", self._read)
        collection = f"/apis/{GROUP}/{VERSION}/namespaces/default/notes"
        application.router.add_get(collection, self._read)
        application.router.add_post(collection, self._post)
        application.router.add_patch(f"{collection}/{{name}}", self._patch)
        application.router.add_post("/bench/touch", self._touch)
        application.router.add_get("/bench/handled", self._handled)
        return application

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        listed = {
            "kind": "NoteList",
            "metadata": {"resourceVersion": str(self._version)},
            "items": list(self._objects.values()),
        }
        return _json(listed)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        since = int(request.query.get("resourceVersion") or 0)
        for version, line in self._events:
            if version > since:
                lines.put_nowait(line)
        self._watchers.add(lines)
        try:
            while True:
                batch = [await lines.get()]
                while not lines.empty():
                    batch.append(lines.get_nowait())
                await stream.write(b"".join(batch))
        except (ConnectionError, asyncio.CancelledError):
            return stream
        finally:
            self._watchers.discard(lines)

    async def _post(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        return _json(self._create(body["metadata"]["name"], body["spec"]), 201)

    async def _patch(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if (present := self._objects.get(name)) is None:
            return _json({"kind": "Status", "code": 404, "reason": "NotFound"}, 404)
        patch = orjson.loads(await request.read())
        if request.content_type == "application/json-patch+json":
            try:
                changed = _json_patched(present, patch)
            except LookupError:
                return _json({"kind": "Status", "code": 422, "reason": "Invalid"}, 422)
        else:
            changed = _merged(present, patch)
        return _json(self._store("MODIFIED", name, changed))

    async def _touch(self, request: web.Request) -> web.Response:
        """Change every object a little."""
        for name, present in self._objects.items():
            self._store("MODIFIED", name, _merged(present, {"metadata": {"labels": {"touched": str(self._version)}}}))
        return _json({})

    async def _handled(self, request: web.Request) -> web.Response:
        """How many objects kopf has handled, by its own mark."""
        return _json(sum(HANDLED in body["metadata"].get("annotations", ()) for body in self._objects.values()))

    def _create(self, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {
            "name": name,
            "namespace": "default",
            "uid": f"00000000-0000-0000-0000-{len(self._objects):012}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
        }
        return self._store(
            "ADDED", name, {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Note", "metadata": metadata, "spec": spec}
        )

    def _store(self, event: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self._objects.get(name)
        if present is not None and body == present:
            return present
        self._version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self._objects[name] = body
        line = orjson.dumps({"type": event, "object": body}) + b"\n"
        self._events.append((self._version, line))
        for watcher in self._watchers:
            watcher.put_nowait(line)
        return body


def _resource(singular: str, kind: str, *, namespaced: bool = True) -> dict[str, Any]:
    return {
        "name": f"{singular}s",
        "singularName": singular,
        "kind": kind,
        "namespaced": namespaced,
        "verbs": "create delete get list patch update watch".split(),
    }


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/{VERSION}", "version": VERSION}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _merged(target: Any, patch: Any) -> Any:
    """A merge patch applied (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _json_patched(target: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON patch applied (RFC 6902: test, add, replace, remove). LookupError: a test failed, or there is no such place."""
    result: dict[str, Any] = orjson.loads(orjson.dumps(target))
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place: Any = result
        for parent in parents:
            place = place[int(parent) if isinstance(place, list) else parent]
        key = (len(place) if last == "-" else int(last)) if isinstance(place, list) else last
        match operation["op"]:
            case "test":
                if place[key] != operation["value"]:
                    raise LookupError(operation["path"])
            case "remove":
                del place[key]
            case "add" if isinstance(place, list):
                place.insert(key, operation["value"])
            case "add" | "replace":
                place[key] = operation["value"]
    return result


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _answering(value: Any) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        return _json(value)

    return answer


async def main(port: int, count: int) -> None:
    runner = web.AppRunner(KubeApi(count).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("{}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
