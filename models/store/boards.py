"""What waits where, as agents, wallboards and customers see it."""

from typing import Any

from sqlalchemy import func, literal_column, select, tuple_

from models.routing import Needs
from models.store.database import Database
from models.store.waiting import load_needs
from models.tables import skill_class, ticket


class Boards:
    """Only reads."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ahead(self, ticket_id: str) -> int:
        """How many tickets of its class go before a waiting one, whatever their step."""
        other = ticket.alias("other")
        t, o = ticket.c, other.c
        same = (o.skill_class == t.skill_class) & (o.state == literal_column("'waiting'"))
        query = (
            select(func.count())
            .select_from(ticket.join(other, same))
            .where(t.id == ticket_id, tuple_(o.sort_key, o.id) < tuple_(t.sort_key, t.id))
        )
        async with self._db.read() as conn:
            return int((await conn.execute(query)).scalar_one())

    async def depth(self) -> list[dict[str, Any]]:
        """Waiting tickets by skill class: count and the oldest's start of waiting."""
        t = ticket.c
        query = (
            select(
                t.skill_class, func.count().label("waiting"), func.min(t.queued_at).label("oldest")
            )
            .where(t.state == "waiting")
            .group_by(t.skill_class)
            .order_by(t.skill_class)
        )
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def recent_classes(self, since: float) -> list[tuple[Needs, int]]:
        """What came since a time: needs and how many tickets had them."""
        t = ticket.c
        counted = (
            select(t.skill_class, func.count().label("tickets"))
            .where(t.created_at >= since, t.skill_class.is_not(None))
            .group_by(t.skill_class)
        )
        async with self._db.read() as conn:
            known = {row.name: row.needs for row in await conn.execute(select(skill_class))}
            rows = (await conn.execute(counted)).all()
        return [(load_needs(known[row.skill_class]), row.tickets) for row in rows]
