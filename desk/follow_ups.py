"""Follow-ups (回访): mine and those that wait, recording what was said, writing, reviewing."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from desk import bodies, queries
from desk.agents import colleague
from desk.auth import API, ID, Person, who
from desk.errors import Refusal
from desk.masking import hidden
from desk.reading import needs_of, openings
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import Json
from desk.visibility import why_unsent
from models.agent import Presence, Role
from models.errors import NotFound
from models.follow_up import OPEN_STATES, STATE_NAMES, FollowUpState, Said
from models.store.complaints.follow_ups import Attempt, FollowUp
from models.store.dialogue.customer_links import LinkedConversation


async def listed(request: web.Request) -> web.Response:
    """An agent's own and those that wait; a supervisor sees everybody's."""
    person, services = who(request), request.app[SERVICES]
    asked, store = queries.read(request, queries.FollowUpFilter), services.store.follow_ups
    states = sorted(OPEN_STATES) if asked.which == "open" else ()
    if asked.which == "mine":
        found = await store.page(states=[FollowUpState.ACTIVE], owner=person.id)
    elif asked.which == "review":
        who(request, Role.SUPERVISOR)
        found = await store.page(review="open")
    elif person.ranks(Role.SUPERVISOR):
        found = await store.page(states=states, ticket_id=asked.ticket)
    else:
        found = await store.page(states=[FollowUpState.WAITING], ticket_id=asked.ticket)
    rows = await _rows(services, found, person)
    return web.json_response({"now": services.clock(), "follow_ups": rows})


async def _seen(request: web.Request) -> FollowUp:
    """Raises ``NotFound``: no such follow-up, or none of the caller's business."""
    person = who(request)
    found = await request.app[SERVICES].store.follow_ups.get(request.match_info["follow_up"])
    if found.owner_id == person.id or person.ranks(Role.SUPERVISOR):
        return found
    if found.state == FollowUpState.WAITING:
        return found
    # Who has just put it down may not have heard that it was written down, and asks again.
    if found.owner_id is None and found.sticky_id == person.id:
        return found
    raise NotFound("no such follow-up")


async def show(request: web.Request) -> web.Response:
    person, services, found = who(request), request.app[SERVICES], await _seen(request)
    names = await services.store.agents.names()
    attempts = await services.store.follow_ups.attempts(found.id)
    (row,) = await _rows(services, [found], person)
    return web.json_response(
        {
            "follow_up": row,
            "why": await _why(services, found, names),
            "attempts": [_attempt_json(each, names) for each in attempts],
            "ways": await _ways(request, found),
        }
    )


async def _why(services: DeskServices, found: FollowUp, names: Mapping[str, str]) -> Json | None:
    """Why the router gave it to whoever has it; None where a person did."""
    if found.decision is None or found.decision["agent_id"] not in names:
        return None
    needs = await needs_of(services, found.skill_class)
    return Words(*services.explain(found.decision, needs, names))._asdict()


async def _ways(request: web.Request, found: FollowUp) -> list[Json]:
    """The customer's conversations, the newest of each channel: where they can be written to."""
    person = await request.app[SERVICES].store.customer_links.person(found.customer_id)
    newest: dict[str, LinkedConversation] = {}
    for conversation in person.conversations:
        newest.setdefault(conversation.channel, conversation)
    return [
        {
            "conversation": conversation.id,
            "channel": channel,
            "problem": why_unsent(request, channel),
        }
        for channel, conversation in sorted(newest.items())
    ]


async def take(request: web.Request) -> web.Response:
    asked, found = await bodies.read(request, bodies.Take), await _seen(request)
    person, services = who(request), request.app[SERVICES]
    receiver = asked.agent or person.id
    if receiver != person.id:
        who(request, Role.SUPERVISOR)
        await colleague(services, receiver)
    supervises = person.ranks(Role.SUPERVISOR)
    if not supervises and person.agent.presence != Presence.READY:
        words = Words("请先将自己设为就绪，再接手。", "Set yourself ready before you take one.")
        raise Refusal(409, "not_ready", words)
    await services.store.follow_ups.take(found.id, receiver, person.id, forced=supervises)
    return await _after(request, found.id)


