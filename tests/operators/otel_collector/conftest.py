from pathlib import Path

import pytest

from operators.otel_collector.distribution.build import collector_binary


@pytest.fixture(scope="session")
def collector() -> Path:
    """The real collector, built on first use; a machine that can provide none fails the tests that need it."""
    return collector_binary()
