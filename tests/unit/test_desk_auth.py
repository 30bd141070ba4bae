"""The queue before argon2, and whom a cookie is believed from."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from argon2 import PasswordHasher

from desk.auth import (
    PERSON,
    Person,
    cookie_name,
    in_person,
    refuse_foreign,
    who,
)
from desk.errors import Refusal
from desk.passwords import _NOBODY, Passwords
from desk.services import SERVICES, DeskOptions
from models.agent import Agent, Presence, Role, guessable


async def check(passwords: Passwords, stored: str | None, address: str) -> bool:
    async with passwords.place(address):
        return await passwords.check(stored, "x")


async def test_one_address_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, let_go = Passwords(), threading.Event()
    monkeypatch.setattr(passwords, "_matches", lambda *_: let_go.wait(10.0))
    many = [asyncio.create_task(check(passwords, None, "10.0.0.1")) for _ in range(20)]
    await asyncio.sleep(0)
    other = asyncio.create_task(check(passwords, "hash", "10.0.0.2"))
    await asyncio.sleep(0)
    let_go.set()
    found = await asyncio.gather(*many, return_exceptions=True)
    assert [type(one) for one in found].count(Refusal) == 4
    assert await other
    assert not passwords._waiting


async def test_the_queue_is_bounded_in_all_and_says_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords, let_go, at_once = Passwords(), threading.Event(), []

    def slowly(*_: str) -> bool:
        at_once.append(1)
        waited = let_go.wait(10.0)
        at_once.pop()
        return waited

    monkeypatch.setattr(passwords, "_matches", slowly)
    many = [asyncio.create_task(check(passwords, "hash", f"10.0.0.{n}")) for n in range(33)]
    await asyncio.sleep(0)
    (refused,) = [one.exception() for one in many if one.done()]
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.code, refused.retry_after) == (503, "busy", 5)
    assert len(at_once) <= 2, "each takes 64 MB"
    let_go.set()
    assert (await asyncio.gather(*many, return_exceptions=True)).count(True) == 32


def test_an_unknown_login_costs_as_much_as_a_known_one() -> None:
    assert not PasswordHasher().check_needs_rehash(_NOBODY)


async def test_even_who_knew_nobodys_password_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords()
    monkeypatch.setattr(passwords, "_matches", lambda *_: True)
    assert not await passwords.check(None, "correct horse")
    assert await passwords.check("a hash", "correct horse")


@pytest.mark.parametrize(
    ("password", "so"),
    [
        ("13800138000", True),
        ("aaaabbbbccccdddd", True),
        ("wangfang-1990", True),
        ("WangFang-1990", True),
        ("correct horse battery", False),
        ("受理中心的密码今天换了", False),
    ],
)
def test_what_is_guessed_first_is_no_password(password: str, so: bool) -> None:
    assert guessable(password, "wangfang") == so


def test_a_short_login_may_stand_in_a_password() -> None:
    assert not guessable("brilliant horse", "li")


def test_a_secure_cookie_is_bound_to_its_host() -> None:
    assert cookie_name(DeskOptions(secure_cookie=True)) == "__Host-shouli"
    assert cookie_name(DeskOptions()) == "shouli"


# -- from where a cookie is believed ---------------------------------------------------

OURS = {"Origin": "https://desk.shop.example"}
SOCKET = {"Upgrade": "WebSocket"}


@pytest.mark.parametrize(
    ("method", "headers", "believed"),
    [
        # What only reads is harmless from anywhere: its answer is not shown to a foreign page.
        ("GET", {}, True),
        ("HEAD", {"Origin": "https://evil.example"}, True),
        ("OPTIONS", {}, True),
        # A socket is opened by a GET, and no preflight asks before it (RFC 6455 §10.2).
        ("GET", SOCKET, False),
        ("GET", SOCKET | {"Origin": "https://evil.example"}, False),
        ("GET", SOCKET | {"X-Shouli-Desk": "1"}, False),
        ("GET", SOCKET | OURS, True),
        ("POST", {}, False),
        ("POST", {"X-Shouli-Desk": "1"}, True),
        ("POST", OURS, True),
        ("PUT", OURS | {"Origin": "http://desk.shop.example"}, True),
        ("DELETE", {"Origin": "https://evil.example"}, False),
        ("POST", {"Origin": "https://evil.example", "X-Shouli-Desk": "1"}, False),
        ("POST", {"Origin": "https://desk.shop.example.evil.example"}, False),
        ("POST", {"Origin": "null"}, False),
        ("POST", {"Origin": ""}, False),
    ],
)
def test_a_cookie_is_believed_from_our_own_pages(
    method: str, headers: dict[str, str], believed: bool
) -> None:
    assert is_believed(method, headers) is believed


def is_believed(method: str, headers: dict[str, str], *origins: str) -> bool:
    app = web.Application()
    options = DeskOptions(origins=frozenset(origins))
    app[SERVICES] = SimpleNamespace(options=options)  # type: ignore[misc]
    headers = {"Host": "desk.shop.example"} | headers
    try:
        refuse_foreign(make_mocked_request(method, "/api/v1/x", headers=headers, app=app))
    except Refusal as refused:
        return (refused.status, refused.code) != (403, "foreign_origin")
    return True


def test_origins_that_are_set_count_instead_of_the_host() -> None:
    assert is_believed("POST", {"Origin": "https://portal.example"}, "https://portal.example")
    assert not is_believed("POST", OURS, "https://portal.example")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.AGENT, {Role.AGENT}),
        (Role.SUPERVISOR, {Role.AGENT, Role.SUPERVISOR}),
        (Role.ADMIN, {Role.AGENT, Role.SUPERVISOR, Role.ADMIN}),
    ],
)
def test_who_ranks_higher_may_all_that_who_ranks_lower_may(role: Role, may: set[Role]) -> None:
    assert {least for least in Role if allowed(who, role, least)} == may
    assert {least for least in Role if allowed(in_person, role, least)} == may
    assert not any(allowed(in_person, role, least, by="token") for least in Role)


def allowed(asks: object, role: Role, least: Role, by: str = "session") -> bool:
    request = make_mocked_request("GET", "/api/v1/x")
    agent = Agent("1", "li", "李", role, Presence.READY, 6, 0)
    request[PERSON] = Person(agent, "secret", by)  # type: ignore[arg-type]
    try:
        assert asks(request, least) is request[PERSON]  # type: ignore[operator]
    except Refusal as refused:
        return refused.status != 403
    return True
