"""Answers on their way: leased, handed to a channel, and never resent blindly."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound
from models.message import InboundMessage, OutboundMessage, SendResult
from models.store.dialogue.fates import combined
from models.store.dialogue.tombstones import PREFIX
from models.store.dialogue.ways_back import WaysBack
from models.store.ground.database import Database, Tx
from models.tables import delivery, outbound

_log = structlog.stdlib.get_logger(__name__)

_TODO = text("outbound.state IN ('queued', 'sending')")
_UNSETTLED = text("outbound.state NOT IN ('sent', 'delivered')")
"""The conditions of partial indexes, word for word: SQLite does not see that “queued” is one of
these, and would read every answer ever sent."""

_SETTLED = frozenset({"sent", "delivered"})

_AGAIN: Mapping[str, Any] = {
    "state": "queued", "not_before": 0, "attempts": 0, "error": None, "finished_at": None,
    "lease": None,
}  # fmt: skip
"""What a person's word makes of an answer that is to be sent once more."""


@cache
def _due(channels: tuple[str, ...] | None) -> Select[tuple[str]]:
    """Ids of what may be sent ``now``, at most ``most``: of each conversation what comes first.

    Made once: making it takes longer than running it.
    """
    o, earlier = outbound.c, outbound.alias("earlier")
    before = exists().where(
        earlier.c.conversation_id == o.conversation_id,
        earlier.c.seq < o.seq,
        earlier.c.state.in_(["queued", "sending"]),
    )
    due = select(o.id).where(_TODO, o.state == "queued", o.not_before <= bindparam("now"), ~before)
    if channels is not None:
        due = due.where(o.channel.in_(channels))
    return due.order_by(o.not_before, o.id).limit(bindparam("most", type_=Integer))


@dataclass(frozen=True, slots=True)
class Sending:
    """Answers that one worker is sending."""

    token: str
    messages: Sequence[OutboundMessage]


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer, for the delivery log."""

    id: str
    channel: str
    ticket_id: str | None
    kind: str
    state: str
    attempts: int
    created_at: float
    finished_at: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to send an answer."""

    attempt: int
    at: float
    state: str
    provider_id: str | None
    error: str | None


def _logged(tx: Tx, outbound_id: str, attempt: int, result: SendResult) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "outbound_id": outbound_id,
        "attempt": attempt,
        "at": tx.now,
        "state": result.state,
        "provider_id": result.provider_id,
        "error": result.error[:500] or None,
    }


