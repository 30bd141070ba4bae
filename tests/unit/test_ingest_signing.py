"""Who signed a request, of which time: as docs/channels/ingest.md promises it."""

import hmac
from collections.abc import Sequence

import pytest

from channels.ingest.signing import sign, verified

NEW, OLD, OTHER = b"a secret of the form", b"the one before it", b"another source's"
AT, KEY, BODY = "1700000000", "order-000001", '{"text":"你好"}'.encode()
SIGNED = "v1=90e032cd251a4707d010080ca252a52dd89b6b5eea5d98cc23310918b2c842eb"
"""By openssl: printf '1700000000.order-000001.{…}' | openssl dgst -sha256 -hmac '…'"""


def test_it_is_signed_as_any_program_can() -> None:
    assert sign(NEW, AT, KEY, BODY) == SIGNED


@pytest.mark.parametrize(
    ("secrets", "given", "timestamp", "key", "body", "good"),
    [
        ((NEW,), SIGNED, AT, KEY, BODY, True),
        ((NEW, OLD), SIGNED, AT, KEY, BODY, True),
        ((OLD, NEW), SIGNED, AT, KEY, BODY, True),
        ((OTHER,), SIGNED, AT, KEY, BODY, False),
        ((NEW,), SIGNED, "1700000001", KEY, BODY, False),
        ((NEW,), SIGNED, AT, "order-000002", BODY, False),
        ((NEW,), SIGNED, AT, KEY, BODY + b" ", False),
        ((NEW,), SIGNED.upper(), AT, KEY, BODY, False),
        ((NEW,), SIGNED.removeprefix("v1="), AT, KEY, BODY, False),
        ((NEW,), "", AT, KEY, BODY, False),
        # A source that there is not has no secret to guess, nor one of nulls.
        ((), SIGNED, AT, KEY, BODY, False),
        ((), sign(b"\0" * 32, AT, KEY, BODY), AT, KEY, BODY, False),
    ],
)
def test_nothing_may_be_changed(
    secrets: Sequence[bytes], given: str, timestamp: str, key: str, body: bytes, good: bool
) -> None:
    assert verified(secrets, given, timestamp, key, body, float(AT)) is good


@pytest.mark.parametrize(
    ("now", "good"), [(-300, True), (-300.5, False), (0.9, True), (300, True), (300.5, False)]
)
def test_five_minutes_before_and_after(now: float, good: bool) -> None:
    assert verified((NEW,), SIGNED, AT, KEY, BODY, float(AT) + now) is good


@pytest.mark.parametrize(
    ("secrets", "compared"), [((), 1), ((OTHER,), 1), ((NEW, OLD), 2), ((OTHER, OLD), 2)]
)
def test_time_tells_nothing(
    secrets: Sequence[bytes], compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown source costs as much as a known one, the first secret as much as the last."""
    times, compare = [], hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        times.append(1)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    verified(secrets, SIGNED, AT, KEY, BODY, 0.0)
    assert len(times) == compared
