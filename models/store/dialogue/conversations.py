"""The numbered log of a conversation: what both sides said, in the order of its seq."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    case,
    exists,
    func,
    or_,
    select,
    union,
    update,
)

from models import storable
from models.errors import Conflict, NotFound
from models.message import Attachment, Choice
from models.store.ground.database import Database, Fields, Tx
from models.tables import conversation, message, outbound, ticket
from models.ticket import OPEN_STATES


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. ``state`` tells what became of ours (queued … delivered).

    ``also_to``: who else has it, by name or masked. ``answers_elsewhere``: the masked address at
    which somebody unproven wants answers, though they write as another. ``encrypted``: it cannot
    be read without a key that is not ours. ``in_copy``: of a stranger whom the customer has put
    in copy. ``cc``: the numbers of those who get an answer of ours, too.
    ``versions`` are those of an edited message, oldest first, the shown one last: each with
    ``revision``, ``text``, ``attachments`` and ``at``. A withdrawn one has no words left. A line
    with ``changes_id`` only notes that the message of this id was edited or withdrawn.
    """

    seq: int
    side: Literal["customer", "us"]
    id: str
    ticket_id: str | None
    at: float
    kind: str
    text: str
    text_full: str = ""
    html: str | None = None
    attachments: Sequence[Mapping[str, Any]] = ()
    trust: Mapping[str, Any] | None = None
    auto: str = "none"
    quarantined: bool = False
    also_to: Sequence[str] = ()
    in_copy: bool = False
    cc: Sequence[int] = ()
    answers_elsewhere: str | None = None
    encrypted: bool = False
    envelope_id: str | None = None
    identity_id: str | None = None
    external_id: str | None = None
    agent_id: str | None = None
    state: str = ""
    error: str | None = None
    versions: Sequence[Mapping[str, Any]] = ()
    withdrawn_at: float | None = None
    changes_id: str | None = None
    template: str | None = None
    choices: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer said about a ticket: the beginnings of their first and last words.

    ``identity_id`` is who wrote last.
    """

    identity_id: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where messages with one key on one account belong."""

    id: str
    channel: str
    account: str
    key: str
    identity_id: str
    subject: str
    last_seq: int
    read_seq: int
    seen_seq: int
    ended_at: float | None


class TicketOf(NamedTuple):
    """What is known of the ticket in which a conversation goes on."""

    id: str
    owner_id: str | None
    lang: str


