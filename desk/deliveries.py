"""Answers on their way: what became of each attempt, and sending one again."""

from dataclasses import asdict

from aiohttp import web

from desk import queries
from desk.auth import API, ID, who
from desk.services import SERVICES
from models.agent import Role


async def list_deliveries(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    asked = queries.read(request, queries.DeliveryFilter)
    found = await request.app[SERVICES].store.outbound.page(
        channel=asked.channel, state=asked.state, before=asked.before, limit=asked.limit
    )
    return web.json_response({"deliveries": [asdict(one) for one in found]})


async def attempts(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    store = request.app[SERVICES].store
    one = await store.outbound.one(request.match_info["outbound"])
    made = await store.outbound.deliveries(one.id)
    return web.json_response({**asdict(one), "log": [asdict(each) for each in made]})


async def redeliver(request: web.Request) -> web.Response:
    """Queues it. What was sent goes out again only where the receiver knows it for the same."""
    person = who(request, Role.ADMIN)
    services = request.app[SERVICES]
    outbound_id = request.match_info["outbound"]
    await services.store.outbound.again(outbound_id, services.repeatable, person.id)
    await services.doorbell.ring("deliver")
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    one = f"{API}deliveries/{{outbound:{ID}}}"
    return [
        web.get(f"{API}deliveries", list_deliveries),
        web.get(one, attempts),
        web.post(f"{one}/redeliver", redeliver),
    ]
