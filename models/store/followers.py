"""Those who act on what has happened: each reads the event log in order, and misses nothing.

How far one has read moves in the transaction in which it acts, so an event is acted on exactly
once, whatever dies in between. Who moves a ticket need not know who follows.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from models.store.cursors import moved_to
from models.store.database import Database, Event, Tx
from models.tables import cursor, event

_BATCH = 1000

Act = Callable[[Tx, Sequence[Event]], Awaitable[None]]
"""What a follower does about a batch of events, oldest first.

It awaits nothing but the database; what it wants told outside it emits or queues.
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """``name`` is kept for ever: under it is written how far it has read."""

    name: str
    kinds: frozenset[str]
    act: Act


class Followers:
    """A new follower begins with the oldest event that is kept: it looks at the times itself."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def catch_up(self, follower: Follower, last: int) -> int:
        """Lets one act on everything up to number ``last``; returns how many events it saw.

        Raises:
            Temporary: the database is out of reach.
            Exception: what it raised; it will see the same events again.
        """
        seen = 0
        at = await self._position(follower)
        while at < last:
            at, batch = await self._step(follower, last)
            seen += batch
        return seen

    async def _position(self, follower: Follower) -> int:
        async with self._db.read() as conn:
            found = (await conn.execute(_position_of(follower.name))).scalar_one_or_none()
        return int(found or 0)

    async def _step(self, follower: Follower, last: int) -> tuple[int, int]:
        async with self._db.write() as tx:
            # Locked: of two that catch up at once, the second goes on where the first ends.
            start = {"channel": "follower", "account": follower.name, "value": 0}
            await tx.insert(cursor, [start | {"updated_at": tx.now}], new_only=True)
            query = _position_of(follower.name).with_for_update()
            before = int((await tx.conn.execute(query)).scalar_one())
            upto = select(event.c.seq).where(event.c.seq > before).order_by(event.c.seq)
            upto = upto.limit(_BATCH)
            newest = select(func.max(upto.subquery().c.seq))
            # None: they were so old that they are gone.
            position = int((await tx.conn.execute(newest)).scalar_one() or max(before, last))
            wanted = (
                select(event)
                .where(
                    event.c.seq > before,
                    event.c.seq <= position,
                    event.c.kind.in_(sorted(follower.kinds)),
                )
                .order_by(event.c.seq)
            )
            events = [Event(*row) for row in await tx.conn.execute(wanted)]
            if events:
                await follower.act(tx, events)
            await moved_to(tx, "follower", follower.name, position)
        return position, len(events)


def _position_of(name: str) -> Select[Any]:
    c = cursor.c
    return select(c.value).where(c.channel == "follower", c.account == name)
