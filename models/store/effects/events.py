"""Reading the numbered events: by readers that resume where they stopped."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.ground.database import Database, Event
from models.tables import counter, event


class Events:
    """The log that desks and chats follow."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def after(self, seq: int, limit: int = 500) -> list[Event]:
        """Events with greater numbers, in order, at most ``limit``."""
        query = select(event).where(event.c.seq > seq).order_by(event.c.seq).limit(limit)

        async def found(conn: AsyncConnection) -> list[Event]:
            return [Event(*row) for row in await conn.execute(query)]

        return await self._db.look(found)

    async def of_ticket(self, ticket_id: str) -> Sequence[Event]:
        """A ticket's history, oldest first."""
        query = select(event).where(event.c.ticket_id == ticket_id).order_by(event.c.seq)
        return [Event(**row) for row in await self._db.rows(query)]

    async def last(self) -> int:
        """The newest committed number; 0 when there is none."""
        query = select(counter.c.value).where(counter.c.name == "event")
        return int(await self._db.value(query) or 0)

    async def first(self) -> int:
        """The oldest number still kept; a reader from before it needs a fresh snapshot."""
        async with self._db.read() as conn:
            oldest = (await conn.execute(select(func.min(event.c.seq)))).scalar_one_or_none()
        return int(oldest) if oldest is not None else await self.last() + 1

    async def forget(self, before: float, at_once: int = 1000) -> int:
        """Drops the oldest of the events from before ``before``; returns how many.

        At most ``at_once``, so that nobody waits long for this transaction: call again until
        there are fewer.
        """
        e = event.alias("old").c
        oldest = select(e.seq).where(e.at < before).order_by(e.at).limit(at_once)
        async with self._db.write() as tx:
            return (await tx.conn.execute(delete(event).where(event.c.seq.in_(oldest)))).rowcount
