import random

import pytest

from nomad_api.models import Allocation, Network, Port
from nomad_api.models.allocation import AllocatedPort, AllocatedResources, AllocatedSharedResources
from orchestrator.scheduler.networks import PortIndex, PortsExhausted, network_of, parse_ports


def holding(*ports):
    shared = AllocatedSharedResources(ports=[AllocatedPort(label=f"{port}", value=port[0], host_ip=port[1]) for port in ports])
    return Allocation(id="a", allocated_resources=AllocatedResources(shared=shared))


def index(node, *allocations):
    return PortIndex(node, allocations, random_source=random.Random(1))


def dynamic(*labels, **fields):
    return Network(dynamic_ports=[Port(label=label, host_network="default", **fields) for label in labels])


def test_dynamic_ports_are_distinct_and_in_range(node):
    ports = index(node).assign(dynamic(*"abcdefgh"))
    assert len({port.value for port in ports}) == 8
    assert all(20_000 <= port.value <= 32_000 for port in ports)


def test_the_last_free_port_is_found(node):
    small = node.evolve(node_resources={**node.node_resources, "MinDynamicPort": 20_000, "MaxDynamicPort": 20_002})
    used = holding(*((value, ip) for value in (20_000, 20_001) for ip in ("127.0.0.1", "::1")))
    (port,) = index(small, used).assign(dynamic("a"))
    assert port.value == 20_002
    full = holding(*((value, ip) for value in (20_000, 20_001, 20_002) for ip in ("127.0.0.1", "::1")))
    with pytest.raises(PortsExhausted, match="dynamic port selection failed"):
        index(small, full).assign(dynamic("a"))


def test_a_static_port_takes_the_first_address_that_has_it(node):
    wanted = Network(reserved_ports=[Port(label="http", value=80, host_network="default")])
    assert index(node).assign(wanted)[0].host_ip == "127.0.0.1"
    assert index(node, holding((80, "127.0.0.1"))).assign(wanted)[0].host_ip == "::1"
    with pytest.raises(PortsExhausted, match="reserved port collision http=80"):
        index(node, holding((80, "127.0.0.1"), (80, "::1"))).assign(wanted)


def test_collisions_may_be_ignored(node):
    port = Port(label="http", value=80, host_network="default", ignore_collision=True)
    taken = index(node, holding((80, "127.0.0.1"), (80, "::1")))
    assert taken.assign(Network(reserved_ports=[port]))[0].host_ip == "127.0.0.1"


def test_a_port_may_be_the_same_inside(node):
    (port,) = index(node).assign(dynamic("a", to=-1))
    assert port.to == port.value


def test_an_unknown_host_network_has_no_addresses(node):
    with pytest.raises(PortsExhausted, match="no addresses available for moon network"):
        index(node).assign(Network(dynamic_ports=[Port(label="a", host_network="moon")]))


def test_the_network_of_an_allocation_has_address_and_ports(node):
    wanted = dynamic("a")
    ports = index(node).assign(wanted)
    given = network_of(wanted, ports, node)
    assert (given.ip, given.dynamic_ports[0].value) == ("127.0.0.1", ports[0].value)


def test_lists_of_ports():
    assert parse_ports("22, 80,8000-8002,x") == {22, 80, 8000, 8001, 8002}
