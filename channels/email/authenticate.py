"""Whether a mail comes from the domain that its From names: SPF, DKIM and DMARC.

For mail straight from the Internet, where no server of ours has checked it before. It is asked
while the sender waits for the 250, because only then its address is known and its keys are
published; the verdict is a fact of the transport, so that reading the mail stays free of DNS.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import dkim
import dns.exception
import dns.name
import dns.resolver
import spf
from publicsuffixlist import PublicSuffixList

from channels.email.headers import Headers, addresses
from channels.email.trust import domain_of

Result = Literal["pass", "fail", "none", "temperror", "permerror"]

_LARGEST = 2 * 1024 * 1024
"""Bytes of a mail whose signatures are checked. Canonicalising holds the interpreter: ~60 ms a
megabyte, in which nobody else is served. A larger one is proven by its sender's address (SPF)."""

_LONGEST_HEAD = 256 * 1024
_MOST_SIGNATURES = 5
_AT_ONCE = 16

_SUFFIXES = PublicSuffixList()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``dmarc`` (RFC 7489) on ``domain``, that of From, with what it rests on."""

    dmarc: Result
    domain: str
    evidence: str

    def facts(self) -> dict[str, str]:
        """As an envelope's transport holds it."""
        return {"dmarc": self.dmarc, "domain": self.domain, "evidence": self.evidence}


class _Unknown(Exception):
    """DNS has no answer just now."""


class Lookup:
    """DNS for one mail, within one time for all of its questions."""

    def __init__(self, resolver: dns.resolver.Resolver, seconds: float) -> None:
        self._resolver = resolver
        self._until = time.monotonic() + seconds

    def ask(self, name: str, kind: str) -> list[Any]:
        """The records of a kind, along CNAMEs; none where the name has none.

        Raises:
            _Unknown: the servers do not answer, or the time is over.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise _Unknown("DNS took too long")
        try:
            return list(self._resolver.resolve(name, kind, lifetime=left))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return []
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
            return []  # no such name can be
        except dns.exception.DNSException as error:
            raise _Unknown(type(error).__name__) from error

    def texts(self, name: str) -> list[bytes]:
        """The TXT records of a name, each as one string."""
        return [b"".join(record.strings) for record in self.ask(name, "TXT")]


class Authenticator:
    """Asks about one mail after the other, several at once, off the event loop."""

    def __init__(self, seconds: float, nameservers: Sequence[str] = (), *, port: int = 53) -> None:
        """``seconds`` for all questions about a mail; no ``nameservers``: those of the system."""
        self._seconds = seconds
        self._resolver = dns.resolver.Resolver(configure=not nameservers)
        if nameservers:
            self._resolver.nameservers = list(nameservers)
            self._resolver.port = port
        self._resolver.cache = dns.resolver.LRUCache()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="authenticate")

    async def verdict(self, raw: bytes, peer: str, helo: str, mail_from: str) -> Verdict:
        """What is known of the sender. Never raises: what cannot be found out is a “temperror”."""
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._judge, raw, peer, helo, mail_from
        )
        return await work

    def close(self) -> None:
        """Lets go of the threads; those under way end with their time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _judge(self, raw: bytes, peer: str, helo: str, mail_from: str) -> Verdict:
        lookup = Lookup(self._resolver, self._seconds)
        domain = ""
        try:
            domain = from_domain(raw)
            if not domain:
                return Verdict("permerror", "", "From names no domain, or several")
            return _dmarc(lookup, domain, raw, (peer, helo, mail_from))
        except _Unknown as unknown:
            return Verdict("temperror", domain, str(unknown))
        except Exception as error:  # noqa: BLE001  hostile bytes, three libraries: no reason to refuse
            return Verdict("permerror", domain, type(error).__name__)


def from_domain(raw: bytes) -> str:
    """The domain of the one address in the one From; “” where there is not exactly one.

    RFC 7489 §6.6.1 lets receivers turn the others away: nobody can say whom they show.
    """
    head = raw[:_LONGEST_HEAD]
    fields, _ = dkim.rfc822_parse(head)
    named = [(name.decode("ascii", "replace").lower(), value) for name, value in fields]
    if [name for name, _ in named].count("from") != 1:
        return ""
    found = addresses(Headers(named), "from")
    return domain_of(found[0].email) if len(found) == 1 else ""


def organisation(domain: str) -> str:
    """The domain that somebody registered (RFC 7489 §3.2), by the Public Suffix List."""
    return _SUFFIXES.privatesuffix(domain) or domain


