"""Signing in, tokens, where a browser comes from, and who may do what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from desk import passwords as passwords_module
from desk.app import create_app
from desk.passwords import Passwords, hash_password
from desk.services import DeskOptions
from models import migrations
from models.agent import Presence, Role
from models.errors import StorageFull
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import PASSWORD, World, world
from tests.fakes import FakeClock


async def test_a_wrong_password_and_an_unknown_login_look_the_same(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    desk = await visit()
    wrong = await desk.post("/login", {"login": "li", "password": "wrong"})
    unknown = await desk.post("/login", {"login": "nobody", "password": "wrong"})
    assert wrong.status == unknown.status == 401
    assert wrong.raw == unknown.raw
    assert "Set-Cookie" not in wrong.headers


async def test_a_password_that_is_changed_while_it_is_checked_lets_nobody_in(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await house.person("li")
    check = Passwords.check

    async def meanwhile(self: Passwords, *given: Any) -> bool:
        right = await check(self, *given)
        await house.store.agents.change(me, None, password="another hash")
        return right

    monkeypatch.setattr(Passwords, "check", meanwhile)
    answer = await (await visit()).post("/login", {"login": "li", "password": PASSWORD})
    assert (answer.status, answer.json["code"]) == (401, "wrong_credentials")
    assert "Set-Cookie" not in answer.headers


async def test_wrong_passwords_are_in_the_log_without_what_was_typed(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    desk = await visit()
    with capture_logs() as told:
        await desk.post("/login", {"login": "li", "password": "wrong"})
        await desk.post("/login", {"login": "my password", "password": "wrong"})
        await desk.post("/login", {"login": "li", "password": PASSWORD})
    assert [(one["event"], one.get("agent"), one["peer"]) for one in told] == [
        ("wrong password", me, "127.0.0.1"),
        ("wrong login", None, "127.0.0.1"),
    ]
    assert "my password" not in str(told)


async def test_who_comes_and_goes_is_in_the_audit(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("root", Role.ADMIN)
    desk, program, root = await visit("li"), await visit(), await visit("root")
    made = (await desk.post("/tokens", {"name": "n"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.post("/logout")).status == 204
    assert (await desk.post("/logout")).status == 204
    entries = (await root.get("/audit")).json["entries"]
    actions = {one["action"] for one in entries if one["agent_id"] == me}
    assert actions == {"session.end", "token.revoke", "token.grant", "session.grant"}


@pytest.mark.parametrize("secure", [True, False])
async def test_who_has_https_is_told_to_stay_with_it(
    tmp_path: Path, spec: Spec, secure: bool
) -> None:
    options = DeskOptions(secure_cookie=secure)
    async with (
        world(tmp_path, options=options) as house,
        TestClient(TestServer(create_app(house.services))) as client,
    ):
        answer = await Desk(client, spec).get("/me")
        assert ("Strict-Transport-Security" in answer.headers) == secure


async def test_a_session_is_kept_from_scripts_and_other_sites(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit()
    answer = await desk.post("/login", {"login": "li", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert answer.json["login"] == "li"


async def test_guessing_is_slowed_down(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("li")
    desk = await visit()
    for _ in range(8):
        assert (await desk.post("/login", {"login": "li", "password": "x"})).status == 401
    refused = await desk.post("/login", {"login": "li", "password": PASSWORD})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    clock.pass_(301)
    assert (await desk.post("/login", {"login": "li", "password": PASSWORD})).status == 200


async def test_another_process_knows_of_the_guesses(
    house: World, visit: Visit, spec: Spec
) -> None:
    await house.person("li")
    desk = await visit()
    body = {"login": "li", "password": "x"}
    async with TestClient(TestServer(create_app(house.services))) as client:
        other = Desk(client, spec)
        for each in (desk, other) * 4:
            assert (await each.post("/login", body)).status == 401
        for each in (desk, other):
            assert (await each.post("/login", body)).status == 429


async def test_a_flood_that_the_queue_turns_away_is_no_attempt(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person("li")
    desk, body = await visit(), {"login": "li", "password": PASSWORD}
    monkeypatch.setattr(passwords_module, "_MOST_OF_ONE", 0)
    for _ in range(9):
        assert (await desk.post("/login", body)).status == 503
    monkeypatch.undo()
    assert (await desk.post("/login", body)).status == 200


async def test_without_a_session_nothing_is_shown(visit: Visit) -> None:
    desk = await visit()
    for path in ("/me", "/queue", "/tickets", "/tickets/x", "/agents", "/ws", "/nothing"):
        answer = await desk.get(path)
        assert answer.status == 401
        assert answer.json["message"]["zh"] == "请先登录。"


async def test_after_logout_the_session_is_dead(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit("li")
    cookie = desk.client.session.cookie_jar.filter_cookies(desk.client.make_url("/"))
    token = cookie["shouli"].value
    assert (await desk.post("/logout")).status == 204
    assert (await desk.get("/me", cookies={"shouli": token})).status == 401


async def test_who_signs_in_gets_a_session_that_nobody_knew_before(
    house: World, visit: Visit
) -> None:
    """Whoever planted a cookie in somebody's browser must not be signed in with them."""
    planted = "p" * 43
    await house.person("li")
    desk = await visit()
    desk.client.session.cookie_jar.update_cookies({"shouli": planted}, desk.client.make_url("/"))
    body = {"login": "li", "password": PASSWORD}
    given = [(await desk.post("/login", body)).headers["Set-Cookie"] for _ in range(2)]
    tokens = {one.partition(";")[0].partition("=")[2] for one in given}
    assert len(tokens - {planted}) == 2, "each has a token of its own"
    assert (await (await visit()).get("/me", cookies={"shouli": planted})).status == 401


