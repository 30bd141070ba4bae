"""Tickets: looking at them, and every move a person makes with one."""

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, Person, who
from desk.errors import Refusal
from desk.links import links_json
from desk.masking import beginning, hidden, read_for
from desk.paging import page, told
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import (
    Json,
    actions,
    caller,
    clocks_json,
    customer_json,
    decision_json,
    history_json,
    labels_json,
    takeable,
    ticket_json,
    waits_json,
)
from desk.sight import visible
from models.agent import Presence, Role
from models.errors import NotFound
from models.masking import masked
from models.message import Sender
from models.routing import TRIAGE, Needs
from models.store.dialogue.conversations import Entry
from models.store.tickets.handling import Ticket
from models.store.tickets.waiting import load_needs
from models.ticket import TicketState

_PREVIEW = 80


# -- who may see and touch what --------------------------------------------------------


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


async def names_of(services: DeskServices) -> dict[str, str]:
    """What people are called, by their id; also those who have left."""
    return await services.store.agents.names()


# -- looking ---------------------------------------------------------------------------


async def my_queue(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    store = services.store
    offered = await store.transfers.offered_to(person.id, person.agent.skills)
    mine = [await store.tickets.get(offer.ticket_id) for offer in offered]
    mine += await store.tickets.of_owner(person.id)
    return web.json_response(
        {
            "now": services.clock(),
            "tickets": await listed(services, mine),
            "waiting": await waiting_json(services),
        }
    )


async def waiting_json(services: DeskServices) -> Json:
    """How many tickets wait, and since when (seconds since the epoch) the oldest does."""
    depth = await services.store.boards.depth()
    oldest = [row["oldest"] for row in depth if row["oldest"] is not None]
    return {
        "total": sum(row["waiting"] for row in depth),
        "oldest": min(oldest, default=None),
    }


async def listed(services: DeskServices, tickets: Sequence[Ticket]) -> list[Json]:
    """Tickets as lists show them, with the customer's last words."""
    store, names = services.store, await names_of(services)
    ids = [ticket.id for ticket in tickets]
    offers = await store.transfers.of(ids)
    words = await store.conversations.last_words(ids, read_for(_PREVIEW))
    senders = await store.people.senders([word.identity_id for word in words.values()])

    def row(ticket: Ticket) -> Json:
        word = words.get(ticket.id)
        sender = senders.get(word.identity_id) if word else None
        return ticket_json(
            _masked(services, ticket),
            services.taxonomy,
            names,
            offers.get(ticket.id),
            preview=beginning(word.text, services.spans, _PREVIEW) if word else "",
            customer=caller(sender),
        )

    return [row(ticket) for ticket in tickets]


def _masked(services: DeskServices, ticket: Ticket) -> Ticket:
    return replace(ticket, subject=hidden(ticket.subject, services.spans))


async def list_tickets(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    asked = bodies.query(request, bodies.TicketFilter)
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


async def show(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    ticket = await seen(request)
    asked = bodies.query(request, bodies.After)
    store, names = services.store, await names_of(services)
    log, next_after = await page(store, ticket.conversation_id, asked.after)
    identity = await store.tickets.identity_of(ticket.id)
    senders = await store.people.senders([identity, *_identities(log)])
    supervises = person.ranks(Role.SUPERVISOR)
    waits = await services.waiting(ticket.id) if supervises else None
    offer = (await store.transfers.of([ticket.id])).get(ticket.id)
    decided = [
        (row, await needs_of(services, row["decision"].get("skill_class") or ticket.skill_class))
        for row in await store.tickets.decisions(ticket.id)
    ]
    related = await store.tickets.of_conversation(ticket.conversation_id)
    problem = services.delivery_problem(ticket.channel)
    address = await store.conversations.address(ticket.conversation_id)
    return web.json_response(
        {
            "now": services.clock(),
            "ticket": ticket_json(
                _masked(services, ticket), services.taxonomy, names, offer=offer
            ),
            "actions": actions(ticket, person.agent, supervises=supervises, offer=offer),
            "erased_at": await store.erasure.at(ticket.customer_id),
            "customer": customer_json(senders.get(identity), await _blocked(services, identity)),
            "labels": labels_json(ticket, services.taxonomy, names),
            "complaint": await store.complaints.filed(ticket.id),
            "clocks": clocks_json(await store.clocks.of(ticket.id)),
            "messages": await told(
                log, senders=senders, names=names, waits_because=problem, find=services.spans
            ),
            "next_after": next_after,
            "delivery_problem": problem,
            "reply_doubt": services.doubt(ticket.channel, address),
            "answers_to": _elsewhere(address, senders.get(identity)),
            "decisions": [
                decision_json(row, needs, names, services.explain) for row, needs in decided
            ],
            "waits": None if waits is None else waits_json(waits),
            "history": history_json(
                await store.events.of_ticket(ticket.id),
                await store.tickets.history(ticket.id),
                names,
            ),
            "related": [
                {"id": t.id, "number": t.number, "state": t.state}
                for t in related
                if t.id != ticket.id
            ],
            "links": await links_json(services, ticket, names),
        }
    )


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


# -- an agent's moves ------------------------------------------------------------------


async def moved(request: web.Request, ticket: Ticket, *work: str) -> web.Response:
    """Rings for the work that follows, and answers with the ticket as it is now."""
    services, person = request.app[SERVICES], who(request)
    for name in work:
        await services.doorbell.ring(name)
    now = await services.store.tickets.get(ticket.id)
    offer = (await services.store.transfers.of([ticket.id])).get(ticket.id)
    names, supervises = await names_of(services), person.ranks(Role.SUPERVISOR)
    return web.json_response(
        {
            "ticket": ticket_json(_masked(services, now), services.taxonomy, names, offer=offer),
            "actions": actions(now, person.agent, supervises=supervises, offer=offer),
        }
    )


async def accept(request: web.Request) -> web.Response:
    ticket = await seen(request)
    await request.app[SERVICES].store.tickets.accept(ticket.id, who(request).id)
    return await moved(request, ticket)


async def decline(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Decline), await seen(request)
    await request.app[SERVICES].store.tickets.decline(ticket.id, who(request).id, asked.reason)
    return await moved(request, ticket, "dispatch")


async def take(request: web.Request) -> web.Response:
    asked, ticket, person = (
        await bodies.read(request, bodies.Take),
        await seen(request),
        who(request),
    )
    receiver = asked.agent or person.id
    if receiver != person.id:
        who(request, Role.SUPERVISOR)
        await colleague(request, receiver)
    supervises = person.ranks(Role.SUPERVISOR)
    if not supervises:
        _can_take(person, ticket)
    tickets = request.app[SERVICES].store.tickets
    await tickets.take(ticket.id, receiver, forced=supervises, by=person.id)
    # Who was relieved of it has room now.
    return await moved(request, ticket, "dispatch")


def _can_take(person: Person, ticket: Ticket) -> None:
    if not takeable(ticket, person.id, supervises=False):
        words = Words("这张工单不在等待中，请刷新后再看。", "This ticket is not waiting.")
        raise Refusal(409, "conflict", words)
    if person.agent.presence != Presence.READY:
        words = Words("请先将自己设为就绪，再接手。", "Set yourself ready before you take one.")
        raise Refusal(409, "not_ready", words)


async def colleague(request: web.Request, agent_id: str) -> None:
    """Raises ``Refusal`` 422 when there is no such agent to give a ticket to."""
    try:
        await request.app[SERVICES].store.agents.get(agent_id)
    except NotFound as error:
        words = Words("没有这位坐席。", "There is no such agent.")
        raise Refusal(422, "invalid_field", words, field="agent") from error


async def reply(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Reply), await seen(request)
    services, then = request.app[SERVICES], TicketState(asked.then)
    outbound_id = await services.store.tickets.reply(
        ticket.id,
        who(request).id,
        asked.text,
        asked.client_id,
        then,
        asked.files,
        asked.part,
        asked.seen,
    )
    await services.doorbell.ring("deliver")
    if then != TicketState.ACTIVE:
        await services.doorbell.ring("dispatch")
    problem = services.delivery_problem(ticket.channel)
    return web.json_response({"id": outbound_id, "delivery_problem": problem}, status=201)


async def resolve(request: web.Request) -> web.Response:
    """Its owner's move; what nobody has, a supervisor may resolve."""
    asked, ticket = await bodies.read(request, bodies.SetDown), await seen(request)
    if ticket.state != TicketState.WAITING:
        return await _move(request, TicketState.RESOLVED)
    person = who(request, Role.SUPERVISOR)
    await request.app[SERVICES].store.ending.settle(ticket.id, person.id, asked.seen)
    return await moved(request, ticket)


async def pend(request: web.Request) -> web.Response:
    return await _move(request, TicketState.PENDING)


async def _move(request: web.Request, to: TicketState) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.SetDown), await seen(request)
    await request.app[SERVICES].store.tickets.move(ticket.id, who(request).id, to, asked.seen)
    return await moved(request, ticket, "dispatch")


async def snooze(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Snooze), await seen(request)
    tickets = request.app[SERVICES].store.tickets
    await tickets.snooze(ticket.id, who(request).id, asked.seconds, asked.seen)
    return await moved(request, ticket, "dispatch")


async def known_skills(services: DeskServices) -> list[str]:
    """Skills that a ticket can be sent to: of the taxonomy, triage, and what people have."""
    facets = services.taxonomy.facets
    named = [f"{facet}:{value}" for facet in facets for value in facets[facet].classes]
    had = {skill for agent in await services.store.agents.all() for skill in agent.skills}
    return [TRIAGE, *named, *sorted(had - {TRIAGE, *named})]


# -- junk and customers ----------------------------------------------------------------


async def junk(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.SetDown), await touched(request)
    await request.app[SERVICES].store.tickets.mark_junk(
        ticket.id, who(request).id, asked.seen, hands_off=hands_off(request)
    )
    return await moved(request, ticket, "dispatch")


async def unjunk(request: web.Request) -> web.Response:
    ticket = await touched(request)
    await request.app[SERVICES].store.tickets.unmark_junk(ticket.id, who(request).id)
    return await moved(request, ticket, "dispatch")


async def block(request: web.Request) -> web.Response:
    return await _set_blocked(request, blocked=True)


async def unblock(request: web.Request) -> web.Response:
    return await _set_blocked(request, blocked=False)


async def _set_blocked(request: web.Request, *, blocked: bool) -> web.Response:
    ticket, store = await touched(request), request.app[SERVICES].store
    identity = await store.tickets.identity_of(ticket.id)
    await store.people.block(identity, who(request).id, blocked)
    return web.json_response({"blocked": blocked})


async def reveal(request: web.Request) -> web.Response:
    ticket, store = await seen(request), request.app[SERVICES].store
    identity = await store.tickets.identity_of(ticket.id)
    sender: Sender = await store.people.reveal(identity, who(request).id)
    return web.json_response(sender.model_dump(exclude={"is_bot"}))


async def decide(request: web.Request) -> web.Response:
    """A person's word on an answer that failed or whose fate is unknown."""
    asked, services = await bodies.read(request, bodies.Decide), request.app[SERVICES]
    ticket, answer = await touched(request), request.match_info["answer"]
    if await services.store.tickets.outbound_ticket(answer) != ticket.id:
        raise NotFound("no such answer")
    resend = asked.action == "resend"
    await services.store.outbound.decide(answer, who(request).id, resend=resend)
    await services.doorbell.ring("deliver")
    return web.json_response({"state": "queued" if resend else "sent"})


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    return [
        web.get(f"{API}queue", my_queue),
        web.get(f"{API}tickets", list_tickets),
        web.get(one, show),
        web.post(f"{one}/accept", accept),
        web.post(f"{one}/decline", decline),
        web.post(f"{one}/take", take),
        web.post(f"{one}/reply", reply),
        web.post(f"{one}/resolve", resolve),
        web.post(f"{one}/pend", pend),
        web.post(f"{one}/snooze", snooze),
        web.post(f"{one}/junk", junk),
        web.post(f"{one}/unjunk", unjunk),
        web.post(f"{one}/block", block),
        web.post(f"{one}/unblock", unblock),
        web.post(f"{one}/reveal", reveal),
        web.post(f"{one}/answers/{{answer:{ID}}}/decide", decide),
    ]
