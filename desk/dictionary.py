"""The trade's own words, which admins add: never cut apart, from the next training."""

from dataclasses import asdict

from aiohttp import web

from desk import bodies
from desk.auth import API, who
from desk.services import SERVICES
from models.agent import Role


async def dictionary(request: web.Request) -> web.Response:
    """Every word with who added it, and those that the settings name."""
    who(request, Role.ADMIN)
    services = request.app[SERVICES]
    names = await services.store.agents.names()
    words = [
        asdict(each) | {"added_by": names.get(each.added_by or "")}
        for each in await services.store.dictionary.all()
    ]
    return web.json_response({"words": words, "settings": list(services.taxonomy.words)})


async def add_words(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.NewWords)
    added = await request.app[SERVICES].store.dictionary.add(asked.words, person.id)
    return web.json_response({"added": added}, status=201)


async def remove_word(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    await request.app[SERVICES].store.dictionary.remove(request.match_info["word"], person.id)
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}dictionary", dictionary),
        web.post(f"{API}dictionary", add_words),
        web.delete(f"{API}dictionary/{{word:.{{2,20}}}}", remove_word),
    ]
