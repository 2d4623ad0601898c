"""`event stream`."""

from nomadctl.failure import failing
from nomadctl.framework import Call, command, flag, nothing, number, option


@command(
    "event stream",
    nothing(),
    option("topic", "A topic, or topic:key, such as Job:web; may be repeated; all topics if not given.", multiple=True),
    number("index", "Begin with the events of this index; 0 with all that the server remembers."),
    flag("once", "End when the stream breaks, instead of connecting again."),
)
async def stream(call: Call, *, topic: list[str], index: int, once: bool) -> None:
    """Print events as they come, one JSON object in each line."""
    from nomad_api.client import Connected

    topics: dict[str, list[str]] = {}
    for entry in topic:
        name, _, key = entry.partition(":")
        topics.setdefault(name, []).append(key or "*")
    with failing("Error streaming events"):
        async for item in call.nomad.events(topics, index=index, reconnect=not once):
            if isinstance(item, Connected):
                if item.attempt > 1:
                    call.warn("connected again; events in between may be missing")
                continue
            for event in item.events:
                call.out(event.to_json().decode())
