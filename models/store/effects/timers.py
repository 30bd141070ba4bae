"""What is due at a time: kept in SQL, brought about once by the clock.

A timer goes with what it brings about, in one transaction: killed in between, the clock finds
it again; gone, it has happened. So it fires exactly once, also after a long stop, when
everything that fell due meanwhile fires in order of time.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, select, update

from models.errors import Temporary
from models.store.ground.database import Database, Fields, Tx
from models.tables import timer

_PAUSE_SECONDS = 60.0
"""Until what failed is tried again."""


@dataclass(frozen=True, slots=True)
class Timer:
    """One thing that is due. There is at most one of a kind for a subject."""

    id: str
    kind: str
    subject: str
    due_at: float
    data: Mapping[str, Any]


Effect = Callable[[Tx, Timer], Awaitable[None]]
"""What a kind of timer brings about, in the transaction that ends the timer.

It awaits nothing but the database; what it wants told outside it emits or queues.
"""


async def set_timer(
    tx: Tx, kind: str, subject: str, due_at: float, data: Mapping[str, Any] | None = None
) -> None:
    """Sets the one timer of ``kind`` for ``subject``, or sets it anew."""
    anew = {"due_at": due_at, "data": dict(data or {}), "failures": 0, "error": None}
    row: Fields = {
        "id": tx.new_id(), "kind": kind, "subject": subject, "created_at": tx.now, **anew
    }  # fmt: skip
    await tx.conn.execute(
        tx.upsert(timer)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["kind", "subject"], set_={**anew, "not_before": 0.0}
        )
    )


async def stop_timer(tx: Tx, kind: str, subject: str) -> None:
    """It does not fire any more; nothing when there is none.

    One that fires just now is let be: who stops it has locked what it is about, which its effect
    locks next and then looks at. To wait for it would be to wait in a circle.
    """
    t, one = timer.c, timer.alias()
    same = (one.c.kind == kind) & (one.c.subject == subject)
    free = select(one.c.id).where(same).with_for_update(skip_locked=True)
    await tx.conn.execute(delete(timer).where(t.id.in_(free)))


async def hold_timer(tx: Tx, kind: str, subject: str) -> None:
    """Before what a timer is about is locked by who will set it: one that fires now ends first.

    It holds its row and locks its subject next; who had that one would wait in a circle.
    """
    t = timer.c
    one = select(t.id).where(t.kind == kind, t.subject == subject)
    await tx.conn.execute(one.with_for_update())


async def set_timers(tx: Tx, kind: str, due: Mapping[str, float]) -> None:
    """As ``set_timer``, for many subjects at once."""
    if not due:
        return
    fixed: Fields = {
        "kind": kind, "data": {}, "created_at": tx.now, "failures": 0, "not_before": 0.0
    }  # fmt: skip
    rows = [{"id": tx.new_id(), "subject": s, "due_at": at, **fixed} for s, at in due.items()]
    statement = tx.upsert(timer)
    anew = {
        name: statement.excluded[name] for name in ("due_at", "data", "failures", "not_before")
    }
    await tx.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"], set_=anew | {"error": None}
        ),
        rows,
    )


async def stop_timers(tx: Tx, kind: str, subjects: Sequence[str]) -> None:
    """As ``stop_timer``, for many subjects at once."""
    if subjects:
        gone = timer.c.subject.in_(subjects)
        await tx.conn.execute(delete(timer).where(timer.c.kind == kind, gone))


class Timers:
    """Finds what is due, and lets it happen."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, subject: str) -> list[Timer]:
        """What is still to come for a subject, in order of time."""
        t = timer.c
        query = select(t.id, t.kind, t.subject, t.due_at, t.data)
        query = query.where(t.subject == subject).order_by(t.due_at, t.id)
        return [Timer(**row) for row in await self._db.rows(query)]

    async def due(self, kinds: Mapping[str, Effect], limit: int) -> list[str]:
        """The ids of what is due now, of kinds that have an effect, oldest first."""
        t = timer.c
        now = await self._db.now()
        query = (
            select(t.id)
            .where(t.due_at <= now, t.not_before <= now, t.kind.in_(sorted(kinds)))
            .order_by(t.due_at, t.id)
            .limit(limit)
        )
        return await self._db.column(query)

    async def fire(self, timer_id: str, effects: Mapping[str, Effect]) -> bool:
        """Brings about what one timer is for; False when it was stopped, set anew or has fired.

        Raises:
            Temporary: the database is out of reach; it is still due.
            Exception: what the effect raised; nothing happened, and it is still due.
        """
        t = timer.c
        async with self._db.write() as tx:
            due = and_(t.id == timer_id, t.due_at <= tx.now)
            gone = delete(timer).where(due).returning(t.id, t.kind, t.subject, t.due_at, t.data)
            row = (await tx.conn.execute(gone)).mappings().one_or_none()
            if row is None:
                return False
            await effects[row["kind"]](tx, Timer(**row))
        return True

    async def put_off(self, timer_id: str, error: str) -> None:
        """Notes why one could not fire; it is tried again later, behind those that can."""
        t = timer.c
        async with self._db.write() as tx:
            again = {
                "failures": t.failures + 1, "error": error, "not_before": tx.now + _PAUSE_SECONDS
            }  # fmt: skip
            await tx.conn.execute(update(timer).where(t.id == timer_id).values(**again))

    async def fire_due(self, effects: Mapping[str, Effect], limit: int = 200) -> list[str]:
        """Fires what is due; returns why some could not, which are tried again in a minute.

        Raises:
            Temporary: the database is out of reach.
        """
        troubles = []
        for timer_id in await self.due(effects, limit):
            try:
                await self.fire(timer_id, effects)
            except Temporary:
                raise
            except Exception as error:  # noqa: BLE001  one fault of ours must not stop the others
                troubles.append(f"{timer_id}: {error!r}")
                await self.put_off(timer_id, repr(error))
        return troubles
