"""Asking how content customers are: one question a resolution, and what was answered to it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound, Rejected
from models.satisfaction import LOW, Answer, Keys
from models.store.dialogue.incoming import Slot
from models.store.dialogue.revisions import any_of
from models.store.dialogue.tombstones import is_erased
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock_row
from models.tables import conversation, customer, identity, message, survey, ticket
from models.texts import language_of
from models.ticket import OPEN_STATES, TicketState

_ENDED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})

Via = Literal["choice", "words", "link", "caller"]


@dataclass(frozen=True, slots=True)
class Survey:
    """One question and its answer. Times are seconds since the epoch."""

    id: str
    ticket_id: str
    conversation_id: str
    agent_id: str | None
    lang: str
    keys: Keys
    asked_at: float | None
    expires_at: float
    score: int | None
    solved: bool | None
    words: str
    via: str | None
    entered_by: str | None
    answered_at: float | None
    changed_at: float | None
    changes: int
    unclear_at: float | None

    def open(self, now: float, change_seconds: float) -> bool:
        """Whether it can be answered, or its answer changed."""
        if now >= self.expires_at:
            return False
        return self.answered_at is None or now < self.answered_at + change_seconds


_COLUMNS = [survey.c[name] for name in Survey.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was put down, and what its text needs."""

    survey: Survey
    number: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: a customer is asked once in ``every``, may answer for ``valid``."""

    every: float
    valid: float
    keys: Keys


class Surveys:
    """What customers say of us."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, survey_id: str) -> Survey:
        """Raises ``NotFound``."""
        async with self._db.read() as conn:
            found = await _one(conn, survey_id)
        if found is None:
            raise NotFound("no such survey")
        return found

    async def of_ticket(self, ticket_id: str) -> list[Survey]:
        """Those about a ticket, the newest first."""
        query = select(*_COLUMNS).where(survey.c.ticket_id == ticket_id)
        return [Survey(**row) for row in await self._db.rows(query.order_by(survey.c.id.desc()))]

    async def answer(
        self, survey_id: str, answer: Answer, via: Via, change_seconds: float
    ) -> Survey:
        """Writes an answer down, or another one in its place.

        Raises:
            NotFound: no such survey.
            Rejected: ``survey_over``, too late.
        """
        async with self._db.write() as tx:
            return await record(tx, survey_id, answer, via, change_seconds)

    async def enter(
        self, ticket_id: str, answer: Answer, by: str, valid: float, change_seconds: float
    ) -> Survey:
        """What a customer said to ``by``, who called them; asked before or not.

        Raises:
            NotFound: no such ticket.
            Conflict: the ticket has not ended, the customer has answered themselves, or their
                data was erased.
            Rejected: ``survey_over``, too late to change what was said.
        """
        s = survey.c
        async with self._db.write() as tx:
            row = await _ticket(tx, ticket_id)
            if row is None:
                raise NotFound("no such ticket")
            if row["state"] not in _ENDED:
                raise Conflict("this ticket has not ended; rate it when it is resolved")
            if await is_erased(tx.conn, row["customer_id"]):
                raise Conflict("this customer's data was erased")
            same = (s.ticket_id == ticket_id) & _resolution(row["resolved_at"])
            before = (await tx.conn.execute(select(s.id, s.via).where(same))).one_or_none()
            if before is not None and before.via not in {None, "caller"}:
                raise Conflict("the customer has rated this ticket themselves: that stands")
            survey_id = (
                before.id if before else await _insert(tx, row, None, Terms(0.0, valid, {}))
            )
            found = await record(tx, survey_id, answer, "caller", change_seconds, by)
            await tx.audit(by, "satisfaction.enter", ticket_id, score=found.score)
            return found


def _resolution(at: float | None) -> Any:
    return survey.c.resolved_at.is_(None) if at is None else survey.c.resolved_at == at


async def ask(tx: Tx, ticket_id: str, terms: Terms, *, by_mail: bool) -> Asked | None:
    """Puts the question about a ticket's resolution down; None where nobody may be asked.

    Not about what is open again or junk, nor one who was asked within ``terms.every``, nor
    where no automatic text may go; ``by_mail``: only whose address is proven.
    """
    row = await _ticket(tx, ticket_id)
    if row is None or row["state"] not in _ENDED or row["junk"]:
        return None
    if not await may_be_told(tx, row["conversation_id"], by_mail=by_mail):
        return None
    s = survey.c
    lately = exists().where(s.customer_id == row["customer_id"], s.asked_at > tx.now - terms.every)
    this = exists().where(s.ticket_id == ticket_id, _resolution(row["resolved_at"]))
    if (await tx.conn.execute(select(lately | this))).scalar_one():
        return None
    survey_id = await _insert(tx, row, tx.now, terms)
    tx.emit(
        "satisfaction.asked",
        ticket=ticket_id,
        conversation=row["conversation_id"],
        agent=row["owner_id"],
        survey=survey_id,
    )
    made = await _one(tx.conn, survey_id)
    assert made is not None
    return Asked(made, row["number"])


