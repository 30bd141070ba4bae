"""Notifying customers unasked: their ticket has moved on, or will hardly be answered in time.

A change is told after a while, and only where nobody has written to the customer meanwhile; two
such messages about one ticket keep a distance; in quiet hours there are none.
"""

from collections.abc import Sequence
from dataclasses import replace

from config.contact import Progress
from models.events import STATE_CHANGES
from models.message import Lane
from models.store.dialogue import notifications
from models.store.dialogue.conversations import append
from models.store.dialogue.notifications import Notified, answered_since, place_of, promised
from models.store.dialogue.progress import Standing, standing
from models.store.dialogue.surveys import may_be_told
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timer
from models.store.ground.database import Event, Tx
from models.texts import Said, language_of, spoken
from models.ticket import TicketState
from workers.dialogue.surveying import When
from workers.dialogue.ticket_status import told as sentence
from workers.dialogue.wording import Wording

STATE = "tell.state"
LATE = "tell.late"
"""Kinds of timers, whose subject is the ticket."""

_DAY = 86_400.0
"""What happened longer ago is no news: a log may be long at the first start."""

_UNANSWERED = {TicketState.NEW, TicketState.WAITING, TicketState.OFFERED}


class Notifying:
    """The follower that sets the timers, and what they bring about."""

    def __init__(self, settings: Progress, when: When, wording: Wording) -> None:
        self._settings = settings
        self._when = when
        self._wording = wording
        self._pause = 60.0 * settings.every_minutes

    @property
    def follower(self) -> Follower:
        return Follower("notifying", frozenset(STATE_CHANGES), self._follow)

    async def _follow(self, tx: Tx, events: Sequence[Event]) -> None:
        events = [event for event in events if event.at > tx.now - _DAY]
        moved = {
            event.ticket_id: event.at
            for event in events
            if event.ticket_id and event.data.get("state") in self._settings.tell
        }
        for ticket_id, at in moved.items():
            due = self._when.allowed(at + self._settings.settle_seconds)
            await set_timer(tx, STATE, ticket_id, due, {"since": at})
        if self._settings.tell_late:
            waiting = {e.ticket_id for e in events if e.kind == "ticket.queued" and e.ticket_id}
            for ticket_id, (since, target) in (await promised(tx, waiting)).items():
                await set_timer(tx, LATE, ticket_id, self._late_at(since, target))

    def _late_at(self, since: float, target: float) -> float:
        return since + target * (1.0 - self._settings.late_share)

    async def tell_state(self, tx: Tx, timer: Timer) -> None:
        """Tells of a state, if it is still that one, and news."""
        before = await notifications.last(tx, timer.subject)
        found = await standing(tx, timer.subject)
        if found is None or found.state not in self._settings.tell or found.state == before.state:
            return
        if await answered_since(tx, timer.subject, timer.data["since"]):
            return
        if await self._put_off(tx, timer, before):
            return
        if await self._tell(tx, timer, found, None):
            await notifications.record(
                tx, timer.subject, replace(before, state=found.state, told_at=tx.now)
            )

    async def tell_late(self, tx: Tx, timer: Timer) -> None:
        """Tells that the promised time will hardly be kept, once for each promise."""
        before = await notifications.last(tx, timer.subject)
        found = await standing(tx, timer.subject)
        due = found.due_at if found is not None else None
        if found is None or due is None or found.state not in _UNANSWERED:
            return
        if found.first_answer_at is not None or before.late_for == due:
            return
        at = self._late_at(due - (found.target or 0.0), found.target or 0.0)
        if tx.now < at:  # it was promised anew
            await set_timer(tx, LATE, timer.subject, at)
            return
        if await self._put_off(tx, timer, before):
            return
        if await self._tell(tx, timer, found, due):
            await notifications.record(
                tx, timer.subject, replace(before, late_for=due, told_at=tx.now)
            )

    async def _put_off(self, tx: Tx, timer: Timer, before: Notified) -> bool:
        """Sets the timer anew where it is too soon, or quiet."""
        at = self._when.allowed(max(tx.now, before.told_at + self._pause))
        if at <= tx.now:
            return False
        await set_timer(tx, timer.kind, timer.subject, at, timer.data)
        return True

    async def _tell(self, tx: Tx, timer: Timer, found: Standing, due: float | None) -> bool:
        conversation_id, lane, lang = await place_of(tx, timer.subject)
        if not await may_be_told(tx, conversation_id, by_mail=lane == Lane.MAIL):
            return False
        await self._wording.refresh_within(tx.conn)
        said = self._text(tx.now, found, due, lang)
        await append(
            tx,
            conversation_id=conversation_id,
            ticket_id=timer.subject,
            kind="notice",
            text=said.text,
            client_id=f"news:{timer.id}",
            agent_id=None,
            template=said.template,
        )
        return True

    def _text(self, now: float, found: Standing, due: float | None, lang: str) -> Said:
        language, zone = language_of(lang), self._when.zone
        if due is not None and now < due:
            when = spoken(due, now, zone, language)
            return self._wording.say("news.late", language, number=found.number, due=when)
        state = sentence(found, self._wording, language, now, zone)
        said = self._wording.say("news.state", language, progress=state.text)
        return Said(said.text, f"{said.template},{state.template}")
