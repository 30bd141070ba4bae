"""Labelling and claiming: how a ticket comes into the shared queue, and out of it.

Locks are taken in one order everywhere (conversation, ticket, identity, agent, counter), each
sorted by id, so that transactions wait for each other but never in a circle.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Row,
    String,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.agent import Presence
from models.complaint import Filing
from models.errors import Conflict
from models.message import Trust
from models.routing import Decision, Needs, Waiting
from models.storable import Encoded
from models.store.conversations import append
from models.store.custody import lock, lock_rows, take, tell
from models.store.database import Database, Fields, Tx
from models.store.filing import file_complaints
from models.store.likenesses import Signed, note_likenesses
from models.store.waiting import STEPS, Rekey, as_waiting, dump_needs, load_needs, retargeted
from models.tables import (
    agent,
    conversation,
    customer,
    identity,
    message,
    outbound,
    skill_class,
    ticket,
)
from models.texts import Said
from models.ticket import MACHINES, Label, Labels, TicketState

_UNROUTED = {TicketState.NEW, TicketState.WAITING}


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A ticket whose customer has said something that its labels do not know yet.

    ``text`` is everything its customer wrote, oldest first; ``queued_at`` is when its waiting
    counts from, in seconds since the epoch. ``corrected`` are the labels that people gave, by
    facet: they outweigh what the classifier says. The last fields are about the message that
    opened it, for deciding whether an acknowledgement may go out.
    """

    ticket_id: str
    conversation_id: str
    text_version: int
    state: TicketState
    channel: str
    lane: str
    lang: str
    tier: str
    subject: str
    text: str
    number: str
    queued_at: float
    troubled: bool
    corrected: Mapping[str, Label]
    account: str
    identity_id: str
    trust: Trust
    auto: str
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Routed:
    """What the classifier and the router said about a ticket.

    ``clock_at`` is when its target counts from, None for as long as it has waited.
    ``acknowledgement`` is the text the customer gets when the ticket enters the queue for
    the first time, or None. ``filing`` makes it a complaint, None makes it none.
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
    signed: Signed | None = None
    """What others about the same matter are found by; None: it is no complaint."""
    filing: Filing | None = None


class Queue:
    """The shared queue: one index, late binding, claims conditional on epoch and capacity."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- labels ------------------------------------------------------------------------

    async def unlabelled(
        self, limit: int, ticket_ids: Collection[str] = (), *, untouched: float = 0.0
    ) -> list[Unlabelled]:
        """Tickets that want labels now, oldest first; greetings only once their hold ended.

        ``untouched``: only those to which nothing happened for so many seconds, greetings apart.
        """
        t = ticket.c
        now = await self._db.now()
        query = (
            select(*(t[name] for name in _ASKED), customer.c.tier)
            .join(customer, customer.c.id == t.customer_id)
            .where(_LABEL_DUE, t.held_until <= now)
            .order_by(t.id)
            .limit(limit)
        )
        if untouched:
            query = query.where(or_(t.held_until > 0, t.updated_at <= now - untouched))
        if ticket_ids:
            query = query.where(t.id.in_(ticket_ids))

        async def found(conn: AsyncConnection) -> list[Unlabelled]:
            rows = (await conn.execute(query)).mappings().all()
            said = await _said(conn, [row["id"] for row in rows])
            return [_unlabelled(row, said.get(row["id"], [])) for row in rows]

        return await self._db.look(found)

    async def route(
        self, batch: Sequence[Routed], cap: int | None = None, rekey: Rekey | None = None
    ) -> list[str]:
        """Stores labels and puts new tickets into their skill queues, in one commit.

        A ticket that grew meanwhile is left for the next round. Labels that a person
        corrected stay, and so does a queue that a person chose. ``cap`` is the most
        acknowledgements that one identity gets in a day; ``rekey`` finds where a ticket stands
        under its new target. Returns the ids of the tickets that wait now.
        """
        if not batch:
            return []
        return await self._db.transact(partial(self._route, batch, cap, rekey))

    async def _route(
        self, batch: Sequence[Routed], cap: int | None, rekey: Rekey | None, tx: Tx
    ) -> list[str]:
        await lock(tx, conversation, [r.ticket.conversation_id for r in batch])
        rows = await lock_rows(tx, ticket, [r.ticket.ticket_id for r in batch])
        live = [r for r in batch if _still(rows.get(r.ticket.ticket_id), r)]
        await self._name_classes(tx, live)
        changed = [self._enter(tx, r, rows[r.ticket.ticket_id], rekey) for r in live]
        await tx.update_each(ticket, _ROUTED, changed)
        signed = {r.ticket.ticket_id: r.signed for r in live if r.signed is not None}
        said = {r.ticket.ticket_id: r.ticket.queued_at for r in live}
        await note_likenesses(tx, signed, {name: rows[name] for name in said}, said)
        await file_complaints(tx, {r.ticket.ticket_id: r.filing for r in live}, rows)
        new = [r for r in live if rows[r.ticket.ticket_id]["state"] == TicketState.NEW]
        await self._acknowledge(tx, [r for r in new if r.acknowledgement is not None], cap)
        return [row["id"] for row in changed if row["state"] == TicketState.WAITING]

    @staticmethod
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

    @staticmethod
    def _enter(tx: Tx, r: Routed, row: Fields, rekey: Rekey | None) -> dict[str, Any]:
        labels, corrected = r.labels, _corrected(row["labels"])
        if corrected:
            labels = labels.model_copy(update={"facets": labels.facets | corrected})
        change = dict(row) | {
            "labels": Encoded(labels.model_dump_json()),
            "lang": r.lang,
            "label_due": False,
            "updated_at": tx.now,
        }
        moves = row["state"] in _UNROUTED
        if moves:
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
        said = {
            "skill_class": change["skill_class"],
            "abstained": labels.abstained,
            "labels": {name: [la.value, la.confidence] for name, la in labels.facets.items()},
        }
        if row["state"] == TicketState.NEW:
            tell(tx, "ticket.queued", row, TicketState.WAITING, None, **said)
            return change
        tx.emit(
            "ticket.labelled",
            ticket=row["id"],
            conversation=row["conversation_id"],
            agent=row["owner_id"],
            number=row["number"],
            **said,
        )
        return change

    @staticmethod
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

    # -- claims ------------------------------------------------------------------------

    async def anything_to_give(self) -> bool:
        """Whether something waits while a ready person has a unit of capacity left.

        Mostly not: in a busy centre nobody is free, in a quiet one nothing waits.
        """

        async def found(conn: AsyncConnection) -> bool:
            return (await conn.execute(_BOTH_SIDES)).first() is not None

        return await self._db.look(found)

    async def heads(
        self, depth: int, wanted: Callable[[Needs], bool] = lambda _needs: True
    ) -> list[Waiting]:
        """The first ``depth`` tickets of each (skill class, relaxation step) by key.

        Only of classes whose needs are ``wanted``: in a busy centre nobody is free for most.
        """

        async def found(conn: AsyncConnection) -> list[Waiting]:
            known = {
                row.name: load_needs(row.needs) for row in await conn.execute(select(skill_class))
            }
            classes = {name: needs for name, needs in known.items() if wanted(needs)}
            rows = await head_rows(conn, sorted(classes), depth)
            return [as_waiting(row, classes[row["skill_class"]]) for row in rows]

        return await self._db.look(found)

    async def waiting(self, ticket_id: str) -> Waiting | None:
        """One ticket as the router sees it; None when it does not wait, or has no labels yet."""
        t, s = ticket.c, skill_class.c
        query = (
            select(ticket, s.needs)
            .join(skill_class, s.name == t.skill_class)
            .where(t.id == ticket_id, t.state == TicketState.WAITING, t.target.is_not(None))
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        return None if row is None else as_waiting(row, load_needs(row["needs"]))

    async def interrupting(self, limit: int) -> list[Waiting]:
        """The first waiting tickets that may take the place of interruptible work."""

        async def found(conn: AsyncConnection) -> list[Waiting]:
            rows = await conn.execute(_INTERRUPTING, {"most": limit})
            return [as_waiting(row, load_needs(row["needs"])) for row in rows.mappings()]

        return await self._db.look(found)

    async def claim(
        self,
        decision: Decision,
        offer_seconds: float | None,
        interruptible: Sequence[str] = (),
    ) -> bool:
        """Gives a ticket to an agent; False when either has changed since the decision.

        ``offer_seconds``: None gives it at once (自动接入), a number lets the agent accept.
        ``interruptible``: lanes of the work that a decision may set aside, if it says so.
        """
        try:
            await self._db.transact(lambda tx: take(tx, decision, offer_seconds, interruptible))
        except Conflict:
            return False
        return True

    async def forgive(self, ticket_id: str, epoch: int, pause: float) -> bool:
        """Empties a ticket's exclude set, ``pause`` seconds after it last grew.

        For a ticket that everybody who may take it has declined or let pass.
        """
        t = ticket.c
        async with self._db.write() as tx:
            cleared = (
                update(ticket)
                .where(
                    t.id == ticket_id,
                    t.epoch == epoch,
                    t.state == TicketState.WAITING,
                    t.updated_at <= tx.now - pause,
                )
                .values(excluded=[], epoch=t.epoch + 1)
            )
            if (await tx.conn.execute(cleared)).rowcount == 0:
                return False
            tx.emit("ticket.nobody_wants", ticket=ticket_id)
        return True


_ASKED = (
    "id", "conversation_id", "text_version", "state", "channel", "lane", "lang", "subject",
    "number", "queued_at", "trouble", "labels",
)  # fmt: skip
"""What ``unlabelled`` tells of a ticket."""

_LABEL_DUE = text("ticket.label_due")
_WAITING = text(f"ticket.state = '{TicketState.WAITING}'")
"""The conditions of partial indexes, word for word: only so a database sees that they will do."""

_DAY_SECONDS = 86400.0

_LONGEST_TEXT = 8000
"""Characters of a ticket that the classifier reads; the newest count."""

_ROUTED = (
    "labels", "lang", "label_due", "updated_at", "state", "skill_class", "clock_at", "target",
    "rules_version", "sort_key", "late", "relax_step", "next_step_at", "units", "epoch",
    "routed_at", "first", "interrupts",
)  # fmt: skip


async def _said(
    conn: AsyncConnection, ticket_ids: Sequence[str]
) -> dict[str, list[Row[*tuple[Any, ...]]]]:
    m = message.c
    query = (
        select(m.ticket_id, m.text, m.account, m.identity_id, m.trust, m.auto, m.meta)
        .where(
            m.ticket_id.in_(ticket_ids),
            m.kind == "message",
            ~m.quarantined,
            m.withdrawn_at.is_(None),
        )
        .order_by(m.ticket_id, m.seq)
    )
    said: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in await conn.execute(query):
        said.setdefault(row.ticket_id, []).append(row)
    return said


def _unlabelled(row: Fields, said: Sequence[Row[*tuple[Any, ...]]]) -> Unlabelled:
    first = said[0] if said else None
    return Unlabelled(
        ticket_id=row["id"],
        conversation_id=row["conversation_id"],
        text_version=row["text_version"],
        state=TicketState(row["state"]),
        channel=row["channel"],
        lane=row["lane"],
        lang=row["lang"],
        tier=row["tier"],
        subject=row["subject"],
        text="\n".join(line.text for line in said)[-_LONGEST_TEXT:],
        number=row["number"],
        queued_at=row["queued_at"],
        troubled=row["trouble"] is not None,
        corrected=_corrected(row["labels"]),
        account=first.account if first else "",
        identity_id=first.identity_id if first else "",
        trust=Trust(**first.trust) if first else Trust(),
        auto=first.auto if first else "none",
        meta=first.meta if first else {},
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


def _still(row: Fields | None, routed: Routed) -> bool:
    if row is None or not row["label_due"]:
        return False
    return bool(row["text_version"] == routed.ticket.text_version)


def _corrected(labels: Fields | None) -> dict[str, Label]:
    if labels is None:
        return {}
    facets = Labels.model_validate(labels).facets
    return {name: label for name, label in facets.items() if label.by not in MACHINES}


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


_SLOTS = 16
"""Skill classes whose heads are read in one statement."""

_NO_NAMES: Mapping[str, Any] = {f"name_{slot}": None for slot in range(_SLOTS)}


def _heads() -> CompoundSelect[Any]:
    """A walk down ``ix_ticket_queue`` for each slot and step: never the whole backlog."""
    t = ticket.c
    columns = (
        t.id, t.epoch, t.lane, t.skill_class, t.clock_at, t.target, t.late, t.units,
        t.relax_step, t.sticky_id, t.excluded, t.rules_version, t.first, t.interrupts,
    )  # fmt: skip
    parts = [
        select(*columns)
        .where(
            _WAITING,
            t.skill_class == bindparam(f"name_{slot}", type_=String),
            t.relax_step == literal_column(str(step)),
        )
        .order_by(t.sort_key, t.id)
        .limit(bindparam("depth", type_=Integer))
        .subquery()
        for slot in range(_SLOTS)
        for step in range(STEPS)
    ]
    return union_all(*(select(part) for part in parts))


_HEADS = _heads()
"""Made once: making it takes longer than running it."""

_BOTH_SIDES = (
    select(agent.c.id)
    .where(
        agent.c.presence == Presence.READY,
        agent.c.disabled_at.is_(None),
        agent.c.used < agent.c.capacity,
        select(ticket.c.id).where(_WAITING).exists(),
    )
    .limit(1)
)

_INTERRUPTING = (
    select(ticket, skill_class.c.needs)
    .join(skill_class, skill_class.c.name == ticket.c.skill_class)
    # In the words of the partial index: only then the database sees that it will do.
    .where(
        ticket.c.state == literal_column(f"'{TicketState.WAITING}'"),
        literal_column("ticket.interrupts"),
    )
    .order_by(ticket.c.sort_key, ticket.c.id)
    .limit(bindparam("most", type_=Integer))
)


async def head_rows(conn: AsyncConnection, names: Sequence[str], depth: int) -> list[Fields]:
    """The first ``depth`` waiting tickets of each (skill class, relaxation step) by key."""
    heads: list[Fields] = []
    for some in _chunks(names, _SLOTS):
        slots = {f"name_{slot}": name for slot, name in enumerate(some)}
        rows = await conn.execute(_HEADS, {**_NO_NAMES, **slots, "depth": depth})
        heads += rows.mappings()
    return heads