async def may_be_told(tx: Tx, conversation_id: str, *, by_mail: bool) -> bool:
    """Whether an automatic text may go: as with acknowledgements, by what was written last."""
    m, c, i = message.c, conversation.c, identity.c
    query = (
        select(m.trust, m.auto, m.meta)
        .join(conversation, c.id == m.conversation_id)
        .join(identity, i.id == c.identity_id)
        .where(c.route.is_not(None), i.blocked.is_(False))
        .where(m.conversation_id == conversation_id, m.quarantined.is_(False))
        .where(m.kind == "message")
        .order_by(m.seq.desc())
        .limit(1)
    )
    last = (await tx.conn.execute(query)).one_or_none()
    if last is None or last.auto != "none" or last.meta.get("no_auto"):
        return False
    return not by_mail or bool(last.trust["level"] == "verified")


async def latest(tx: Tx, slots: Collection[Slot]) -> dict[Slot, tuple[Survey, bool]]:
    """The last question of each conversation, and whether its ticket is open again."""
    c, s, t = conversation.c, survey.c, ticket.c
    query = (
        select(*_COLUMNS, c.channel, c.account, c.key, t.state)
        .join(conversation, c.id == s.conversation_id)
        .join(ticket, t.id == s.ticket_id)
        .where(any_of(conversation, c.key, slots), s.asked_at.is_not(None))
        .order_by(s.asked_at, s.id)
    )
    found = {}
    for row in (await tx.conn.execute(query)).mappings():
        one = Survey(**{name: row[name] for name in Survey.__dataclass_fields__})
        found[row["channel"], row["account"], row["key"]] = one, row["state"] in OPEN_STATES
    return found


async def note_unclear(tx: Tx, survey_id: str) -> None:
    """Words were asked for in place of a digit; once is enough."""
    change = update(survey).where(survey.c.id == survey_id)
    await tx.conn.execute(change.values(unclear_at=tx.now))


async def record(
    tx: Tx,
    survey_id: str,
    answer: Answer,
    via: Via,
    change_seconds: float,
    by: str | None = None,
) -> Survey:
    """Writes an answer down; what it does not say stays as it was.

    A low one is told once (``satisfaction.low``), whatever it is changed to.

    Raises:
        NotFound: no such survey.
        Rejected: ``survey_over``.
    """
    s = survey.c
    row = await lock_row(tx, survey, survey_id, "no such survey")
    before = Survey(**{name: row[name] for name in Survey.__dataclass_fields__})
    # Who is called may have let the time for answering pass: nothing is changed of what they said.
    first_heard = via == "caller" and before.answered_at is None
    if not first_heard and not before.open(tx.now, change_seconds):
        raise Rejected("it is too late to rate this one", code="survey_over")
    change = _change(tx, before, answer) | {"via": via, "entered_by": by}
    low = change["score"] is not None and change["score"] <= LOW and row["low_at"] is None
    if low:
        change["low_at"] = tx.now
    await tx.conn.execute(update(survey).where(s.id == survey_id).values(**change))
    _tell(tx, row, change, low=low)
    found = await _one(tx.conn, survey_id)
    assert found is not None
    return found


def _change(tx: Tx, before: Survey, answer: Answer) -> dict[str, Any]:
    first = before.answered_at is None
    return {
        "score": before.score if answer.score is None else int(answer.score),
        "solved": before.solved if answer.solved is None else answer.solved,
        "words": answer.words or before.words,
        "answered_at": before.answered_at or tx.now,
        "changed_at": None if first else tx.now,
        "changes": before.changes + (0 if first else 1),
    }


def _tell(tx: Tx, row: Fields, change: Mapping[str, Any], *, low: bool) -> None:
    told = {
        "ticket": row["ticket_id"],
        "conversation": row["conversation_id"],
        "agent": row["agent_id"],
        "survey": row["id"],
        "score": change["score"],
        "solved": change["solved"],
    }
    tx.emit("satisfaction.answered", **told)
    if low:
        tx.emit("satisfaction.low", **told)


async def _one(conn: AsyncConnection, survey_id: str) -> Survey | None:
    query = select(*_COLUMNS).where(survey.c.id == survey_id)
    row = (await conn.execute(query)).mappings().one_or_none()
    return None if row is None else Survey(**row)


async def _ticket(tx: Tx, ticket_id: str) -> Fields | None:
    t = ticket.c
    query = (
        select(ticket, customer.c.tier)
        .join(customer, customer.c.id == t.customer_id)
        .where(t.id == ticket_id)
        # Two that rate one resolution must see each other, and its end must still stand.
        .with_for_update(of=ticket, key_share=True)
    )
    return (await tx.conn.execute(query)).mappings().one_or_none()


async def _insert(tx: Tx, row: Fields, asked_at: float | None, terms: Terms) -> str:
    survey_id = tx.new_id()
    facets = (row["labels"] or {}).get("facets", {})
    values = {
        "id": survey_id,
        "ticket_id": row["id"],
        "conversation_id": row["conversation_id"],
        "customer_id": row["customer_id"],
        "resolved_at": row["resolved_at"],
        "agent_id": row["owner_id"],
        "channel": row["channel"],
        "domain": _value(facets, "domain"),
        "tier": row["tier"],
        "region": _value(facets, "region"),
        "lang": language_of(row["lang"]),
        "keys": dict(terms.keys),
        "asked_at": asked_at,
        "expires_at": tx.now + terms.valid,
    }
    await tx.insert(survey, [values])
    return survey_id


def _value(facets: Mapping[str, Any], name: str) -> str:
    return str(facets.get(name, {}).get("value", ""))
