"""A password that somebody else gave is changed before anything else is done at the desk."""

from dataclasses import replace

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from desk.app import create_app
from models.agent import Role, SecondFactorFor
from models.one_time_codes import STEP_SECONDS, code_of
from tests.contract.desk.conftest import Desk, Visit, connect, frame
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import World
from tests.fakes import FakeClock

GIVEN = "given by an admin"
OWN = "a password of mine"
NEW = {"login": "zhao", "name": "赵", "role": "agent", "password": GIVEN}


@pytest.fixture
async def root(house: World, visit: Visit) -> Desk:
    await house.person("root", Role.ADMIN)
    return await visit("root")


async def sign_in(desk: Desk, password: str = GIVEN, login: str = "zhao") -> Desk:
    assert (await desk.post("/login", {"login": login, "password": password})).status == 200
    return desk


async def refused(desk: Desk) -> bool:
    answer = await desk.get("/agents")
    assert answer.status in {200, 403}
    return answer.status == 403 and answer.json["code"] == "password_due"


async def test_who_was_given_one_sets_their_own_first(visit: Visit, root: Desk) -> None:
    await root.post("/agents", NEW)
    desk = await sign_in(await visit())
    assert (await desk.get("/me")).json["password_due"] is True
    assert await refused(desk)
    with pytest.raises(WSServerHandshakeError):
        await connect(desk)
    assert (await desk.post("/tokens", {"name": "x", "days": 1})).json["code"] == "password_due"
    assert (await desk.call("PUT", "/me/presence", {"presence": "ready"})).status == 403
    same = await desk.call("PUT", "/me/password", {"current": GIVEN, "password": GIVEN})
    assert (same.status, same.json["code"]) == (422, "same_password")
    wrong = await desk.call("PUT", "/me/password", {"current": "x", "password": OWN})
    assert (wrong.status, wrong.json["field"]) == (403, "current")
    assert await refused(desk)
    before = await sign_in(await visit())
    done = await desk.call("PUT", "/me/password", {"current": GIVEN, "password": OWN})
    assert done.status == 204
    assert (await desk.get("/me")).json["password_due"] is False
    assert not await refused(desk), "one goes on without signing in again"
    ws = await connect(desk)
    assert (await frame(ws, "snapshot"))["type"] == "snapshot"
    await ws.close()
    assert (await before.get("/me")).status == 401, "what was begun with the old one has ended"
    await sign_in(await visit(), OWN)


async def test_a_reset_is_one_that_was_given(house: World, visit: Visit, root: Desk) -> None:
    li = await house.person("li")
    assert not await refused(await visit("li")), "who was there before is not held up"
    await root.call("PATCH", f"/agents/{li}", {"password": GIVEN})
    desk = await sign_in(await visit(), login="li")
    assert await refused(desk)
    await desk.call("PUT", "/me/password", {"current": GIVEN, "password": OWN})
    assert not await refused(desk)
    third = {"current": OWN, "password": "another one of mine"}
    await desk.call("PUT", "/me/password", third)
    again = await sign_in(await visit(), third["password"], "li")
    assert not await refused(again), "their own change is nobody's gift"


async def test_other_changes_of_an_admin_hold_nobody_up(
    house: World, visit: Visit, root: Desk
) -> None:
    li = await house.person("li")
    assert (await root.call("PATCH", f"/agents/{li}", {"team": "夜班"})).status == 200
    assert not await refused(await visit("li"))


async def test_a_token_does_its_work_meanwhile(house: World, root: Desk, visit: Visit) -> None:
    """It was made by a person who had a password of their own, or for a program."""
    made = (await root.post("/agents", NEW)).json["id"]
    await house.store.agents.grant(made, "token", "a-token", 60.0)
    program = await visit()
    program.headers = {"Authorization": "Bearer a-token"}
    assert (await program.get("/me")).json["password_due"] is True
    assert (await program.get("/agents")).status == 200


async def test_the_second_factor_comes_after_it_and_stays(
    house: World, visit: Visit, root: Desk, clock: FakeClock, spec: Spec
) -> None:
    await root.post("/agents", NEW)
    options = replace(house.services.options, second_factor=SecondFactorFor.EVERYONE)
    app = create_app(replace(house.services, options=options))
    async with TestClient(TestServer(app)) as client:
        desk = await sign_in(Desk(client, spec))
        assert (await desk.post("/me/second-factor")).json["code"] == "password_due"
        await desk.call("PUT", "/me/password", {"current": GIVEN, "password": OWN})
        assert (await desk.get("/agents")).json["code"] == "second_factor_due"
        secret_of = house.store.second_factors.begin
        zhao = (await desk.get("/me")).json["id"]
        secret = await secret_of(zhao)
        clock.pass_(STEP_SECONDS)
        code = code_of(secret, int(clock() // STEP_SECONDS))
        on = await desk.call("PUT", "/me/second-factor", {"password": OWN, "code": code})
        assert on.status == 200
        # Another reset: the session in which it is changed was begun with a code, and goes on.
        await root.call("PATCH", f"/agents/{zhao}", {"password": GIVEN})
        body = {"login": "zhao", "password": GIVEN, "code": on.json["recovery_codes"][0]}
        assert (await desk.post("/login", body)).status == 200
        assert await refused(desk)
        more = {"current": GIVEN, "password": "once more mine"}
        done = await desk.call("PUT", "/me/password", more)
        assert done.status == 204, done.raw
        assert (await desk.get("/agents")).status == 200
