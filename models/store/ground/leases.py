"""Singleton roles: at most one holder of a name at a time, in database time."""

from dataclasses import dataclass

from sqlalchemy import case, update

from models.store.ground.database import Database
from models.tables import lease


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that was won ``at`` (database time). ``fence`` grows with every new holder."""

    name: str
    holder: str
    fence: int
    at: float


class Leases:
    """getUpdates, IMAP, the clock: whoever holds the lease does the work."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, name: str, holder: str, seconds: float) -> Held | None:
        """Takes or renews ``name`` for ``seconds``; None while somebody else holds it.

        Ask for the same ``seconds`` each time: a lease that has far longer to run was taken
        before the clock was set back, by somebody who may have died since. A little longer has
        one that its holder renewed while this waited for its row.
        """
        async with self._db.write() as tx:
            mine = lease.c.holder == holder
            over = (lease.c.until < tx.now) | (lease.c.until > tx.now + 2 * seconds)
            statement = (
                tx.upsert(lease)
                .values(name=name, holder=holder, fence=1, until=tx.now + seconds)
                .on_conflict_do_update(
                    index_elements=["name"],
                    set_={
                        "holder": holder,
                        "fence": lease.c.fence + case((mine, 0), else_=1),
                        "until": tx.now + seconds,
                    },
                    where=mine | over,
                )
                .returning(lease.c.fence)
            )
            fence = (await tx.conn.execute(statement)).scalar_one_or_none()
        return None if fence is None else Held(name, holder, int(fence), tx.now)

    async def drop(self, held: Held) -> None:
        """Gives it back, so that a successor need not wait for its end."""
        async with self._db.write() as tx:
            mine = (lease.c.name == held.name) & (lease.c.holder == held.holder)
            # The row stays: its fence must never go back.
            await tx.conn.execute(update(lease).where(mine).values(until=0))
