"""Where the spans of an operator go: to an OpenTelemetry collector, if its environment names one.

The variables are OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says where to,
over HTTP; `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and the rest mean what they always mean.
Without an endpoint, nothing of the SDK is imported, and spans cost next to nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def exporting_spans(operator: str) -> Iterator[bool]:
    """Send the process's spans while the block runs, and what is left of them at its end; whether there is where to.

    The service is called like the operator, if the environment does not call it otherwise.
    """
    wanted = any(os.environ.get(name) for name in ENDPOINTS)
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield False
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    names = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or operator}
    if allocation := os.environ.get("NOMAD_ALLOC_ID"):
        names[SERVICE_INSTANCE_ID] = allocation
    provider = TracerProvider(resource=Resource.create(names))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield True
    finally:
        provider.shutdown()
