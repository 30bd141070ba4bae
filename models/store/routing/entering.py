"""How a labelled ticket enters the shared queue: what it needs, where it stands, what is said."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from models.complaint import Filing
from models.routing import Needs
from models.storable import Encoded
from models.store.complaints.incident_detection import StoredFingerprint, store_fingerprints
from models.store.dialogue.conversations import append
from models.store.ground.database import Fields, Tx
from models.store.ground.locks import lock, lock_rows
from models.store.routing.unlabelled import Unlabelled, corrected_facets
from models.store.tickets.filing import file_complaints, filed
from models.store.tickets.ownership import tell
from models.store.tickets.waiting import Rekey, dump_needs, retargeted
from models.tables import conversation, identity, outbound, skill_class, ticket
from models.texts import Said
from models.ticket import Labels, TicketState

_DAY_SECONDS = 86400.0

_UNROUTED = {TicketState.NEW, TicketState.WAITING}

_ROUTED = (
    "labels", "lang", "label_due", "updated_at", "state", "skill_class", "clock_at", "target",
    "rules_version", "sort_key", "late", "relax_step", "next_step_at", "units", "epoch",
    "routed_at", "first", "interrupts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Routed:
    """What the classifier and the router said about a ticket.

    ``clock_at`` is when its target counts from, None for as long as it has waited.
    ``acknowledgement`` is the first text that the customer gets, or None. ``filing`` makes it a
    complaint; None makes it none, and takes back none that is filed.
    """

    ticket: Unlabelled
    labels: Labels
    lang: str
    needs: Needs
    target: float
    units: int
    first: tuple[str, ...] = ()
    interrupts: bool = False
    acknowledgement: Said | None = None
    clock_at: float | None = None
    rules_version: str = ""
    fingerprint: StoredFingerprint | None = None
    """What others about the same matter are found by; None: it is no complaint."""
    filing: Filing | None = None


async def enter(
    tx: Tx, batch: Sequence[Routed], cap: int | None, rekey: Rekey | None
) -> list[str]:
    """Stores labels and puts new tickets into their queues: see ``Queue.route``."""
    await lock(tx, conversation, [r.ticket.conversation_id for r in batch])
    rows = await lock_rows(tx, ticket, [r.ticket.ticket_id for r in batch])
    complaints = await filed(tx, rows)
    live = [r for r in batch if _still(rows.get(r.ticket.ticket_id), r, complaints)]
    await _name_classes(tx, live)
    changed = [_enter(tx, r, rows[r.ticket.ticket_id], rekey) for r in live]
    await tx.update_each(ticket, _ROUTED, changed)
    fingerprints = {r.ticket.ticket_id: r.fingerprint for r in live if r.fingerprint is not None}
    said = {r.ticket.ticket_id: r.ticket.queued_at for r in live}
    await store_fingerprints(tx, fingerprints, {name: rows[name] for name in said}, said)
    await file_complaints(tx, {r.ticket.ticket_id: r.filing for r in live}, rows)
    await _acknowledge(tx, [r for r in live if r.acknowledgement is not None], cap)
    return [row["id"] for row in changed if row["state"] == TicketState.WAITING]


async def _name_classes(tx: Tx, batch: Sequence[Routed]) -> None:
    classes = {r.needs.skill_class: r.needs for r in batch}
    if not classes:
        return
    known = select(skill_class.c.name).where(skill_class.c.name.in_(classes))
    there = set((await tx.conn.execute(known)).scalars())
    new = [
        {"name": name, "needs": dump_needs(needs)}
        for name, needs in sorted(classes.items())
        if name not in there
    ]
    await tx.insert(skill_class, new, new_only=True)


def _enter(tx: Tx, r: Routed, row: Fields, rekey: Rekey | None) -> dict[str, Any]:
    labels, corrected = r.labels, corrected_facets(row["labels"])
    if corrected:
        labels = labels.model_copy(update={"facets": labels.facets | corrected})
    change = dict(row) | {
        "labels": Encoded(labels.model_dump_json()),
        "lang": r.lang,
        "label_due": False,
        "updated_at": tx.now,
    }
    if row["state"] in _UNROUTED:
        clock_at = row["queued_at"] if r.clock_at is None else r.clock_at
        change |= {
            "state": TicketState.WAITING,
            "skill_class": row["skill_class"] if row["by_hand"] else r.needs.skill_class,
            "rules_version": r.rules_version,
            "units": r.units,
            "epoch": row["epoch"] + 1,
            "routed_at": row["routed_at"] or tx.now,
            "first": list(r.first),
            "interrupts": r.interrupts,
        }
        same_class = change["skill_class"] == row["skill_class"]
        change |= retargeted(row, r.target, clock_at, tx.now, rekey, same_class=same_class)
    _tell(tx, row, change["skill_class"], labels)
    return change


def _tell(tx: Tx, row: Fields, skill_class: str, labels: Labels) -> None:
    said = {
        "skill_class": skill_class,
        "abstained": labels.abstained,
        "labels": {name: [la.value, la.confidence] for name, la in labels.facets.items()},
    }
    if row["state"] == TicketState.NEW:
        tell(tx, "ticket.queued", row, TicketState.WAITING, None, **said)
        return
    tx.emit(
        "ticket.labelled",
        ticket=row["id"],
        conversation=row["conversation_id"],
        agent=row["owner_id"],
        number=row["number"],
        **said,
    )


async def _acknowledge(tx: Tx, batch: Sequence[Routed], cap: int | None) -> None:
    if not batch:
        return
    said = await _acknowledged(tx, {r.ticket.identity_id for r in batch})
    for r in batch:
        assert r.acknowledgement is not None
        if cap is not None and said[r.ticket.identity_id] >= cap:
            continue
        said[r.ticket.identity_id] += 1
        await append(
            tx,
            conversation_id=r.ticket.conversation_id,
            ticket_id=r.ticket.ticket_id,
            kind="ack",
            text=r.acknowledgement.text,
            client_id=f"ack:{r.ticket.ticket_id}",
            agent_id=None,
            template=r.acknowledgement.template,
        )


async def _acknowledged(tx: Tx, identity_ids: Collection[str]) -> Counter[str]:
    """How many acknowledgements each got within a day; locked, so that nobody adds to them."""
    await lock(tx, identity, identity_ids)
    c, o = conversation.c, outbound.c
    query = (
        select(c.identity_id, func.count())
        .select_from(outbound.join(conversation))
        .where(
            c.identity_id.in_(identity_ids), o.kind == "ack", o.created_at >= tx.now - _DAY_SECONDS
        )
        .group_by(c.identity_id)
    )
    return Counter({row[0]: row[1] for row in await tx.conn.execute(query)})


def _still(row: Fields | None, routed: Routed, complaints: Collection[str]) -> bool:
    """Whether a ticket is as it was when it was read: with another it is read, and routed, anew.

    A complaint filed since is told to the customer: labels from before know nothing of it.
    """
    if row is None or not row["label_due"]:
        return False
    was = routed.ticket
    same = row["text_version"] == was.text_version
    return bool(same and (row["id"] in complaints) == was.complaint)
