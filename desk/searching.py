"""One box that finds tickets: by number, by who wrote, by what was said."""

import asyncio
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
            "请至少写两个字，或号码的四位。",
            "Write two Chinese characters, a word, or four digits of a number at least.",
        )
        raise Refusal(422, "too_short", words, field="text")
    looked = await _look(services, person, wanted, asked.before, asked.limit)
    number = wanted.parts[0].text if len(wanted.parts) == 1 else ""
    if asked.before is None and is_ticket_number(number):
        await _first(services, person, number, looked)
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


async def _first(services: DeskServices, person: Person, number: str, looked: _Looked) -> None:
    """The ticket of a number is found though nobody has read it yet, and stands first."""
    ticket = await _of_number(services, person, number)
    if ticket is None:
        return
    others = [one for one in looked.found if one.ticket_id != ticket.id]
    looked.found[:] = [Found(0, ticket.id, "number", None), *others]
    looked.tickets[ticket.id] = ticket


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
