"""Looking at tickets: one's own queue, lists, and one with all that belongs to it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from desk import queries
from desk.auth import API, ID, Person, who
from desk.errors import Refusal
from desk.figures import midnight
from desk.links import links_json
from desk.masking import beginning, hidden, read_for
from desk.paging import page, told
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import (
    Json,
    actions,
    agent_json,
    caller,
    clocks_json,
    customer_json,
    decision_json,
    history_json,
    labels_json,
    ticket_json,
    waits_json,
)
from desk.visibility import seen, visible, why_unsent
from desk.way_back import cc_json, names_in_copy, reply_doubt
from models.agent import Role
from models.masking import masked
from models.message import Sender
from models.routing import Needs
from models.store.dialogue.conversations import Entry
from models.store.tickets.handling import Ticket
from models.store.tickets.transfers import Transfer
from models.store.tickets.waiting import load_needs
from models.ticket import TicketState

_MOST_ENDED = 200
"""Of a day, and of one person."""

_NEVER = math.inf
"""When what is not snoozed comes back by itself."""

_MOST_OTHERS = 5
"""Open tickets of one customer that are shown beside one."""

_PREVIEW = 80
"""Characters of the last words that a list shows."""


# -- lists -----------------------------------------------------------------------------


async def my_queue(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    store = services.store
    offered = await store.transfers.offered_to(person.id, person.agent.skills)
    passed_on = [await store.tickets.get(offer.ticket_id) for offer in offered]
    mine = await listed(services, await store.tickets.of_owner(person.id))
    return web.json_response(
        {
            "now": services.clock(),
            "tickets": await listed(services, passed_on) + sorted(mine, key=_owed_first),
            "waiting": await waiting_json(services),
        }
    )


def _owed_first(ticket: Json) -> tuple[int, float]:
    """Offers, then answers that are owed by when they are due, then what nobody waits for."""
    state = ticket["state"]
    if state == TicketState.OFFERED:
        return 0, ticket["offer_until"] or 0.0
    if state not in {TicketState.ACTIVE, TicketState.HELPING}:
        return 3, ticket["wake_at"] or _NEVER
    if not ticket["first_answer_at"]:
        return 1, ticket["due_at"] or 0.0
    if since := ticket["unanswered_since"]:
        return 1, ticket["next_answer_due_at"] or since
    return 2, 0.0


async def ended_today(request: web.Request) -> web.Response:
    """What one has ended since midnight, for who wants to look at one again."""
    person, services = who(request), request.app[SERVICES]
    today = datetime.fromtimestamp(services.clock(), services.zone).date()
    since = midnight(today, services.zone)
    ended = await services.store.tickets.ended_by(person.id, since, _MOST_ENDED)
    return web.json_response({"tickets": await listed(services, ended)})


async def waiting_json(services: DeskServices) -> Json:
    """How many tickets wait, and since when (seconds since the epoch) the oldest does."""
    depth = await services.store.boards.depth()
    oldest = [row["oldest"] for row in depth if row["oldest"] is not None]
    return {
        "total": sum(row["waiting"] for row in depth),
        "oldest": min(oldest, default=None),
    }


async def list_tickets(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    asked = queries.read(request, queries.TicketFilter)
    states = _states(asked.state)
    if states != [TicketState.WAITING]:
        # Agents may look at what waits; everything else is for those who supervise.
        who(request, Role.SUPERVISOR)
    if asked.order == "due" and states != [TicketState.WAITING]:
        words = Words(
            "只有等待中的能按到期排序。", "Only what waits can be listed by its due time."
        )
        raise Refusal(422, "invalid_field", words, field="order")
    if asked.order == "due":
        found = await services.store.tickets.waiting(
            skill_class=asked.skill_class, after=asked.before, limit=asked.limit
        )
    else:
        found = await services.store.tickets.page(
            states=states,
            junk=asked.junk,
            skill_class=asked.skill_class,
            before=asked.before,
            limit=asked.limit,
        )
    following = found[-1].id if len(found) == asked.limit else None
    return web.json_response({"tickets": await listed(services, found), "before": following})


def _states(text: str) -> list[TicketState]:
    try:
        return [TicketState(part) for part in text.split(",") if part]
    except ValueError as error:
        words = Words("state 里有未知的状态。", "state holds an unknown state.")
        raise Refusal(422, "invalid_field", words, field="state") from error


async def listed(services: DeskServices, tickets: Sequence[Ticket]) -> list[Json]:
    """Tickets as lists show them, with the customer's first and last words."""
    store, names = services.store, await services.store.agents.names()
    ids = [ticket.id for ticket in tickets]
    offers = await store.transfers.of(ids)
    words = await store.conversations.words(ids, read_for(_PREVIEW))
    senders = await store.people.senders([word.identity_id for word in words.values()])
    # Until the first answer its deadline says as much.
    begun = [t.id for t in tickets if t.state == TicketState.ACTIVE and t.first_answer_at]
    unanswered = await store.conversations.unanswered(begun) if begun else {}
    due = await store.clocks.next_answers_due(unanswered) if unanswered else {}

    def row(ticket: Ticket) -> Json:
        word = words.get(ticket.id)
        sender = senders.get(word.identity_id) if word else None
        return ticket_json(
            _masked(services, ticket),
            services.taxonomy,
            names,
            offers.get(ticket.id),
            opening=beginning(word.first, services.spans, _PREVIEW) if word else "",
            preview=beginning(word.last, services.spans, _PREVIEW) if word else "",
            customer=caller(sender),
            unanswered_since=unanswered.get(ticket.id),
            next_answer_due_at=due.get(ticket.id),
        )

    return [row(ticket) for ticket in tickets]


