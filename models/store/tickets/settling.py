"""Whether a complaint may be closed: read in the transaction that wants to close it."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.complaint import Gap, Settlement, Word, gaps
from models.store.ground.database import Tx
from models.tables import assignment, complaint, subtask


async def closing_gaps(tx: Tx, ticket_id: str) -> tuple[Gap, ...]:
    """What a ticket's complaint still lacks before it may be closed.

    Nothing for a ticket that is no complaint. Whoever moves a ticket to closed asks this in
    the same transaction, with the ticket's row locked: whoever changes a complaint locks it, too.
    """
    return await gaps_of(tx.conn, ticket_id)


async def gaps_of(conn: AsyncConnection, ticket_id: str) -> tuple[Gap, ...]:
    """As ``closing_gaps``, to look at."""
    c = complaint.c
    query = select(complaint).where(c.ticket_id == ticket_id, c.withdrawn_at.is_(None))
    row = (await conn.execute(query)).mappings().one_or_none()
    if row is None:
        return ()
    s = subtask.c
    undone = select(func.count()).where(s.ticket_id == ticket_id, s.state == "open")
    settled = Settlement(
        department=row["department"],
        outcome=row["outcome"],
        responsibility=row["responsibility"],
        customer_word=Word(row["customer_word"]) if row["customer_word"] else None,
        reviewed_by=row["reviewed_by"],
        review_passed=row["review_passed"],
        called_back_by=row["called_back_by"],
        reached=row["reached"],
        open_tasks=int((await conn.execute(undone)).scalar_one()),
    )
    return gaps(settled, await handlers(conn, ticket_id))


async def handlers(conn: AsyncConnection, ticket_id: str) -> frozenset[str]:
    """All who have had a ticket in their hands; an offer that was not taken does not count."""
    s = assignment.c
    query = select(s.agent_id).where(s.ticket_id == ticket_id, s.accepted_at.is_not(None))
    return frozenset((await conn.execute(query.distinct())).scalars())
