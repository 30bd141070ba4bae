"""What an erasure does, table by table: ``docs/privacy.md`` says the same for people.

Free text goes, whoever wrote it; so do names, addresses, files, and what was made of any of them.
Numbers, states, labels, times and scores stay. Every table that has text of or about a customer
is here: a test fills them all and looks for what is left.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    update,
)

from models.follow_up import OPEN_STATES, FollowUpState
from models.store.complaints.calling_back import put_down
from models.store.dialogue.revisions import WITHOUT_WORDS, Name, without_words
from models.store.dialogue.tombstones import (
    PREFIX,
    Tombstones,
    empty,
    hashes_in,
    leave_files,
)
from models.store.ground.database import Fields, Tx
from models.store.tickets.search_index import forget
from models.tables import (
    assignment,
    audit,
    complaint,
    complaint_likeness,
    conversation,
    correction,
    customer_link,
    delivery,
    envelope,
    event,
    file_due,
    follow_up,
    follow_up_attempt,
    identity,
    incident_member,
    message,
    note,
    outbound,
    proof,
    subtask,
    survey,
    ticket,
    timer,
    transfer,
    upload,
    webhook_event,
    withdrawal,
)


@dataclass(frozen=True)
class Scope:
    """Everybody that one person is, and what is theirs, as conditions of queries.

    As unions: of “this or that” PostgreSQL reads every message there is.
    """

    customers: frozenset[str]

    @cached_property
    def identities(self) -> Select[tuple[str]]:
        return select(identity.c.id).where(identity.c.customer_id.in_(self.customers))

    @cached_property
    def conversations(self) -> Select[tuple[str]]:
        return select(conversation.c.id).where(conversation.c.identity_id.in_(self.identities))

    @cached_property
    def tickets(self) -> Select[tuple[str]]:
        return select(ticket.c.id).where(ticket.c.customer_id.in_(self.customers))

    @cached_property
    def said(self) -> ColumnElement[bool]:
        """Messages: what they said anywhere, and what strangers said in their conversations."""
        m = message.c
        theirs = select(m.id).where(m.identity_id.in_(self.identities))
        return m.id.in_(
            union(theirs, select(m.id).where(m.conversation_id.in_(self.conversations)))
        )

    @cached_property
    def answers(self) -> ColumnElement[bool]:
        o = outbound.c
        there = select(o.id).where(o.conversation_id.in_(self.conversations))
        return o.id.in_(union(there, select(o.id).where(o.ticket_id.in_(self.tickets))))

    @cached_property
    def follow_ups(self) -> Select[tuple[str]]:
        return select(follow_up.c.id).where(follow_up.c.ticket_id.in_(self.tickets))


async def erase_everything(tx: Tx, scope: Scope, tombstones: Tombstones, by: str | None) -> None:
    """Everything but the customers' own rows; what is theirs is locked."""
    await _lose(tx, scope)
    await _hand_over_places(tx, scope)
    await _end_follow_ups(tx, scope)
    await _erase_messages(tx, scope, tombstones)
    await _erase_answers(tx, scope)
    await _erase_tickets(tx, scope)
    await _erase_words(tx, scope)
    await _unlearn(tx, scope, by)
    await _erase_log(tx, scope)
    await _erase_conversations(tx, scope)
    await _erase_identities(tx, scope)


async def _lose(tx: Tx, scope: Scope) -> None:
    """Nothing is found by them any more, nor where they spoke in what is another's."""
    m, o = message.c, outbound.c
    spoken = union(
        scope.tickets,
        select(m.ticket_id).where(scope.said, m.ticket_id.is_not(None)),
        select(o.ticket_id).where(scope.answers, o.ticket_id.is_not(None)),
    )
    await forget(tx, (await tx.conn.execute(spoken)).scalars().all())


