"""One box that finds tickets: by number, by who wrote, by what was said."""

import asyncio
import re
from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from desk import bodies
from desk.auth import API, Person, who
from desk.errors import Refusal
from desk.masking import excerpt
from desk.reading import listed
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import Json
from desk.visibility import visible
from models.errors import NotFound
from models.ids import is_ticket_number
from models.search_terms import Question, question
from models.store.tickets.handling import Ticket
from models.store.tickets.search import Found

_STEP = 100
"""Candidates that are looked into at once."""

_MOST = 1000
"""Candidates of one answer: whoever may see few of many asks on from there."""

_ENDING = re.compile(r"[0-9]{2,3}")
"""What people say of a ticket of today: the end of its number."""

_DIGITS = 14
"""Of a ticket number at least (``models.ids``)."""


class _Looked(NamedTuple):
    found: list[Found]
    tickets: dict[str, Ticket]
    before: int | None


async def search(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    asked = await bodies.read(request, bodies.Wanted)
    wanted = question(asked.text)
    if not wanted.finds:
        words = Words(
            "请至少写两个字、号码的四位，或今天工单号的末两位。",
            "Write two Chinese characters, a word, four digits of a number, or the last two of a"
            " ticket of today at least.",
        )
        raise Refusal(422, "too_short", words, field="text")
    looked = await _look(services, person, wanted, asked.before, asked.limit)
    number = wanted.parts[0].text if len(wanted.parts) == 1 else ""
    if asked.before is None:
        _first(await _numbered(services, person, number, asked.limit), looked)
    rows = await listed(services, [looked.tickets[one.ticket_id] for one in looked.found])
    told = await asyncio.to_thread(_told, services, looked.found)
    return web.json_response(
        {
            "found": [{"ticket": row} | how for row, how in zip(rows, told, strict=True)],
            "before": looked.before,
            "misread": await _misread(services, person, number),
            "unread": await services.store.search_index.due(),
        }
    )


async def _look(
    services: DeskServices, person: Person, wanted: Question, before: int | None, limit: int
) -> _Looked:
    """The next ``limit`` that the person may see, or as many as are among ``_MOST`` candidates."""
    store = services.store
    looked = _Looked([], {}, before)
    for _ in range(_MOST // _STEP):
        candidates = await store.search.candidates(wanted, looked.before, _STEP)
        tickets = await store.tickets.some([one.ticket_id for one in candidates])
        looked.tickets.update({t.id: t for t in await visible(store, person, tickets)})
        seen = [one for one in candidates if one.ticket_id in looked.tickets]
        looked.found.extend(await store.search.confirmed(wanted, seen))
        if len(looked.found) > limit:
            del looked.found[limit:]
            return looked._replace(before=looked.found[-1].place)
        if len(candidates) < _STEP:
            return looked._replace(before=None)
        looked = looked._replace(before=candidates[-1].place)
    return looked


def _first(numbered: list[Ticket], looked: _Looked) -> None:
    """The tickets of a number are found though nobody has read them yet, and stand first."""
    looked.tickets.update({ticket.id: ticket for ticket in numbered})
    firsts = {ticket.id: Found(0, ticket.id, "number", None) for ticket in numbered}
    others = [one for one in looked.found if one.ticket_id not in firsts]
    looked.found[:] = [*firsts.values(), *others]


async def _numbered(
    services: DeskServices, person: Person, number: str, limit: int
) -> list[Ticket]:
    """The ticket of a whole number; of the end of one only today's: of all days it is too many."""
    if is_ticket_number(number):
        ticket = await _of_number(services, person, number)
        return [] if ticket is None else [ticket]
    if not _ENDING.fullmatch(number):
        return []
    store, today = services.store, datetime.fromtimestamp(services.clock(), services.zone)
    ids = await store.search.ending_in(number, f"{today:%Y%m%d}", _MOST)
    found = sorted(await store.tickets.some(ids), key=lambda ticket: ticket.id, reverse=True)
    return (await visible(store, person, found))[:limit]


async def _of_number(services: DeskServices, person: Person, number: str) -> Ticket | None:
    try:
        found = await services.store.tickets.get(number)
    except NotFound:
        return None
    return next(iter(await visible(services.store, person, [found])), None)


async def _misread(services: DeskServices, person: Person, number: str) -> Json | None:
    """Where a whole number cannot be one: those of tickets that it may have been."""
    if len(number) < _DIGITS or not number.isdigit() or is_ticket_number(number):
        return None
    like = await services.store.search.like_number(number)
    return {"like": [one for one in like if await _of_number(services, person, one)]}


def _told(services: DeskServices, found: list[Found]) -> list[Json]:
    return [_how(services, one) for one in found]


def _how(services: DeskServices, one: Found) -> Json:
    if one.passage is None:
        return {"by": one.by, "passage": None}
    said = one.passage
    words = excerpt(said.text, said.start, said.end, services.spans)
    return {"by": one.by, "passage": {"side": said.side, **words._asdict()}}


def routes() -> list[web.RouteDef]:
    return [web.post(f"{API}search", search)]
