"""API tokens: one's own, and for admins everybody's."""

import secrets

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, in_person, stranger
from desk.errors import Refusal
from desk.services import SERVICES, Words
from desk.shapes import token_json
from models.agent import Role
from models.errors import Conflict


async def list_tokens(request: web.Request) -> web.Response:
    asked = queries.read(request, queries.TokenFilter)
    person = in_person(request, Role.ADMIN if asked.everybody else Role.AGENT)
    tokens = request.app[SERVICES].store.tokens
    found = await (tokens.all() if asked.everybody else tokens.of(person.id))
    return web.json_response({"tokens": [token_json(token) for token in found]})


async def create(request: web.Request) -> web.Response:
    person = in_person(request)
    asked = await bodies.read(request, bodies.NewToken)
    if asked.role is not None and not person.ranks(asked.role):
        words = Words("令牌的权限不能超过您自己的。", "A token may do no more than you may.")
        raise Refusal(422, "invalid_field", words, field="role")
    token = f"shouli_{secrets.token_urlsafe(32)}"
    try:
        created = await request.app[SERVICES].store.agents.grant(
            person.id, "token", token, asked.days * 86400.0, asked.name,
            role=asked.role, read_only=asked.read_only, session=person.token,
        )  # fmt: skip
    except Conflict as error:
        raise stranger() from error
    return web.json_response({"id": created, "name": asked.name, "token": token}, status=201)


async def revoke(request: web.Request) -> web.Response:
    person, wanted = in_person(request), request.match_info["token"]
    tokens = request.app[SERVICES].store.tokens
    await tokens.revoke(wanted, person.id, only_own=not person.ranks(Role.ADMIN))
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}tokens", list_tokens),
        web.post(f"{API}tokens", create),
        web.delete(f"{API}tokens/{{token:{ID}}}", revoke),
    ]
