"""Options that choose the agent which the contract tests run against."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nomad", "which agent the contract tests run against (default: the embedded one)")
    group.addoption("--nomad-addr", default="", metavar="URL", help="a running Nomad 2.x agent, as http://HOST:PORT")
    group.addoption("--nomad-token", default="", metavar="SECRET", help="a management token of it, if it has ACLs on")