async def _hand_over_places(tx: Tx, scope: Scope) -> None:
    """A place where others speak as well (a group) stays theirs: only the person leaves it.

    Not to somebody who was erased before: nothing can be sealed for them any more.
    """
    m, c, i = message.c, conversation.c, identity.c
    others = (
        select(m.conversation_id, func.max(m.id).label("last"))
        .join(identity, i.id == m.identity_id)
        .where(
            m.conversation_id.in_(scope.conversations),
            m.identity_id.not_in(scope.identities),
            ~i.lookup.startswith(PREFIX),
            ~m.quarantined,
        )
        .group_by(m.conversation_id)
        .subquery()
    )
    query = select(m.conversation_id, m.identity_id).join(others, m.id == others.c.last)
    for row in (await tx.conn.execute(query)).all():
        change = update(conversation).where(c.id == row.conversation_id)
        await tx.conn.execute(change.values(identity_id=row.identity_id, **_NOWHERE))


_NOWHERE: dict[str, Any] = {
    "subject": "", "route": None, "cc": None, "reply_to": None, "references": [],
}  # fmt: skip
"""Of a conversation: the way back was sealed with the person's key. The next message has one."""


async def _end_follow_ups(tx: Tx, scope: Scope) -> None:
    """Nobody calls them any more."""
    f = follow_up.c
    waiting = select(follow_up).where(f.id.in_(scope.follow_ups), f.state.in_(sorted(OPEN_STATES)))
    for row in (await tx.conn.execute(waiting.with_for_update(key_share=True))).mappings().all():
        await put_down(tx, row, FollowUpState.CANCELLED, ended_at=tx.now)
    subjects = union(scope.tickets, scope.follow_ups, scope.conversations)
    # What fires just now looks for itself: see ``models.store.effects.timers.stop_timer``.
    due = select(timer.c.id).where(timer.c.subject.in_(subjects))
    free = due.with_for_update(skip_locked=True)
    await tx.conn.execute(delete(timer).where(timer.c.id.in_(free)))


async def _erase_messages(tx: Tx, scope: Scope, tombstones: Tombstones) -> None:
    m, w, d = message.c, withdrawal.c, file_due.c
    query = select(
        m.id, m.channel, m.account, m.external_id, m.attachments, m.versions, m.trust,
        m.withdrawn_at,
    ).where(scope.said, ~m.external_id.startswith(PREFIX))  # fmt: skip
    rows = (await tx.conn.execute(query)).mappings().all()
    await leave_files(tx, hashes_in([*_files(rows)]))
    gone = select(withdrawal).where(
        exists().where(
            scope.said,
            m.channel == w.channel,
            m.account == w.account,
            m.external_id == w.external_id,
        )
    )
    for early in (await tx.conn.execute(gone)).all():
        same = (w.channel == early.channel) & (w.account == early.account)
        await tx.conn.execute(delete(withdrawal).where(same, w.external_id == early.external_id))
    tombstone = await tombstones.names(tx)
    changed = [_erased_message(tx, row, tombstone) for row in rows]
    await tx.update_each(message, _OF_MESSAGES, changed)
    ours = select(m.envelope_id).where(scope.said)
    others = select(m.envelope_id).where(m.envelope_id == envelope.c.id, ~scope.said)
    await empty(tx, envelope.c.id.in_(ours) & ~others.exists())
    due = update(file_due).where(d.message_id.in_(select(m.id).where(scope.said)))
    fetched: dict[str, Any] = {"state": "refused", "lease": None, "ref": {}, "error": None}
    await tx.conn.execute(due.where(d.state == "new").values(**fetched))
    await tx.conn.execute(due.values(ref={}, error=None, attachment_id=literal(PREFIX) + d.id))


_OF_MESSAGES = (
    *WITHOUT_WORDS,
    "external_id",
    "known_as",
    "subject",
    "trust",
    "meta",
    "withdrawn_at",
)


def _erased_message(tx: Tx, row: Fields, tombstone: Callable[[Name], str]) -> dict[str, Any]:
    name = row["channel"], row["account"], row["external_id"]
    trust = {part: row["trust"].get(part, "") for part in ("level", "method")}
    return WITHOUT_WORDS | {
        "id": row["id"],
        "external_id": tombstone(name),
        "known_as": None,
        "subject": "",
        "trust": trust,
        "meta": {},
        "withdrawn_at": row["withdrawn_at"] or tx.now,
    }


