"""Internal notes on a ticket: a table of their own, which nothing that customers see reads."""

from dataclasses import dataclass

from sqlalchemy import select

from models.errors import Conflict
from models.store.dialogue.tombstones import is_erased
from models.store.ground.database import Database
from models.store.ground.idempotency import Key, earlier, keep
from models.store.tickets.moves import locked
from models.tables import note


@dataclass(frozen=True, slots=True)
class Note:
    """What one of us wrote for the others; ``at`` is seconds since the epoch."""

    id: str
    agent_id: str
    at: float
    text: str


class Notes:
    """Written and read by people at the desk; never changed."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(self, ticket_id: str, by: str, text: str, key: Key | None = None) -> str:
        """Adds one; returns its id. The event tells that there is one, not what it says.

        The same ``key`` again returns the one that there is.

        Raises:
            NotFound: no such ticket.
            Conflict: its customer was erased, or the key was used for another request.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            row = await locked(tx, ticket_id)
            if await is_erased(tx.conn, row["customer_id"]):
                raise Conflict("this customer's data was erased")
            note_id = tx.new_id()
            written = {"id": note_id, "ticket_id": ticket_id, "agent_id": by, "at": tx.now}
            await tx.insert(note, [written | {"text": text}])
            tx.emit("note.written", ticket=ticket_id, agent=row["owner_id"], note=note_id, by=by)
            await keep(tx, key, note_id)
        return note_id

    async def of(self, ticket_id: str) -> list[Note]:
        """A ticket's notes, oldest first."""
        n = note.c
        query = select(n.id, n.agent_id, n.at, n.text).where(n.ticket_id == ticket_id)
        async with self._db.read() as conn:
            return [Note(*row) for row in await conn.execute(query.order_by(n.id))]
