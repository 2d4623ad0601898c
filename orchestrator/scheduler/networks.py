"""Ports: which are taken on a node, and which an allocation gets.

A node has host networks, each with one or more addresses; a port belongs to one address, so two allocations may have the same
static port on different addresses. Dynamic ports are picked at random from the node's range, so that a port is not used again
right after it became free.
"""

import random
from collections.abc import Iterable
from typing import Any

from nomad_api.models import Allocation, Network, Node, Port
from nomad_api.models.allocation import AllocatedPort
from orchestrator.scheduler.constraints import resolve

MIN_DYNAMIC_PORT = 20_000
MAX_DYNAMIC_PORT = 32_000
MAX_PORT = 65_535
RANDOM_ATTEMPTS = 20


class PortsExhausted(Exception):
    """The ports that a group asks for cannot be had on a node; the text is what Nomad says of it."""


class PortIndex:
    """The ports of one node: its addresses by host network, and what is in use on each."""

    def __init__(self, node: Node, allocations: Iterable[Allocation], *, random_source: random.Random) -> None:
        resources = node.node_resources or {}
        self._node = node
        self._random = random_source
        self._addresses: dict[str, list[str]] = {}
        self._used: dict[str, set[int]] = {}
        self._low = resources.get("MinDynamicPort") or MIN_DYNAMIC_PORT
        self._high = resources.get("MaxDynamicPort") or MAX_DYNAMIC_PORT
        reserved = parse_ports(((node.reserved_resources or {}).get("Networks") or {}).get("ReservedHostPorts") or "")
        for network in resources.get("NodeNetworks") or ():
            for address in network.get("Addresses") or ():
                self._addresses.setdefault(address.get("Alias") or "", []).append(address["Address"])
                used = self._used.setdefault(address["Address"], set())
                used |= reserved | parse_ports(address.get("ReservedPorts") or "")
        for alloc in allocations:
            for port in alloc.ports.values():
                self._used.setdefault(port.host_ip, set()).add(port.value)

    def assign(self, network: Network) -> list[AllocatedPort]:
        """The ports for a group's network, static ones first.

        Raises:
            PortsExhausted: a static port is taken on every address of its host network, or no dynamic port is left.
        """
        offer = [self._static(port, resolve(port.host_network, self._node) or "") for port in network.reserved_ports or ()]
        static = {port.value for port in network.reserved_ports or ()}
        for port in network.dynamic_ports or ():
            taken = static | {each.value for each in offer}
            offer.append(self._dynamic(port, resolve(port.host_network, self._node) or "", taken))
        return offer

    def _static(self, port: Port, network: str) -> AllocatedPort:
        addresses = self._addresses.get(network, [])
        if not addresses:
            raise PortsExhausted(f"no addresses available for {network} network")
        for address in addresses:
            if port.ignore_collision or port.value not in self._used[address]:
                return AllocatedPort(
                    label=port.label,
                    value=port.value,
                    to=port.to,
                    host_ip=address,
                    ignore_collision=port.ignore_collision,
                )
        raise PortsExhausted(f"reserved port collision {port.label}={port.value}")

    def _dynamic(self, port: Port, network: str, taken: set[int]) -> AllocatedPort:
        addresses = self._addresses.get(network, [])
        if not addresses:
            raise PortsExhausted(f"no addresses available for {network} network")
        for address in addresses:
            value = self._pick(self._used[address] | taken)
            if value is not None:
                to = value if port.to == -1 else port.to
                return AllocatedPort(label=port.label, value=value, to=to, host_ip=address)
        raise PortsExhausted("dynamic port selection failed")

    def _pick(self, used: set[int]) -> int | None:
        for _ in range(RANDOM_ATTEMPTS):
            value = self._random.randrange(self._low, max(self._high, self._low + 1))
            if value not in used:
                return value
        free = [value for value in range(self._low, self._high + 1) if value not in used]
        return self._random.choice(free) if free else None


def network_of(network: Network, ports: list[AllocatedPort], node: Node) -> Network:
    """The network as the allocation has it: with its address and the values of its dynamic ports."""
    given = {port.label: port for port in ports}
    dynamic = [
        port.evolve(value=given[port.label].value, to=given[port.label].to) if port.label in given else port
        for port in network.dynamic_ports or ()
    ]
    return network.evolve(dynamic_ports=dynamic or None, ip=_host_address(node))


def parse_ports(text: str) -> set[int]:
    """The ports of a list such as `22,80,8000-8100`. What is not a port is ignored."""
    ports: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            ports |= set(range(int(first), min(int(last or first), MAX_PORT) + 1))
    return ports


def _host_address(node: Node) -> str:
    networks: list[dict[str, Any]] = (node.node_resources or {}).get("NodeNetworks") or []
    for network in networks:
        if network.get("Mode") == "host" and network.get("Addresses"):
            return str(network["Addresses"][0]["Address"])
    return ""
