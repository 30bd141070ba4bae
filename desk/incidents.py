"""Incidents (危机管理): their members, the text for all of them, drills, and the end."""

from dataclasses import asdict

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, who
from desk.idempotency import key_of
from desk.masking import beginning
from desk.services import SERVICES, DeskServices
from desk.shapes import Json, value_name
from models.agent import Role
from models.store.complaints.incidents import Incident, IncidentText

_PREVIEW = 120


async def listed(request: web.Request) -> web.Response:
    who(request)
    services, asked = request.app[SERVICES], queries.read(request, queries.IncidentFilter)
    found = await services.store.incidents.page(state=asked.state)
    names = await services.store.agents.names()
    return web.json_response(
        {"now": services.clock(), "incidents": [_json(services, one, names) for one in found]}
    )


async def show(request: web.Request) -> web.Response:
    who(request)
    services, incident_id = request.app[SERVICES], request.match_info["incident"]
    store, names = services.store.incidents, await services.store.agents.names()
    found = await store.get(incident_id)
    return web.json_response(
        {
            "incident": _json(services, found, names),
            "typical": await _typical(services, found),
            "members": [asdict(member) for member in await store.members(incident_id)],
            "texts": [_text_json(text, names) for text in await store.texts(incident_id)],
            "second_person": services.options.second_person,
        }
    )


async def _typical(services: DeskServices, found: Incident) -> str:
    """How the complaint nearest to the middle of all begins."""
    if found.typical_id is None:
        return ""
    ticket = await services.store.tickets.get(found.typical_id)
    log = await services.store.conversations.log(ticket.conversation_id, 0, 20)
    said = (entry.text for entry in log if entry.side == "customer" and not entry.quarantined)
    return beginning(next(said, ""), services.spans, _PREVIEW)


async def draft(request: web.Request) -> web.Response:
    asked, person = await bodies.read(request, bodies.DraftText), who(request)
    store = request.app[SERVICES].store.incidents
    made = await store.draft(
        request.match_info["incident"], person.id, asked.zh, asked.en, key_of(request, asked)
    )
    return web.json_response({"id": made}, status=201)


async def approve(request: web.Request) -> web.Response:
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    incident_id = request.match_info["incident"]
    await services.store.incidents.approve(
        incident_id,
        request.match_info["text"],
        person.id,
        second_person=services.options.second_person,
    )
    return await _after(request, incident_id)


async def remove(request: web.Request) -> web.Response:
    person, incident_id = who(request, Role.SUPERVISOR), request.match_info["incident"]
    store = request.app[SERVICES].store.incidents
    await store.remove(incident_id, request.match_info["member"], person.id)
    return await _after(request, incident_id)


async def close(request: web.Request) -> web.Response:
    person, incident_id = who(request, Role.SUPERVISOR), request.match_info["incident"]
    asked = await bodies.read(request, bodies.CloseIncident)
    await request.app[SERVICES].store.incidents.close(incident_id, person.id, asked.summary)
    return await _after(request, incident_id)


async def drill(request: web.Request) -> web.Response:
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = await bodies.read(request, bodies.NewDrill)
    made = await services.store.incidents.drill(
        person.id,
        asked.title,
        asked.members,
        services.options.incident_alert,
        key_of(request, asked),
    )
    return web.json_response({"id": made}, status=201)


async def _after(request: web.Request, incident_id: str) -> web.Response:
    services = request.app[SERVICES]
    found = await services.store.incidents.get(incident_id)
    names = await services.store.agents.names()
    return web.json_response({"incident": _json(services, found, names)})


def _json(services: DeskServices, one: Incident, names: dict[str, str]) -> Json:
    named = value_name(services.taxonomy, "domain", one.domain) if one.domain else None
    return {
        "id": one.id,
        "state": one.state,
        "drill": one.drill,
        "title": one.title,
        "domain": named,
        "opened_at": one.opened_at,
        "opened_by": names.get(one.opened_by or ""),
        "closed_at": one.closed_at,
        "closed_by": names.get(one.closed_by or ""),
        "summary": one.summary,
        "members": one.members,
        "told": one.told,
    }


def _text_json(text: IncidentText, names: dict[str, str]) -> Json:
    people = {"author": text.author_id, "approved_by": text.approved_by}
    return {
        "id": text.id,
        "zh": text.zh,
        "en": text.en,
        "author_id": text.author_id,
        "created_at": text.created_at,
        "approved_at": text.approved_at,
    } | {name: names.get(agent_id or "") for name, agent_id in people.items()}


def routes() -> list[web.RouteDef]:
    one = f"{API}incidents/{{incident:{ID}}}"
    return [
        web.get(f"{API}incidents", listed),
        web.post(f"{API}incidents/drills", drill),
        web.get(one, show),
        web.post(f"{one}/texts", draft),
        web.post(f"{one}/texts/{{text:{ID}}}/approve", approve),
        web.post(f"{one}/members/{{member:{ID}}}/remove", remove),
        web.post(f"{one}/close", close),
    ]
