"""Options that choose the agent which the contract tests run against."""

import pytest

from jobspec.depth import allow_deep_recursion


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nomad", "which agent the contract tests run against (default: the embedded one)")
    group.addoption("--nomad-addr", default="", metavar="URL", help="a running Nomad 2.x agent, as http://HOST:PORT")
    group.addoption("--nomad-token", default="", metavar="SECRET", help="a management token of it, if it has ACLs on")


def pytest_configure() -> None:
    """Make the room for deep documents before any test: hypothesis does not like the limit to change in the middle of one."""
    allow_deep_recursion()
