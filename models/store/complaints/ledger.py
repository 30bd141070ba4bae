"""The ledger of complaints (投诉台账): one line each, of a span of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ScalarSelect, func, select

from models.complaint import Word
from models.store.ground.database import Database
from models.tables import agent, complaint, improvement, subtask, ticket


@dataclass(frozen=True, slots=True)
class Entry:
    """One complaint. Times are seconds since the epoch, people by name.

    ``tasks`` and ``improvements`` are counts, with those that are done.
    """

    ticket_id: str
    number: str
    complained_at: float
    channel: str
    state: str
    matter: str
    domain: str
    cause: str
    department: str
    product: str
    major: bool
    repeats: str | None
    owner: str | None
    first_answer_at: float | None
    outcome: str
    responsibility: str
    customer_word: Word | None
    customer_said: str
    reviewed_by: str | None
    reviewed_at: float | None
    review_passed: bool | None
    called_back_by: str | None
    called_back_at: float | None
    reached: bool
    tasks: int
    tasks_done: int
    improvements: int
    improvements_done: int
    resolved_at: float | None


class Ledger:
    """Read only: who complains is not in it, for a ledger is passed around."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def entries(self, since: float, until: float, **filters: str | None) -> list[Entry]:
        """Complaints of ``since`` ≤ time < ``until``, oldest first.

        ``filters``: cause, department, product; None does not restrict.
        """
        c, t = complaint.c, ticket.c
        first = ticket.alias("first")
        owner, reviewer, caller = (agent.alias(name) for name in ("owner", "reviewer", "caller"))
        named = {
            "repeats": first.c.number,
            "owner": owner.c.name,
            "reviewed_by": reviewer.c.name,
            "called_back_by": caller.c.name,
            "tasks": _count(subtask),
            "tasks_done": _count(subtask, state="done"),
            "improvements": _count(improvement),
            "improvements_done": _count(improvement, state="done"),
        }
        columns = [
            named[name].label(name) if name in named else c[name] if name in c else t[name]
            for name in Entry.__dataclass_fields__
        ]
        query = (
            select(*columns)
            .join(ticket, t.id == c.ticket_id)
            .outerjoin(first, first.c.id == c.repeat_of)
            .outerjoin(owner, owner.c.id == t.owner_id)
            .outerjoin(reviewer, reviewer.c.id == c.reviewed_by)
            .outerjoin(caller, caller.c.id == c.called_back_by)
            .where(c.complained_at >= since, c.complained_at < until, c.withdrawn_at.is_(None))
            .order_by(c.complained_at, t.number)
        )
        for name, value in filters.items():
            if value is not None:
                query = query.where(c[name] == value)
        return [_entry(row) for row in await self._db.rows(query)]


def _entry(row: Mapping[Any, Any]) -> Entry:
    word = row["customer_word"]
    return Entry(**{**row, "customer_word": None if word is None else Word(word)})


def _count(table: Any, **of: str) -> ScalarSelect[int]:
    """How many of a complaint's rows in another table there are; cancelled ones aside."""
    x = table.c
    query = select(func.count()).where(x.ticket_id == complaint.c.ticket_id)
    state = of.get("state")
    query = query.where(x.state != "cancelled" if state is None else x.state == state)
    return query.correlate(complaint).scalar_subquery()
