"""What a customer in a chat learns besides answers: that somebody reads, and writes."""

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, who
from desk.services import SERVICES
from desk.visibility import seen as visible
from models.event_tail import typing_topic


async def saw(request: web.Request) -> web.Response:
    """The agent whose ticket it is has the messages up to ``seq`` in sight."""
    asked, ticket = await bodies.read(request, bodies.Saw), await visible(request)
    if ticket.owner_id == who(request).id:
        await request.app[SERVICES].store.conversations.seen(ticket.conversation_id, asked.seq)
    return web.Response(status=204)


async def typing(request: web.Request) -> web.Response:
    """The agent whose ticket it is writes an answer; good for a few seconds."""
    ticket = await visible(request)
    if ticket.owner_id == who(request).id:
        await request.app[SERVICES].bus.publish(typing_topic("us", ticket.conversation_id))
    return web.Response(status=204)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    return [web.post(f"{one}/seen", saw), web.post(f"{one}/typing", typing)]
