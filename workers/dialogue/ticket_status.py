"""How a ticket stands, in the customer's words: true, and without anybody's name."""

from zoneinfo import ZoneInfo

from models.store.dialogue.progress import Standing
from models.texts import TEXTS, Language, Said, spoken
from models.ticket import TicketState
from workers.dialogue.wording import Wording

_AGENT = {"zh": "坐席{alias}", "en": "agent {alias}"}
_NOBODY = {"zh": "坐席", "en": "an agent"}

_QUEUED = {TicketState.NEW, TicketState.WAITING, TicketState.OFFERED}


def told(standing: Standing, wording: Wording, lang: Language, now: float, zone: ZoneInfo) -> Said:
    """One sentence about one ticket."""
    name = _name(standing, now)
    agent = _AGENT[lang].format(alias=standing.agent) if standing.agent else _NOBODY[lang]
    when = {"progress.waiting": standing.due_at, "progress.snoozed": standing.wake_at}.get(name)
    return wording.say(
        name,
        lang,
        number=standing.number,
        agent=agent,
        due=spoken(when or now, now, zone, lang),
        at=spoken(standing.resolved_at or now, now, zone, lang),
    )


def _name(standing: Standing, now: float) -> str:
    if standing.state in _QUEUED:
        if standing.due_at is None:
            return "progress.new"
        return "progress.waiting" if now < standing.due_at else "progress.late"
    if standing.state == TicketState.SNOOZED and (standing.wake_at or 0.0) <= now:
        return "progress.helping"
    name = f"progress.{standing.state}"
    return name if name in TEXTS else "progress.helping"
