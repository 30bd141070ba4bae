"""What customers were told unasked, so that it is told once and not too often."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import exists, or_, select

from models.store.ground.database import Tx
from models.tables import outbound, telling, ticket


@dataclass(frozen=True, slots=True)
class Notified:
    """What one ticket's customer was told last. Times are seconds since the epoch."""

    state: str | None = None
    told_at: float = 0.0
    late_for: float | None = None


async def last(tx: Tx, ticket_id: str) -> Notified:
    """What was told last, or blank values where nothing was yet."""
    t = telling.c
    query = select(t.state, t.told_at, t.late_for).where(t.ticket_id == ticket_id)
    row = (await tx.conn.execute(query)).one_or_none()
    return Notified() if row is None else Notified(row.state, row.told_at or 0.0, row.late_for)


async def record(tx: Tx, ticket_id: str, now: Notified) -> None:
    """Keeps what was told now, in the place of what was told before."""
    values = {"state": now.state, "told_at": now.told_at, "late_for": now.late_for}
    statement = tx.upsert(telling).values(ticket_id=ticket_id, **values)
    await tx.conn.execute(
        statement.on_conflict_do_update(index_elements=["ticket_id"], set_=values)
    )


async def promised(tx: Tx, ticket_ids: Collection[str]) -> dict[str, tuple[float, float]]:
    """Tickets whose customer was promised a time: when it counts from, and how many seconds."""
    t, o = ticket.c, outbound.c
    said = exists().where(
        o.ticket_id == t.id,
        o.kind == "ack",
        or_(o.template.like("ack.open/%"), o.template.like("ack.away/%")),
    )
    query = (
        select(t.id, t.clock_at, t.target)
        .where(t.id.in_(ticket_ids), t.clock_at.is_not(None), t.target.is_not(None), said)
        .order_by(t.id)
    )
    return {row.id: (row.clock_at, row.target) for row in await tx.conn.execute(query)}


async def answered_since(tx: Tx, ticket_id: str, since: float) -> bool:
    """Whether a person of ours has written to the customer."""
    o = outbound.c
    since_then = (o.ticket_id == ticket_id) & (o.kind == "reply") & (o.created_at >= since)
    return bool((await tx.conn.execute(select(exists().where(since_then)))).scalar_one())


async def place_of(tx: Tx, ticket_id: str) -> tuple[str, str, str]:
    """Conversation, lane and language of a ticket."""
    t = ticket.c
    query = select(t.conversation_id, t.lane, t.lang).where(t.id == ticket_id)
    row = (await tx.conn.execute(query)).one()
    return row.conversation_id, row.lane, row.lang
