"""One ticket of two, two of one, and back."""

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.services import SERVICES, Words
from desk.tickets import moved
from desk.visibility import hands_off, touched
from models.agent import Role
from models.errors import NotFound
from models.store.tickets.handling import Ticket


async def merge(request: web.Request) -> web.Response:
    """Into a ticket that is theirs, nobody's, or (for supervisors) anybody's."""
    asked, ticket = await bodies.read(request, bodies.Merge), await touched(request)
    store, into = request.app[SERVICES].store, await _survivor(request, asked.into)
    await store.merging.merge(ticket.id, into.id, who(request).id, hands_off=hands_off(request))
    return await moved(request, ticket, "dispatch")


async def _survivor(request: web.Request, into: str) -> Ticket:
    person, words = who(request), Words("没有这张工单。", "There is no such ticket.")
    try:
        found = await request.app[SERVICES].store.tickets.get(into)
    except NotFound as error:
        raise Refusal(422, "invalid_field", words, field="into") from error
    if found.owner_id in {None, person.id} or person.ranks(Role.SUPERVISOR):
        return found
    raise Refusal(422, "invalid_field", words, field="into")


async def unmerge(request: web.Request) -> web.Response:
    ticket = await touched(request)
    await request.app[SERVICES].store.merging.undo(ticket.id, who(request).id)
    return await moved(request, ticket, "dispatch")


async def split(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Split), await touched(request)
    services = request.app[SERVICES]
    new = await services.store.merging.split(
        ticket.id, asked.messages, who(request).id, hands_off=hands_off(request)
    )
    await services.doorbell.ring("drain.live")
    created = await services.store.tickets.get(new)
    return web.json_response({"id": created.id, "number": created.number}, status=201)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    return [
        web.post(f"{one}/merge", merge),
        web.post(f"{one}/unmerge", unmerge),
        web.post(f"{one}/split", split),
    ]