class Outbound:
    """queued → sending → sent | waiting → delivered | failed | unknown."""

    def __init__(self, db: Database, ways_back: WaysBack) -> None:
        self._db = db
        self._ways_back = ways_back

    async def lease(
        self, limit: int, seconds: float, channels: Collection[str] | None = None
    ) -> Sending | None:
        """Takes answers that are due; they count as being sent from here on.

        One at a time of each conversation, so that the customer reads them in order.
        ``channels`` are those that can send now; None is all of them.
        """
        due = _due(None if channels is None else tuple(sorted(channels)))
        now = await self._db.now()

        async def nothing(conn: AsyncConnection) -> bool:
            return (await conn.execute(due, {"now": now, "most": 1})).first() is None

        # Looked for after everything that happens, and there is seldom anything: a look waits
        # for nobody, where a transaction that writes waits for all the others.
        if await self._db.look(nothing):
            return None
        o = outbound.c
        async with self._db.write() as tx:
            if tx.dialect != "sqlite":
                due = due.with_for_update(skip_locked=True)
            found = await tx.conn.execute(due, {"now": now, "most": limit})
            ids = list(found.scalars())
            if not ids:
                return None
            token = tx.new_id()
            taken = (
                update(outbound)
                .where(o.id.in_(ids))
                .values(
                    state="sending",
                    lease=token,
                    lease_until=tx.now + seconds,
                    attempts=o.attempts + 1,
                )
                .returning(*outbound.c)
            )
            rows = [dict(row) for row in (await tx.conn.execute(taken)).mappings()]
            rows.sort(key=lambda row: str(row["id"]))
            return Sending(token, await self._ways_back.load_outbound(tx, rows))

    async def finish(self, token: str, outbound_id: str, result: SendResult) -> bool:
        """Writes down what became of an attempt; False when somebody else has decided that.

        A lease that ran out while the database was away made it “unknown”: whoever sent it knows
        better. What was not sent has failed then, for a person may be at it: they send it again.
        """
        o = outbound.c
        state = "queued" if result.state == "retry" else result.state
        late = "failed" if result.state == "retry" else result.state
        async with self._db.write() as tx:
            values = {
                "lease": None,
                "lease_until": None,
                "not_before": tx.now + result.retry_after,
                "provider_id": result.provider_id,
                "error": result.error[:500] or None,
            }
            for was, becomes in (("sending", state), ("unknown", late)):
                done = (
                    update(outbound)
                    .where(o.id == outbound_id, o.lease == token, o.state == was)
                    .values(
                        state=becomes,
                        finished_at=None if becomes == "queued" else tx.now,
                        **values,
                    )
                    .returning(o.ticket_id, o.conversation_id, o.agent_id, o.attempts)
                )
                row = (await tx.conn.execute(done)).one_or_none()
                if row is not None:
                    await tx.insert(delivery, [_logged(tx, outbound_id, row.attempts, result)])
                    _tell(tx, row, outbound_id, becomes, error=result.error[:500])
                    return True
        return False

    async def expire(self, repeatable: Sequence[str]) -> int:
        """Frees what dead workers were sending; returns how many answers that were.

        On a channel in ``repeatable`` sending twice does no harm, so it is queued again;
        elsewhere nobody can know whether it went out, and a person decides.
        """
        o = outbound.c
        async with self._db.write() as tx:
            lost = and_(_TODO, o.state == "sending", o.lease_until < tx.now)
            again = (
                update(outbound)
                .where(lost, o.channel.in_(repeatable))
                .values(state="queued", lease=None, lease_until=None)
            )
            count = (await tx.conn.execute(again)).rowcount
            unknown = (
                update(outbound)
                .where(lost)
                .values(
                    state="unknown",  # with its lease: should its sender live, it may say more
                    lease_until=None,
                    error="the sender died while it was sending",
                    finished_at=tx.now,
                )
                .returning(o.id, o.ticket_id, o.conversation_id, o.agent_id)
            )
            for row in (await tx.conn.execute(unknown)).all():
                count += 1
                _tell(tx, row, row.id, "unknown")
        return count

    async def decide(self, outbound_id: str, agent_id: str, *, resend: bool) -> None:
        """A person's word on an answer whose fate is unknown or failed.

        Raises:
            NotFound: no such answer.
            Conflict: its fate is known.
        """
        o = outbound.c
        async with self._db.write() as tx:
            values = _AGAIN if resend else {"state": "sent", "lease": None}
            change = (
                update(outbound)
                .where(o.id == outbound_id, o.state.in_(["unknown", "failed"]))
                .values(**{"error": None, **values})
                .returning(o.ticket_id, o.conversation_id, o.agent_id)
            )
            row = (await tx.conn.execute(change)).one_or_none()
            if row is None:
                known = select(o.id).where(o.id == outbound_id)
                if (await tx.conn.execute(known)).one_or_none() is None:
                    raise NotFound("no such answer")
                raise Conflict("this answer is neither failed nor of unknown fate")
            await tx.audit(agent_id, "outbound.decide", outbound_id, resend=resend)
            _tell(tx, row, outbound_id, str(values["state"]))

    async def deliveries(self, outbound_id: str) -> list[Delivery]:
        """Every attempt to send an answer, oldest first; none of one that never was."""
        d = delivery.c
        names = [d[name] for name in Delivery.__dataclass_fields__]
        query = select(*names).where(d.outbound_id == outbound_id).order_by(d.at, d.attempt)
        return [Delivery(**row) for row in await self._db.rows(query)]

    async def one(self, outbound_id: str) -> Sent:
        """Raises ``NotFound``."""
        o = outbound.c
        query = select(*(o[name] for name in Sent.__dataclass_fields__)).where(o.id == outbound_id)
        row = await self._db.one(query, "no such answer")
        return Sent(**row)

    async def page(
        self,
        *,
        channel: str | None = None,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Sent]:
        """Answers with their state, newest first, from before that one."""
        o = outbound.c
        names = [o[name] for name in Sent.__dataclass_fields__]
        query = select(*names).order_by(o.id.desc()).limit(limit)
        if channel is not None:
            query = query.where(o.channel == channel)
        if state is not None:
            query = query.where(o.state == state)
            if state not in _SETTLED:
                query = query.where(_UNSETTLED)
        if before is not None:
            query = query.where(o.id < before)
        return [Sent(**row) for row in await self._db.rows(query)]

    async def again(
        self, outbound_id: str, repeatable: Collection[str], agent_id: str | None = None
    ) -> None:
        """Sends an answer now, as a person wants who has mended the way or asked the receiver.

        One that waits for its next attempt does not wait for it any longer. One that was sent goes
        out again only on a channel in ``repeatable``. ``agent_id`` is the person, None who has a
        shell on this machine.

        Raises:
            NotFound: no such answer.
            Conflict: it is being sent, it was sent and another one would be shown twice, or its
                words were erased.
        """
        o = outbound.c
        async with self._db.write() as tx:
            unsent = o.state.in_(["queued", "failed", "unknown"])
            over = unsent | ((o.state == "sent") & o.channel.in_(repeatable))
            change = (
                update(outbound)
                .where(o.id == outbound_id, over, ~o.client_id.startswith(PREFIX))
                .values(_AGAIN)
                .returning(o.ticket_id, o.conversation_id, o.agent_id)
            )
            row = (await tx.conn.execute(change)).one_or_none()
            if row is None:
                known = select(o.client_id).where(o.id == outbound_id)
                name = (await tx.conn.execute(known)).scalar_one_or_none()
                if name is None:
                    raise NotFound("no such answer")
                if name.startswith(PREFIX):
                    raise Conflict("this customer's data was erased")
                raise Conflict("this answer is being sent, or would be shown twice")
            await tx.audit(agent_id, "outbound.again", outbound_id)
            _tell(tx, row, outbound_id, "queued")

    async def counts(self) -> dict[str, int]:
        """How many answers are in each state that is not final."""
        o = outbound.c
        query = (
            select(o.state, func.count().label("waiting"))
            .where(_UNSETTLED, o.state.in_(["queued", "sending", "unknown", "failed"]))
            .group_by(o.state)
        )
        async with self._db.read() as conn:
            return {row.state: row.waiting for row in await conn.execute(query)}


