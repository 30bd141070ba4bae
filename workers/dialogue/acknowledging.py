"""The first text to a customer: said once a ticket, and only where it does no harm."""

from collections.abc import Sequence

from config.sections import Acknowledgement
from models.message import Lane
from models.store import Store
from models.store.routing.unlabelled import Unlabelled
from models.texts import (
    Language,
    Said,
    combined,
    language_of,
    receipt_name,
    spoken,
    spoken_opening,
)
from models.ticket import Labels
from models.training import FacetSpec, FloorSpec
from router.sla import Calendars
from workers.dialogue.wording import Wording

_UNCERTAIN = {"zh": "反馈", "en": "feedback"}
"""What we call a message whose type is not sure."""


class Acknowledging:
    """Decides whether a ticket's customer is told, and in which words."""

    def __init__(
        self,
        store: Store,
        settings: Acknowledgement,
        calendars: Calendars,
        types: FacetSpec | None,
        wording: Wording,
        grave: Sequence[FloorSpec] = (),
    ) -> None:
        """``grave``: floors by which somebody may be in danger."""
        self._store = store
        self._settings = settings
        self._calendars = calendars
        self._types = types
        self._wording = wording
        self._grave = grave

    @property
    def cap(self) -> int:
        """The most of these that one address gets in a day; the store counts them."""
        return self._settings.cap_per_address_a_day

    async def words(
        self, ticket: Unlabelled, labels: Labels, lang: str, due: float
    ) -> Said | None:
        """The text, or None where nothing automatic may be sent.

        ``due`` is when the answer is due by the clock that is held: nothing else is promised.
        """
        if not self._may(ticket):
            return None
        said = await self._receipt(ticket, labels, language_of(lang), due)
        if not any(floor.spoke(labels) for floor in self._grave):
            return said
        return combined([said, self._wording.say("ack.danger", language_of(lang))])

    async def _receipt(
        self, ticket: Unlabelled, labels: Labels, language: Language, due: float
    ) -> Said:
        now = await self._store.db.now()
        values = {"type": self._type(labels, language), "number": ticket.number}
        domain = labels.facets["domain"].value if "domain" in labels.facets else ""
        calendar = self._calendars.of(ticket.channel, ticket.account, domain)
        is_open = calendar.is_open(now)
        present = is_open and any(agent.ready for agent in await self._store.agents.online())
        opens = calendar.next_open(now)
        return self._wording.say(
            receipt_name(is_open=is_open, present=present),
            language,
            **values,
            opens=spoken_opening(opens, now, calendar.zone, language),
            due=spoken(due, now, calendar.zone, language),
        )

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
