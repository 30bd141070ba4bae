"""One's own second factor: a key for an app, a first code, recovery codes, and off again."""

import segno
from aiohttp import web

from desk import bodies
from desk.auth import API, ID, Person, in_person
from desk.errors import Refusal
from desk.passwords import charge
from desk.proving import by_code, by_password, wrong_code
from desk.services import SERVICES, Words
from models.agent import Role
from models.one_time_codes import key_text, key_uri
from models.store.routing.attempts import Tried


async def standing(request: web.Request) -> web.Response:
    person = in_person(request)
    found = await request.app[SERVICES].store.second_factors.standing(person.id)
    return web.json_response(found._asdict())


async def begin(request: web.Request) -> web.Response:
    """A key for the app, as text and as a picture. It counts from the first code on."""
    person = in_person(request)
    secret = await request.app[SERVICES].store.second_factors.begin(person.id)
    uri = key_uri(secret, person.agent.login)
    told = {"key": key_text(secret), "uri": uri, "picture": _picture(uri)}
    return web.json_response(told, status=201)


def _picture(uri: str) -> list[str]:
    """A QR code, line by line, “1” for dark; the page draws it, for it may load no markup."""
    drawn = segno.make(uri, error="m", micro=False)
    return ["".join(str(dot) for dot in line) for line in drawn.matrix]


async def confirm(request: web.Request) -> web.Response:
    """Turns it on. The password as well: a session that was left open must not be enough."""
    person, store = in_person(request), request.app[SERVICES].store
    asked = await bodies.read(request, bodies.Prove)
    attempts = await _own_password(request, person, asked.password)
    tried = Tried(f"code of {person.id}")
    await charge(store.attempts, tried)
    codes = await store.second_factors.confirm(person.id, asked.code, person.token)
    if codes is None:
        raise wrong_code(403)
    await store.attempts.refund(tried)
    await store.attempts.clear(attempts)
    return web.json_response({"recovery_codes": codes})


async def off(request: web.Request) -> web.Response:
    person = await _proven(request)
    await request.app[SERVICES].store.second_factors.end(person.id, person.id)
    return web.Response(status=204)


async def renew_codes(request: web.Request) -> web.Response:
    person = await _proven(request)
    codes = await request.app[SERVICES].store.second_factors.renew_codes(person.id)
    return web.json_response({"recovery_codes": codes})


async def _proven(request: web.Request) -> Person:
    """Who asks, by password and code."""
    person, store = in_person(request), request.app[SERVICES].store
    asked = await bodies.read(request, bodies.Prove)
    attempts = await _own_password(request, person, asked.password)
    await by_code(request, person.agent, asked.code, status=403)
    await store.attempts.clear(attempts)
    return person


async def _own_password(request: web.Request, person: Person, password: str) -> Tried:
    known = await by_password(request, person.agent.login, password)
    if known is None:
        words = Words("密码不正确。", "The password is wrong.")
        raise Refusal(403, "wrong_credentials", words, field="password")
    return known.tried


async def take_away(request: web.Request) -> web.Response:
    """An admin's word for somebody who has lost their telephone; their sessions end."""
    person, agent_id = in_person(request, Role.ADMIN), request.match_info["agent"]
    if agent_id == person.id:
        words = Words(
            "自己的请点自己的名字关闭：要先输密码和验证码。",
            "Turn off your own by a click on your name: it asks for your password and a code.",
        )
        raise Refusal(409, "yourself", words)
    await request.app[SERVICES].store.second_factors.end(agent_id, person.id)
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}me/second-factor", standing),
        web.post(f"{API}me/second-factor", begin),
        web.put(f"{API}me/second-factor", confirm),
        web.post(f"{API}me/second-factor/off", off),
        web.post(f"{API}me/second-factor/recovery-codes", renew_codes),
        web.delete(f"{API}agents/{{agent:{ID}}}/second-factor", take_away),
    ]
