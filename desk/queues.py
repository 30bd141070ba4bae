"""The state of the house: what waits where, and what was parked."""

from dataclasses import asdict

from aiohttp import web

from desk import bodies
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


async def parked(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    found = await request.app[SERVICES].store.envelopes.parked()
    return web.json_response({"parked": [asdict(envelope) for envelope in found]})


async def replay(request: web.Request) -> web.Response:
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.Replay)
    count = await services.store.envelopes.replay(asked.ids)
    async with services.store.db.write() as tx:
        for envelope_id in asked.ids:
            await tx.audit(person.id, "envelope.replay", envelope_id)
    for work in ("drain.live", "drain.mail"):
        await services.doorbell.ring(work)
    return web.json_response({"replayed": count})


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}queues", depth),
        web.get(f"{API}parked", parked),
        web.post(f"{API}parked/replay", replay),
    ]
