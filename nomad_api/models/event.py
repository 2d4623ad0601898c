"""Events of the event stream: one line of JSON is a batch of the events of one state change."""

from typing import Any

from nomad_api.models.base import Wire


class Event(Wire):
    """A change of an object: `topic` is its kind, `key` its ID or path, `payload` the object under the name of its kind."""

    topic: str = ""
    type: str = ""
    key: str = ""
    namespace: str = ""
    filter_keys: list[str] | None = None
    index: int = 0
    payload: dict[str, Any] | None = None


class EventBatch(Wire):
    """The events of one state change that a subscriber asked for. A heartbeat has neither index nor events."""

    index: int = 0
    events: list[Event] = []
