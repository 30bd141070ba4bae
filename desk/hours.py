"""The opening hours as they hold: who is there, until when, and what a customer is told now."""

from dataclasses import asdict
from datetime import tzinfo
from zoneinfo import ZoneInfo

from aiohttp import web

from desk.auth import API, who
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import Json
from desk.texts import samples
from models.agent import Role
from models.opening import Opening
from models.store.dialogue.wordings import in_force
from models.texts import Language, receipt_name, spoken_opening

_DUE = Words("〔这张工单的时限〕", "[when this ticket is due]")
"""In place of the time that is promised: each ticket has its own."""


async def hours(request: web.Request) -> web.Response:
    who(request, Role.SUPERVISOR)
    services = request.app[SERVICES]
    now = await services.store.db.now()
    present = any(agent.ready for agent in await services.store.agents.online())
    shown = []
    for opening in services.openings(now):
        name = receipt_name(is_open=opening.open, present=present)
        told = Words(
            zh=await _said(services, name, "zh", opening, now),
            en=await _said(services, name, "en", opening, now),
        )
        shown.append(_opening_json(opening) | {"told": told._asdict()})
    receipts = [{"channel": name, "sent": sent} for name, sent in services.receipts.items()]
    return web.json_response({"now": now, "openings": shown, "receipts": receipts})


async def _said(
    services: DeskServices, name: str, lang: Language, opening: Opening, now: float
) -> str:
    """The acknowledgement in force, as a customer of this team would get it now."""
    versions = await services.store.wordings.versions()
    published = in_force([v for v in versions if (v.name, v.lang) == (name, lang)])
    text = published.text if published else services.texts[name, lang]
    zone: tzinfo = ZoneInfo(opening.time_zone)
    opens = spoken_opening(None if opening.open else opening.until, now, zone, lang)
    values = {**samples(lang, zone), "due": getattr(_DUE, lang), "opens": opens}
    return text.format_map(values)


def _opening_json(opening: Opening) -> Json:
    days = [asdict(one) | {"day": one.day.isoformat()} for one in opening.days]
    return asdict(opening) | {"days": days}


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}hours", hours)]
