"""`ObservedTransport`: another transport, with every request counted, and every write told to the look that makes it."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from nomad_api.client.answer import Answer
from nomad_api.client.forwarding import ForwardingTransport
from nomad_api.client.transport import Transport
from nomad_api.errors import APIError
from operator_kit.engine.tracing import writes

Told = Callable[[str, int, float], None]
"""Told of each request: its method, the status of its answer (0 where there was none), and the seconds it took."""


class ObservedTransport(ForwardingTransport):
    """See the module's text. Streams and websockets are not told of."""

    def __init__(self, below: Transport, told: Told) -> None:
        super().__init__(below)
        self._told = told

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        if method != "GET" and (written := writes.get()) is not None:
            written.add(method, path)
        began = perf_counter()
        status = 0
        try:
            answer = await self.below.request(method, path, **options)
            status = answer.status
        except APIError as error:
            status = error.status
            raise
        finally:
            self._told(method, status, perf_counter() - began)
        return answer
