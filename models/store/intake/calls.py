"""Telephone calls: counted from the events that a telephone system tells, in whatever order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, or_, select

from models.message import InboundMessage
from models.storable import line
from models.store.ground.database import Database, Tx
from models.tables import call

RINGS = 4
"""Within so many a call is to be answered: 4声接听."""

SECONDS_A_RING = 5.0
"""China's ringing tone, a second on and four off: used where nobody counted the rings."""

_MOMENTS = {"ring": "rang_at", "answered": "answered_at", "missed": "missed_at"}


@dataclass(frozen=True, slots=True)
class AnswerRate:
    """Of the calls of a period: how many there were, and how many were answered in time.

    ``open`` are those that have neither been answered nor missed yet; they count for nothing.
    """

    calls: int
    answered: int
    in_time: int
    missed: int
    open: int

    @property
    def share(self) -> float | None:
        """Answered in time, of all that ended; None where there were none."""
        return self.in_time / self.calls if self.calls else None


class Calls:
    """What became of the calls."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def answer_rate(
        self,
        since: float,
        until: float,
        *,
        rings: int = RINGS,
        seconds: float | None = None,
        account: str | None = None,
    ) -> AnswerRate:
        """The calls of a period (seconds since the epoch, the end excluded).

        A call is in time when it was answered within ``rings``; one whose rings nobody counted,
        within ``seconds`` after the first (by default ``rings`` of ``SECONDS_A_RING``).
        """
        c = call.c
        seconds = rings * SECONDS_A_RING if seconds is None else seconds
        soon = or_(
            c.rings <= rings,
            and_(c.rings.is_(None), c.answered_at - c.rang_at <= seconds),
        )
        answered = c.answered_at.is_not(None)
        missed = c.answered_at.is_(None) & c.missed_at.is_not(None)
        query = select(
            func.count(case((answered, 1))).label("answered"),
            func.count(case((answered & soon, 1))).label("in_time"),
            func.count(case((missed, 1))).label("missed"),
            func.count().label("all"),
        ).where(c.first_at >= since, c.first_at < until)
        if account is not None:
            query = query.where(c.account == account)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one()
        ended = row.answered + row.missed
        return AnswerRate(ended, row.answered, row.in_time, row.missed, row.all - ended)


async def record_calls(tx: Tx, events: Sequence[InboundMessage]) -> None:
    """Writes down what ``meta["call"]`` of these events tells, each as often as it may come."""
    told = [(m, m.meta["call"]) for m in events if "call" in m.meta]
    for m, found in sorted(told, key=lambda pair: str(pair[1]["id"])):
        await _record(tx, m, found)


async def _record(tx: Tx, m: InboundMessage, found: dict[str, Any]) -> None:
    moment = _MOMENTS.get(found["event"])
    if moment is None:
        return
    values = {
        "id": tx.new_id(),
        "channel": m.channel,
        "account": line(m.account, 255),
        "external_id": line(found["id"], 255),
        "first_at": found["at"],
        "rings": found["rings"] if moment != "rang_at" else None,
        moment: found["at"],
    }
    c, new = call.c, tx.upsert(call).values(**values)
    kept = {
        moment: func.coalesce(c[moment], found["at"]),
        "rings": func.coalesce(c.rings, values["rings"]),
        "first_at": case((c.first_at < found["at"], c.first_at), else_=found["at"]),
    }
    keys = ["channel", "account", "external_id"]
    await tx.conn.execute(new.on_conflict_do_update(index_elements=keys, set_=kept))
