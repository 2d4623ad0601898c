"""One agent: puts the parts together, starts and stops them in order.

State first, then the keyring, the server's loops, the HTTP API, and last the client, which registers the node. Stopping goes
the other way. In development mode everything is in memory and tasks end with the agent; with a data directory tasks outlive it.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from orchestrator.acl.resolver import Resolver
from orchestrator.client.client import Client
from orchestrator.client.config import ClientConfig
from orchestrator.configuration import Configuration, ConfigurationError, is_true, load
from orchestrator.deployments import DeploymentWatcher
from orchestrator.events import EventBroker
from orchestrator.http.server import HTTPServer
from orchestrator.keyring import Keyring, KeyringError
from orchestrator.namespaces import ensure_default
from orchestrator.node_endpoint import NodeEndpoint
from orchestrator.scheduler import Scheduler
from orchestrator.services import Services
from orchestrator.state.journal import Journal, JournalError
from orchestrator.state.store import Store
from orchestrator.variables import Variables

log = structlog.get_logger(__name__)


class Agent:
    """A running agent. `start`, then `stop`."""

    def __init__(self, configuration: Configuration) -> None:
        """Raises JournalError if the state in the data directory cannot be read."""
        self.configuration = configuration
        self._temporary = tempfile.TemporaryDirectory(prefix="nomad-agent-") if configuration.dev else None
        self._data = Path(configuration.data_dir or (self._temporary.name if self._temporary else ""))
        journal = None
        if not configuration.dev:
            (self._data / "server").mkdir(parents=True, exist_ok=True)
            journal = Journal(self._data / "server" / "state.db")
        store = Store(time.time_ns, journal)
        keyring = Keyring(store, time.time_ns, None if configuration.dev else self._data / "server" / "keystore")
        name = configuration.name or socket.gethostname()
        self.services = Services(
            store=store,
            keyring=keyring,
            resolver=Resolver(store, keyring, enabled=configuration.acl.enabled, clock=time.time_ns),
            events=EventBroker(),
            variables=Variables(store, keyring),
            clock=time.time_ns,
            region=configuration.region,
            datacenter=configuration.datacenter,
            name=name,
            acl_enabled=configuration.acl.enabled,
            address=f"{configuration.advertised_host}:{configuration.ports.http}",
            configuration=configuration,
        )
        store.subscribe(self.services.events.publish)
        self._scheduler = Scheduler(store, time.time_ns)
        self._deployments = DeploymentWatcher(store, time.time_ns)
        self._http = HTTPServer(self.services)

    async def start(self) -> None:
        """Serve requests and run allocations.

        Raises:
            OSError: the address of the HTTP API is taken.
            KeyringError: a key that the state needs is missing.
        """
        services = self.services
        services.store.start()
        await services.keyring.start()
        await ensure_default(services.store)
        services.variables.start()
        await self._scheduler.start()
        await self._deployments.start()
        if self.configuration.client.enabled:
            services.client = Client(self._client_config(), NodeEndpoint(services, self._http))
        await self._http.listen(self.configuration.http_host, self.configuration.ports.http)
        if services.client:
            await services.client.start()

    async def stop(self) -> None:
        """Stop everything. In development mode tasks are killed, else they go on."""
        services = self.services
        if services.client:
            await services.client.stop()
        await self._http.close()
        await self._deployments.stop()
        await self._scheduler.stop()
        services.variables.stop()
        services.store.close()
        if self._temporary:
            self._temporary.cleanup()

    def _client_config(self) -> ClientConfig:
        block = self.configuration.client
        return ClientConfig(
            alloc_dir=Path(block.alloc_dir) if block.alloc_dir else self._data / "alloc",
            state_dir=None if self.configuration.dev else Path(block.state_dir or self._data / "client"),
            name=self.services.name,
            region=self.configuration.region,
            datacenter=self.configuration.datacenter,
            node_class=block.node_class,
            node_pool=block.node_pool,
            http_address=self.services.address,
            address=self.configuration.advertised_host,
            meta=block.meta,
            drivers=self._drivers(),
            docker_privileged=is_true(self._plugin("docker").get("allow_privileged")),
            min_dynamic_port=block.min_dynamic_port,
            max_dynamic_port=block.max_dynamic_port,
        )

    def _drivers(self) -> frozenset[str]:
        """raw_exec runs tasks without any isolation, so outside of development mode somebody must ask for it."""
        asked = self._plugin("raw_exec").get("enabled") or self.configuration.client.options.get("driver.raw_exec.enable")
        return frozenset({"docker", "mock_driver", *(["raw_exec"] if self.configuration.dev or is_true(asked) else [])})

    def _plugin(self, name: str) -> dict[str, Any]:
        plugin = self.configuration.plugin.get(name)
        return plugin.config if plugin else {}


def main(options: dict[str, Any]) -> int:
    """Run an agent until it is told to stop by SIGINT or SIGTERM; returns the exit code.

    Args:
        options: `config` (a list of files and folders) and settings of `Configuration` that override what those say.
    """
    overrides = {key: value for key, value in options.items() if key != "config" and value is not None}
    try:
        configuration = load(list(options.get("config") or ()), overrides)
    except ConfigurationError as error:
        print(f"==> {error}", file=sys.stderr)
        return 1
    _configure_logging(configuration)
    try:
        return asyncio.run(_run(configuration))
    except KeyboardInterrupt:
        return 0


async def _run(configuration: Configuration) -> int:
    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if sys.version_info < (3, 12):
        # The default of 3.11 starts a thread for each child.
        asyncio.get_event_loop_policy().set_child_watcher(watcher := asyncio.PidfdChildWatcher())
        watcher.attach_loop(loop)
    try:
        agent = Agent(configuration)
    except JournalError as error:
        print(f"==> {error}", file=sys.stderr)
        return 1
    try:
        await agent.start()
    except OSError as error:
        print(f"==> cannot serve the HTTP API on port {configuration.ports.http}: {error.strerror or error}", file=sys.stderr)
        await agent.stop()
        return 1
    except KeyringError as error:
        print(f"==> {error}", file=sys.stderr)
        await agent.stop()
        return 1
    _announce(agent, time.monotonic() - began)
    await stop.wait()
    print("==> Gracefully shutting down agent...", flush=True)
    await agent.stop()
    return 0


def _announce(agent: Agent, seconds: float) -> None:
    configuration = agent.configuration
    mode = "development mode, state in memory" if configuration.dev else f"state in {configuration.data_dir}"
    print("==> Nomad agent configuration:\n", flush=True)
    for label, value in (
        ("HTTP API", f"http://{agent.services.address}"),
        ("Node", agent.services.name),
        ("Region", f"{configuration.region} (datacenter {configuration.datacenter})"),
        ("ACLs", "enabled" if configuration.acl.enabled else "disabled"),
        ("Mode", mode),
        ("PID", str(os.getpid())),
    ):
        print(f"    {label:>10}: {value}")
    print(f"\n==> Nomad agent started in {seconds:.2f} s! Log data will stream in below:\n", flush=True)


def _configure_logging(configuration: Configuration) -> None:
    level = logging.getLevelNamesMapping().get(configuration.log_level.upper().replace("TRACE", "DEBUG"), logging.INFO)
    renderer = (
        structlog.processors.JSONRenderer()
        if configuration.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(level, logging.WARNING))
