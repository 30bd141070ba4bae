"""Asking after satisfaction: when a ticket is resolved, after a while, in waking hours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select

from config.contact import Satisfaction
from models.message import Choice, Lane
from models.satisfaction import SCORE_NAMES, SOLVED_NAMES, Answer, Score
from models.store.dialogue.conversations import append
from models.store.dialogue.surveys import Asked, Survey, Terms, ask
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timer
from models.store.ground.database import Event, Fields, Tx
from models.tables import ticket
from models.texts import Language, Said
from models.ticket import Labels, TicketState
from models.training import FloorSpec
from workers.dialogue.quiet_hours import after_quiet
from workers.dialogue.wording import Wording

ASK = "survey.ask"
"""The kind of timer, whose subject is the ticket."""

_DAY = 86_400.0
"""Who was served longer ago than that is not asked: a log may be long at the first start."""

_RATE = "rate"


@dataclass(frozen=True, slots=True)
class When:
    """When people may be disturbed: not in ``quiet``, by the clock of ``zone``."""

    quiet: str
    zone: ZoneInfo

    def allowed(self, at: float) -> float:
        """``at``, or the end of the quiet hours that it falls in."""
        return after_quiet(at, self.quiet, self.zone)


class Surveying:
    """The follower that sets the timer, and what the timer brings about."""

    def __init__(
        self,
        settings: Satisfaction,
        when: When,
        wording: Wording,
        link: Callable[[str], str] | None,
        grave: Sequence[FloorSpec] = (),
    ) -> None:
        """``link``: the address of a survey's page, where there is one.

        ``grave``: floors after which no machine asks.
        """
        self._settings = settings
        self._when = when
        self._wording = wording
        self._link = link
        self._grave = grave
        self._terms = Terms(
            settings.every_days * _DAY, settings.valid_days * _DAY, dict(settings.keys)
        )

    @property
    def follower(self) -> Follower:
        return Follower("surveying", frozenset({"ticket.moved"}), self._follow)

    async def _follow(self, tx: Tx, events: Sequence[Event]) -> None:
        resolved = {
            event.ticket_id: event.at
            for event in events
            if event.data.get("state") == TicketState.RESOLVED and event.at > tx.now - _DAY
        }
        t = ticket.c
        query = select(t.id, t.lane, t.channel).where(t.id.in_(resolved)).order_by(t.id)
        for row in (await tx.conn.execute(query)).all():
            lane = Lane(row.lane)
            if self._settings.wanted(lane, row.channel):
                pause = 60.0 * self._settings.delay_minutes.get(lane, 0.0)
                due = self._when.allowed(resolved[row.id] + pause)
                await set_timer(tx, ASK, row.id, due)

    async def ask(self, tx: Tx, timer: Timer) -> None:
        """Puts the question; later where the clock was down and it is quiet now."""
        later = self._when.allowed(tx.now)
        if later > tx.now:
            await set_timer(tx, ASK, timer.subject, later)
            return
        about = select(ticket.c.lane, ticket.c.labels).where(ticket.c.id == timer.subject)
        found = (await tx.conn.execute(about)).one_or_none()
        if found is None or self._is_grave(found.labels):
            return
        by_mail = found.lane == Lane.MAIL
        asked = await ask(tx, timer.subject, self._terms, by_mail=by_mail)
        if asked is not None:
            await self._wording.refresh_within(tx.conn)
            await self._say(tx, asked)

    def _is_grave(self, labels: Fields | None) -> bool:
        read = Labels.model_validate(labels) if labels else None
        return read is not None and any(floor.spoke(read) for floor in self._grave)

    async def _say(self, tx: Tx, asked: Asked) -> None:
        survey = asked.survey
        said = self._text(asked)
        await append(
            tx,
            conversation_id=survey.conversation_id,
            ticket_id=survey.ticket_id,
            kind="notice",
            text="\n".join([said.text, *(f"{k} {v}" for k, v in sorted(survey.keys.items()))]),
            client_id=f"survey:{survey.id}",
            agent_id=None,
            template=said.template,
            choices=scores(survey),
        )

    def _text(self, asked: Asked) -> Said:
        lang = language(asked.survey)
        if self._link is None:
            return self._wording.say("survey.ask", lang, number=asked.number)
        link = self._link(asked.survey.id)
        return self._wording.say("survey.link", lang, number=asked.number, link=link)


def language(survey: Survey) -> Language:
    return "en" if survey.lang == "en" else "zh"


def scores(survey: Survey) -> list[Choice]:
    """The scale as answers that can be chosen, the best first."""
    side = 1 if survey.lang == "en" else 0
    return [
        Choice(value=f"{_RATE}:{survey.id}:{int(score)}", label=names[side])
        for score, names in SCORE_NAMES.items()
    ]


def solved_or_not(survey: Survey) -> list[Choice]:
    side = 1 if survey.lang == "en" else 0
    return [
        Choice(value=f"{_RATE}:{survey.id}:{'yes' if solved else 'no'}", label=names[side])
        for solved, names in SOLVED_NAMES.items()
    ]


def chosen(value: object) -> tuple[str, Answer] | None:
    """The survey and the answer that a choice stands for; None for a choice of another kind."""
    kind, _, rest = str(value or "").partition(":")
    survey_id, _, what = rest.partition(":")
    if kind != _RATE or not survey_id:
        return None
    if what in {"yes", "no"}:
        return survey_id, Answer(solved=what == "yes")
    if what in {str(int(score)) for score in Score}:
        return survey_id, Answer(Score(int(what)))
    return None
