"""What people do with tickets that they have or take, and with who wrote them."""

from aiohttp import web

from desk import bodies
from desk.agents import colleague
from desk.auth import API, ID, Person, who
from desk.errors import Refusal
from desk.reading import standing_json
from desk.services import SERVICES, Words
from desk.shapes import takeable
from desk.visibility import hands_off, seen, touched, why_unsent
from models.agent import Presence, Role
from models.errors import NotFound
from models.message import Sender
from models.store.tickets.handling import Ticket
from models.ticket import TicketState

# -- an agent's moves ------------------------------------------------------------------


async def moved(request: web.Request, ticket: Ticket, *work: str) -> web.Response:
    """Rings for the work that follows, and answers with the ticket as it is now."""
    services, person = request.app[SERVICES], who(request)
    for name in work:
        await services.doorbell.ring(name)
    now = await services.store.tickets.get(ticket.id)
    offer = (await services.store.transfers.of([ticket.id])).get(ticket.id)
    names = await services.store.agents.names()
    return web.json_response(standing_json(services, person, now, names, offer))


async def accept(request: web.Request) -> web.Response:
    ticket = await seen(request)
    await request.app[SERVICES].store.tickets.accept(ticket.id, who(request).id)
    return await moved(request, ticket)


async def decline(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Decline), await seen(request)
    await request.app[SERVICES].store.tickets.decline(ticket.id, who(request).id, asked.reason)
    return await moved(request, ticket, "dispatch")


async def take(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Take), await seen(request)
    person = who(request)
    receiver = asked.agent or person.id
    if receiver != person.id:
        who(request, Role.SUPERVISOR)
        await colleague(request.app[SERVICES], receiver)
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
        asked.read,
        asked.cc,
    )
    await services.doorbell.ring("deliver")
    if then != TicketState.ACTIVE:
        await services.doorbell.ring("dispatch")
    problem = why_unsent(request, ticket.channel)
    return web.json_response({"id": outbound_id, "delivery_problem": problem}, status=201)


async def resolve(request: web.Request) -> web.Response:
    """Its owner's move; what nobody has, a supervisor may resolve."""
    asked, ticket = await bodies.read(request, bodies.SetDown), await seen(request)
    if ticket.state != TicketState.WAITING:
        return await _move(request, TicketState.RESOLVED)
    person = who(request, Role.SUPERVISOR)
    await request.app[SERVICES].store.ending.settle(ticket.id, person.id, asked.read)
    return await moved(request, ticket)


async def pend(request: web.Request) -> web.Response:
    return await _move(request, TicketState.PENDING)


async def _move(request: web.Request, to: TicketState) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.SetDown), await seen(request)
    await request.app[SERVICES].store.tickets.move(ticket.id, who(request).id, to, asked.read)
    return await moved(request, ticket, "dispatch")


async def snooze(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Snooze), await seen(request)
    tickets = request.app[SERVICES].store.tickets
    await tickets.snooze(ticket.id, who(request).id, asked.seconds, asked.read)
    return await moved(request, ticket, "dispatch")


# -- junk and customers ----------------------------------------------------------------


async def junk(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.SetDown), await touched(request)
    await request.app[SERVICES].store.tickets.mark_junk(
        ticket.id, who(request).id, asked.read, hands_off=hands_off(request)
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
