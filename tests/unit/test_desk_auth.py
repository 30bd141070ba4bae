"""Counting attempts, and whom a cookie is believed from."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from desk.auth import _NOBODY, Attempts, Passwords, cookie_name, hash_password
from desk.errors import Refusal
from desk.services import DeskOptions


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_too_many_attempts_wait_for_the_window_to_pass() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(8):
        attempts.charge("li", "10.0.0.1")
    clock.now += 100
    with pytest.raises(Refusal) as refused:
        attempts.charge("li", "10.0.0.1")
    assert (refused.value.status, refused.value.retry_after) == (429, 201)
    clock.now += 200
    attempts.charge("li", "10.0.0.1")


def test_others_are_not_locked_out() -> None:
    attempts = Attempts(Clock())
    for _ in range(8):
        attempts.charge("li", "10.0.0.1")
    attempts.charge("li", "10.0.0.2")
    attempts.charge("wang", "10.0.0.1")


def test_a_right_password_clears_the_count() -> None:
    attempts = Attempts(Clock())
    for _ in range(20):
        attempts.charge("li", "10.0.0.1")
        attempts.clear("li", "10.0.0.1")


def test_the_count_forgets_what_is_past() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(10_000):
        attempts.charge(f"guess{number}", "10.0.0.1")
    clock.now += 301
    attempts.charge("li", "10.0.0.1")
    assert len(attempts._failures) == 1


def test_a_flood_of_names_is_looked_through_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts, looks = Attempts(Clock()), []
    forget = attempts._forget

    def spy(now: float) -> None:
        looks.append(now)
        forget(now)

    monkeypatch.setattr(attempts, "_forget", spy)
    for number in range(50_000):
        attempts.charge(f"guess{number}", "10.0.0.1")
    assert len(looks) == 3


async def test_one_address_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, let_go = Passwords(), threading.Event()
    monkeypatch.setattr(passwords, "_matches", lambda *_: let_go.wait(10.0))
    many = [asyncio.create_task(passwords.check(None, "x", "10.0.0.1")) for _ in range(20)]
    await asyncio.sleep(0)
    other = asyncio.create_task(passwords.check("hash", "x", "10.0.0.2"))
    await asyncio.sleep(0)
    let_go.set()
    found = await asyncio.gather(*many, return_exceptions=True)
    assert [type(one) for one in found].count(Refusal) == 4
    assert await other
    assert not passwords._waiting


def test_passwords_are_argon2id() -> None:
    parameters = extract_parameters(hash_password("correct horse"))
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 65536


def test_an_unknown_login_costs_as_much_as_a_known_one() -> None:
    assert not PasswordHasher().check_needs_rehash(_NOBODY)


async def test_nobodys_password_is_checked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords, checked = Passwords(), []
    matches = passwords._matches

    def spy(stored: str, password: str) -> bool:
        checked.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(passwords, "_matches", spy)
    assert not await passwords.check(None, "correct horse", "")
    assert checked == [_NOBODY]
    assert not await passwords.check("not a hash", "correct horse", "")
    assert await passwords.check(hash_password("correct horse"), "correct horse", "")


def test_a_secure_cookie_is_bound_to_its_host() -> None:
    assert cookie_name(DeskOptions(secure_cookie=True)) == "__Host-shouli"
    assert cookie_name(DeskOptions()) == "shouli"
