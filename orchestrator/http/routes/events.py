"""The event stream: /v1/event/stream."""

import asyncio

from aiohttp import web

from orchestrator.acl.resolver import InvalidCredentials
from orchestrator.errors import APIError
from orchestrator.events import Fallen, StreamEvent, Subscription, Topics, topic_filter
from orchestrator.http.call import Call
from orchestrator.http.permission import public
from orchestrator.http.route import stream

HEARTBEAT_SECONDS = 30.0
_NAMESPACED = {
    "Job": "read-job",
    "Evaluation": "read-job",
    "Allocation": "read-job",
    "Deployment": "read-job",
    "Service": "read-job",
}


class _UntilClosed(web.StreamResponse):
    """A body without a length and without chunks: it ends when the connection does, as a real agent's event stream."""

    _length_check = False


@stream("/v1/event/stream", needs=public)
async def events(call: Call) -> web.StreamResponse:
    """Newline-delimited JSON until the client goes away. A caller who may not read what it asks for gets an empty stream, as
    from a real agent, which finds out only after it has answered."""
    topics = _topics(call)
    index = _index(call)
    response = _UntilClosed(
        headers={"Content-Type": "application/json", "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    )
    response.force_close()
    await response.prepare(call.request)
    if call.text("region", call.services.region) != call.services.region or not _allowed(call, topics):
        await asyncio.Event().wait()
    wants = topic_filter(topics, _namespaces(call))
    subscription = call.services.events.subscribe(index, lambda event: wants(event) and _may_see(call, event))
    while True:
        await response.write(b"{}\n")
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await _send(call, topics, subscription, response)
                return response
        except TimeoutError:
            continue


async def _send(call: Call, topics: Topics, subscription: Subscription, response: web.StreamResponse) -> None:
    """Write until the reader is gone, too slow, or its token has ended or lost the right to what it asked for."""
    while True:
        if not call.services.resolver.still_valid(call.caller):
            try:
                call.ask_again()
            except APIError:
                return
            if not _allowed(call, topics):
                return
        try:
            lines = subscription.pending()
        except Fallen:
            return
        if lines:
            await response.write(lines)
        await subscription.more()


def _topics(call: Call) -> Topics:
    topics: dict[str, set[str]] = {}
    for text in call.query.getall("topic", ["*"]):
        parts = text.split(":")
        if len(parts) > 2:
            raise APIError(400, f"Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: {text}")
        topics.setdefault(parts[0], set()).add(parts[1] if len(parts) == 2 else "*")
    # A star beside another key of the same topic is a key like any other.
    return {topic: frozenset(keys - {"*"}) if len(keys) > 1 else frozenset(keys) for topic, keys in topics.items()}


def _index(call: Call) -> int:
    text = call.text("index")
    try:
        index = int(text) if text else 0
    except ValueError:
        raise APIError(400, f'Unable to parse index: strconv.Atoi: parsing "{text}": invalid syntax') from None
    if index < 0:
        raise APIError(400, "")
    try:
        _ = call.wait
    except APIError:
        raise APIError(400, "") from None
    return index


def _namespaces(call: Call) -> frozenset[str] | None:
    """The wanted namespaces; all of them are those that exist and that the caller may read, as they are now."""
    if call.namespace != "*":
        return frozenset({call.namespace})
    if call.acl.is_management:
        return None
    return frozenset(namespace.name for namespace in call.state.namespaces)


def _allowed(call: Call, topics: Topics) -> bool:
    try:
        if call.acl.is_management:
            return True
    except InvalidCredentials:
        return False
    namespace = call.namespace
    for topic in topics:
        if topic in _NAMESPACED:
            capability = _NAMESPACED[topic]
            if not (
                call.acl.allow_any_namespace(capability)
                if namespace == "*"
                else call.acl.allow_namespace(namespace, capability)
            ):
                return False
        elif topic == "Node":
            if not call.acl.allow_node("read"):
                return False
        elif topic == "Variable":
            if not call.acl.allow_variable_search(namespace):
                return False
        else:
            return False
    return True


def _may_see(call: Call, event: StreamEvent) -> bool:
    """Each event again: variables by their path (implicit rights of a workload do not count here), the rest by namespace."""
    if event.topic == "Variable":
        return call.acl.allow_variable(event.namespace, event.key, "list")
    capability = _NAMESPACED.get(event.topic)
    return capability is None or call.acl.allow_namespace(event.namespace, capability)
