"""Identifiers in the order of time, and numbers that catch a slip."""

import os
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from models.entropy import random_bytes
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


def test_no_random_byte_is_given_out_twice() -> None:
    assert [len(random_bytes(count)) for count in (0, 1, 32, 5000)] == [0, 1, 32, 5000]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: random_bytes(8), range(4000)))
    assert len(set(made)) == 4000


def test_a_forked_child_does_not_give_out_its_parents() -> None:
    random_bytes(1)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: this child ends before it needs any
        child = os.fork()
    if not child:
        os.write(writing, random_bytes(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != random_bytes(16)
    os.close(reading)
    os.close(writing)
