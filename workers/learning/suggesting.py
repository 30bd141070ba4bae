"""Answers by example: what was answered when somebody asked something like this."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from classifier.corrections import CHANNEL_OF_LANE
from classifier.features import Rows
from classifier.similar import Found, Index, Vectors
from classifier.spans import anonymous
from classifier.text import Text
from models.errors import Permanent
from models.ports import Clock
from models.store import Store
from models.store.dialogue.canned import CannedAnswer
from models.store.learning.examples import Question
from workers.learning.serving import opened

_log = structlog.stdlib.get_logger(__name__)

_LOOK_SECONDS = 30.0
"""How old the index may be."""

_PAGE = 200
"""Tickets that are read and taken apart at once: other threads get their turn in between."""


@dataclass(frozen=True, slots=True)
class SuggestOptions:
    """How many resolved tickets are looked at, how many are offered, and from which cosine on."""

    tickets: int
    offered: int
    least: float


class Suggesting:
    """Keeps the feature rows of the newest resolved tickets in memory, and no text.

    Texts are read from the store when they are offered: what was withdrawn since is not offered.
    The index is made when somebody first asks, and kept up to date on later askings.
    """

    def __init__(self, store: Store, cache: Path, clock: Clock, options: SuggestOptions) -> None:
        """``cache`` is where this host unpacks bundles."""
        self._store = store
        self._cache = cache
        self._clock = clock
        self._options = options
        self._turn = asyncio.Lock()
        self._bundle: str | None = None
        self._vectors: Vectors | None = None
        self._index: Index | None = None
        self._looked = float("-inf")
        self._canned: tuple[Vectors, tuple[CannedAnswer, ...], Index] | None = None

    async def suggest(self, ticket_id: str, for_agent: str | None) -> dict[str, Any]:
        """Canned answers and resolved tickets that are like a ticket, best first, with scores.

        ``for_agent``: only tickets that were in this agent's hands; None: of everybody.
        Personal data in what others were told is left out.
        """
        async with self._turn:
            await self._refresh()
        vectors, index = self._vectors, self._index
        asked = await self._store.examples.questions([ticket_id])
        if vectors is None or index is None or not asked:
            return {"canned": [], "tickets": []}
        (question,) = asked
        query = await asyncio.to_thread(vectors, [_text(question)])
        return {
            "canned": await self._of_canned(vectors, query, question.lang),
            "tickets": await self._of_tickets(index, query, question, for_agent),
        }

    async def _of_tickets(
        self, index: Index, query: Rows, question: Question, for_agent: str | None
    ) -> list[dict[str, Any]]:
        among = frozenset(index.keys) - {question.ticket_id}
        if for_agent is not None:
            among = await self._store.examples.had_by(for_agent, among)
        options = self._options
        found = await asyncio.to_thread(index.search, query, options.offered, options.least, among)
        answers = await self._store.examples.answers([each.key for each in found])
        return [
            asdict(answer)
            | {
                "subject": anonymous(answer.subject, question.lang),
                "text": anonymous(answer.text, question.lang),
                "score": round(each.score, 4),
            }
            for each in found
            if (answer := answers.get(each.key)) is not None
        ]

    async def _of_canned(self, vectors: Vectors, query: Rows, lang: str) -> list[dict[str, Any]]:
        answers = tuple(await self._store.canned.all())
        made = self._canned
        # Another question may have met another champion meanwhile.
        if made is None or made[0] is not vectors or made[1] != answers:
            index = await asyncio.to_thread(_canned_index, vectors, answers)
            self._canned = made = vectors, answers, index
        by_id = {answer.id: answer for answer in answers}
        options = self._options
        found: list[Found] = made[2].search(query, options.offered, options.least)
        return [
            {
                "id": each.key,
                "title": by_id[each.key].title,
                "text": _in(by_id[each.key], lang),
                "score": round(each.score, 4),
            }
            for each in found
        ]

    async def _refresh(self) -> None:
        """Takes up another champion, and what was resolved since the last look."""
        champion = await self._store.bundles.champion()
        if champion is not None and champion != self._bundle:
            try:
                _, bundle = await opened(self._store, self._cache, champion)
                self._vectors = await asyncio.to_thread(Vectors, bundle)
            except Permanent as error:
                _log.error("bundle refused", bundle=champion, error=str(error))
            else:
                self._index = None
                self._looked = float("-inf")
            self._bundle = champion  # refused for good, or taken up; a full disk is tried again
        if self._vectors is not None and self._clock() - self._looked >= _LOOK_SECONDS:
            self._index = await self._caught_up(self._vectors)
            self._looked = self._clock()

    async def _caught_up(self, vectors: Vectors) -> Index:
        index = self._index or Index((), _nothing(), vectors.width)
        wanted = await self._store.examples.resolved(self._options.tickets)
        known = set(index.keys)
        new = [ticket_id for ticket_id in wanted if ticket_id not in known]
        index = index.joined(Index((), _nothing(), vectors.width), frozenset(wanted))
        for first in range(0, len(new), _PAGE):
            questions = await self._store.examples.questions(new[first : first + _PAGE])
            rows = await asyncio.to_thread(vectors, [_text(each) for each in questions])
            page = Index([each.ticket_id for each in questions], rows, vectors.width)
            index = index.joined(page, frozenset(index.keys))
        return index


def _text(question: Question) -> Text:
    return Text(question.text, question.subject, CHANNEL_OF_LANE.get(question.lane, ""))


def _in(answer: CannedAnswer, lang: str) -> str:
    """In the customer's language where there is one, else in the other."""
    return answer.zh or answer.en if lang == "zh" else answer.en or answer.zh


def _canned_index(vectors: Vectors, answers: Sequence[CannedAnswer]) -> Index:
    """Each by its title and by what it says: the more similar one counts."""
    known = [
        (answer.id, text)
        for answer in answers
        for text in (answer.title, answer.zh, answer.en)
        if text
    ]
    rows = vectors([Text(text) for _, text in known]) if known else _nothing()
    return Index([key for key, _ in known], rows, vectors.width)


def _nothing() -> Rows:
    return Rows(np.zeros(0, np.int64), np.zeros(0), np.zeros(1, np.int64))
