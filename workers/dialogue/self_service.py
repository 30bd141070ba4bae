"""Words that raise no matter: a customer asks how their ticket stands, or rates our service.

They are answered in the transaction that stores them: at once, and exactly once. They open no
ticket, reopen none, and use nobody's capacity.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from classifier.progress import ProgressQuestion, progress_question
from config.contact import Progress
from models.message import InboundMessage, Lane
from models.store.dialogue.incoming import Incoming
from models.store.dialogue.progress import PREFIX, Question, answered, questions, standings
from models.store.ground.database import Tx
from models.texts import Said, combined, language_of
from workers.dialogue.rating import Rates, Rating
from workers.dialogue.ticket_status import told
from workers.dialogue.wording import Wording

_PROVEN = frozenset({"verified", "platform"})
"""Levels of trust whose tickets are theirs; everybody else gets 「未查询到」."""

_UNPROVEN_A_DAY = 1
"""Mails to an address that may be anybody's."""

_REPLY = re.compile(r"^(?:\s*(?:re|回复|答复|fwd?)\s*[:：])+", re.IGNORECASE)


class SelfService:
    """Finds them before a ticket is made, and answers them."""

    def __init__(self, wording: Wording, rates: Rates, progress: Progress, zone: ZoneInfo) -> None:
        """``zone``: in which times are told."""
        self._wording = wording
        self._rates = rates
        self._progress = progress
        self._zone = zone

    async def sort(
        self, tx: Tx, incoming: Sequence[Incoming]
    ) -> tuple[list[Incoming], Mapping[str, Rating]]:
        """The same messages, with those marked that are asides; and the ratings by message."""
        ratings = await self._rates.found(tx, incoming)
        marked = [
            replace(i, aside=True) if i.message.id in ratings or _asked(i.message) else i
            for i in incoming
        ]
        return marked, ratings

    async def act(
        self, tx: Tx, incoming: Sequence[Incoming], ratings: Mapping[str, Rating]
    ) -> bool:
        """Answers the asides among messages that are stored now; whether there were any."""
        by_id = {i.message.id: i for i in incoming if i.aside}
        if not by_id:
            return False
        for question in await questions(tx, by_id):
            item = by_id[question.message_id]
            asked = _asked(item.message)
            if question.message_id in ratings:
                await self._rates.answer(tx, question, ratings[question.message_id])
            elif asked is not None and question.answered < self._most(question, item.lane):
                await self._answer(tx, question, asked)
        return True

    def _most(self, question: Question, lane: Lane) -> int:
        unproven = lane == Lane.MAIL and question.level not in _PROVEN
        return _UNPROVEN_A_DAY if unproven else self._progress.answers_a_day

    async def _answer(self, tx: Tx, question: Question, asked: ProgressQuestion) -> None:
        said = await self._progress_of(tx, question, asked)
        await answered(tx, question, said, f"{PREFIX}{question.message_id}")

    async def _progress_of(self, tx: Tx, question: Question, asked: ProgressQuestion) -> Said:
        proven = question.level in _PROVEN
        found = await standings(tx, question, asked.number) if proven else []
        lang = asked.lang or language_of(found[0].lang if found else question.lang)
        if not found:
            return self._wording.say("progress.none", lang)
        return combined([told(one, self._wording, lang, tx.now, self._zone) for one in found])


def _asked(message: InboundMessage) -> ProgressQuestion | None:
    """What is asked after, where it may be answered by itself; a subject counts for no text."""
    answerable = message.auto == "none" and not message.meta.get("no_auto")
    if message.kind != "message" or not answerable or message.attachments:
        return None
    if message.reply_route is None or message.trust.level == "failed":
        return None
    return progress_question(message.text.strip() or _REPLY.sub("", message.subject))
