"""Two tickets about one matter become one, and one about two becomes two; both can be undone.

A merged ticket points to its survivor and keeps its own messages. What the customer says next
in its conversation belongs to the survivor; undone, it belongs to the ticket again. A part that
is split off shares the conversation of the ticket that it came from, whose open ticket goes on
getting the customer's next word; merging it back undoes the split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update

from models.errors import Conflict, NotFound
from models.ids import ticket_number
from models.store.dialogue.tombstones import is_erased
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock_rows
from models.store.tickets.filing import filed
from models.store.tickets.moves import back_in_queue, in_reach, leave, lock_conversations, moved
from models.tables import customer_link, message, outbound, ticket
from models.ticket import MOVES, OPEN_STATES, TicketState


@dataclass(frozen=True, slots=True)
class Part:
    """A ticket that was merged into another."""

    id: str
    number: str
    conversation_id: str
    channel: str
    ended_at: float


class Merging:
    """Merge and split, and back."""

    def __init__(self, db: Database, zone: ZoneInfo) -> None:
        """``zone`` is where the day of a ticket's number begins."""
        self._db = db
        self._zone = zone

    async def parts(self, ticket_id: str) -> list[Part]:
        """What was merged into a ticket, oldest first."""
        t = ticket.c
        names = [t[name] for name in Part.__dataclass_fields__]
        query = select(*names).where(t.merged_into == ticket_id).order_by(t.id)
        return [Part(**row) for row in await self._db.rows(query)]

    async def merge(
        self, ticket_id: str, into: str, agent_id: str, *, hands_off: bool = False
    ) -> None:
        """The one goes on as the other, which is open and of the same customer.

        Raises:
            NotFound: no such ticket.
            Conflict: they cannot be one, and why; or (``hands_off``) another person has one.
        """
        async with self._db.write() as tx:
            # What is being said in either goes to the one or the other, not to a third ticket.
            await lock_conversations(tx, ticket_id, into)
            rows = await _both(tx, ticket_id, into, agent_id, hands_off=hands_off)
            gone, kept = rows[ticket_id], rows[into]
            await _may_merge(tx, gone, kept)
            await leave(tx, gone, TicketState.MERGED, merged_into=into, label_due=False)
            tx.emit(
                "ticket.absorbed",
                ticket=into,
                conversation=kept["conversation_id"],
                agent=kept["owner_id"],
                other=ticket_id,
                merged=True,
            )
            await tx.audit(agent_id, "ticket.merge", ticket_id, into=into)

    async def undo(self, ticket_id: str, agent_id: str) -> None:
        """A merged ticket is one of its own again, with what came in its conversation since.

        It waits with its age kept, or is resolved as it was.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not merged, its customer was erased, or its conversation has
                another open ticket.
        """
        async with self._db.write() as tx:
            await lock_conversations(tx, ticket_id)
            row, survivor = await _merged(tx, ticket_id)
            if await is_erased(tx.conn, row["customer_id"]):
                raise Conflict("this customer's data was erased")
            kept = survivor["id"]
            values: dict[str, Any] = {"merged_into": None}
            if await _take_along(tx, row, survivor):
                values["text_version"] = row["text_version"] + 1
                await _read_anew(tx, survivor)
            if row["resolved_at"] is None:
                grown = "text_version" in values
                await back_in_queue(tx, row, **values, **({"label_due": True} if grown else {}))
            else:
                await moved(tx, row, TicketState.RESOLVED, **values)
            tx.emit(
                "ticket.absorbed",
                ticket=kept,
                conversation=row["conversation_id"],
                other=ticket_id,
                merged=False,
            )
            await tx.audit(agent_id, "ticket.unmerge", ticket_id, of=kept)

    async def split(
        self,
        ticket_id: str,
        message_ids: Sequence[str],
        agent_id: str,
        *,
        hands_off: bool = False,
    ) -> str:
        """Some of its messages become a ticket of their own; returns the new one's id.

        Raises:
            NotFound: no such ticket.
            Conflict: it is not open, a message is not one of its own, none would be left, or
                (``hands_off``) another person has it.
        """
        async with self._db.write() as tx:
            await lock_conversations(tx, ticket_id)
            row = await in_reach(tx, ticket_id, agent_id, hands_off=hands_off)
            if row["state"] not in OPEN_STATES - {TicketState.NEW}:
                raise Conflict("only a ticket that is being worked on is split")
            first = await _chosen(tx, row, message_ids)
            new_id = await self._new(tx, row, first)
            change = update(message).where(message.c.id.in_(message_ids))
            await tx.conn.execute(change.values(ticket_id=new_id))
            await _read_anew(tx, row)
            await tx.audit(
                agent_id, "ticket.split", ticket_id, new=new_id, messages=list(message_ids)
            )
        return new_id

    async def _new(self, tx: Tx, row: Fields, first: Fields) -> str:
        day = datetime.fromtimestamp(tx.now, UTC).astimezone(self._zone)
        number = ticket_number(day, await tx.bump(f"ticket:{day:%Y%m%d}", 1))
        new = {
            "id": tx.new_id(),
            "number": number,
            "state": TicketState.NEW,
            "subject": first["subject"],
            "lang": first["lang"],
            "created_at": first["received_at"],
            "updated_at": tx.now,
            "queued_at": first["received_at"],
            "label_due": True,
            "text_version": 1,
            "split_from": row["split_from"] or row["id"],
            "sticky_id": row["owner_id"],
        } | {name: row[name] for name in ("conversation_id", "customer_id", "channel", "lane")}
        await tx.insert(ticket, [new])
        tx.emit(
            "ticket.created",
            ticket=new["id"],
            conversation=new["conversation_id"],
            number=number,
            before=None,
            state=TicketState.NEW,
            owner=None,
            former=None,
            split_from=new["split_from"],
        )
        return str(new["id"])


