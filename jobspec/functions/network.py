"""IP prefixes."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.functions.whole_numbers import whole_number
from jobspec.values import NUMBER, STRING, Value, list_value, string

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(prefix: Value, error: Callable[[str], CallError] = CallError) -> Network:
    address, slash, length = prefix.raw.partition("/")
    try:
        if not slash or not length.isdecimal():
            raise ValueError
        return ipaddress.ip_network(f"{address}/{length}", strict=False)
    except ValueError:
        raise error(f"invalid CIDR expression: invalid CIDR address: {prefix.raw}") from None


@function(prefix=STRING, hostnum=NUMBER)
def host(prefix: Value, host_number: Value) -> Value:
    """The address of a host in a network; negative numbers count from the end."""
    network, at = _network(prefix), whole_number(host_number)
    if not -network.num_addresses <= at < network.num_addresses:
        raise CallError(f"prefix of {network.prefixlen} does not accommodate a host numbered {at}")
    return string(str(network[at]))


@function(prefix=STRING)
def netmask(prefix: Value) -> Value:
    return string(str(_network(prefix).netmask))


@function(prefix=STRING, newbits=NUMBER, netnum=NUMBER)
def subnet(prefix: Value, new_bits: Value, net_number: Value) -> Value:
    network, bits, at = _network(prefix), whole_number(new_bits), whole_number(net_number)
    if bits > 32:
        raise CallError("may not extend prefix by more than 32 bits")
    length = network.prefixlen + bits
    if bits < 0 or length > network.max_prefixlen:
        raise CallError(f"insufficient address space to extend prefix of {network.prefixlen} by {bits}")
    if not 0 <= at < 1 << bits:
        raise CallError(f"prefix extension of {bits} does not accommodate a subnet numbered {at}")
    start = int(network.network_address) + (at << (network.max_prefixlen - length))
    return string(f"{type(network.network_address)(start)}/{length}")


@function(prefix=STRING, rest={"newbits": NUMBER})
def subnets(prefix: Value, *new_bits: Value) -> Value:
    """Consecutive subnets, each aligned to its own size."""
    network = _network(prefix, lambda reason: ArgumentError(0, reason))
    size, end = network.max_prefixlen, int(network.broadcast_address) + 1
    at = int(network.network_address)
    result: list[str] = []
    for position, bits_value in enumerate(new_bits, 1):
        bits = whole_number(bits_value)
        length = network.prefixlen + bits
        if bits < 1:
            raise ArgumentError(position, "must extend prefix by at least one bit")
        if bits > 32:
            raise ArgumentError(position, "may not extend prefix by more than 32 bits")
        if length > size:
            protocol = "IPv4" if network.version == 4 else "IPv6"
            reason = f"would extend prefix to {length} bits, which is too long for an {protocol} address"
            raise ArgumentError(position, reason)
        width = 1 << (size - length)
        start = -(-at // width) * width
        if start + width > end:
            previous = result[-1] if result else str(network)
            reason = f"not enough remaining address space for a subnet with a prefix of {length} bits after {previous}"
            raise ArgumentError(position, reason)
        result.append(f"{type(network.network_address)(start)}/{length}")
        at = start + width
    return list_value(map(string, result), STRING)


FUNCTIONS: dict[str, Function] = {
    "cidrhost": host,
    "cidrnetmask": netmask,
    "cidrsubnet": subnet,
    "cidrsubnets": subnets,
}
