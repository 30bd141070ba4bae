"""Labels: what they are called, and a person's correction."""

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.services import SERVICES, Words
from desk.shapes import labels_json
from desk.transfers import known_skills
from desk.visibility import touched
from models.agent import PRESENCE_NAMES, ROLE_NAMES
from models.ticket import STATE_NAMES, TicketState
from models.training import Taxonomy


def _named(names: tuple[str, str]) -> dict[str, str]:
    return Words(*names)._asdict()


async def glossary(request: web.Request) -> web.Response:
    """What everything is called, in both languages, so that a client names nothing itself."""
    who(request)
    services = request.app[SERVICES]
    return web.json_response(
        {
            "facets": [
                {
                    "facet": facet,
                    "name": {"zh": spec.zh, "en": spec.en},
                    "classes": [
                        {"value": value, "name": {"zh": c.zh, "en": c.en}}
                        for value, c in spec.classes.items()
                    ],
                }
                for facet, spec in services.taxonomy.facets.items()
            ],
            "skills": await known_skills(services),
            "states": {state: _named(names) for state, names in STATE_NAMES.items()},
            "presences": {key: _named(names) for key, names in PRESENCE_NAMES.items()},
            "roles": {role: _named(names) for role, names in ROLE_NAMES.items()},
        }
    )


async def correct(request: web.Request) -> web.Response:
    asked = await bodies.read(request, bodies.Correct)
    services, person = request.app[SERVICES], who(request)
    _check(services.taxonomy, asked)
    ticket = await touched(request)
    rules = await services.in_force()
    place = await services.placing(ticket)
    await services.store.tickets.correct(
        ticket.id,
        person.id,
        asked.facet,
        asked.value,
        lambda labels: services.filing(labels, rules),
        place,
    )
    ticket = await services.store.tickets.get(ticket.id)
    if ticket.state == TicketState.WAITING:
        await services.doorbell.ring("dispatch")
    names = await services.store.agents.names()
    return web.json_response({"labels": labels_json(ticket, services.taxonomy, names)})


def _check(taxonomy: Taxonomy, asked: bodies.Correct) -> None:
    """Raises ``Refusal`` 422 for a facet or class that the taxonomy does not know."""
    if asked.facet not in taxonomy.facets:
        known = "、".join(taxonomy.facets)
        words = Words(f"没有这个维度；有：{known}。", f"No such facet; there are: {known}.")
        raise Refusal(422, "invalid_field", words, field="facet")
    if asked.value not in taxonomy.facets[asked.facet].classes:
        known = "、".join(taxonomy.facets[asked.facet].classes)
        words = Words(f"没有这个类别；有：{known}。", f"No such class; there are: {known}.")
        raise Refusal(422, "invalid_field", words, field="value")


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}glossary", glossary),
        web.post(f"{API}tickets/{{ticket:{ID}}}/labels", correct),
    ]