async def _both(
    tx: Tx, one: str, other: str, agent_id: str, *, hands_off: bool
) -> dict[str, Fields]:
    if one == other:
        raise Conflict("a ticket is not merged into itself")
    return {
        ticket_id: await in_reach(tx, ticket_id, agent_id, hands_off=hands_off)
        for ticket_id in sorted([one, other])
    }


async def _may_merge(tx: Tx, gone: Fields, kept: Fields) -> None:
    """Raises ``Conflict`` where two tickets cannot be one."""
    if kept["state"] not in OPEN_STATES:
        raise Conflict("the other ticket is not open; merge this one into one that is")
    if TicketState.MERGED not in MOVES[TicketState(gone["state"])]:
        raise Conflict(f"a ticket that is {gone['state']} cannot be merged")
    inside = select(func.count()).where(ticket.c.merged_into == gone["id"])
    if (await tx.conn.execute(inside)).scalar_one():
        raise Conflict("others were merged into this ticket; merge the other one into it")
    if not await _same_customer(tx, gone["customer_id"], kept["customer_id"]):
        raise Conflict("these tickets are of two customers")
    if await filed(tx, [gone["id"], kept["id"]]) == {gone["id"]}:
        raise Conflict("a complaint is merged only into a complaint; correct the other's type")


async def _same_customer(tx: Tx, one: str, other: str) -> bool:
    if one == other:
        return True
    x = customer_link.c
    pair = or_(
        (x.first_id == one) & (x.second_id == other), (x.first_id == other) & (x.second_id == one)
    )
    proven = select(x.id).where(pair, x.undone_at.is_(None)).limit(1)
    return (await tx.conn.execute(proven)).one_or_none() is not None


async def _merged(tx: Tx, ticket_id: str) -> tuple[Fields, Fields]:
    """A merged ticket and its survivor, both locked.

    Raises:
        NotFound: no such ticket.
        Conflict: it is not merged.
    """
    query = select(ticket.c.merged_into).where(ticket.c.id == ticket_id)
    into = (await tx.conn.execute(query)).scalar_one_or_none()
    rows = await lock_rows(tx, ticket, [ticket_id, *([into] if into else [])])
    if ticket_id not in rows:
        raise NotFound("no such ticket")
    if into is None or rows[ticket_id]["merged_into"] != into:
        raise Conflict("this ticket is not merged")
    return rows[ticket_id], rows[into]


async def _take_along(tx: Tx, row: Fields, survivor: Fields) -> bool:
    """What came in its conversation while it was merged, unless the survivor shares that.

    Returns whether its customer had said something, which both were or are labelled from.
    """
    talk = row["conversation_id"]
    if survivor["conversation_id"] == talk:
        return False
    said = {}
    for table in (message, outbound):
        its = (table.c.conversation_id == talk) & (table.c.ticket_id == survivor["id"])
        change = update(table).where(its).values(ticket_id=row["id"])
        said[table] = (await tx.conn.execute(change)).rowcount
    return said[message] > 0


async def _read_anew(tx: Tx, row: Fields) -> None:
    """Words that a locked ticket was labelled from are not its own any more.

    Neither is what the classifier is reading now.
    """
    change = update(ticket).where(ticket.c.id == row["id"])
    values = {"text_version": row["text_version"] + 1, "updated_at": tx.now}
    values["label_due"] = row["state"] in OPEN_STATES
    await tx.conn.execute(change.values(values))


async def _chosen(tx: Tx, row: Fields, message_ids: Sequence[str]) -> Fields:
    """The first of the messages that are split off; raises ``Conflict`` where they cannot be."""
    m = message.c
    said = (m.ticket_id == row["id"]) & (m.kind == "message")
    query = select(m.id, m.subject, m.lang, m.received_at, m.conversation_id).where(said)
    rows = (await tx.conn.execute(query.order_by(m.seq))).mappings().all()
    chosen = [one for one in rows if one["id"] in set(message_ids)]
    foreign = any(one["conversation_id"] != row["conversation_id"] for one in chosen)
    if len(chosen) != len(set(message_ids)) or foreign:
        raise Conflict("only the customer's messages of this ticket are split off")
    if len(chosen) == len(rows):
        raise Conflict("leave at least one message with this ticket")
    return chosen[0]
