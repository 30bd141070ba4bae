"""Who asks, behind proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


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
    return any(parsed.version == network.version and parsed in network for network in proxies)


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
