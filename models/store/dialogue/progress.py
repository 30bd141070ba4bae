"""How a customer's own tickets stand, for telling them; and who counts as their owner."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.message import Choice
from models.store.dialogue.conversations import append
from models.store.ground.database import Tx
from models.tables import (
    agent,
    conversation,
    customer_link,
    identity,
    message,
    outbound,
    ticket,
)
from models.texts import Said
from models.ticket import OPEN_STATES

_OPEN = sorted(OPEN_STATES)
_ENDED_SECONDS = 30 * 86_400.0
_DAY = 86_400.0
_MOST = 3

PREFIX = "progress:"
"""Of the ``client_id`` of an answer; behind it stands the question's id."""


@dataclass(frozen=True, slots=True)
class Question:
    """A stored message that asks, and what is known of who wrote it."""

    message_id: str
    conversation_id: str
    ticket_id: str | None
    identity_id: str
    customer_id: str
    level: str
    lang: str
    answered: int


async def answered(
    tx: Tx, question: Question, said: Said, client_id: str, choices: Sequence[Choice] = ()
) -> None:
    """Says ``said`` where the question was asked; once, whatever comes twice."""
    await append(
        tx,
        conversation_id=question.conversation_id,
        ticket_id=question.ticket_id,
        kind="notice",
        text=said.text,
        client_id=client_id,
        agent_id=None,
        template=said.template,
        choices=choices,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """One ticket as its customer may know it: no name, no label, no note. Times are seconds."""

    ticket_id: str
    number: str
    lang: str
    state: str
    agent: str | None
    due_at: float | None
    target: float | None
    first_answer_at: float | None
    wake_at: float | None
    resolved_at: float | None


async def questions(tx: Tx, message_ids: Collection[str]) -> list[Question]:
    """Those of these messages that are stored and may be answered by themselves.

    Not what a stranger wrote into another's conversation, nor what one wrote who is blocked.
    ``answered`` is how many such answers this identity has had within a day.
    """
    m, i, o, c = message.c, identity.c, outbound.c, conversation.c
    had = (
        select(func.count())
        .select_from(outbound.join(conversation, c.id == o.conversation_id))
        .where(
            c.identity_id == m.identity_id,
            o.created_at > tx.now - _DAY,
            o.client_id.like(f"{PREFIX}%"),
        )
        .scalar_subquery()
    )
    query = (
        select(m.id, m.conversation_id, m.ticket_id, m.identity_id, i.customer_id, m.trust)
        .add_columns(m.lang, had.label("answered"))
        .join(identity, i.id == m.identity_id)
        .where(m.id.in_(message_ids), m.quarantined.is_(False), i.blocked.is_(False))
        .order_by(m.conversation_id, m.seq)
    )
    rows = (await tx.conn.execute(query)).all()
    return [
        Question(
            message_id=row.id,
            conversation_id=row.conversation_id,
            ticket_id=row.ticket_id,
            identity_id=row.identity_id,
            customer_id=row.customer_id,
            level=row.trust["level"],
            lang=row.lang,
            answered=row.answered,
        )
        for row in rows
    ]


async def standings(tx: Tx, asker: Question, number: str | None) -> list[Standing]:
    """The asker's own tickets: the one with ``number``, or the open ones, or the last one.

    Own are those of the same identity and of the same conversation; of one who is verified also
    those of the customers that the same proven address belongs to.
    """
    t, c = ticket.c, conversation.c
    theirs = await _identities(tx.conn, asker)
    # Of “among these or this one” PostgreSQL reads every ticket there is.
    mine = select(c.id).where(or_(c.identity_id.in_(theirs), c.id == asker.conversation_id))
    own = t.conversation_id.in_(mine)
    if number is not None:
        return await _read(tx, own & (t.number == number), 1)
    return await _read(tx, own & t.state.in_(_OPEN), _MOST) or await _read(
        tx, own & (t.updated_at > tx.now - _ENDED_SECONDS), 1
    )


async def standing(tx: Tx, ticket_id: str) -> Standing | None:
    """How one ticket stands; None when there is no such ticket."""
    found = await _read(tx, ticket.c.id == ticket_id, 1)
    return found[0] if found else None


async def _identities(conn: AsyncConnection, asker: Question) -> Sequence[str]:
    if asker.level != "verified":
        return [asker.identity_id]
    x, i = customer_link.c, identity.c
    other = case((x.first_id == asker.customer_id, x.second_id), else_=x.first_id)
    touching = or_(x.first_id == asker.customer_id, x.second_id == asker.customer_id)
    linked = select(other).where(touching, x.undone_at.is_(None))
    query = select(i.id).where(i.customer_id.in_(linked)).limit(50)
    return [asker.identity_id, *(await conn.execute(query)).scalars()]


async def _read(tx: Tx, which: ColumnElement[bool], limit: int) -> list[Standing]:
    t, on = ticket.c, ticket.alias("goes_on")
    # Of one that was merged, how its survivor stands: under the number that the customer knows.
    query = (
        select(t.id, t.number, t.lang, on.c.state, agent.c.alias, on.c.clock_at, on.c.target)
        .add_columns(on.c.first_answer_at, on.c.wake_at, on.c.resolved_at)
        .join(on, on.c.id == func.coalesce(t.merged_into, t.id))
        .outerjoin(agent, agent.c.id == on.c.owner_id)
        .where(which)
        .order_by(t.created_at.desc(), t.id.desc())
        .limit(limit)
    )
    return [_standing(row) for row in await tx.conn.execute(query)]


def _standing(row: Any) -> Standing:
    due = None if row.target is None or row.clock_at is None else row.clock_at + row.target
    return Standing(
        ticket_id=row.id,
        number=row.number,
        lang=row.lang,
        state=row.state,
        agent=row.alias,
        due_at=due,
        target=row.target,
        first_answer_at=row.first_answer_at,
        wake_at=row.wake_at,
        resolved_at=row.resolved_at,
    )
