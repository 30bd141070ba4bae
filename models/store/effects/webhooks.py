"""Events for outsiders: spread to each webhook in one transaction, then sent in order per ticket.

The event log is the outbox: what a transaction did and its event are committed together. A
webhook's ``position`` moves in the transaction that writes its rows, so that each event is owed
exactly once; sending is at least once, under the event's number.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.idempotency import Key, earlier, keep
from models.store.ground.sealing import Vault
from models.tables import counter, event, ticket, webhook, webhook_event

_PAGE = 200
"""Events a transaction spreads."""

_OPEN = select(webhook.c.id).where(
    webhook.c.disabled_at.is_(None), webhook.c.pause_until <= bindparam("now")
)
_BEHIND = select(webhook.c.id).where(
    webhook.c.disabled_at.is_(None),
    webhook.c.position
    < select(counter.c.value).where(counter.c.name == "event").scalar_subquery(),
)
"""Made once: making them takes longer than running them."""

_DUE: ColumnElement[str] = literal_column("'due'")
"""Spelt out: SQLite uses a partial index only where it can read its condition."""

WebhookState = Literal["due", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events go. ``kinds`` is empty for all of them; ``failures`` counts those in a row."""

    id: str
    url: str
    kinds: tuple[str, ...]
    created_at: float
    disabled_at: float | None
    pause_until: float
    failures: int
    due: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class DueEvent:
    """An event that one worker is sending; ``attempts`` counts this one too."""

    webhook_id: str
    url: str
    secret: bytes
    seq: int
    body: bytes
    attempts: int
    token: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of sending an event once: taken, or not because of ``error``.

    The ticket's later events wait with one that goes out ``again_in`` seconds from now; None
    gives it up, and holds up no other any longer.
    """

    due: DueEvent
    error: str = ""
    again_in: float | None = None


class Webhooks:
    """due → done, or failed after the last attempt; a person may send either again."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def add(
        self, url: str, kinds: Sequence[str], secret: bytes, by: str, key: Key | None = None
    ) -> tuple[str, bytes]:
        """A webhook for what happens from now on; returns its id and its secret.

        The same ``key`` again returns those of the one there is.

        Raises:
            Conflict: the key was used for another request, or what it made was deleted since.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                query = select(webhook.c.secret).where(webhook.c.id == before)
                sealed = (await tx.conn.execute(query)).scalar_one_or_none()
                if sealed is None:
                    raise Conflict("what this client_id made was deleted since; make a new one")
                return before, self._vault.open("webhooks", sealed)
            last = select(counter.c.value).where(counter.c.name == "event")
            webhook_id = tx.new_id()
            row = {
                "id": webhook_id,
                "url": url,
                "kinds": list(kinds),
                "secret": self._vault.seal("webhooks", secret, await self._vault.writing(tx)),
                "position": (await tx.conn.execute(last)).scalar_one_or_none() or 0,
                "created_at": tx.now,
            }
            await tx.insert(webhook, [row])
            await tx.audit(by, "webhook.added", webhook_id, url=url, kinds=list(kinds))
            await keep(tx, key, webhook_id)
        return webhook_id, secret

    async def all(self) -> list[Webhook]:
        """Every webhook with what it is still owed, oldest first."""
        e = webhook_event.c
        owed = (
            select(e.webhook_id, e.state, func.count().label("n"))
            .where(e.state != "done")
            .group_by(e.webhook_id, e.state)
        )
        async with self._db.read() as conn:
            counts = {(r.webhook_id, r.state): r.n for r in await conn.execute(owed)}
            rows = (await conn.execute(select(webhook).order_by(webhook.c.id))).all()
        return [_webhook(row, counts) for row in rows]

    async def enable(self, webhook_id: str, by: str, *, enabled: bool) -> None:
        """Stops a webhook, or lets it go on: what happened meanwhile is sent then.

        Raises:
            NotFound: there is no such webhook.
        """
        async with self._db.write() as tx:
            values = {"disabled_at": None if enabled else tx.now, "pause_until": 0}
            change = update(webhook).where(webhook.c.id == webhook_id).values(**values)
            if (await tx.conn.execute(change)).rowcount == 0:
                raise NotFound(f"no webhook {webhook_id}")
            await tx.audit(by, "webhook.enabled" if enabled else "webhook.disabled", webhook_id)

    async def addressee(self, webhook_id: str) -> tuple[str, bytes]:
        """Where its events go, and the secret that signs them.

        Raises:
            NotFound: there is no such webhook.
        """
        query = select(webhook.c.url, webhook.c.secret).where(webhook.c.id == webhook_id)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no webhook {webhook_id}")
        return row.url, self._vault.open("webhooks", row.secret)

    async def tried(self, webhook_id: str, by: str, outcome: str) -> None:
        """Writes down in the audit that somebody sent a trial, and what came of it."""
        async with self._db.write() as tx:
            await tx.audit(by, "webhook.tried", webhook_id, outcome=outcome)

    async def delete(self, webhook_id: str, by: str) -> tuple[int, int]:
        """Takes a webhook away with its secret, its log, and whatever it is still owed.

        Returns how many events were due and had failed: nobody is told of them any more. One
        that is being sent at this moment may still arrive.

        Raises:
            NotFound: there is no such webhook.
        """
        mine, e = webhook.c.id == webhook_id, webhook_event.c
        async with self._db.write() as tx:
            # First, as whoever spreads or settles does: they wait, and find nothing.
            query = select(webhook.c.url).where(mine).with_for_update()
            url = (await tx.conn.execute(query)).scalar_one_or_none()
            if url is None:
                raise NotFound(f"no webhook {webhook_id}")
            gone = delete(webhook_event).where(e.webhook_id == webhook_id).returning(e.state)
            states = list((await tx.conn.execute(gone)).scalars())
            await tx.conn.execute(delete(webhook).where(mine))
            due, failed = states.count("due"), states.count("failed")
            await tx.audit(by, "webhook.deleted", webhook_id, url=url, due=due, failed=failed)
        return due, failed

    async def spread(self) -> int:
        """Writes down what each webhook is owed of new events; returns how many rows."""
        spread = 0
        for one in await self._behind():
            while count := await self._spread(one):
                spread += count
        return spread

    async def open(self) -> list[str]:
        """Ids of webhooks that take events now."""
        now = await self._db.now()

        async def found(conn: AsyncConnection) -> list[str]:
            return list((await conn.execute(_OPEN, {"now": now})).scalars())

        return await self._db.look(found)

    async def lease(self, webhook_id: str, limit: int, seconds: float) -> list[DueEvent]:
        """The next event of each ticket, and events of none; never two of one ticket.

        Nothing of a webhook that is stopped: whoever is sending asks again after each answer.
        """
        e, earlier = webhook_event.c, webhook_event.alias("earlier")
        going = (webhook.c.id == webhook_id) & webhook.c.disabled_at.is_(None)
        async with self._db.write() as tx:
            before = (
                select(earlier.c.seq)
                .where(
                    earlier.c.webhook_id == e.webhook_id,
                    earlier.c.ticket_id == e.ticket_id,
                    earlier.c.state == _DUE,
                    earlier.c.seq < e.seq,
                )
                .exists()
            )
            pick = (
                select(e.seq)
                .where(
                    e.webhook_id == webhook_id,
                    select(webhook.c.id).where(going).exists(),
                    e.state == _DUE,
                    e.not_before <= tx.now,
                    or_(e.lease.is_(None), e.lease_until < tx.now),
                    ~before,
                )
                .order_by(e.seq)
                .limit(limit)
            )
            if tx.dialect != "sqlite":
                pick = pick.with_for_update(skip_locked=True)
            seqs = list((await tx.conn.execute(pick)).scalars())
            return await self._take(tx, webhook_id, seqs, seconds) if seqs else []

    async def _take(
        self, tx: Tx, webhook_id: str, seqs: Sequence[int], seconds: float
    ) -> list[DueEvent]:
        e, token = webhook_event.c, tx.new_id()
        taken = (
            update(webhook_event)
            .where(e.webhook_id == webhook_id, e.seq.in_(seqs))
            .values(lease=token, lease_until=tx.now + seconds, attempts=e.attempts + 1)
            .returning(e.seq, e.body, e.attempts)
        )
        rows = (await tx.conn.execute(taken)).all()
        query = select(webhook.c.url, webhook.c.secret).where(webhook.c.id == webhook_id)
        to = (await tx.conn.execute(query)).one()
        secret = self._vault.open("webhooks", to.secret)
        return [
            DueEvent(webhook_id, to.url, secret, row.seq, row.body.encode(), row.attempts, token)
            for row in sorted(rows, key=lambda row: row.seq)
        ]

    async def settle(self, webhook_id: str, attempts: Sequence[Attempt]) -> set[int]:
        """Writes down what became of attempts, all of one webhook, in one transaction.

        Returns the numbers of the events that were still leased. What another has leased since
        is left to them: it may be sent once more.
        """
        taken = [attempt.due for attempt in attempts if not attempt.error]
        async with self._db.write() as tx:
            settled = await _taken(tx, webhook_id, taken) if taken else set()
            for attempt in attempts:
                if attempt.error and await _not_taken(tx, attempt):
                    settled.add(attempt.due.seq)
        return settled

    async def pause(self, webhook_id: str, first: float, longest: float) -> None:
        """Nobody answers there: leaves it alone for ``first`` seconds, then for twice as long."""
        async with self._db.write() as tx:
            mine = webhook.c.id == webhook_id
            query = select(webhook.c.failures).where(mine).with_for_update(key_share=True)
            failures = (await tx.conn.execute(query)).scalar_one_or_none()
            if failures is None:
                return  # deleted while it was being tried
            until = tx.now + min(first * 2 ** min(failures, 20), longest)
            change = update(webhook).where(mine)
            await tx.conn.execute(change.values(failures=failures + 1, pause_until=until))

    async def log(
        self, webhook_id: str, *, state: WebhookState | None = None, before: int | None = None,
        limit: int = 100,
    ) -> list[Mapping[str, Any]]:  # fmt: skip
        """What was sent or is owed, newest first, from before the event number ``before``.

        Raises:
            NotFound: there is no such webhook.
        """
        e = webhook_event.c
        query = select(
            e.seq, e.ticket_id, e.kind, e.state, e.attempts, e.error, e.created_at, e.finished_at
        ).where(e.webhook_id == webhook_id)
        if state is not None:
            query = query.where(e.state == state)
        if before is not None:
            query = query.where(e.seq < before)
        async with self._db.read() as conn:
            await _known(conn, webhook_id)
            rows = await conn.execute(query.order_by(e.seq.desc()).limit(limit))
            return [dict(row) for row in rows.mappings()]

    async def redeliver(self, webhook_id: str, by: str, seq: int | None = None) -> int:
        """Sends one event again, or all that failed; returns how many.

        Raises:
            NotFound: there is no such webhook, or it was never owed this event.
        """
        e = webhook_event.c
        which = e.state == "failed" if seq is None else (e.seq == seq) & (e.state != "due")
        async with self._db.write() as tx:
            await _known(tx.conn, webhook_id)
            change = update(webhook_event).where(e.webhook_id == webhook_id, which)
            again = {"state": "due", "attempts": 0, "not_before": 0.0, "finished_at": None}
            count = (
                await tx.conn.execute(change.values(lease=None, error=None, **again))
            ).rowcount
            if seq is not None and not count:
                raise NotFound(f"webhook {webhook_id} has no settled event {seq}")
            await tx.audit(by, "webhook.redelivered", webhook_id, seq=seq, events=count)
        return int(count)

    async def forget(self, before: float, at_once: int = 1000) -> int:
        """Drops what was settled before a time, as ``Events.forget``; returns how many rows."""
        o = webhook_event.alias("old").c
        oldest = select(o.webhook_id, o.seq).where(o.finished_at < before)
        key = tuple_(webhook_event.c.webhook_id, webhook_event.c.seq)
        old = key.in_(oldest.order_by(o.finished_at).limit(at_once))
        async with self._db.write() as tx:
            return (await tx.conn.execute(delete(webhook_event).where(old))).rowcount

    async def _behind(self) -> list[str]:

        async def found(conn: AsyncConnection) -> list[str]:
            return list((await conn.execute(_BEHIND)).scalars())

        return await self._db.look(found)

    async def _spread(self, webhook_id: str) -> int:
        """One page of events; 0 when there is none left."""
        async with self._db.write() as tx:
            query = (
                select(webhook)
                .where(webhook.c.id == webhook_id, webhook.c.disabled_at.is_(None))
                .with_for_update(key_share=True)
            )
            mine = (await tx.conn.execute(query)).one_or_none()
            if mine is None:
                return 0
            page = (
                select(event, ticket.c.number)
                .outerjoin(ticket, ticket.c.id == event.c.ticket_id)
                .where(event.c.seq > mine.position)
                .order_by(event.c.seq)
                .limit(_PAGE)
            )
            events = (await tx.conn.execute(page)).mappings().all()
            if not events:
                return 0
            wanted = [e for e in events if not mine.kinds or e["kind"] in mine.kinds]
            await tx.insert(webhook_event, [_owed(webhook_id, e, tx.now) for e in wanted])
            moved = update(webhook).where(webhook.c.id == webhook_id)
            await tx.conn.execute(moved.values(position=events[-1]["seq"]))
        return len(events)


def _owed(webhook_id: str, e: Fields, now: float) -> dict[str, Any]:
    at = datetime.fromtimestamp(e["at"], UTC).isoformat(timespec="milliseconds")
    body = {
        "id": e["seq"],
        "kind": e["kind"],
        "at": at.replace("+00:00", "Z"),
        "ticket": e["ticket_id"] and {"id": e["ticket_id"], "number": e["number"]},
        "conversation_id": e["conversation_id"],
        "agent_id": e["agent_id"],
        "data": e["data"],
    }
    return {
        "webhook_id": webhook_id,
        "seq": e["seq"],
        "ticket_id": e["ticket_id"],
        "kind": e["kind"],
        "body": json.dumps(body, ensure_ascii=False),
        "created_at": now,
    }


async def _taken(tx: Tx, webhook_id: str, events: Sequence[DueEvent]) -> set[int]:
    # The webhook before its events, as whoever deletes it does.
    healthy = update(webhook).where(webhook.c.id == webhook_id, webhook.c.failures > 0)
    await tx.conn.execute(healthy.values(failures=0, pause_until=0))
    e = webhook_event.c
    leased = tuple_(e.seq, e.lease).in_([(due.seq, due.token) for due in events])
    change = update(webhook_event).where(e.webhook_id == webhook_id, e.state == _DUE, leased)
    done = change.values(state="done", lease=None, finished_at=tx.now, error=None)
    return set((await tx.conn.execute(done.returning(e.seq))).scalars())


async def _not_taken(tx: Tx, attempt: Attempt) -> bool:
    e, due = webhook_event.c, attempt.due
    mine = (e.webhook_id == due.webhook_id) & (e.seq == due.seq)
    values: dict[str, Any] = {"lease": None, "error": attempt.error[:500]}
    if attempt.again_in is None:
        values |= {"state": "failed", "finished_at": tx.now}
    else:
        values |= {"not_before": tx.now + attempt.again_in}
    change = update(webhook_event).where(mine, e.lease == due.token, e.state == "due")
    return bool((await tx.conn.execute(change.values(**values))).rowcount)


async def _known(conn: Any, webhook_id: str) -> None:
    query = select(webhook.c.id).where(webhook.c.id == webhook_id)
    if (await conn.execute(query)).one_or_none() is None:
        raise NotFound(f"no webhook {webhook_id}")


def _webhook(row: Row[Any], counts: Mapping[tuple[str, str], int]) -> Webhook:
    return Webhook(
        id=row.id,
        url=row.url,
        kinds=tuple(row.kinds),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        pause_until=row.pause_until,
        failures=row.failures,
        due=counts.get((row.id, "due"), 0),
        failed=counts.get((row.id, "failed"), 0),
    )
