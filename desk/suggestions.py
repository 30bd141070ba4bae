"""Answers by example: canned ones, which admins write, and those of tickets like this one."""

from dataclasses import asdict

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.services import SERVICES, Words
from desk.visibility import seen
from models.agent import Role


async def suggestions(request: web.Request) -> web.Response:
    """For a ticket that the caller may see, out of tickets that the caller may see."""
    person, ticket = who(request), await seen(request)
    for_agent = None if person.ranks(Role.SUPERVISOR) else person.id
    return web.json_response(await request.app[SERVICES].suggest(ticket.id, for_agent))


async def list_canned(request: web.Request) -> web.Response:
    who(request)
    found = await request.app[SERVICES].store.canned.all()
    return web.json_response({"canned": [asdict(answer) for answer in found]})


async def add_canned(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.NewCanned)
    _check(asked)
    canned, key = request.app[SERVICES].store.canned, key_of(request, asked)
    canned_id = await canned.add(asked.title, asked.zh, asked.en, person.id, key)
    return web.json_response({"id": canned_id}, status=201)


async def change_canned(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Canned)
    _check(asked)
    canned_id = request.match_info["canned"]
    store = request.app[SERVICES].store
    await store.canned.change(canned_id, asked.title, asked.zh, asked.en, person.id)
    return web.json_response({"id": canned_id})


async def retire_canned(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    await request.app[SERVICES].store.canned.retire(request.match_info["canned"], person.id)
    return web.Response(status=204)


def _check(asked: bodies.Canned) -> None:
    """Raises ``Refusal`` 422 for an answer without words."""
    if not (asked.zh.strip() or asked.en.strip()):
        words = Words("zh 与 en 至少写一个。", "Write zh or en, or both.")
        raise Refusal(422, "invalid_field", words, field="zh")


def routes() -> list[web.RouteDef]:
    one = f"{API}canned/{{canned:{ID}}}"
    return [
        web.get(f"{API}tickets/{{ticket:{ID}}}/suggestions", suggestions),
        web.get(f"{API}canned", list_canned),
        web.post(f"{API}canned", add_canned),
        web.put(one, change_canned),
        web.delete(one, retire_canned),
    ]
