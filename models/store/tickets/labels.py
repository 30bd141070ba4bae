"""A person's word on what a ticket is about, and the queue that follows from it."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select, update

from models.complaint import FACET, Filing
from models.errors import Conflict
from models.routing import Needs
from models.store.ground.database import Database, Fields, Tx
from models.store.tickets.filing import file_by_hand
from models.store.tickets.moves import locked
from models.store.tickets.waiting import Rekey, dump_needs, retargeted
from models.tables import conversation, correction, skill_class, ticket
from models.ticket import Label, Labels, TicketState

Placing = Callable[[Labels, float], tuple[Needs, float, float | None, Rekey | None]]
"""Where a ticket with these labels belongs that has waited since then (seconds since the epoch):
its needs, its target in seconds, since when that counts (None: as before), and what finds where it
stands there. Asks nothing of the database."""


class TicketLabels:
    """Corrections, kept for retraining, and the change of queue with one."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def correct(
        self,
        ticket_id: str,
        agent_id: str,
        facet: str,
        value: str,
        file: Callable[[Labels], Filing | None] = lambda _labels: None,
        place: Placing | None = None,
    ) -> Label:
        """Replaces a label by a person's word, and keeps both for retraining.

        ``file`` says of the new labels what is filed of a complaint, None if they call it none.
        ``place`` says of them where it belongs: a waiting ticket goes there at once, and not one
        that somebody has. Whatever process dies, it is corrected and there, or neither.

        Raises:
            NotFound: no such ticket.
            Conflict: it has no labels yet.
        """
        async with self._db.write() as tx:
            row = await locked(tx, ticket_id)
            if row["labels"] is None:
                raise Conflict("this ticket has no labels yet; try again in a moment")
            labels = Labels.model_validate(row["labels"])
            before = labels.facets[facet].value if facet in labels.facets else ""
            label = Label(value=value, confidence=1.0, accepted=True, by=agent_id)
            labels = labels.model_copy(update={"facets": labels.facets | {facet: label}})
            change = update(ticket).where(ticket.c.id == ticket_id)
            await tx.conn.execute(
                change.values(
                    labels=labels.model_dump(mode="json"),
                    # What the classifier is working on now was routed without this word.
                    text_version=row["text_version"] + 1,
                    updated_at=tx.now,
                )
            )
            await _keep_correction(tx, row, facet, before, label)
            if facet == FACET:
                await file_by_hand(tx, row, file(labels), agent_id)
            tx.emit(
                "ticket.corrected",
                ticket=ticket_id,
                agent=row["owner_id"],
                facet=facet,
                before=before,
                after=value,
            )
            if place is not None and row["state"] == TicketState.WAITING:
                await _reroute(tx, row, *place(labels, row["queued_at"]))
        return label


async def _keep_correction(tx: Tx, row: Fields, facet: str, before: str, label: Label) -> None:
    """What retraining learns from: both labels, and how much of the conversation was there."""
    kept = {
        "id": tx.new_id(),
        "ticket_id": row["id"],
        "agent_id": label.by,
        "at": tx.now,
        "facet": facet,
        "before": before,
        "after": label.value,
        "upto": await _last_seq(tx, row["conversation_id"]),
    }
    await tx.insert(correction, [kept])


async def _reroute(
    tx: Tx, row: Fields, needs: Needs, target: float, clock_at: float | None, rekey: Rekey | None
) -> None:
    """A waiting ticket goes to the queue it belongs to, its row locked."""
    same = row["skill_class"] == needs.skill_class
    since = row["clock_at"] if clock_at is None else clock_at
    place = retargeted(row, target, since, tx.now, rekey, same_class=same)
    await reclassed(tx, row["id"], needs, by_hand=False, place=place)
    tx.emit("ticket.rerouted", ticket=row["id"], skill_class=needs.skill_class)


async def _last_seq(tx: Tx, conversation_id: str) -> int:
    query = select(conversation.c.last_seq).where(conversation.c.id == conversation_id)
    return int((await tx.conn.execute(query)).scalar_one())


async def reclassed(
    tx: Tx,
    ticket_id: str,
    needs: Needs,
    *,
    by_hand: bool,
    place: Mapping[str, Any] | None = None,
) -> None:
    """Into the class of other needs; without a ``place`` it begins there unrelaxed."""
    name = needs.skill_class
    named = tx.upsert(skill_class).values(name=name, needs=dump_needs(needs))
    await tx.conn.execute(named.on_conflict_do_nothing())
    t = ticket.c
    values: dict[str, Any] = {
        "skill_class": name,
        "by_hand": by_hand,
        "excluded": [],
        "epoch": t.epoch + 1,
        "updated_at": tx.now,
    }
    values |= place or {"relax_step": 0, "next_step_at": tx.now}
    await tx.conn.execute(update(ticket).where(t.id == ticket_id).values(**values))