def _files(rows: Iterable[Fields]) -> Iterable[Mapping[str, Any]]:
    for row in rows:
        yield from row["attachments"]
        yield from row.get("versions") or ()


async def _erase_answers(tx: Tx, scope: Scope) -> None:
    """What has not gone out never will; of the rest it stays that it went."""
    o, d, u = outbound.c, delivery.c, upload.c
    files = select(o.attachments).where(scope.answers)
    for attachments in (await tx.conn.execute(files)).scalars().all():
        await leave_files(tx, hashes_in(attachments))
    hashes = select(u.sha256).where(u.ticket_id.in_(scope.tickets))
    await leave_files(tx, (await tx.conn.execute(hashes)).scalars().all())
    await tx.conn.execute(delete(upload).where(u.ticket_id.in_(scope.tickets)))
    unsent = select(o.id).where(scope.answers, o.state.not_in(["sent", "delivered"]))
    for refers in (follow_up_attempt, incident_member):
        change = update(refers).where(refers.c.outbound_id.in_(unsent))
        await tx.conn.execute(change.values(outbound_id=None))
    await tx.conn.execute(delete(delivery).where(d.outbound_id.in_(unsent)))
    await tx.conn.execute(delete(outbound).where(o.id.in_(unsent)))
    sent = select(o.id).where(scope.answers)
    tried = update(delivery).where(d.outbound_id.in_(sent))
    await tx.conn.execute(tried.values(provider_id=None, error=None))
    wordless: dict[str, Any] = {
        "text": "",
        "attachments": [],
        "choices": None,
        "provider_id": None,
        "error": None,
    }
    change = update(outbound).where(scope.answers)
    await tx.conn.execute(change.values(client_id=literal(PREFIX) + o.id, **wordless))


async def _erase_tickets(tx: Tx, scope: Scope) -> None:
    t = ticket.c
    query = select(t.id, t.labels).where(t.customer_id.in_(scope.customers))
    rows = [
        {"id": row.id, "labels": without_words(row.labels), "subject": "", "trouble": None,
         "label_due": False}
        for row in (await tx.conn.execute(query)).all()
    ]  # fmt: skip
    await tx.update_each(ticket, ("labels", "subject", "trouble", "label_due"), rows)


async def _erase_words(tx: Tx, scope: Scope) -> None:
    """What people of ours wrote about them, and what they said of us."""
    await tx.conn.execute(delete(note).where(note.c.ticket_id.in_(scope.tickets)))
    for table, words in _WORDS.items():
        change = update(table).where(table.c.ticket_id.in_(scope.tickets))
        await tx.conn.execute(change.values(dict.fromkeys(words, "")))
    a, c, s, x = assignment.c, complaint.c, survey.c, follow_up_attempt.c
    nobody = update(complaint).where(c.ticket_id.in_(scope.tickets))
    await tx.conn.execute(nobody.values(complainant=None))
    over = update(survey).where(s.ticket_id.in_(scope.tickets), s.expires_at > tx.now)
    await tx.conn.execute(over.values(expires_at=tx.now))
    called = update(follow_up_attempt).where(x.follow_up_id.in_(scope.follow_ups))
    await tx.conn.execute(called.values(content=""))
    # Why somebody has a ticket says with which words it was passed on.
    given = select(a.id, a.decision).where(a.ticket_id.in_(scope.tickets))
    wordless = [
        {"id": row.id, "decision": {**row.decision, "note": ""}}
        for row in (await tx.conn.execute(given)).all()
        if row.decision.get("note")
    ]
    await tx.update_each(assignment, ("decision",), wordless)


_WORDS = {
    complaint: (
        "matter", "outcome", "responsibility", "customer_said", "review", "call_back",
    ),
    follow_up: ("review_note",),
    subtask: ("title", "result"),
    survey: ("words",),
    transfer: ("note",),
}  # fmt: skip
"""Columns of free text, of tables with a ticket. Causes and products are counted, and stay."""