async def record(request: web.Request) -> web.Response:
    asked, found = await bodies.read(request, bodies.RecordFollowUp), await _seen(request)
    services = request.app[SERVICES]
    said = Said(asked.reached, asked.content, asked.score, asked.solved)
    await services.store.follow_ups.record(
        found.id, who(request).id, asked.client_id, said, services.plan, asked.channel
    )
    return await _after(request, found.id)


async def write(request: web.Request) -> web.Response:
    asked, found = await bodies.read(request, bodies.WriteFollowUp), await _seen(request)
    services = request.app[SERVICES]
    person = await services.store.customer_links.person(found.customer_id)
    if asked.conversation not in {conversation.id for conversation in person.conversations}:
        raise NotFound("no such conversation of this customer")
    await services.store.follow_ups.write(
        found.id,
        who(request).id,
        asked.client_id,
        asked.conversation,
        asked.text,
        services.plan,
    )
    await services.doorbell.ring("deliver")
    return await _after(request, found.id)


async def review(request: web.Request) -> web.Response:
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked, found = await bodies.read(request, bodies.ReviewFollowUp), await _seen(request)
    store = services.store.follow_ups
    await store.review(found.id, person.id, asked.note, reopen=asked.reopen)
    return await _after(request, found.id)


async def _after(request: web.Request, follow_up_id: str) -> web.Response:
    """What is known now; whoever had it may have room for something else."""
    services = request.app[SERVICES]
    await services.doorbell.ring("dispatch")
    found = await services.store.follow_ups.get(follow_up_id)
    (row,) = await _rows(services, [found], who(request))
    return web.json_response({"follow_up": row})


async def _rows(services: DeskServices, found: Sequence[FollowUp], person: Person) -> list[Json]:
    names = await services.store.agents.names()
    said = await openings(services, [one.ticket_id for one in found])
    return [_json(services, one, person, names, said.get(one.ticket_id, "")) for one in found]


def _json(
    services: DeskServices, one: FollowUp, person: Person, names: Mapping[str, str], opening: str
) -> Json:
    zh, en = STATE_NAMES[one.state]
    return {
        "id": one.id,
        "ticket": {
            "id": one.ticket_id,
            "number": one.number,
            "subject": hidden(one.subject, services.spans),
            "opening": opening,
            "channel": one.channel,
        },
        "state": one.state,
        "state_name": {"zh": zh, "en": en},
        "urgency": one.urgency,
        "complaint": one.complaint,
        "created_at": one.created_at,
        "due_at": one.due_at,
        "attempts": one.attempts,
        "owner": names.get(one.owner_id or ""),
        "handler": names.get(one.handler_id or ""),
        "ended_at": one.ended_at,
        "score": one.score,
        "solved": one.solved,
        "review": one.review,
        "reviewed_by": names.get(one.reviewed_by or ""),
        "review_note": one.review_note,
        "actions": _actions(one, person),
    }


def _actions(one: FollowUp, person: Person) -> list[str]:
    """What a person may do with it now."""
    mine = one.state == FollowUpState.ACTIVE and one.owner_id == person.id
    supervises = person.ranks(Role.SUPERVISOR)
    possible = {
        "take": one.state == FollowUpState.WAITING and person.id not in one.excluded,
        "assign": supervises and one.state in {FollowUpState.WAITING, FollowUpState.ACTIVE},
        "record": mine,
        "write": mine,
        "review": supervises and one.review == "open",
    }
    return [action for action, can in possible.items() if can]


def _attempt_json(each: Attempt, names: Mapping[str, str]) -> Json:
    return {
        "at": each.at,
        "agent": names.get(each.agent_id or ""),
        "channel": each.channel,
        "reached": each.reached,
        "content": each.content,
        "score": each.score,
        "solved": each.solved,
    }


def routes() -> list[web.RouteDef]:
    one = f"{API}follow-ups/{{follow_up:{ID}}}"
    return [
        web.get(f"{API}follow-ups", listed),
        web.get(one, show),
        web.post(f"{one}/take", take),
        web.post(f"{one}/record", record),
        web.post(f"{one}/write", write),
        web.post(f"{one}/review", review),
    ]
