"""The state of the house: what waits where."""

from aiohttp import web

from desk.auth import API, who
from desk.services import SERVICES
from models.agent import Role


async def depth(request: web.Request) -> web.Response:
    who(request, Role.SUPERVISOR)
    services = request.app[SERVICES]
    store = services.store
    return web.json_response(
        {
            "now": services.clock(),
            "classes": await store.boards.depth(),
            "tickets": await store.tickets.counts(),
            "answers": await store.outbound.counts(),
            "envelopes": await store.envelopes.backlog(),
        }
    )


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}queues", depth)]
