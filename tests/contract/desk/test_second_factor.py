"""Signing in in two steps: setting it up, codes, recovery, and whom it is demanded of."""

from base64 import b32decode
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import segno
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from desk.app import create_app
from desk.services import DeskOptions
from models.agent import Role, SecondFactorFor
from models.one_time_codes import STEP_SECONDS, code_of, key_text
from tests.contract.desk.conftest import Answer, Desk, Visit
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import PASSWORD, World, world
from tests.fakes import FakeClock


class Phone:
    """An authenticator app: each code is one that was not asked for before."""

    def __init__(self, key: str, clock: FakeClock) -> None:
        self.secret = b32decode(key)
        self.clock = clock

    def code(self) -> str:
        self.clock.pass_(STEP_SECONDS)
        return code_of(self.secret, int(self.clock() // STEP_SECONDS))


async def set_up(desk: Desk, clock: FakeClock) -> tuple[Phone, list[str]]:
    begun = await desk.post("/me/second-factor")
    assert begun.status == 201
    phone = Phone(begun.json["key"], clock)
    body = {"password": PASSWORD, "code": phone.code()}
    done = await desk.call("PUT", "/me/second-factor", body)
    assert done.status == 200
    return phone, done.json["recovery_codes"]


async def sign_in(desk: Desk, code: str | None = None, password: str = PASSWORD) -> Answer:
    body: dict[str, Any] = {"login": "li", "password": password}
    return await desk.post("/login", body if code is None else body | {"code": code})


async def test_the_picture_is_of_the_uri(house: World, visit: Visit) -> None:
    await house.person("li")
    begun = (await (await visit("li")).post("/me/second-factor")).json
    assert begun["key"] in begun["uri"]
    drawn = segno.make(begun["uri"], error="m", micro=False)
    assert begun["picture"] == ["".join(map(str, line)) for line in drawn.matrix]


async def test_a_code_is_asked_for_only_where_it_is_on(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li")
    desk = await visit("li")
    phone, codes = await set_up(desk, clock)
    assert len(codes) == 10
    assert (await desk.get("/me")).json["second_factor"] is True
    again = await visit()
    needed = await sign_in(again)
    assert (needed.status, needed.json["code"]) == (401, "code_needed")
    assert "Set-Cookie" not in needed.headers
    assert (await again.get("/me")).status == 401
    assert (await sign_in(again, phone.code())).status == 200
    assert (await again.get("/me")).json["login"] == "li"


async def test_a_wrong_password_is_told_of_no_second_factor(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li")
    phone, codes = await set_up(await visit("li"), clock)
    desk = await visit()
    wrong = [await sign_in(desk, code, "x") for code in (None, phone.code(), codes[0])]
    unknown = await desk.post("/login", {"login": "nobody", "password": "x", "code": "1"})
    assert {answer.raw for answer in wrong} == {unknown.raw}
    assert (await sign_in(desk, codes[0])).status == 200, "it was not used up"


async def test_a_code_signs_in_once_in_all_processes(
    house: World, visit: Visit, clock: FakeClock, spec: Spec
) -> None:
    await house.person("li")
    phone, codes = await set_up(await visit("li"), clock)
    code, desk = phone.code(), await visit()
    async with TestClient(TestServer(create_app(house.services))) as client:
        other = Desk(client, spec)
        assert (await sign_in(desk, code)).status == 200
        again = await sign_in(other, code)
        assert (again.status, again.json["code"]) == (401, "wrong_code")
        assert (await sign_in(other, codes[0])).status == 200
        assert (await sign_in(desk, codes[0])).status == 401


async def test_wrong_codes_count_as_wrong_passwords_do(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    """And a right password in between does not make one begin anew."""
    await house.person("li")
    phone, _ = await set_up(await visit("li"), clock)
    desk = await visit()
    with capture_logs() as told:
        for _ in range(4):
            assert (await sign_in(desk)).json["code"] == "code_needed"
            assert (await sign_in(desk, "000000")).json["code"] == "wrong_code"
    assert [one["event"] for one in told] == ["wrong code"] * 4
    assert "000000" not in str(told)
    assert (await sign_in(desk, phone.code())).status == 429
    clock.pass_(301)
    assert (await sign_in(desk, phone.code())).status == 200


async def test_codes_cannot_be_guessed_from_many_addresses(
    tmp_path: Path, clock: FakeClock, spec: Spec
) -> None:
    options = DeskOptions(proxies=(ip_network("127.0.0.0/8"),))
    async with world(tmp_path, clock=clock, options=options) as house:
        await house.person("li")
        async with TestClient(TestServer(create_app(house.services))) as client:
            desk = Desk(client, spec)
            await sign_in(desk)
            phone, _ = await set_up(desk, clock)
            found = []
            for n in range(9):
                body = {"login": "li", "password": PASSWORD, "code": "000000"}
                headers = {"X-Forwarded-For": f"203.0.113.{n}"}
                found.append((await desk.post("/login", body, headers=headers)).status)
            assert found == [401] * 8 + [429]
            clock.pass_(301)
            for _ in range(9):
                assert (await sign_in(desk, phone.code())).status == 200, "right ones do not count"


async def test_recovery_codes_are_made_anew_and_it_is_turned_off(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li")
    desk = await visit("li")
    phone, codes = await set_up(desk, clock)

    async def post(path: str, code: str, password: str = PASSWORD) -> Answer:
        return await desk.post(f"/me/second-factor{path}", {"password": password, "code": code})

    for path in ("/recovery-codes", "/off"):
        wrong = await post(path, phone.code(), "x")
        assert (wrong.status, wrong.json["field"]) == (403, "password")
        wrong = await post(path, "000000")
        assert (wrong.status, wrong.json["field"]) == (403, "code")
    fresh = await post("/recovery-codes", phone.code())
    assert len(set(fresh.json["recovery_codes"]) - set(codes)) == 10
    assert (await desk.get("/me/second-factor")).json["recovery_codes"] == 10
    assert (await post("/off", codes[0])).status == 403, "void"
    assert (await post("/off", fresh.json["recovery_codes"][0])).status == 204
    assert (await desk.get("/me/second-factor")).json == {"since": None, "recovery_codes": 0}
    assert (await sign_in(await visit())).status == 200


async def test_who_has_the_session_alone_turns_nothing_on(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li")
    desk = await visit("li")
    phone = Phone((await desk.post("/me/second-factor")).json["key"], clock)
    wrong = await desk.call("PUT", "/me/second-factor", {"password": "x", "code": phone.code()})
    assert (wrong.status, wrong.json["field"]) == (403, "password")
    body = {"password": PASSWORD, "code": "000000"}
    assert (await desk.call("PUT", "/me/second-factor", body)).json["field"] == "code"
    assert (await desk.get("/me")).json["second_factor"] is False


async def test_an_admin_takes_it_away(house: World, visit: Visit, clock: FakeClock) -> None:
    li = await house.person("li")
    me = await house.person("root", Role.ADMIN)
    desk, root = await visit("li"), await visit("root")
    await set_up(desk, clock)
    listed = (await root.get("/agents")).json["agents"]
    assert {one["login"]: one["second_factor"] for one in listed} == {"li": True, "root": False}
    assert "second_factor" not in str((await desk.get("/agents")).json), "that is not for all"
    made = (await root.post("/tokens", {"name": "n", "role": "admin"})).json
    program = await visit()
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    path = f"/agents/{li}/second-factor"
    assert (await program.call("DELETE", path)).status == 403
    assert (await desk.call("DELETE", path)).status == 403
    assert (await root.call("DELETE", f"/agents/{me}/second-factor")).status == 409
    assert (await root.call("DELETE", path)).status == 204
    assert (await desk.get("/me")).status == 401
    assert (await sign_in(desk)).status == 200
    assert (await root.call("DELETE", path)).status == 404
    entries = (await root.get("/audit")).json["entries"]
    taken = [one for one in entries if one["action"] == "second_factor.taken"]
    assert [(one["agent_id"], one["subject"]) for one in taken] == [(me, li)]


@pytest.mark.parametrize(
    ("demanded", "role", "due"),
    [
        (SecondFactorFor.OPTIONAL, Role.ADMIN, False),
        (SecondFactorFor.ADMINS, Role.AGENT, False),
        (SecondFactorFor.ADMINS, Role.SUPERVISOR, False),
        (SecondFactorFor.ADMINS, Role.ADMIN, True),
        (SecondFactorFor.EVERYONE, Role.AGENT, True),
    ],
)
async def test_whom_the_house_demands_it_of_can_do_nothing_before(
    tmp_path: Path,
    clock: FakeClock,
    spec: Spec,
    demanded: SecondFactorFor,
    role: Role,
    due: bool,
) -> None:
    options = DeskOptions(second_factor=demanded)
    async with world(tmp_path, clock=clock, options=options) as house:
        person = await house.person("li", role)
        await house.store.agents.grant(person, "token", "shouli_x", 3600.0)
        async with TestClient(TestServer(create_app(house.services))) as client:
            desk = Desk(client, spec)
            answer = await sign_in(desk)
            assert (answer.status, answer.json["second_factor_due"]) == (200, due)
            assert (await desk.get("/me")).json["second_factor_due"] == due
            for path in ("/queue", "/agents", "/tokens", "/glossary"):
                refused = await desk.get(path)
                assert refused.status == (403 if due else 200), path
                assert (refused.json.get("code") == "second_factor_due") == due, path
            if due:
                own = str(client.make_url("/")).rstrip("/")
                with pytest.raises(WSServerHandshakeError, match="403"):
                    await client.ws_connect("/api/v1/ws", headers={"Origin": own})
            program = {"Authorization": "Bearer shouli_x"}
            assert (await desk.get("/queue", headers=program)).status == 200
            await set_up(desk, clock)
            assert (await desk.get("/me")).json["second_factor_due"] is False
            assert (await desk.get("/queue")).status == 200


async def test_the_key_is_shown_once(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("li")
    await house.person("root", Role.ADMIN)
    desk, root = await visit("li"), await visit("root")
    with capture_logs() as told:
        phone, codes = await set_up(desk, clock)
    shown = str(told)
    for each, path in (
        (desk, "/me"),
        (desk, "/me/second-factor"),
        (root, "/agents"),
        (root, "/audit"),
    ):
        shown += (await each.get(path)).raw.decode()
    for secret in (key_text(phone.secret), *codes):
        assert secret not in shown
