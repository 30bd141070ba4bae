"""What is to get better because of a complaint (改进措施): by whom, until when, and the proof."""

from dataclasses import dataclass

from sqlalchemy import or_, select, update

from models.agent import Role
from models.errors import Conflict, NotFound
from models.store.effects.timers import Timer, set_timer, stop_timer
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.idempotency import Key, earlier, keep
from models.store.ground.locks import lock, lock_row
from models.tables import agent, complaint, improvement, ticket

DUE = "improvement"
"""The kind of the timer that an open one has."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """One measure. Times are seconds since the epoch, people are ids.

    ``proof`` shows that it is done; of a cancelled one it says why.
    """

    id: str
    ticket_id: str
    number: str
    text: str
    owner_id: str
    due_at: float
    state: str
    proof: str
    created_at: float
    created_by: str
    late_at: float | None
    ended_at: float | None
    ended_by: str | None


_COLUMNS = [
    ticket.c.number if name == "number" else improvement.c[name]
    for name in Improvement.__dataclass_fields__
]


_ENDINGS = {"done": "improvement.done", "cancelled": "improvement.cancelled"}


class Improvements:
    """open → done, with a proof, or cancelled, with a reason."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, ticket_id: str) -> list[Improvement]:
        """Those of one complaint, oldest first."""
        return await self._found(improvement.c.ticket_id == ticket_id)

    async def open(self, owner_id: str | None = None) -> list[Improvement]:
        """Those still to be done, of one person or of all, the next due first."""
        i = improvement.c
        wanted = i.state == "open"
        found = await self._found(
            wanted if owner_id is None else wanted & (i.owner_id == owner_id)
        )
        return sorted(found, key=lambda one: (one.due_at, one.id))

    async def get(self, improvement_id: str) -> Improvement:
        """Raises ``NotFound`` where there is none."""
        found = await self._found(improvement.c.id == improvement_id)
        if not found:
            raise NotFound("no such improvement")
        return found[0]

    async def _found(self, condition: object) -> list[Improvement]:
        i = improvement.c
        query = select(*_COLUMNS).join(ticket, ticket.c.id == i.ticket_id)
        query = query.where(condition).order_by(i.id)  # type: ignore[arg-type]
        return [Improvement(**row) for row in await self._db.rows(query)]

    async def add(
        self,
        ticket_id: str,
        by: str,
        *,
        text: str,
        owner_id: str,
        due_at: float,
        key: Key | None = None,
    ) -> str:
        """A new measure; returns its id. The same ``key`` again returns the one that there is.

        Raises:
            NotFound: the ticket is no complaint.
            Conflict: ``owner_id`` has left, or the key was used for another request.
        """
        c = complaint.c
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            known = select(c.ticket_id).where(c.ticket_id == ticket_id, c.withdrawn_at.is_(None))
            if (await tx.conn.execute(known)).one_or_none() is None:
                raise NotFound("this ticket is no complaint")
            await _there(tx, owner_id)
            id_ = tx.new_id()
            row = {
                "id": id_, "ticket_id": ticket_id, "text": text, "owner_id": owner_id,
                "due_at": due_at, "created_at": tx.now, "created_by": by,
            }  # fmt: skip
            await tx.insert(improvement, [row])
            await set_timer(tx, DUE, id_, due_at)
            await tx.audit(by, "improvement.opened", ticket_id, id=id_, text=text)
            _tell(tx, "improvement.opened", row, due_at=due_at)
            await keep(tx, key, id_)
        return id_

    async def finish(self, improvement_id: str, by: str, proof: str) -> None:
        """It is done, and ``proof`` shows it.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        await self._end(improvement_id, by, "done", proof)

    async def cancel(self, improvement_id: str, by: str, why: str) -> None:
        """It will not be done, for this reason. Raises as ``finish``."""
        await self._end(improvement_id, by, "cancelled", why)

    async def _end(self, improvement_id: str, by: str, state: str, words: str) -> None:
        async with self._db.write() as tx:
            row = await _locked(tx, improvement_id)
            if row["state"] != "open":
                raise Conflict("this improvement has ended; look at it again")
            change = {"state": state, "proof": words, "ended_at": tx.now, "ended_by": by}
            mine = update(improvement).where(improvement.c.id == improvement_id)
            await tx.conn.execute(mine.values(**change))
            await stop_timer(tx, DUE, improvement_id)
            kind = _ENDINGS[state]
            await tx.audit(by, kind, row["ticket_id"], id=improvement_id, words=words)
            _tell(tx, kind, row, by=by)


async def hand_over(tx: Tx, agent_id: str, to: str | None) -> int:
    """What somebody who leaves was to improve: to ``to``, else to who wanted it, else an admin."""
    i = improvement.c
    query = select(improvement).where(i.owner_id == agent_id, i.state == "open").order_by(i.id)
    rows = (await tx.conn.execute(query.with_for_update(key_share=True))).mappings().all()
    for row in rows:
        owner = to or await _successor(tx, row["created_by"], agent_id)
        await tx.conn.execute(update(improvement).where(i.id == row["id"]).values(owner_id=owner))
        await tx.audit(None, "improvement.handed", row["ticket_id"], id=row["id"], to=owner)
        _tell(tx, "improvement.handed", {**row, "owner_id": owner}, due_at=row["due_at"])
    return len(rows)


async def _there(tx: Tx, agent_id: str) -> None:
    """Before they are given something; who is just leaving has left when this goes on."""
    await lock(tx, agent, [agent_id])
    a = agent.c
    query = select(a.id).where(a.id == agent_id, a.disabled_at.is_(None))
    if (await tx.conn.execute(query)).one_or_none() is None:
        raise Conflict("this person has left; choose somebody else")


async def _successor(tx: Tx, wanted_by: str, leaves: str) -> str:
    a = agent.c
    there = a.disabled_at.is_(None) & (a.id != leaves)
    query = select(a.id).where(there, or_(a.id == wanted_by, a.role == Role.ADMIN))
    query = query.order_by((a.id == wanted_by).desc(), a.id).limit(1)
    found = (await tx.conn.execute(query)).scalar_one_or_none()
    if found is None:
        raise Conflict("nobody is left to take their improvements: name who gets them")
    return str(found)


async def improvement_due(tx: Tx, fired: Timer) -> None:
    """Its time has run out undone: its owner is told."""
    row = await _locked(tx, fired.subject)
    if row["state"] != "open":
        return
    mine = update(improvement).where(improvement.c.id == fired.subject)
    await tx.conn.execute(mine.values(late_at=tx.now))
    _tell(tx, "improvement.late", row, due_at=row["due_at"])


async def _locked(tx: Tx, improvement_id: str) -> Fields:
    return await lock_row(tx, improvement, improvement_id, "no such improvement")


def _tell(tx: Tx, kind: str, row: Fields, **data: object) -> None:
    """To its owner; the words are not in it."""
    told: dict[str, object] = {"improvement": row["id"], **data}
    tx.emit(kind, ticket=row["ticket_id"], agent=row["owner_id"], **told)  # type: ignore[arg-type]
