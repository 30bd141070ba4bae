"""Raw envelopes: stored before anything is acknowledged, leased, finished or parked."""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    Update,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)

from models.errors import Conflict, NotFound, Temporary
from models.message import Envelope, Lane, Receipt
from models.storable import line
from models.store.ground.blobs import Blobs
from models.store.ground.database import Database, Fields, Tx
from models.tables import envelope, message, ticket

INLINE_BYTES = 256 * 1024
"""Larger bodies are blobs. Up to here a row is cheaper: it shares the one sync of its commit, and
a durable file needs two of its own (the content and its name)."""

DIED = "the worker that had it died"
"""The error of an envelope whose worker said nothing more."""

PATIENCE_SECONDS = 15.0
"""A suspect that could have been tried for so long is tried before healthy ones."""

LANES = [Lane.LIVE, Lane.MAIL]
"""By their number in the table."""

_Key = tuple[str, str, str]
"""(channel, account, key or name)."""


@dataclass(frozen=True, slots=True)
class Leased:
    """Envelopes that one worker has for a while. ``alone`` ones are charged an attempt."""

    token: str
    alone: bool
    envelopes: Sequence[Envelope]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an envelope: whether it was read, and the (number, state) of its ticket."""

    done: bool
    ticket: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Parked:
    """An envelope that failed by our own fault, kept until somebody replays it.

    ``size``: in bytes, -1 where the body is a file beside the database.
    """

    id: str
    channel: str
    account: str
    received_at: float
    attempts: int
    error: str
    size: int


class Envelopes:
    """The intake table. Every state change is conditional, so every step may run twice."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs
        self._healthy_next: set[Lane] = set()
        """Where the last lease was a suspect's: between two of them a batch has its turn."""

    async def accept(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Stores all in one commit; a receipt for each, in order.

        ``known``: the same body was stored before, under the same key or name. ``conflict``: the
        same key with another body; ``taken``: the same name with another body, under another
        key. Nothing was stored for these.

        Raises:
            StorageFull: no room; nothing was stored.
            Temporary: the database is out of reach; if anything was stored, it is ``known`` when
                it comes again.
        """
        hashes = [e.sha256 or hashlib.sha256(e.body).hexdigest() for e in envelopes]
        await self._blobs.put(
            {
                sha256: e.body
                for sha256, e in zip(hashes, envelopes, strict=True)
                if len(e.body) > INLINE_BYTES
            }
        )
        rows = [_row(e, sha256) for e, sha256 in zip(envelopes, hashes, strict=True)]
        first = {_key(row): row for row in reversed(rows)}
        # Equal order in every process, or two batches could wait for each other. (Where they do
        # over a name, the database ends one of them, and its senders come again.)
        in_order = [first[key] for key in sorted(first)]
        inserted = await self._db.insert_new(envelope, in_order)
        if inserted == len(first):
            return [_receipt(row, first[_key(row)]) for row in rows]
        stored = await self._stored(in_order, _key, envelope.c.dedupe_key)
        unstored = [row for row in in_order if _key(row) not in stored]
        named = await self._stored(unstored, _name, envelope.c.name)
        return [_receipt(row, stored.get(_key(row)) or named.get(_name(row))) for row in rows]

    async def _stored(
        self, rows: Sequence[Fields], key: Callable[[Fields], _Key], column: ColumnElement[str]
    ) -> dict[_Key, Fields]:
        """What is stored under the keys of these rows; ``column`` holds the last part of one."""
        if not rows:
            return {}
        c = envelope.c
        groups: dict[tuple[str, str], list[str]] = {}
        for channel, account, value in map(key, rows):
            groups.setdefault((channel, account), []).append(value)
        wanted = [
            (c.channel == channel) & (c.account == account) & column.in_(group)
            for (channel, account), group in groups.items()
        ]
        query = select(c.id, c.channel, c.account, c.dedupe_key, c.name, c.body_sha256)
        async with self._db.read() as conn:
            found = (await conn.execute(query.where(or_(*wanted)))).mappings()
            return {key(row): row for row in found}

    async def lease(
        self, lane: Lane, limit: int, seconds: float, most_bytes: float = math.inf
    ) -> Leased | None:
        """Up to ``limit`` unprocessed envelopes of a lane, oldest first; None when none.

        Those whose worker died are suspect, and come one at a time: once no healthy ones are
        left, or after ``PATIENCE_SECONDS`` in turn with them. None follows those whose bodies
        have ``most_bytes`` together. Those whose bodies have gone wait for a person.
        """
        while True:
            turn = lane not in self._healthy_next
            taken = await self._db.transact(partial(_take, lane, limit, seconds, turn))
            self._healthy_next.discard(lane)
            if taken is None:
                return None
            token, alone, rows = taken
            if alone:
                self._healthy_next.add(lane)
            try:
                leased = await self._loaded(token, rows, most_bytes)
            except Temporary:
                await self.give_back(token)
                raise
            if leased:
                return Leased(token, alone, leased)

    async def _loaded(
        self, token: str, rows: Sequence[Row[*tuple[Any, ...]]], most_bytes: float
    ) -> list[Envelope]:
        """What is kept of a lease: the oldest whose bodies are there."""
        leased: list[Envelope] = []
        gone: dict[str, str] = {}
        size = 0
        for row in sorted(rows, key=lambda row: row.id):
            if leased and size >= most_bytes:
                break
            try:
                leased.append(await self._load(row))
            except NotFound as error:
                gone[row.id] = str(error)
            else:
                size += len(leased[-1].body)
        if gone:
            await self._set_aside(token, gone)
        if len(leased) + len(gone) < len(rows):
            await self._keep_only(token, [one.id for one in leased])
        return leased

    async def _keep_only(self, token: str, envelope_ids: Sequence[str]) -> None:
        """Gives the others of a lease back, without blame."""
        others = _of(token).where(envelope.c.id.not_in(envelope_ids))
        async with self._db.write() as tx:
            await tx.conn.execute(others.values(lease=None, lease_until=None))

    async def _set_aside(self, token: str, gone: Mapping[str, str]) -> None:
        """Their bodies have gone (ids to errors): these envelopes wait for a person."""
        c = envelope.c
        async with self._db.write() as tx:
            parked = (
                _of(token)
                .where(c.id.in_(gone))
                .values(lease=None, lease_until=None, state="parked", error=case(gone, value=c.id))
            )
            await self._freed(tx, parked)

    async def _load(self, row: Row[*tuple[Any, ...]]) -> Envelope:
        body = row.body if row.body is not None else await self._blobs.get(row.body_sha256)
        return Envelope(
            id=row.id,
            channel=row.channel,
            account=row.account,
            dedupe_key=row.dedupe_key,
            body=bytes(body),
            received_at=row.received_at,
            lane=LANES[row.lane],
            transport=row.transport,
        )

    async def get(self, envelope_id: str) -> Envelope:
        """The raw envelope.

        Raises:
            NotFound: no such envelope.
        """
        async with self._db.read() as conn:
            query = select(envelope).where(envelope.c.id == envelope_id)
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no envelope {envelope_id}")
        return await self._load(row)

    async def outcome(self, envelope_id: str) -> Outcome:
        """What became of an envelope so far.

        Raises:
            NotFound: no such envelope.
        """
        query = (
            select(envelope.c.state, ticket.c.number, ticket.c.state.label("ticket_state"))
            .outerjoin(message, message.c.envelope_id == envelope.c.id)
            .outerjoin(ticket, ticket.c.id == message.c.ticket_id)
            .where(envelope.c.id == envelope_id)
            .order_by(message.c.seq)
            .limit(1)
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no envelope {envelope_id}")
        found = None if row.number is None else (str(row.number), str(row.ticket_state))
        return Outcome(row.state == "done", found)

    async def give_back(self, token: str) -> None:
        """Ends a lease without blame: something else was out of order (the database, say)."""
        async with self._db.write() as tx:
            await tx.conn.execute(_of(token).values(lease=None, lease_until=None))

    async def fail(self, leased: Leased, error: str, attempts: int, pause: float) -> None:
        """Records that processing failed by our own fault.

        A batch is only made suspect, to be tried one by one. An envelope that ran alone is
        charged an attempt, waits ``pause`` seconds, and is parked after ``attempts``.
        """
        c = envelope.c
        async with self._db.write() as tx:
            if not leased.alone:
                freed = _of(leased.token).values(lease=None, lease_until=None, suspect=True)
                await tx.conn.execute(freed.values(not_before=tx.now))
                return
            charged = _of(leased.token).values(
                lease=None,
                lease_until=None,
                attempts=c.attempts + 1,
                state=_parked_from(c.attempts + 1, attempts),
                not_before=tx.now + pause,
                error=error[:2000],
            )
            await self._freed(tx, charged)

    async def expire(self, attempts: int) -> int:
        """Frees what dead workers held; returns how many envelopes that were.

        An envelope leased alone is charged an attempt; one of a batch only becomes suspect.
        """
        c = envelope.c
        # Not suspect before: it was one of a batch.
        charged = c.attempts + c.suspect.cast(c.attempts.type)
        async with self._db.write() as tx:
            freed = (
                update(envelope)
                .where(c.state == "new", c.lease.is_not(None), c.lease_until < tx.now)
                .values(
                    lease=None,
                    lease_until=None,
                    attempts=charged,
                    state=_parked_from(charged, attempts),
                    error=func.coalesce(c.error, DIED),
                    suspect=True,
                    not_before=tx.now,
                )
            )
            return await self._freed(tx, freed)

    @staticmethod
    async def _freed(tx: Tx, change: Update) -> int:
        """Carries out a change of leased envelopes, and tells of those that it parked."""
        rows = (await tx.conn.execute(change.returning(envelope.c.id, envelope.c.state))).all()
        for row in rows:
            if row.state == "parked":
                tx.emit("envelope.parked", envelope=row.id)
        return len(rows)

    async def parked(self, limit: int = 100, after: str = "") -> list[Parked]:
        """What waits for a person, oldest first, from after the id ``after``."""
        c = envelope.c
        size = func.coalesce(func.length(c.body), -1).label("size")
        query = (
            select(c.id, c.channel, c.account, c.received_at, c.attempts, c.error, size)
            .where(c.state == "parked", c.id > after)
            .order_by(c.id)
            .limit(limit)
        )
        return [Parked(**row) for row in await self._db.rows(query)]

    async def parked_count(self) -> int:
        """How many wait for a person."""
        query = select(func.count()).where(envelope.c.state == "parked")
        return int(await self._db.value(query))

    async def replay(
        self, envelope_ids: Sequence[str] | None = None, by: str | None = None
    ) -> int:
        """Puts parked envelopes, or all of them, back as if just come; returns how many.

        ``by`` is the person, None who has a shell on this machine; each is written down.
        """
        c = envelope.c
        again = update(envelope).where(c.state == "parked")
        if envelope_ids is not None:
            again = again.where(c.id.in_(envelope_ids))
        async with self._db.write() as tx:
            fresh = {"state": "new", "attempts": 0, "not_before": tx.now, "error": None}
            again = again.values(fresh).returning(c.id)
            replayed = (await tx.conn.execute(again)).scalars().all()
            for envelope_id in replayed:
                await tx.audit(by, "envelope.replay", envelope_id)
        return len(replayed)

    async def look_into(self, envelope_id: str, by: str) -> Envelope:
        """A parked envelope as it came, for a person to look at; written down.

        Raises:
            NotFound: no such envelope is parked, or its body is gone.
        """
        query = select(envelope).where(envelope.c.id == envelope_id, envelope.c.state == "parked")
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound(f"no parked envelope {envelope_id}")
        found = await self._load(row)
        async with self._db.write() as tx:
            await tx.audit(by, "envelope.raw", envelope_id)
        return found

    async def backlog(self) -> dict[str, int]:
        """How many envelopes wait in each lane, and how many are parked."""
        c = envelope.c
        # Each by its own partial index: an OR would read every envelope there ever was.
        waiting = union_all(
            *(
                select(c.lane, literal_column(f"'{state}'"), func.count())
                .where(text(f"envelope.state = '{state}'"))
                .group_by(c.lane)
                for state in ("new", "parked")
            )
        )
        counts = {Lane.LIVE.value: 0, Lane.MAIL.value: 0, "parked": 0}
        async with self._db.read() as conn:
            for lane, state, count in await conn.execute(waiting):
                counts["parked" if state == "parked" else LANES[lane].value] += count
        return counts


def _parked_from(attempts: ColumnElement[int], most: int) -> ColumnElement[str]:
    return case((attempts >= most, "parked"), else_="new")


def _of(token: str) -> Update:
    return update(envelope).where(envelope.c.lease == token, envelope.c.state == "new")


async def finish(tx: Tx, token: str, envelope_ids: Sequence[str]) -> None:
    """Marks leased envelopes processed, inside the transaction that stored their effect.

    Raises:
        Conflict: the lease ran out; the transaction must not commit.
    """
    done = (
        _of(token)
        .where(envelope.c.id.in_(envelope_ids))
        .values(state="done", lease=None, lease_until=None, finished_at=tx.now)
        .returning(envelope.c.id)
    )
    if len((await tx.conn.execute(done)).all()) != len(envelope_ids):
        raise Conflict("the lease on these envelopes has run out")


async def put_off(tx: Tx, token: str, envelope_ids: Collection[str], seconds: float) -> None:
    """Gives some leased envelopes back without blame, to be read again after some seconds."""
    later = _of(token).where(envelope.c.id.in_(envelope_ids))
    await tx.conn.execute(later.values(lease=None, lease_until=None, not_before=tx.now + seconds))


async def _take(
    lane: Lane, limit: int, seconds: float, suspects_turn: bool, tx: Tx
) -> tuple[str, bool, Sequence[Row[*tuple[Any, ...]]]] | None:
    """(token, whether alone, rows) of what is leased now; None when there is nothing."""
    c = envelope.c
    free = (
        # Word for word: a plan that PostgreSQL makes for any value would read every envelope.
        (c.state == literal_column("'new'"))
        & (c.lane == LANES.index(lane))
        & (c.not_before <= tx.now)
        & c.lease.is_(None)
    )
    # As a comparison: with NOT, SQLite would sort the whole backlog for each lease.
    healthy = _first(tx, free & (c.suspect == False), limit)  # noqa: E712
    suspects = free & (c.suspect == True)  # noqa: E712
    looks = [healthy]
    if suspects_turn:
        looks.append(_first(tx, suspects & (c.not_before <= tx.now - PATIENCE_SECONDS), 1))
    found = (await tx.conn.execute(_together(looks))).all()
    ids = [row.id for row in found if row.suspect] or [row.id for row in found]
    alone = not ids or any(row.suspect for row in found)
    if not ids:
        ids = list((await tx.conn.execute(_first(tx, suspects, 1))).scalars())
    if not ids:
        return None
    token = tx.new_id()
    taken = (
        update(envelope)
        .where(c.id.in_(ids))
        .values(lease=token, lease_until=tx.now + seconds)
        .returning(*envelope.c)
    )
    return token, alone, (await tx.conn.execute(taken)).all()


def _first(tx: Tx, condition: Any, limit: int) -> Select[Any]:
    """The oldest of a kind, and on a server those that nobody is taking just now."""
    c = envelope.c
    query = select(c.id, c.suspect).where(condition).order_by(c.id).limit(limit)
    return query if tx.dialect == "sqlite" else query.with_for_update(skip_locked=True)


def _together(looks: Sequence[Select[Any]]) -> Select[Any] | CompoundSelect[Any]:
    """In one statement; each look by its own part of the index, and with its own locks."""
    if len(looks) == 1:
        return looks[0]
    parts = [look.subquery() for look in looks]
    return union_all(*(select(part.c.id, part.c.suspect) for part in parts))


def _row(e: Envelope, sha256: str) -> dict[str, Any]:
    return {
        "id": e.id,
        "channel": e.channel,
        "account": line(e.account, 255),
        "dedupe_key": line(e.dedupe_key, 255),
        "body_sha256": sha256,
        "body": e.body if len(e.body) <= INLINE_BYTES else None,
        "transport": dict(e.transport),
        "received_at": e.received_at,
        "lane": LANES.index(e.lane),
        "name": line(e.name, 280) or None,
    }


def _key(row: Fields) -> _Key:
    return row["channel"], row["account"], row["dedupe_key"]


def _name(row: Fields) -> _Key:
    return row["channel"], row["account"], row["name"]


def _receipt(brought: Fields, stored: Fields | None) -> Receipt:
    if stored is None:
        raise Temporary("another one of this commit had its key, and was not stored for its name")
    if stored["body_sha256"] != brought["body_sha256"]:
        return Receipt(stored["id"], "conflict" if _key(brought) == _key(stored) else "taken")
    return Receipt(stored["id"], "new" if stored["id"] == brought["id"] else "known")
