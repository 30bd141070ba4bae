"""What other tickets a ticket is bound to, and what was said in those merged into it."""

from collections.abc import Mapping

from aiohttp import web

from desk.paging import last_lines, told
from desk.services import SERVICES, DeskServices
from desk.shapes import Json
from desk.visibility import why_unsent
from desk.way_back import cc_json, names_in_copy
from models.errors import NotFound
from models.store.tickets.handling import Ticket
from models.store.tickets.merging import Part

_MOST = 200
"""Of the last messages of a merged ticket's conversation that are shown."""


async def links_json(request: web.Request, ticket: Ticket, names: Mapping[str, str]) -> Json:
    """Survivor, origin and predecessor of a ticket, and the parts that were merged into it."""
    services = request.app[SERVICES]
    bound = {
        "merged_into": ticket.merged_into,
        "split_from": ticket.split_from,
        "predecessor": ticket.predecessor_id,
    }
    return {
        **{name: await _brief(services, other) for name, other in bound.items()},
        "parts": [
            await _part_json(request, ticket, part, names)
            for part in await services.store.merging.parts(ticket.id)
        ],
    }


async def _brief(services: DeskServices, ticket_id: str | None) -> Json | None:
    if ticket_id is None:
        return None
    try:
        other = await services.store.tickets.get(ticket_id)
    except NotFound:  # erased since
        return None
    return {"id": other.id, "number": other.number, "state": other.state}


async def _part_json(
    request: web.Request, ticket: Ticket, part: Part, names: Mapping[str, str]
) -> Json:
    services = request.app[SERVICES]
    elsewhere = part.conversation_id != ticket.conversation_id
    log = await last_lines(services.store, part.conversation_id, _MOST) if elsewhere else []
    ids = [entry.identity_id for entry in log if entry.identity_id is not None]
    senders = await services.store.people.senders(ids)
    way = await services.store.ways_back.of(part.conversation_id)
    problem = why_unsent(request, part.channel)
    return {
        "id": part.id,
        "number": part.number,
        "channel": part.channel,
        "elsewhere": elsewhere,
        "messages": await told(
            log,
            senders=senders,
            names=names,
            waits_because=problem,
            find=services.spans,
            in_copy=names_in_copy(way.cc),
        ),
        "cc": cc_json(way) if elsewhere else [],
    }