def aligned(domain: str, other: str, strict: bool) -> bool:
    """Whether a proven domain speaks for that of From (RFC 7489 §3.1)."""
    domain, other = domain.lower().rstrip("."), other.lower().rstrip(".")
    return domain == other if strict else organisation(domain) == organisation(other)


def policy(lookup: Lookup, domain: str) -> dict[str, str] | None:
    """The DMARC record that holds for a domain: its own, or its organisation's (§6.6.3)."""
    for name in dict.fromkeys((domain, organisation(domain))):
        records = [
            tags
            for text in lookup.texts(f"_dmarc.{name}")
            if (tags := _tags(text)).get("v") == "DMARC1"
        ]
        if len(records) == 1:
            return records[0]
        if records:
            return None  # two of them are none
    return None


def _tags(record: bytes) -> dict[str, str]:
    text = record.decode("ascii", "replace")
    if not text.lstrip().startswith("v="):
        return {}
    pairs = (piece.partition("=") for piece in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value}


def _dmarc(lookup: Lookup, domain: str, raw: bytes, way: tuple[str, str, str]) -> Verdict:
    rules = policy(lookup, domain)
    tags = rules or {}
    unknown = ""
    heard = []
    for signer, result in _signatures(lookup, raw):
        heard.append(f"dkim={result} d={signer}")
        unknown = unknown or ("dkim" if result == "temperror" else "")
        if result == "pass" and aligned(signer, domain, tags.get("adkim", "r") == "s"):
            # A signature proves its domain, whether or not that has a policy.
            return Verdict("pass", domain, heard[-1])
    result, sender = _spf(lookup, *way)
    heard.append(f"spf={result} {sender}")
    if rules is None:
        return Verdict("temperror" if unknown else "none", domain, "; ".join(heard)[:200])
    if result == "pass" and aligned(sender, domain, tags.get("aspf", "r") == "s"):
        return Verdict("pass", domain, heard[-1])
    unknown = unknown or ("spf" if result == "temperror" else "")
    return Verdict("temperror" if unknown else "fail", domain, "; ".join(heard)[:200])


def _signatures(lookup: Lookup, raw: bytes) -> Iterator[tuple[str, str]]:
    """Each signature's domain, and “pass”, “fail” or “temperror”."""
    if len(raw) > _LARGEST:
        return
    signed = dkim.DKIM(raw)
    count = sum(name.lower() == b"dkim-signature" for name, _ in signed.headers)
    for index in range(min(count, _MOST_SIGNATURES)):
        try:
            passes = signed.verify(index, lambda name, **_: _key(lookup, name))
        except (dkim.DKIMException, dkim.crypto.UnparsableKeyError, ValueError):
            passes = False
        except _Unknown:
            passes = None
        fields = signed.signature_fields
        if b"l" in fields:
            passes = False  # what stands below the part that is signed could be anybody's
        signer = fields.get(b"d", b"").decode("ascii", "replace")
        yield signer, {True: "pass", False: "fail", None: "temperror"}[passes]


def _key(lookup: Lookup, name: bytes) -> bytes | None:
    return next(iter(lookup.texts(name.decode("ascii", "replace"))), None)


class _Spf(spf.query):  # type: ignore[misc]  # the library has no types
    """The library's evaluation (RFC 7208) over our look-ups."""

    def __init__(self, lookup: Lookup, peer: str, helo: str, mail_from: str) -> None:
        super().__init__(i=peer, s=mail_from, h=helo)
        self._lookup = lookup

    def dns(
        self, name: str, qtype: str, _cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        try:
            records = self._lookup.ask(str(name).rstrip("."), qtype)
        except _Unknown as unknown:
            raise spf.TempError(f"DNS {unknown}") from unknown
        if not records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many look-ups that found nothing")
        return [_plain(record, qtype) for record in records]


def _plain(record: Any, kind: str) -> Any:
    """A record in the library's shape."""
    if kind == "MX":
        return record.preference, record.exchange.to_text(omit_final_dot=True)
    if kind == "PTR":
        return record.target.to_text(omit_final_dot=True)
    return record.strings if kind in {"TXT", "SPF"} else record.address


def _spf(lookup: Lookup, peer: str, helo: str, mail_from: str) -> tuple[str, str]:
    """SPF's result, and the domain that it is about."""
    result, _, _ = _Spf(lookup, peer, helo, mail_from).check()
    return str(result), (mail_from or helo).rpartition("@")[2]