async def _unlearn(tx: Tx, scope: Scope, by: str | None) -> None:
    """The next training and the next look for similar matters find nothing of them."""
    c, x = correction.c, complaint_likeness.c
    taught = update(correction).where(c.ticket_id.in_(scope.tickets), c.excluded_at.is_(None))
    await tx.conn.execute(taught.values(excluded_at=tx.now, excluded_by=by))
    await tx.conn.execute(delete(complaint_likeness).where(x.ticket_id.in_(scope.tickets)))


async def _erase_log(tx: Tx, scope: Scope) -> None:
    """Of events and of the audit it stays who did what and when."""
    a, e, w = audit.c, event.c, webhook_event.c
    query = select(a.id, a.detail).where(a.subject.in_(_subjects(scope)))
    rows = (await tx.conn.execute(query)).all()
    told = [{"id": row.id, "detail": _without_free_text(row.detail)} for row in rows]
    await tx.update_each(audit, ("detail",), told)
    # Of what events tell, only the reason of a failed delivery may name somebody.
    failed = e.kind == "outbound.state"
    theirs = or_(e.ticket_id.in_(scope.tickets), e.conversation_id.in_(scope.conversations))
    rows = (await tx.conn.execute(select(e.seq, e.data).where(failed, theirs))).all()
    named = [row for row in rows if row.data.get("error")]
    for row in named:
        change = update(event).where(e.seq == row.seq)
        await tx.conn.execute(change.values(data=_without_error(row.data)))
    # What a webhook is owed of their tickets may be older than all events that are kept.
    owed = union(
        select(w.webhook_id, w.seq, w.body).where(w.seq.in_([row.seq for row in named])),
        select(w.webhook_id, w.seq, w.body).where(
            w.kind == "outbound.state", w.ticket_id.in_(scope.tickets)
        ),
    )
    for row in (await tx.conn.execute(owed)).all():
        told = json.loads(row.body)
        body = json.dumps(told | {"data": _without_error(told["data"])}, ensure_ascii=False)
        change = update(webhook_event).where(w.webhook_id == row.webhook_id, w.seq == row.seq)
        await tx.conn.execute(change.values(body=body))
    errors = update(webhook_event).where(w.ticket_id.in_(scope.tickets))
    await tx.conn.execute(errors.values(error=None))


def _subjects(scope: Scope) -> CompoundSelect[Any]:
    """Whatever the audit names when it is about a person."""
    return union(
        select(identity.c.customer_id).where(identity.c.id.in_(scope.identities)),
        scope.identities,
        scope.conversations,
        scope.tickets,
        scope.follow_ups,
        select(message.c.id).where(scope.said),
        select(outbound.c.id).where(scope.answers),
    )


_NAMES = frozenset(
    {
        *("to", "into", "of", "new", "agent", "id", "identity", "message", "messages"),
        *("conversation", "customers", "changed", "word", "department", "skill", "repeat_of"),
        *("assignee", "assignee_id", "facet", "before", "after", "attachment"),
    }
)
"""In the details of the audit: ids of ours and names of classes. Any other string is free text."""


def _without_free_text(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in detail.items()
        if name in _NAMES or value is None or isinstance(value, bool | int | float)
    }


def _without_error(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "error"}


async def _erase_conversations(tx: Tx, scope: Scope) -> None:
    c = conversation.c
    change = update(conversation).where(c.id.in_(scope.conversations))
    await tx.conn.execute(change.values(key=literal(PREFIX) + c.id, **_NOWHERE))


async def _erase_identities(tx: Tx, scope: Scope) -> None:
    i, p, x = identity.c, proof.c, customer_link.c
    await tx.conn.execute(delete(proof).where(p.identity_id.in_(scope.identities)))
    linked = x.first_id.in_(scope.customers) | x.second_id.in_(scope.customers)
    await tx.conn.execute(delete(customer_link).where(linked))
    change = update(identity).where(i.customer_id.in_(scope.customers))
    nobody = {"lookup": literal(PREFIX) + i.id, "sealed": b"", "blocked": False}
    await tx.conn.execute(change.values(**nobody))
