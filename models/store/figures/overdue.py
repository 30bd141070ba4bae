"""What waits for a process of ours: how much, and since when."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal_column, select, text, union_all

from models.store.ground.database import Database
from models.tables import envelope, file_due, outbound, ticket, timer, webhook, webhook_event

_MAIL = 1
"""Its lane, as the table has it; less is live."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """``oldest``: seconds that the oldest has waited; 0 where nothing waits."""

    kind: str
    count: int
    oldest: float


class OverdueWork:
    """Each is found by the partial index that its worker looks into, so that asking is cheap."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> list[Overdue]:
        """Every kind, those of which nothing waits too.

        ``live``, ``mail``: envelopes not yet read. ``labels``: tickets without their labels.
        ``answers``: not sent, tried or not. ``timers``: whose time has come. ``files``: to be
        fetched. ``webhooks``: events to be told.

        Raises:
            Temporary: the database is out of reach.
        """
        now = await self._db.now()
        async with self._db.read() as conn:
            rows = (await conn.execute(union_all(*_queries(now)))).all()
        return [
            Overdue(row.kind, row.n, 0.0 if row.since is None else max(0.0, now - row.since))
            for row in rows
        ]


def _queries(now: float) -> list[Select[Any]]:
    e, o, t, f, k, w = (
        table.c for table in (envelope, outbound, timer, file_due, ticket, webhook_event)
    )
    unread = text("envelope.state = 'new'")
    labels_since = case((k.held_until > k.updated_at, k.held_until), else_=k.updated_at)
    closed = select(webhook.c.id).where(webhook.c.disabled_at.is_not(None))
    return [
        _of("live", e.received_at, unread, e.lane < _MAIL),
        _of("mail", e.received_at, unread, e.lane == _MAIL),
        _of("labels", labels_since, text("ticket.label_due"), k.held_until <= now),
        _of("answers", o.created_at, text("outbound.state IN ('queued', 'sending')")),
        _of("timers", t.due_at, t.due_at <= now),
        _of("files", f.not_before, text("file_due.state = 'new'"), f.not_before <= now),
        _of("webhooks", w.created_at, text("webhook_event.state = 'due'"),
            w.webhook_id.not_in(closed)),
    ]  # fmt: skip


def _of(kind: str, since: Any, *conditions: Any) -> Select[Any]:
    named: ColumnElement[str] = literal_column(f"'{kind}'").label("kind")
    counted = select(named, func.count().label("n"), func.min(since).label("since"))
    return counted.where(*conditions)