async def test_a_session_ends_by_itself(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("li")
    desk = await visit("li")
    clock.pass_(12 * 3600 + 1)
    assert (await desk.get("/me")).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Shouli-Desk": "1"}, 200),
        ({"Origin": "{own}"}, 200),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "X-Shouli-Desk": "1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_cookie_alone_changes_nothing(
    house: World, visit: Visit, headers: dict[str, str], status: int
) -> None:
    await house.person("li")
    desk = await visit("li")
    own = str(desk.client.make_url("/")).rstrip("/")
    desk.headers = {name: value.format(own=own) for name, value in headers.items()}
    answer = await desk.call("PUT", "/me/presence", {"presence": "busy"})
    assert answer.status == status


async def test_one_says_when_their_own_shift_ends(house: World, visit: Visit) -> None:
    me = await house.person("li")
    desk, now = await visit("li"), await house.store.db.now()
    assert (await desk.get("/me")).json["shift_ends_at"] is None
    answer = await desk.call("PUT", "/me/shift", {"ends_at": now + 3600})
    assert answer.json["shift_ends_at"] == now + 3600
    assert (await house.store.agents.get(me)).shift_ends_at == now + 3600
    past = await desk.call("PUT", "/me/shift", {"ends_at": now - 60})
    assert (past.status, past.json["field"]) == (422, "ends_at")
    assert (await desk.get("/me")).json["shift_ends_at"] == now + 3600
    assert (await desk.call("PUT", "/me/shift", {"ends_at": 0})).json["shift_ends_at"] is None


