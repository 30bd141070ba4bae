"""Who may see which ticket: agents what is their business, those above them everything.

And who may change what is known of it: whoever has it, or anybody what nobody has.
"""

from collections.abc import Sequence

from aiohttp import web

from desk.auth import Person, who
from desk.errors import Refusal
from desk.services import SERVICES, Words
from desk.shapes import may_receive
from models.agent import Role
from models.complaint import SKILL_PREFIX
from models.errors import NotFound
from models.store import Store
from models.store.tickets.handling import Ticket
from models.ticket import TicketState

_FREE_STATES = {TicketState.NEW, TicketState.WAITING}


_UNSENT = (
    "这个渠道现在发不出答复；写好的会存着，能发时自动发出，不用重写。请告诉管理员。"
    " / Answers on this channel cannot be sent now. What you write is kept and goes out by itself"
    " once they can; nothing need be written again. Please tell an admin."
)


def why_unsent(request: web.Request, channel: str) -> str | None:
    """Why answers on a channel wait: admins learn the remedy, others whom to ask."""
    problem = request.app[SERVICES].delivery_problem(channel)
    return problem if problem is None or who(request).ranks(Role.ADMIN) else _UNSENT


async def seen(request: web.Request) -> Ticket:
    """The ticket of the path, if the caller may see it.

    Raises:
        NotFound: no such ticket, or it is none of the caller's business.
    """
    store = request.app[SERVICES].store
    ticket = await store.tickets.get(request.match_info["ticket"])
    if await visible(store, who(request), [ticket]):
        return ticket
    raise NotFound("no such ticket")


async def touched(request: web.Request) -> Ticket:
    """The ticket of the path, if the caller may change what is known of it.

    Raises:
        NotFound: as ``seen``.
        Refusal: 409, somebody else works on it.
    """
    person, ticket = who(request), await seen(request)
    if ticket.owner_id in {None, person.id} or person.ranks(Role.SUPERVISOR):
        return ticket
    words = Words("这张工单在别人手上。", "This ticket is in somebody else's hands.")
    raise Refusal(409, "not_yours", words)


def hands_off(request: web.Request) -> bool:
    """Whether the caller moves only what nobody else has: the transaction looks again."""
    return not who(request).ranks(Role.SUPERVISOR)


async def visible(store: Store, person: Person, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Those of ``tickets`` that a person may see, in their order.

    Agents see what waits, what is or was theirs, what is offered to them, what was merged
    into theirs, and what they or their department help with.
    """
    if person.ranks(Role.SUPERVISOR):
        return list(tickets)
    at_once = {t.id for t in tickets if t.owner_id == person.id or t.state in _FREE_STATES}
    others = [ticket for ticket in tickets if ticket.id not in at_once]
    theirs = at_once | await _concerning(store, person, others) if others else at_once
    return [ticket for ticket in tickets if ticket.id in theirs]


async def _concerning(store: Store, person: Person, tickets: Sequence[Ticket]) -> set[str]:
    ids = [ticket.id for ticket in tickets]
    found = await store.tickets.had_by(person.id, ids)
    found |= await store.follow_ups.concerning(ids, person.id)
    found |= await store.helping.seen_by(ids, person.id, departments_of(person))
    offers = await store.transfers.of(ids)
    found |= {name for name, offer in offers.items() if may_receive(offer, person.agent)}
    into = {ticket.merged_into for ticket in tickets if ticket.merged_into is not None}
    kept = await store.tickets.some(into)
    mine = {ticket.id for ticket in kept if ticket.owner_id == person.id}
    return found | {ticket.id for ticket in tickets if ticket.merged_into in mine}


def departments_of(person: Person) -> set[str]:
    """The departments that a person is of: by their skills."""
    mine = (skill for skill in person.agent.skills if skill.startswith(SKILL_PREFIX))
    return {skill.removeprefix(SKILL_PREFIX) for skill in mine}
