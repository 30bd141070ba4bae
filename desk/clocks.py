"""The clocks of a ticket: which run, until when, and what came of those that have stopped."""

from aiohttp import web

from desk.auth import API, ID
from desk.services import SERVICES
from desk.shapes import clock_json
from desk.visibility import seen


async def show(request: web.Request) -> web.Response:
    ticket, services = await seen(request), request.app[SERVICES]
    clocks = services.store.clocks
    return web.json_response(
        {
            "now": services.clock(),
            "escalation": ticket.escalation,
            "pressed": ticket.pressed,
            "clocks": [clock_json(run) for run in await clocks.of(ticket.id)],
            "history": [
                {
                    "at": line.at,
                    "noted_at": line.noted_at,
                    "what": line.what,
                    "clock": line.clock,
                    "elapsed": line.elapsed,
                    "level": line.level,
                    "times": line.times,
                }
                for line in await clocks.history(ticket.id)
            ],
        }
    )


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}tickets/{{ticket:{ID}}}/clocks", show)]
