"""What its owner has on offer to others of a ticket: at most one transfer, and how it ends."""

from typing import Any

from sqlalchemy import select, update

from models.store.effects.timers import stop_timer
from models.store.ground.database import Fields, Tx
from models.tables import transfer

TIMER = "transfer.timeout"
"""Its subject is the transfer."""


async def on_offer(tx: Tx, ticket_id: str) -> Fields | None:
    """The live transfer of a locked ticket."""
    p = transfer.c
    query = select(transfer).where(p.ticket_id == ticket_id, p.ended_at.is_(None))
    return (await tx.conn.execute(query)).mappings().one_or_none()


async def accepted(tx: Tx, offer: Fields) -> None:
    """Somebody takes it over, which the change of owner tells."""
    await _ended(tx, offer, "accepted")


async def came_to_nothing(tx: Tx, row: Fields, offer: Fields, outcome: str) -> None:
    """It is over: its owner and whoever it was offered to are told."""
    await _ended(tx, offer, outcome)
    people = [offer["to_id"]] if offer["to_id"] else []
    tell(tx, "transfer.ended", row, offer, audience=people, outcome=outcome)


async def withdraw(tx: Tx, row: Fields) -> None:
    """What is on offer of a locked ticket is no longer; nothing where nothing is."""
    offer = await on_offer(tx, row["id"])
    if offer is not None:
        await came_to_nothing(tx, row, offer, "withdrawn")


async def _ended(tx: Tx, offer: Fields, outcome: str) -> None:
    over = update(transfer).where(transfer.c.id == offer["id"])
    await tx.conn.execute(over.values(ended_at=tx.now, outcome=outcome))
    await stop_timer(tx, TIMER, offer["id"])


def tell(tx: Tx, kind: str, row: Fields, offer: Fields, **data: Any) -> None:
    """What becomes of a transfer, addressed to who offers it; ``row`` is the ticket."""
    tx.emit(
        kind,
        ticket=row["id"],
        conversation=row["conversation_id"],
        agent=offer["from_id"],
        transfer=offer["id"],
        skill=offer["skill"],
        **data,
    )