class Conversations:
    """Reads logs, and appends our side to them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, channel: str, account: str, key: str) -> Conversation | None:
        c = conversation.c
        query = select(conversation).where(
            c.channel == channel, c.account == account, c.key == key
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        names = Conversation.__dataclass_fields__
        return Conversation(**{name: row[name] for name in names})

    async def log(self, conversation_id: str, after: int = 0, limit: int = 500) -> list[Entry]:
        """Entries with a greater seq, in order, and none left out before the last of them.

        Whoever reads goes on from there: what the one side said while the other was read would
        never be seen.
        """
        m, o = message.c, outbound.c
        theirs = select(message).where(m.conversation_id == conversation_id, m.seq > after)
        ours = select(outbound).where(o.conversation_id == conversation_id, o.seq > after)
        async with self._db.read(steady=True) as conn:
            said = await conn.execute(theirs.order_by(m.seq).limit(limit))
            entries = [_theirs(row) for row in said.mappings()]
            answered = await conn.execute(ours.order_by(o.seq).limit(limit))
            entries += [_ours(row) for row in answered.mappings()]
        return sorted(entries, key=lambda entry: entry.seq)[:limit]

    async def line(self, conversation_id: str, line_id: str) -> Entry | None:
        """One line of a conversation by its id, of either side."""
        m, o = message.c, outbound.c
        theirs = select(message).where(m.conversation_id == conversation_id, m.id == line_id)
        ours = select(outbound).where(o.conversation_id == conversation_id, o.id == line_id)
        async with self._db.read() as conn:
            said = (await conn.execute(theirs)).mappings().one_or_none()
            if said is not None:
                return _theirs(said)
            answered = (await conn.execute(ours)).mappings().one_or_none()
        return None if answered is None else _ours(answered)

    async def words(self, ticket_ids: Sequence[str], length: int) -> dict[str, Words]:
        """The customer's first and newest words by ticket, ``length`` characters at most.

        What was withdrawn is not among them, nor what only notes an edit: a ticket of which
        nothing is left has none.
        """
        m = message.c
        order = m.received_at, m.seq  # a ticket may have lines of two conversations: see Merging
        first, last = (
            func.row_number().over(partition_by=m.ticket_id, order_by=by).label(name)
            for name, by in (("first", order), ("last", [one.desc() for one in order]))
        )
        said = (m.kind == "message") & m.withdrawn_at.is_(None)
        ranked = select(m.id, first, last).where(m.ticket_id.in_(ticket_ids), said).subquery()
        query = (
            select(m.ticket_id, m.identity_id, func.substr(m.text, 1, length).label("text"))
            .join(ranked, ranked.c.id == m.id)
            .where(or_(ranked.c.first == 1, ranked.c.last == 1))
            .order_by(ranked.c.first)
        )
        found: dict[str, Words] = {}
        async with self._db.read() as conn:
            for row in await conn.execute(query):
                began = found[row.ticket_id].first if row.ticket_id in found else row.text
                found[row.ticket_id] = Words(row.identity_id, began, row.text)
        return found

    async def unanswered(self, ticket_ids: Sequence[str]) -> dict[str, float]:
        """Since when the customer of each ticket waits for a person's word; not of the answered.

        What machines wrote, what was withdrawn and what is not proven to be theirs waits for none.
        """
        m, o = message.c, outbound.c
        # Each conversation counts its own lines, and a ticket may have those of two: see Merging.
        here = o.conversation_id == m.conversation_id
        after = case((here, o.seq > m.seq), else_=o.created_at > m.received_at)
        later = exists().where(o.ticket_id == m.ticket_id, o.kind == "reply", after)
        theirs = (m.kind == "message") & (m.auto == "none") & ~m.quarantined
        query = (
            select(m.ticket_id, func.min(m.received_at).label("since"))
            .where(m.ticket_id.in_(ticket_ids), theirs, m.withdrawn_at.is_(None), ~later)
            .group_by(m.ticket_id)
        )
        async with self._db.read() as conn:
            return {row.ticket_id: row.since for row in await conn.execute(query)}

    async def account(self, conversation_id: str) -> str:
        """The account of ours (mailbox, site) that a conversation is on; “” if unknown."""
        query = select(conversation.c.account).where(conversation.c.id == conversation_id)
        return await self._db.value(query) or ""

    async def open_keys(self, channel: str, account: str) -> list[str]:
        """The keys of an account's conversations whose next word belongs to an open ticket.

        Their own, or the one that theirs was merged into.
        """
        c, t = conversation.c, ticket.c
        # From the few that are open, and not from every conversation there ever was.
        goes_on = select(t.id).where(t.state.in_(sorted(OPEN_STATES)))
        own = select(t.conversation_id).where(t.state.in_(sorted(OPEN_STATES)))
        merged = select(t.conversation_id).where(t.merged_into.in_(goes_on))
        query = select(c.key).where(
            c.id.in_(union(own, merged)), c.channel == channel, c.account == account
        )
        return await self._db.column(query)

    async def delivered(self, conversation_id: str, seq: int) -> None:
        """The customer's own client has shown everything up to ``seq``."""
        async with self._db.write() as tx:
            c, o = conversation.c, outbound.c
            higher = (c.id == conversation_id) & (c.read_seq < seq) & (c.last_seq >= seq)
            moved = update(conversation).where(higher).values(read_seq=seq)
            if (await tx.conn.execute(moved)).rowcount == 0:
                return
            shown = (
                update(outbound)
                .where(
                    o.conversation_id == conversation_id,
                    o.seq <= seq,
                    o.state.in_(["queued", "sending", "waiting", "sent"]),
                )
                .values(state="delivered", finished_at=tx.now, lease=None)
                .returning(o.id, o.ticket_id, o.agent_id)
            )
            for row in (await tx.conn.execute(shown)).all():
                tx.emit(
                    "outbound.state",
                    ticket=row.ticket_id,
                    conversation=conversation_id,
                    agent=row.agent_id,
                    outbound=row.id,
                    state="delivered",
                )

    async def get(self, conversation_id: str) -> Conversation:
        """Raises ``NotFound``."""
        query = select(conversation).where(conversation.c.id == conversation_id)
        row = await self._db.one(query, "no such conversation")
        return Conversation(**{name: row[name] for name in Conversation.__dataclass_fields__})

    async def seen(self, conversation_id: str, seq: int) -> None:
        """An agent has seen what the customer said, up to ``seq``."""
        c = conversation.c
        higher = (c.id == conversation_id) & (c.seen_seq < seq) & (c.last_seq >= seq)
        async with self._db.write() as tx:
            moved = update(conversation).where(higher).values(seen_seq=seq)
            if (await tx.conn.execute(moved)).rowcount:
                tx.emit("conversation.seen", conversation=conversation_id, seq=seq)

    async def end(self, conversation_id: str) -> None:
        """The customer has ended the chat; their next word, if there is one, goes on in it."""
        async with self._db.write() as tx:
            await end(tx, conversation_id, silent=False)


def _theirs(row: Fields) -> Entry:
    return Entry(
        seq=row["seq"],
        side="customer",
        id=row["id"],
        ticket_id=row["ticket_id"],
        at=row["received_at"],
        kind=row["kind"],
        text=row["text"],
        text_full=row["text_full"],
        html=row["html"],
        attachments=row["attachments"],
        trust=row["trust"],
        auto=row["auto"],
        quarantined=row["quarantined"],
        also_to=row["meta"].get("also_to", ()),
        in_copy=row["meta"].get("in_copy", False),
        answers_elsewhere=row["meta"].get("answers_elsewhere"),
        encrypted=row["meta"].get("encrypted", False),
        envelope_id=row["envelope_id"],
        identity_id=row["identity_id"],
        external_id=row["external_id"],
        versions=row["versions"] or (),
        withdrawn_at=row["withdrawn_at"],
        changes_id=row["changes_id"],
    )


