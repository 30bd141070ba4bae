"""Passing a ticket on: to a person, a skill or a team, and what becomes of the offer."""

from aiohttp import web

from desk import bodies
from desk.agents import colleague
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.reading import needs_of
from desk.services import SERVICES, DeskServices, Words
from desk.tickets import moved
from desk.visibility import seen
from models.routing import TRIAGE, Needs
from models.store.tickets.handling import Ticket


async def transfer(request: web.Request) -> web.Response:
    """An offer that its owner answers for until somebody accepts (首问负责制).

    What a person sorts out of triage is no transfer: it goes to the queue of the skill at once.
    """
    asked, ticket = await bodies.read(request, bodies.Transfer), await seen(request)
    services, person = request.app[SERVICES], who(request)
    if asked.agent and asked.skill:
        words = Words("agent 与 skill 只能填一个。", "Give agent or skill, not both.")
        raise Refusal(422, "invalid_field", words, field="skill")
    if not asked.agent and not asked.skill:
        await services.store.tickets.release(ticket.id, person.id, None, asked.note)
        return await moved(request, ticket, "dispatch")
    if asked.agent:
        await colleague(services, asked.agent)
    needs = await _needs_for(services, ticket, asked.skill) if asked.skill else None
    if needs is not None and await _sorts(services, ticket):
        await services.store.tickets.release(ticket.id, person.id, needs, asked.note)
        return await moved(request, ticket, "dispatch")
    await services.store.transfers.offer(
        ticket.id,
        person.id,
        services.options.transfer_seconds,
        to=asked.agent,
        skill=asked.skill,
        needs=needs,
        note=asked.note,
    )
    return await moved(request, ticket, "dispatch")


async def _sorts(services: DeskServices, ticket: Ticket) -> bool:
    needs = await needs_of(services, ticket.skill_class)
    return any(skill == TRIAGE for skill, _ in needs.required)


async def _needs_for(services: DeskServices, ticket: Ticket, skill: str) -> Needs:
    """The needs after a transfer to ``skill``: the language and the like stay required."""
    if skill not in await known_skills(services):
        words = Words("没有这个技能队列。", "There is no queue of this skill.")
        raise Refusal(422, "invalid_field", words, field="skill")
    before = await needs_of(services, ticket.skill_class)
    kept = tuple(n for n in before.required if n[0] in before.never_drop and n[0] != skill)
    return Needs(required=((skill, 1), *kept), never_drop=before.never_drop)


async def known_skills(services: DeskServices) -> list[str]:
    """Skills that a ticket can be sent to: of the taxonomy, triage, and what people have."""
    facets = services.taxonomy.facets
    named = [f"{facet}:{value}" for facet in facets for value in facets[facet].classes]
    had = {skill for agent in await services.store.agents.all() for skill in agent.skills}
    return [TRIAGE, *named, *sorted(had - {TRIAGE, *named})]


async def receive(request: web.Request) -> web.Response:
    ticket = await seen(request)
    await request.app[SERVICES].store.transfers.accept(ticket.id, who(request).id)
    # Who offered it has room now.
    return await moved(request, ticket, "dispatch")


async def refuse(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.Decline), await seen(request)
    store = request.app[SERVICES].store
    await store.transfers.decline(ticket.id, who(request).id, asked.reason)
    return await moved(request, ticket)


async def withdraw(request: web.Request) -> web.Response:
    ticket = await seen(request)
    await request.app[SERVICES].store.transfers.withdraw(ticket.id, who(request).id)
    return await moved(request, ticket)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}/transfer"
    return [
        web.post(one, transfer),
        web.post(f"{one}/accept", receive),
        web.post(f"{one}/decline", refuse),
        web.post(f"{one}/withdraw", withdraw),
    ]
