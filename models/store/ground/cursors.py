"""How far a platform or a mailbox has been read: moved only after what was read is stored."""

from typing import Any

from sqlalchemy import select

from models.errors import Conflict
from models.store.ground.database import Database, Tx
from models.store.ground.leases import Held
from models.tables import cursor, lease


class Cursors:
    """One value, as JSON holds it, for each account of a channel."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, channel: str, account: str) -> Any:
        """The value that was written last; None when none was."""
        c = cursor.c
        query = select(c.value).where(c.channel == channel, c.account == account)
        return await self._db.value(query)

    async def move(self, channel: str, account: str, value: Any, held: Held | None = None) -> None:
        """Writes the value. With ``held``, only while that lease is still the caller's.

        Raises:
            Conflict: somebody else has taken the lease since; nothing was written.
        """
        async with self._db.write() as tx:
            if held is not None:
                same = (lease.c.name == held.name) & (lease.c.fence == held.fence)
                # Locked, so that nobody takes it between this look and the commit.
                query = select(lease.c.name).where(same).with_for_update(key_share=True)
                if (await tx.conn.execute(query)).one_or_none() is None:
                    raise Conflict("somebody else reads this account now")
            await moved_to(tx, channel, account, value)


async def moved_to(tx: Tx, channel: str, account: str, value: Any) -> None:
    """Writes how far ``account`` was read, with what else the transaction does."""
    values = {"value": value, "updated_at": tx.now}
    await tx.conn.execute(
        tx.upsert(cursor)
        .values(channel=channel, account=account, **values)
        .on_conflict_do_update(index_elements=["channel", "account"], set_=values)
    )