def _ours(row: Fields) -> Entry:
    return Entry(
        seq=row["seq"],
        side="us",
        id=row["id"],
        ticket_id=row["ticket_id"],
        at=row["created_at"],
        kind=row["kind"],
        text=row["text"],
        attachments=row["attachments"],
        agent_id=row["agent_id"],
        state=row["state"],
        error=row["error"],
        template=row["template"],
        choices=row["choices"] or (),
        cc=row["cc"] or (),
    )


async def end(tx: Tx, conversation_id: str, *, silent: bool) -> bool:
    """Ends a talk; False when it has ended. ``silent``: nobody did, nothing was said for long."""
    c = conversation.c
    change = update(conversation).where(c.id == conversation_id, c.ended_at.is_(None))
    if (await tx.conn.execute(change.values(ended_at=tx.now))).rowcount == 0:
        return False
    its = await ticket_of(tx, conversation_id)
    tx.emit(
        "conversation.ended",
        ticket=its.id if its else None,
        conversation=conversation_id,
        agent=its.owner_id if its else None,
        silent=silent,
    )
    return True


def goes_on(conversation_id: str | ColumnElement[str]) -> ScalarSelect[str]:
    """The id of the ticket in which a conversation goes on: of one that was merged, its survivor.

    An open one before one that has ended, the main one before a part, then the newest: whichever
    gets the next word, see ``models.store.intake.reopening``.
    """
    own = ticket.alias("own")
    order = own.c.state.in_(sorted(OPEN_STATES)), own.c.split_from.is_(None), own.c.id
    return (
        select(func.coalesce(own.c.merged_into, own.c.id))
        .where(own.c.conversation_id == conversation_id)
        .order_by(*(by.desc() for by in order))
        .limit(1)
        .correlate(conversation)
        .scalar_subquery()
    )


async def ticket_of(tx: Tx, conversation_id: str) -> TicketOf | None:
    """The ticket in which a conversation goes on."""
    t = ticket.c
    query = select(t.id, t.owner_id, t.lang).where(t.id == goes_on(conversation_id))
    row = (await tx.conn.execute(query)).one_or_none()
    return None if row is None else TicketOf(*row)


async def append(
    tx: Tx,
    *,
    conversation_id: str,
    ticket_id: str | None,
    kind: str,
    text: str,
    client_id: str,
    agent_id: str | None,
    attachments: Sequence[Attachment] = (),
    template: str | None = None,
    choices: Sequence[Choice] = (),
    cc: Sequence[int] = (),
) -> tuple[str, bool]:
    """Adds one of our messages to the log; (outbound id, whether it is new).

    ``client_id`` makes it idempotent: the same one again changes nothing. ``template`` is what
    an automatic text was made from, ``choices`` the answers that it offers. ``cc`` are numbers of
    ``Copied``.

    Raises:
        Conflict: the same ``client_id`` was used for another text, ticket, files or recipients.
        NotFound: no such conversation.
    """
    c = conversation.c
    text = storable.text(text)  # as it is stored, for the comparison with what is there
    # The lock keeps everybody else from appending the same client_id meanwhile.
    lock = select(c.channel).where(c.id == conversation_id).with_for_update(key_share=True)
    channel = (await tx.conn.execute(lock)).scalar_one_or_none()
    if channel is None:
        raise NotFound("no such conversation")
    files = [file.model_dump(mode="json") for file in attachments]
    cc = sorted(set(cc))
    if (before := await _said_before(tx, client_id, text, ticket_id, files, cc)) is not None:
        return before, False
    bump = update(conversation).where(c.id == conversation_id).values(last_seq=c.last_seq + 1)
    seq = (await tx.conn.execute(bump.returning(c.last_seq))).scalar_one()
    row = {
        "id": tx.new_id(),
        "conversation_id": conversation_id,
        "ticket_id": ticket_id,
        "agent_id": agent_id,
        "client_id": client_id,
        "seq": seq,
        "kind": kind,
        "text": text,
        "attachments": files,
        "template": template,
        "choices": [one.model_dump() for one in choices] or None,
        "cc": cc or None,
        "channel": channel,
        "created_at": tx.now,
    }
    await tx.insert(outbound, [row])
    tx.emit(
        "message.out",
        ticket=ticket_id,
        conversation=conversation_id,
        agent=agent_id,
        seq=seq,
        outbound=row["id"],
        kind=kind,
    )
    return str(row["id"]), True


async def _said_before(
    tx: Tx,
    client_id: str,
    text: str,
    ticket_id: str | None,
    files: Sequence[Fields],
    cc: Sequence[int],
) -> str | None:
    """The id of the answer that this client made of the same before, if it did."""
    o = outbound.c
    query = select(o.id, o.text, o.ticket_id, o.attachments, o.cc).where(o.client_id == client_id)
    before = (await tx.conn.execute(query)).one_or_none()
    if before is None:
        return None
    same = (before.text, before.ticket_id, before.attachments, before.cc or [])
    if same != (text, ticket_id, files, cc):
        raise Conflict("this client_id was used for another answer; make a new one")
    return str(before.id)
