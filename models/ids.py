"""Identifiers: UUIDv7 for rows, digits with a check for ticket numbers."""

from datetime import datetime

from models.entropy import random_bytes


def uuid7(now: float) -> str:
    """A time-ordered UUID (RFC 9562 §5.7) for ``now``, in seconds since the epoch.

    Two of one millisecond are in order, too: the first random bits are its 4096ths (§6.2,
    method 3). What comes in is read in the order of these.
    """
    ticks = int(now * 1000 * 4096) & (1 << 60) - 1
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62
    value |= int.from_bytes(random_bytes(8), "big") >> 2
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_digit(digits: str) -> str:
    """The ISO/IEC 7064 MOD 11,10 check digit: catches every single-digit slip."""
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def ticket_number(day: datetime, serial: int) -> str:
    """The number a customer is told: date, serial of that day, check digit."""
    digits = f"{day:%Y%m%d}{serial:05d}"
    return digits + check_digit(digits)


def is_ticket_number(text: str) -> bool:
    """Whether ``text`` is a well-formed ticket number (it proves nothing about its owner)."""
    return (
        text.isascii()
        and text.isdigit()
        and len(text) >= 14
        and check_digit(text[:-1]) == text[-1]
    )
