"""Codes by time, against the vectors of RFC 6238; how they are typed; what apps are told."""

from urllib.parse import parse_qs, urlsplit

import pytest

from models.one_time_codes import (
    STEP_SECONDS,
    code_of,
    is_timed,
    key_text,
    key_uri,
    new_recovery_codes,
    new_secret,
    plain,
    step_of,
)

RFC_SECRET = b"12345678901234567890"
"""RFC 6238, appendix B, with SHA-1."""


@pytest.mark.parametrize(
    ("at", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(at: int, eight_digits: str) -> None:
    """Whose codes have eight digits; those of six are their ends (RFC 4226 §5.3)."""
    code = eight_digits[-6:]
    assert code_of(RFC_SECRET, at // STEP_SECONDS) == code
    assert step_of(RFC_SECRET, code, at) == at // STEP_SECONDS


@pytest.mark.parametrize(("steps", "known"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_a_clock_may_be_off_by_one_step(steps: int, known: bool) -> None:
    now = 1_800_000_015.0
    step = int(now // STEP_SECONDS) + steps
    assert step_of(RFC_SECRET, code_of(RFC_SECRET, step), now) == (step if known else None)


def test_a_step_is_thirty_seconds() -> None:
    code = code_of(RFC_SECRET, 60_000_000)
    found = [step_of(RFC_SECRET, code, 1_800_000_000.0 + at) for at in (-30.1, -30, 59.9, 60)]
    assert found == [None, 60_000_000, 60_000_000, None]


def test_apps_are_told_whose_it_is_and_by_whom() -> None:
    uri = urlsplit(key_uri(RFC_SECRET, "li@shop"))
    asked = {name: value for name, (value,) in parse_qs(uri.query).items()}
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/Shouli:li%40shop")
    assert asked == {
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "issuer": "Shouli",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }
    assert asked["secret"] == key_text(RFC_SECRET)


def test_no_two_secrets_are_alike() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {20}


def test_recovery_codes_are_ten_that_cannot_be_guessed() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert {len(plain(code)) for code in codes} == {16}, "80 bits in base32"
    assert not any(is_timed(plain(code)) for code in codes)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" 123 456 ", "123456"),
        ("１２３４５６", "123456"),
        ("123-456", "123456"),
        ("abcd-EFGH-2345-wxyz", "ABCDEFGH2345WXYZ"),
        ("ABCD EFGH 2345 WXYZ", "ABCDEFGH2345WXYZ"),
        ("—", ""),
    ],
)
def test_a_code_is_known_however_it_is_typed(typed: str, meant: str) -> None:
    assert plain(typed) == meant
    assert is_timed(meant) == (meant == "123456")


@pytest.mark.parametrize("code", ["12345", "1234567", "12345A", "", "١٢٣٤٥٦"])
def test_other_than_six_digits_is_no_code_by_time(code: str) -> None:
    assert not is_timed(code)
    assert step_of(RFC_SECRET, code, 59) is None