async def openings(services: DeskServices, ticket_ids: Sequence[str]) -> dict[str, str]:
    """What the customer of each ticket said first: what a chat, which has no subject, goes by."""
    words = await services.store.conversations.words(ticket_ids, read_for(_PREVIEW))
    return {one: beginning(word.first, services.spans, _PREVIEW) for one, word in words.items()}


def _masked(services: DeskServices, ticket: Ticket) -> Ticket:
    return replace(ticket, subject=hidden(ticket.subject, services.spans))


# -- one ticket ------------------------------------------------------------------------


async def show(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    ticket = await seen(request)
    asked = queries.read(request, queries.After)
    store, names = services.store, await services.store.agents.names()
    log, next_after = await page(store, ticket.conversation_id, asked.after)
    identity = await store.tickets.identity_of(ticket.id)
    senders = await store.people.senders([identity, *_identities(log)])
    waits = await services.waiting(ticket.id) if person.ranks(Role.SUPERVISOR) else None
    offer = (await store.transfers.of([ticket.id])).get(ticket.id)
    problem = why_unsent(request, ticket.channel)
    way = await store.ways_back.of(ticket.conversation_id)
    late = await store.clocks.behind(ticket.id)
    return web.json_response(
        {
            "now": services.clock(),
            **standing_json(services, person, ticket, names, offer),
            "erased_at": await store.erasure.at(ticket.customer_id),
            "customer": customer_json(senders.get(identity), await _blocked(services, identity)),
            "labels": labels_json(ticket, services.taxonomy, names),
            "complaint": await store.complaints.filed(ticket.id),
            "clocks": clocks_json(await store.clocks.of(ticket.id)),
            "clocks_behind": late,
            "messages": await told(
                log,
                senders=senders,
                names=names,
                waits_because=problem,
                find=services.spans,
                original=services.ending(ticket.channel),
                in_copy=names_in_copy(way.cc),
            ),
            "next_after": next_after,
            "delivery_problem": problem,
            "reply_doubt": reply_doubt(services, ticket.channel, way),
            "answers_to": _elsewhere(way.route.address, senders.get(identity)),
            "cc": cc_json(way),
            "decisions": await _decisions(services, ticket, names),
            "waits": None if waits is None else waits_json(waits),
            "history": history_json(
                await store.events.of_ticket(ticket.id),
                await store.tickets.history(ticket.id),
                names,
            ),
            "related": await _related(services, ticket),
            "same_customer": await _same_customer(services, person, ticket, names),
            "links": await links_json(request, ticket, names),
        }
    )


async def _decisions(
    services: DeskServices, ticket: Ticket, names: Mapping[str, str]
) -> list[Json]:
    """Why it was given to whoever had it, with the needs that it had then."""
    return [
        decision_json(
            row,
            await needs_of(services, row["decision"].get("skill_class") or ticket.skill_class),
            names,
            services.explain,
        )
        for row in await services.store.tickets.decisions(ticket.id)
    ]


async def _related(services: DeskServices, ticket: Ticket) -> list[Json]:
    """The other tickets of its conversation."""
    return [
        {"id": other.id, "number": other.number, "state": other.state}
        for other in await services.store.tickets.of_conversation(ticket.conversation_id)
        if other.id != ticket.id
    ]


async def _same_customer(
    services: DeskServices, person: Person, ticket: Ticket, names: Mapping[str, str]
) -> list[Json]:
    """What else is open of its customer: often the same matter, written once more.

    Nothing but a person can tell, so that it is only shown; ``visible``: this person may open it.
    """
    store = services.store
    others = await store.tickets.open_of_customer(
        ticket.customer_id, ticket.conversation_id, _MOST_OTHERS
    )
    theirs = {other.id for other in await visible(store, person, others)}
    return [
        {
            "id": other.id,
            "number": other.number,
            "state": other.state,
            "channel": other.channel,
            "subject": hidden(other.subject, services.spans),
            "created_at": other.created_at,
            "owner": agent_json(other.owner_id, names),
            "visible": other.id in theirs,
        }
        for other in others
    ]


def standing_json(
    services: DeskServices,
    person: Person,
    ticket: Ticket,
    names: Mapping[str, str],
    offer: Transfer | None,
) -> Json:
    """A ticket as it stands, and what this person may do with it."""
    supervises = person.ranks(Role.SUPERVISOR)
    return {
        "ticket": ticket_json(_masked(services, ticket), services.taxonomy, names, offer=offer),
        "actions": actions(ticket, person.agent, supervises=supervises, offer=offer),
    }


def _elsewhere(address: str, sender: Sender | None) -> str | None:
    """The address that answers go to, masked, where it is not the one that wrote."""
    own = (sender.email or "").lower() if sender else ""
    return masked(address) if own and "@" in address and address.lower() != own else None


def _identities(log: Sequence[Entry]) -> list[str]:
    return [entry.identity_id for entry in log if entry.identity_id is not None]


async def needs_of(services: DeskServices, skill_class: str | None) -> Needs:
    """The needs of a class; none for a ticket before it is in one."""
    if skill_class is None:
        return Needs()
    stored = await services.store.tickets.needs(skill_class)
    return Needs() if stored is None else load_needs(stored)


async def _blocked(services: DeskServices, identity_id: str) -> bool:
    """The last word of a person on a sender, from the audit."""
    words = [row["action"] for row in await services.store.tickets.history(identity_id)]
    switches = [word for word in words if word in {"identity.block", "identity.unblock"}]
    return switches[-1:] == ["identity.block"]


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    return [
        web.get(f"{API}queue", my_queue),
        web.get(f"{API}queue/ended", ended_today),
        web.get(f"{API}tickets", list_tickets),
        web.get(one, show),
    ]
