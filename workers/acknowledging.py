"""The first text to a customer: said once a ticket, and only where it does no harm."""

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from config.sections import Acknowledgement, Language
from models.message import Lane
from models.store import Store
from models.store.queue import Unlabelled
from models.ticket import Labels
from models.training import FacetSpec
from router.sla import Calendars

_UNCERTAIN = {"zh": "反馈", "en": "feedback"}
"""What we call a message whose type is not sure (DESIGN §8)."""


class Acknowledging:
    """Decides whether a ticket's customer is told, and in which words."""

    def __init__(
        self,
        store: Store,
        settings: Acknowledgement,
        calendars: Calendars,
        types: FacetSpec | None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._calendars = calendars
        self._types = types

    @property
    def cap(self) -> int:
        """The most of these that one address gets in a day; the store counts them."""
        return self._settings.cap_per_address_a_day

    async def words(self, ticket: Unlabelled, labels: Labels, lang: str, due: float) -> str | None:
        """The text, or None where nothing automatic may be sent.

        ``due`` is when the answer is due by the clock that is held: nothing else is promised.
        """
        if not self._may(ticket):
            return None
        now = await self._store.db.now()
        language: Language = "zh" if lang in {"zh", "und"} else "en"
        texts = self._settings.templates[language]
        values = {"type": self._type(labels, language), "number": ticket.number}
        domain = labels.facets["domain"].value if "domain" in labels.facets else ""
        calendar = self._calendars.of(ticket.channel, ticket.account, domain)
        if not calendar.is_open(now):
            opens = self._when(calendar.next_open(now), now, language, calendar.zone)
            return texts.closed.format(**values, due="", opens=opens)
        present = any(agent.ready for agent in await self._store.agents.online())
        text = texts.open if present else texts.away
        return text.format(**values, opens="", due=spoken(due, now, calendar.zone, language))

    def _may(self, ticket: Unlabelled) -> bool:
        """Never to automatic mail, and by mail only where the sender's domain is proven."""
        if not self._settings.wanted(Lane(ticket.lane), ticket.channel):
            return False
        if ticket.auto != "none" or ticket.meta.get("no_auto") or ticket.troubled:
            return False
        if not ticket.identity_id:  # only strangers have written to it
            return False
        return ticket.lane == Lane.LIVE or ticket.trust.level == "verified"

    def _type(self, labels: Labels, language: str) -> str:
        label = labels.facets.get("type")
        if label is None or not label.accepted or self._types is None:
            return _UNCERTAIN[language]
        known = self._types.classes.get(label.value)
        if known is None or not known.acknowledged:
            return _UNCERTAIN[language]
        return known.zh if language == "zh" else known.en.lower()

    @staticmethod
    def _when(at: float | None, now: float, language: str, zone: ZoneInfo) -> str:
        if at is None:
            return {"zh": "下一个工作日", "en": "the next working day"}[language]
        return spoken(at, now, zone, language)


_Format = Callable[[datetime], str]

_SAME_DAY: Mapping[str, _Format] = {
    "zh": lambda at: f"今天 {at:%H:%M}",
    "en": lambda at: f"{at:%H:%M} today",
}
_OTHER_DAY: Mapping[str, _Format] = {
    "zh": lambda at: f"{at.month}月{at.day}日 {at:%H:%M}",
    "en": lambda at: f"{at:%H:%M} on {at:%d %b}",
}


def spoken(at: float, now: float, zone: ZoneInfo, language: str) -> str:
    """A time as one says it: rounded up to the minute, with the date unless it is today."""
    when = datetime.fromtimestamp(-(-at // 60) * 60, zone)
    today = datetime.fromtimestamp(now, zone).date()
    return (_SAME_DAY if when.date() == today else _OTHER_DAY)[language](when)