_REPORTED = {
    "delivered": ("queued", "sending", "sent", "waiting", "unknown"),
    "failed": ("sending", "sent", "waiting", "unknown", "delivered"),
}
"""What a platform may report of an answer, and the states in which that says something new.

What is queued again and has arrived after all is not sent a second time.
"""


async def settle(tx: Tx, report: InboundMessage, ways_back: WaysBack) -> bool:
    """Notes what a message of kind “status” says of one of our answers; True if that is news.

    ``reply_to_external_id`` is the answer's ``provider_id`` or our own id of it,
    ``meta["state"]`` is “delivered” or “failed”, ``meta["error"]`` a sentence for the agent.
    ``meta["fates"]``, where the answer went to several, says it of each address.
    Of an answer that is not ours, and of what a person has decided, nothing is noted.
    """
    o, ref, state = outbound.c, report.reply_to_external_id, str(report.meta.get("state"))
    named = (o.channel == report.channel) & or_(o.provider_id == ref, o.id == ref)
    if ref and "fates" in report.meta and await _to_several(tx, named):
        return await _settle_each(tx, report, named, ways_back)
    if not ref or state not in _REPORTED:
        _log.info("status of nothing", channel=report.channel, state=state)
        return False
    error = str(report.meta.get("error") or "")[:500] or None
    return await _become(tx, named & o.state.in_(_REPORTED[state]), state, error)


async def _to_several(tx: Tx, named: ColumnElement[bool]) -> bool:
    query = select(outbound.c.id).where(named, outbound.c.cc.is_not(None))
    return (await tx.conn.execute(query)).first() is not None


async def _settle_each(
    tx: Tx, report: InboundMessage, named: ColumnElement[bool], ways_back: WaysBack
) -> bool:
    """As ``settle``, of an answer that went to others as well: what is said of each counts."""
    o = outbound.c
    query = select(outbound).where(named, o.cc.is_not(None)).with_for_update(key_share=True)
    row = (await tx.conn.execute(query)).one()
    to = await ways_back.addressed(tx.conn, row.conversation_id, row.cc)
    whole, before = str(report.meta.get("state")), (row.state, row.error)
    state, error = combined(report.meta["fates"], whole, before, *to)
    this, error = o.id == row.id, error and error[:500]
    if state == row.state:
        if error == row.error:
            return False
        await tx.conn.execute(update(outbound).where(this).values(error=error))
        _tell(tx, row, row.id, state, error=error or "")
        return True
    reported = _REPORTED["delivered" if state == "delivered" else "failed"]
    return await _become(tx, this & o.state.in_(reported), state, error)


async def _become(tx: Tx, which: ColumnElement[bool], state: str, error: str | None) -> bool:
    o = outbound.c
    change = (
        update(outbound)
        .where(which)
        .values(state=state, lease=None, lease_until=None, finished_at=tx.now, error=error)
        .returning(o.id, o.ticket_id, o.conversation_id, o.agent_id)
    )
    rows = (await tx.conn.execute(change)).all()
    for row in rows:
        _tell(tx, row, row.id, state, error=error or "")
    return bool(rows)


def _tell(tx: Tx, row: Any, outbound_id: str, state: str, **more: str) -> None:
    """What has become of an answer; ``row`` has its ticket, conversation and agent."""
    tx.emit(
        "outbound.state",
        ticket=row.ticket_id,
        conversation=row.conversation_id,
        agent=row.agent_id,
        outbound=outbound_id,
        state=state,
        **more,
    )
