"""Who asks, behind proxies; and which addresses anybody could reach."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated

from pydantic import BeforeValidator


def _network(value: object) -> object:
    """Refuses what is none in one sentence; pydantic has one for IPv4 and another for IPv6.

    Raises:
        ValueError: in both languages.
    """
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError(_no_network(value)) from None


def _no_network(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return f"“{text}”不是网段，应如 10.1.2.0/24 / “{text}” is no network such as 10.1.2.0/24"
    return f"“{text}”应写成 {meant} / Write “{text}” as {meant}"


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address that limits count by: the last one that no trusted proxy has.

    ``forwarded`` are the values of X-Forwarded-For, of which everything left of the last
    untrusted address may be invented. An IPv6 address counts by its /64, which one host owns
    whole (RFC 6177).
    """
    address = peer
    hops = [hop.strip() for hop in ",".join(forwarded).split(",")]
    for hop in reversed([hop for hop in hops if hop]):
        if not _trusted(address, proxies):
            break
        address = hop
    return _bundle(address)


def _trusted(address: str, proxies: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies)


_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last 32 bits."""


def within_reach(address: str, allowed: Sequence[Network]) -> bool:
    """Whether what outsiders name may be asked: the public Internet, and ``allowed`` networks.

    Not this host, nor its own network, nor what clouds tell their machines at 169.254.169.254:
    those trust who stands inside.
    """
    try:
        parsed = _plain(ip_address(address))
    except ValueError:
        return False
    inside = any(parsed in network for network in allowed)
    return inside or (parsed.is_global and not parsed.is_multicast)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one only wraps (RFC 4291 §2.5.5.2, RFC 3056, RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _bundle(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
