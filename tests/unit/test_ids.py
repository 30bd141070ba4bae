"""Identifiers in the order of time, and numbers that catch a slip."""

import uuid
from datetime import UTC, datetime

from models.ids import is_ticket_number, ticket_number, uuid7

NOW = 1_800_000_000.123456


def test_a_uuid_is_of_version_7_and_holds_its_time() -> None:
    made = uuid.UUID(uuid7(NOW))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_800_000_000_123


def test_two_of_one_millisecond_are_in_order() -> None:
    made = [uuid7(NOW + i * 1e-6) for i in range(500)]
    assert made == sorted(made)
    assert len({uuid7(NOW) for _ in range(1000)}) == 1000


def test_a_ticket_number_catches_every_single_slip() -> None:
    number = ticket_number(datetime(2027, 1, 15, tzinfo=UTC), 1)
    assert is_ticket_number(number)
    for i, digit in enumerate(number):
        for wrong in "0123456789":
            if wrong != digit:
                assert not is_ticket_number(number[:i] + wrong + number[i + 1 :])
