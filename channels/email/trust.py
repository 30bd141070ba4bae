"""How far a mail's sender is proven, in the words of the server that checked it (RFC 8601).

Reading asks no DNS: the server that took the mail did, when it came in and its address was known.
That was our own (see ``authenticate``), or one before it, whose Authentication-Results count
where the mail came by a way that only it can take, and only those with its name; everybody can
write such a header, so that all others are not looked at.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from channels.email.headers import Headers, addresses
from models.message import Trust

_TOKEN = re.compile(r'\\.|["();]', re.DOTALL)
_RESULT = re.compile(r"\s*dmarc\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)
_FROM = re.compile(r"\bheader\.from\s*=\s*\"?([^\s;\"]{1,255})", re.IGNORECASE)


def trust_of(
    sender: str,
    headers: Headers,
    transport: Mapping[str, Any],
    peers: Sequence[IPv4Network | IPv6Network],
    authserv_id: str,
) -> Trust:
    """The verdict on ``sender``, an address of From.

    ``peers`` are servers of our own; ``authserv_id`` is the name under which they report, or
    “” where they refuse forgeries and report nothing.
    """
    if not sender:
        return Trust()
    if _several(headers):
        return Trust(level="failed", method="from", evidence="From names several senders")
    peer = _ip(str(transport.get("peer")))
    if peer and any(peer in network for network in peers):
        if not authserv_id:
            return Trust(level="verified", method="peer", evidence=str(peer), proves=("email",))
        return _reported(sender, headers, authserv_id)
    if own := transport.get("authentication"):
        return _ours(sender, own)
    # A mailbox read over IMAP: its provider's name, put there by our own reader.
    provider = str(transport.get("authserv_id") or "")
    return _reported(sender, headers, provider) if provider else Trust(level="claimed")


def _several(headers: Headers) -> bool:
    """Whether it depends on the reader whom From shows: what is proven is proven of one of them.

    With “From :” before a signed From, which verifiers read over and we do not, somebody could
    write as any colleague of their own domain (RFC 5322 §3.6: there is one From; RFC 7489 §6.6.1).
    """
    named = {address.email.lower() for address in addresses(headers, "from") if address.email}
    return len(named) > 1 or len(set(headers.raws("from"))) > 1


def _reported(sender: str, headers: Headers, authserv_id: str) -> Trust:
    """By the topmost field of this name: servers write theirs above what came in."""
    for value in headers.all("authentication-results"):
        words, *results = _pieces(value)
        name = words.split()[0] if words.split() else ""
        if name.strip('"').lower() == authserv_id.lower():
            return _verdict(sender, results)
    return Trust(level="claimed")


def _pieces(value: str) -> Iterator[str]:
    """What stands between semicolons, without comments (RFC 8601 §2.2), which may be nested.

    Not those within quotes or comments: there stand the sender's own words, such as the local
    part of MAIL FROM, and “; dmarc=pass” may be among them.
    """
    piece, start, depth, quoted = "", 0, 0, False
    for found in _TOKEN.finditer(value):
        sign = found[0]
        if sign == '"' and not depth:
            quoted = not quoted
        elif quoted or sign.startswith("\\"):
            continue
        elif sign == "(":
            piece += "" if depth else value[start : found.start()] + " "
            depth += 1
        elif sign == ")" and depth:
            depth, start = depth - 1, found.end()
        elif sign == ";" and not depth:
            yield piece + value[start : found.start()]
            piece, start = "", found.end()
    # A quote or a comment that never ends hides what follows, whoever left it open.
    yield "" if depth or quoted else piece + value[start:]


def _verdict(sender: str, results: Sequence[str]) -> Trust:
    for result in results:
        found = _RESULT.match(result)
        if found is None:
            continue
        domain = _FROM.search(result)
        evidence = " ".join(result.split())[:200]
        if domain and domain[1].lower().rpartition("@")[2] != sender.lower().rpartition("@")[2]:
            break  # it speaks of another From than the one that is shown
        if found[1].lower() == "pass":
            return Trust(level="verified", method="dmarc", evidence=evidence, proves=("email",))
        if found[1].lower() == "fail":
            return Trust(level="failed", method="dmarc", evidence=evidence)
    return Trust(level="claimed")


def _ours(sender: str, verdict: Mapping[str, str]) -> Trust:
    """By what our own server found out while the mail came in."""
    shown = domain_of(sender)
    if verdict["domain"] == shown and verdict["dmarc"] == "pass":
        evidence = verdict["evidence"]
        return Trust(level="verified", method="dmarc", evidence=evidence, proves=("email",))
    if verdict["domain"] == shown and verdict["dmarc"] == "fail":
        return Trust(level="failed", method="dmarc", evidence=verdict["evidence"])
    return Trust(level="claimed", evidence=verdict["evidence"])


def domain_of(address: str) -> str:
    """The domain as DNS knows it; “” where it cannot be one."""
    try:
        return address.rpartition("@")[2].encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""


@lru_cache(maxsize=1024)
def _ip(text: str) -> Any:
    """As an address; None if it is none. Remembered: a flood comes from a few peers."""
    try:
        return ip_address(text)
    except ValueError:
        return None