async def test_logging_in_from_another_site_is_refused(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit()
    desk.headers = {"Origin": "https://evil.example"}
    answer = await desk.post("/login", {"login": "li", "password": PASSWORD})
    assert answer.status == 403


async def test_a_token_works_without_cookie_until_it_is_revoked(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    desk, program = await visit("li"), await visit()
    made = (await desk.post("/tokens", {"name": "报表", "days": 30})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.get("/me")).json["login"] == "li"
    presence = await program.call("PUT", "/me/presence", {"presence": "busy"})
    assert presence.json["presence"] == "busy"
    listed = (await desk.get("/tokens")).json["tokens"]
    assert [(t["id"], t["name"]) for t in listed] == [(made["id"], "报表")]
    assert made["token"] not in str(listed)
    assert (await desk.call("DELETE", f"/tokens/{made['id']}")).status == 204
    assert (await program.get("/me")).status == 401


@pytest.mark.parametrize("header", [b"Authorization: Bearer \xff", b"Cookie: shouli=\xc3("])
async def test_bytes_that_are_no_text_are_no_credential_and_no_fault_of_ours(
    header: bytes, visit: Visit
) -> None:
    server = (await visit()).client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n\r\n" % header)
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_token_can_be_made_for_less(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    desk, program = await visit("root"), await visit()
    asked = {"name": "报表", "role": "supervisor", "read_only": True}
    made = (await desk.post("/tokens", asked)).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.get("/me")).json["role"] == "supervisor"
    assert (await program.get("/tickets")).status == 200
    assert (await program.get("/webhooks")).status == 403, "an admin's"
    for method, path, body in (
        ("PUT", "/me/presence", {"presence": "ready"}),
        ("POST", "/tickets/nobody/take", {}),
        ("DELETE", f"/tokens/{made['id']}", None),
    ):
        answer = await program.call(method, path, body)
        assert (answer.status, answer.json["code"]) == (403, "read_only"), path
    (listed,) = (await desk.get("/tokens")).json["tokens"]
    assert (listed["role"], listed["read_only"]) == ("supervisor", True)


@pytest.mark.parametrize(("asked", "role"), [({}, "agent"), ({"role": None}, "admin")])
async def test_a_token_may_do_what_an_agent_may_unless_more_is_said(
    house: World, visit: Visit, asked: dict[str, None], role: str
) -> None:
    await house.person("root", Role.ADMIN)
    desk, program = await visit("root"), await visit()
    made = (await desk.post("/tokens", {"name": "n"} | asked)).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.get("/me")).json["role"] == role
    assert (await program.get("/webhooks")).status == (403 if role == "agent" else 200)


async def test_nobody_makes_a_token_for_more_than_they_may(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    answer = await (await visit("chen")).post("/tokens", {"name": "n", "role": "admin"})
    assert (answer.status, answer.json["field"]) == (422, "role")


async def test_a_token_makes_no_tokens(house: World, visit: Visit) -> None:
    await house.person("li")
    desk, program = await visit("li"), await visit()
    made = (await desk.post("/tokens", {"name": "n"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.post("/tokens", {"name": "m"})).status == 403
    assert (await program.get("/tokens")).status == 403
    assert (await program.call("DELETE", f"/tokens/{made['id']}")).status == 403


async def test_wrong_passwords_lock_nobody_out_who_comes_from_elsewhere(
    tmp_path: Path, clock: FakeClock, spec: Spec
) -> None:
    options = DeskOptions(proxies=(ip_network("127.0.0.0/8"),))
    async with world(tmp_path, clock=clock, options=options) as house:
        await house.person("li")
        async with TestClient(TestServer(create_app(house.services))) as client:
            desk = Desk(client, spec)

            async def status(password: str, address: str) -> int:
                body = {"login": "li", "password": password}
                headers = {"X-Forwarded-For": address}
                return (await desk.post("/login", body, headers=headers)).status

            for n in range(8):
                # What stands before the last is whatever the stranger wrote.
                assert await status("x", f"10.0.0.{n}, 203.0.113.9") == 401
            assert await status(PASSWORD, "203.0.113.9") == 429
            assert await status(PASSWORD, "198.51.100.7") == 200


async def test_a_token_in_a_cookie_is_no_session(house: World, visit: Visit) -> None:
    await house.person("li")
    desk, program = await visit("li"), await visit()
    made = (await desk.post("/tokens", {"name": "n"})).json
    cookies = {"shouli": made["token"]}
    assert (await program.get("/me", cookies=cookies)).status == 401
    assert (await program.post("/tokens", {"name": "m"}, cookies=cookies)).status == 401


async def test_nobody_revokes_the_token_of_another(house: World, visit: Visit) -> None:
    await house.person("li")
    await house.person("wang")
    li, wang = await visit("li"), await visit("wang")
    made = (await li.post("/tokens", {"name": "n"})).json
    assert (await wang.call("DELETE", f"/tokens/{made['id']}")).status == 404


async def test_an_admin_sees_everybodys_tokens_and_revokes_one(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li", name="李雷")
    await house.person("root", Role.ADMIN)
    li, root, program = await visit("li"), await visit("root"), await visit()
    made = (await li.post("/tokens", {"name": "报表", "read_only": True})).json
    (listed,) = (await root.get("/tokens?everybody=true")).json["tokens"]
    assert (listed["owner"]["name"], listed["last_used_at"]) == ("李雷", None)
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await program.get("/me")).status == 200
    at = clock()
    clock.pass_(30)
    assert (await program.get("/me")).status == 200
    (listed,) = (await root.get("/tokens?everybody=true")).json["tokens"]
    assert listed["last_used_at"] == at
    assert (await root.get("/tokens")).json["tokens"] == [], "of one's own there is none"
    assert (await li.get("/tokens?everybody=true")).json["code"] == "forbidden"
    assert (await root.call("DELETE", f"/tokens/{made['id']}")).status == 204
    assert (await program.get("/me")).status == 401


async def test_a_token_reads_on_where_its_use_cannot_be_written_down(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.person("li")
    desk, program = await visit("li"), await visit()
    made = (await desk.post("/tokens", {"name": "n"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}

    async def full(*_: object) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(type(house.store.tokens), "use", full)
    assert (await program.get("/me")).status == 200


async def test_presence_is_set_and_wakes_the_router(house: World, visit: Visit) -> None:
    me = await house.person("li", presence=Presence.OFFLINE)
    desk = await visit("li")
    answer = await desk.call("PUT", "/me/presence", {"presence": "ready"})
    assert answer.json["presence"] == "ready"
    assert house.bell.rung == ["dispatch"]
    assert (await house.store.agents.get(me)).presence == Presence.READY
    refused = await desk.call("PUT", "/me/presence", {"presence": "not_responding"})
    assert (refused.status, refused.json["field"]) == (422, "presence")


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("GET", "/tickets", None, Role.SUPERVISOR),
        ("GET", "/tickets?state=active", None, Role.SUPERVISOR),
        ("GET", "/queues", None, Role.SUPERVISOR),
        ("GET", "/bundles", None, Role.SUPERVISOR),
        ("GET", "/parked", None, Role.ADMIN),
        ("POST", "/parked/replay", {"ids": ["x"]}, Role.ADMIN),
        ("POST", "/agents", None, Role.ADMIN),
        ("PATCH", "/agents/x", {"name": "x"}, Role.ADMIN),
    ],
)
async def test_roles(
    house: World, visit: Visit, method: str, path: str, body: object, least: Role
) -> None:
    ranks = [Role.AGENT, Role.SUPERVISOR, Role.ADMIN]
    for role in ranks:
        await house.person(role.value, role)
        answer = await (await visit(role.value)).call(method, path, body)
        assert (answer.status == 403) == (ranks.index(role) < ranks.index(least)), role


async def test_bad_input_is_told_apart(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit("li")

    async def put(data: bytes | str, content_type: str = "application/json") -> tuple[int, str]:
        answer = await desk.call(
            "PUT", "/me/presence", data=data, headers={"Content-Type": content_type}
        )
        assert answer.json["message"]["zh"]
        return answer.status, answer.json["code"]

    assert await put("{") == (400, "malformed_json")
    assert await put("[" * 100_000) == (400, "malformed_json")
    assert await put(b'"\xff"') == (400, "malformed_json")
    assert await put("[]") == (422, "invalid_field")
    assert await put("") == (422, "missing_field")
    assert await put("{}") == (422, "missing_field")
    assert await put('{"presence": "ready", "x": 1}') == (422, "unknown_field")
    assert await put('{"presence": "ready"}', "text/plain") == (415, "unsupported_media_type")
    assert await put("x" * 300_000) == (413, "request_entity_too_large")


async def test_a_body_that_is_not_what_its_headers_say_is_no_fault_of_ours(visit: Visit) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await (await visit()).call("POST", "/login", data=b"{}", headers=headers)
    assert (answer.status, answer.json["code"]) == (400, "malformed_body")


async def test_what_does_not_exist(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit("li")
    assert (await desk.get("/nothing")).json["code"] == "not_found"
    assert (await desk.get("/tickets/00000000-0000-7000-8000-000000000000")).status == 404
    assert (await desk.get("/tickets/%00")).status == 404
    wrong = await desk.call("DELETE", "/me")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD")


async def test_a_database_that_is_away_is_503(house: World, visit: Visit) -> None:
    await house.person("li")
    desk = await visit("li")
    await house.store.db.close()
    house.store.db._reader = _Broken()
    answer = await desk.get("/me")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    ready = await desk.client.get("/readyz")
    assert ready.status == 503


async def test_a_database_that_says_nothing_is_not_ready(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await visit()
    monkeypatch.setattr(migrations, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(house.store.db, "_reader", _Silent())
    answer = await desk.client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["code"] == "temporary"


class _Silent:
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield


class _Broken:
    def begin(self) -> None:
        raise ConnectionRefusedError("no database here")

    async def dispose(self) -> None:
        pass


async def test_a_new_password_and_disabling_end_sessions_and_tokens_for_good(
    house: World, visit: Visit
) -> None:
    li = await house.person("li")
    await house.person("root", Role.ADMIN)
    root = await visit("root")
    for change in ({"disabled": True}, {"password": PASSWORD}):  # the last: it is theirs to change
        desk, program = await visit("li"), await visit()
        made = (await desk.post("/tokens", {"name": "n"})).json
        program.headers = {"Authorization": f"Bearer {made['token']}"}
        assert (await program.get("/me")).status == 200
        assert (await root.call("PATCH", f"/agents/{li}", change)).status in {200, 204}
        # Who comes back comes back without what was given out before.
        assert (await root.call("PATCH", f"/agents/{li}", {"disabled": False})).status == 200
        assert (await desk.get("/me")).status == 401
        assert (await program.get("/me")).status == 401


async def test_ones_own_password_is_changed_by_who_knows_it(house: World, visit: Visit) -> None:
    me = await house.person("li")
    desk, elsewhere, program = await visit("li"), await visit("li"), await visit()
    made = (await desk.post("/tokens", {"name": "n"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    new = "another long one"
    by_token = await program.call("PUT", "/me/password", {"current": PASSWORD, "password": new})
    assert (by_token.status, by_token.json["code"]) == (403, "session_needed")
    wrong = await desk.call("PUT", "/me/password", {"current": "x", "password": new})
    assert (wrong.status, wrong.json["field"]) == (403, "current")
    weak = await desk.call("PUT", "/me/password", {"current": PASSWORD, "password": "13800138000"})
    assert (weak.status, weak.json["field"]) == (422, "password")
    assert (await desk.get("/me")).status == 200
    done = await desk.call("PUT", "/me/password", {"current": PASSWORD, "password": new})
    assert (done.status, done.raw) == (204, b"")
    for one in (desk, elsewhere, program):
        assert (await one.get("/me")).status == 401
    stranger = await visit()
    assert (await stranger.post("/login", {"login": "li", "password": PASSWORD})).status == 401
    assert (await stranger.post("/login", {"login": "li", "password": new})).status == 200
    await house.person("root", Role.ADMIN)
    told = (await (await visit("root")).get(f"/audit?action=agent.change&subject={me}")).json
    assert [one["agent_id"] for one in told["entries"]] == [me]


async def test_who_knows_only_the_password_of_before_sets_no_other_one(
    house: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has found the old one out, and is shut out by another while they are at it."""
    me, boss = await house.person("li"), await house.person("root", Role.ADMIN)
    thief, hashed = await visit("li"), Passwords.hash

    async def meanwhile(self: Passwords, password: str) -> str:
        monkeypatch.setattr(Passwords, "hash", hashed)
        await house.store.agents.change(me, boss, password=hash_password("given by an admin"))
        return await hashed(self, password)

    monkeypatch.setattr(Passwords, "hash", meanwhile)
    theirs = {"current": PASSWORD, "password": "that of the thief"}
    answer = await thief.call("PUT", "/me/password", theirs)
    assert (answer.status, answer.json["field"]) == (403, "current")
    login = {"login": "li", "password": "that of the thief"}
    assert (await (await visit()).post("/login", login)).status == 401
    login = {"login": "li", "password": "given by an admin"}
    assert (await (await visit()).post("/login", login)).status == 200


async def test_admins_give_others_a_password_and_change_their_own_as_all_do(
    house: World, visit: Visit
) -> None:
    me = await house.person("root", Role.ADMIN)
    root = await visit("root")
    refused = await root.call("PATCH", f"/agents/{me}", {"password": "another long one"})
    assert (refused.status, refused.json["code"]) == (409, "yourself")
    assert (await root.get("/me")).status == 200


async def test_who_has_a_session_alone_does_not_guess_the_password(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    desk = await visit("li")
    guess = {"current": "x", "password": "another long one"}
    answers = [(await desk.call("PUT", "/me/password", guess)).status for _ in range(9)]
    assert answers == [403] * 8 + [429]


async def test_nobody_gets_a_password_that_is_guessed_first(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    root = await visit("root")
    new = {"login": "zhangsan", "name": "张三", "role": "agent"}
    refused = await root.post("/agents", new | {"password": "Zhangsan2026"})
    assert (refused.status, refused.json["field"]) == (422, "password")
    made = (await root.post("/agents", new | {"password": "a long password"})).json["id"]
    for disabled in (False, True):
        change = {"disabled": True} if disabled else {}
        answer = await root.call("PATCH", f"/agents/{made}", change | {"capacity": 5})
        assert answer.status in {200, 204}
        again = await root.call("PATCH", f"/agents/{made}", {"password": "zhangsan-2027"})
        assert (again.status, again.json["field"]) == (422, "password")
    assert (await root.call("PATCH", "/agents/x", {"password": "a long password"})).status == 404


async def test_a_token_makes_no_accounts(house: World, visit: Visit) -> None:
    li = await house.person("li")
    await house.person("root", Role.ADMIN)
    root, program = await visit("root"), await visit()
    made = (await root.post("/tokens", {"name": "n", "role": "admin"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    new = {"login": "zhao", "name": "赵", "role": "admin", "password": PASSWORD}
    assert (await program.post("/agents", new)).json["code"] == "session_needed"
    for change in ({"password": PASSWORD}, {"role": "admin"}, {"disabled": False}):
        assert (await program.call("PATCH", f"/agents/{li}", change)).status == 403
    assert (await program.call("PATCH", f"/agents/{li}", {"capacity": 3})).status == 200
    # A personnel system says who leaves; who comes back is let in by a person.
    assert (await program.call("PATCH", f"/agents/{li}", {"disabled": True})).status == 204
    back = await program.call("PATCH", f"/agents/{li}", {"disabled": False})
    assert (back.status, back.json["code"]) == (403, "session_needed")


async def test_a_token_sends_events_nowhere_new(house: World, visit: Visit) -> None:
    """What it began would go on when it has been revoked."""
    await house.person("root", Role.ADMIN)
    root, program = await visit("root"), await visit()
    made = (await root.post("/tokens", {"name": "n", "role": "admin"})).json
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    body = {"url": "https://crm.example/hook"}
    refused = await program.post("/webhooks", body)
    assert (refused.status, refused.json["code"]) == (403, "session_needed")
    assert (await program.get("/webhooks")).json["webhooks"] == []
    hook = (await root.post("/webhooks", body)).json["id"]
    stopped = await program.call("PATCH", f"/webhooks/{hook}", {"disabled": True})
    assert stopped.status == 204
