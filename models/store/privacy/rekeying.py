"""Another master key: everything is sealed, and hashed, by it, while the roles run.

Prepared, a new key is known by the processes that start with it, and writes nothing. Activated, it
is the one that writes; what older ones left is read and changed in batches, which may end at any
moment and be taken up again. Finished, nothing needs the older ones but the newest itself, which
keeps them sealed (docs/decisions/0029).
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, Table, and_, bindparam, func, select, update

from models.errors import Permanent, Rejected
from models.store.dialogue.tombstones import PREFIX
from models.store.ground.database import Database, Tx
from models.store.ground.processes import Process, Processes
from models.store.ground.sealing import KEY_LOCK, Vault, mark_of
from models.store.tickets.search_index import hashing, marker
from models.tables import (
    customer,
    customer_link,
    identity,
    master_key,
    message,
    proof,
    search_entry,
    second_factor,
    webhook,
)


class Part(NamedTuple):
    """A column that is sealed or hashed: ``left`` is how its rows that older keys wrote look.

    ``anew`` makes what the newest key would have written, or None where it did.
    """

    name: str
    column: ColumnElement[Any]
    left: ColumnElement[bool]
    anew: Callable[[Any], Any]

    @property
    def table(self) -> Table:
        table = self.column.table
        assert isinstance(table, Table)
        return table


class Standing(NamedTuple):
    """Where a rotation stands. Times are seconds since the epoch."""

    generation: int
    created_at: float
    activated_at: float | None
    finished_at: float | None


class Rekeying:
    """Rotation of the master key."""

    def __init__(self, db: Database, vault: Vault, processes: Processes) -> None:
        self._db = db
        self._vault = vault
        self._processes = processes

    async def standing(self) -> Standing:
        """Of the newest key there is. Open the store with ``check_key`` first."""
        async with self._db.read() as conn:
            row = (await conn.execute(_newest())).one()
        return Standing(row.generation, row.created_at, row.activated_at, row.finished_at)

    async def prepare(self, newer: bytes, *, renew_signatures: bool = False) -> None:
        """A ``newer`` key may be started with from now on; one that was prepared before may not.

        With ``renew_signatures`` what the key before has signed is believed no longer by who
        starts with the new one.

        Raises:
            Rejected: another rotation has begun, and is not finished.
        """
        async with self._db.write() as tx:
            last = (await tx.conn.execute(_newest().with_for_update())).one()
            if last.activated_at is None and last.mark != self._vault.mark:
                dropped = master_key.delete().where(master_key.c.generation == last.generation)
                await tx.conn.execute(dropped)
                last = (await tx.conn.execute(_newest())).one()
            if last.finished_at is None:
                raise Rejected(
                    "上一次轮换还没做完：先 shouli keys reseal"
                    " / the master key is being rotated already; run “shouli keys reseal” first"
                )
            generation = last.generation + 1
            row = {
                "generation": generation,
                "mark": mark_of(newer),
                "ring": self._vault.ring(newer),
                "signing": generation if renew_signatures else last.signing,
                "created_at": tx.now,
            }
            await tx.insert(master_key, [row])
            await tx.audit(None, "key.prepare", str(generation), renew_signatures=renew_signatures)

    async def behind(self) -> list[Process]:
        """Living processes that do not have the key that is set here."""
        mark = self._vault.mark
        return [one for one in await self._processes.all() if one.alive and one.key_mark != mark]

    async def activate(self) -> None:
        """The key that is set here writes from now on.

        Raises:
            Rejected: it is not a newer one, or processes live that have not got it.
        """
        if not self._vault.moving:
            raise Rejected(
                "这里没有新的主密钥：先 shouli keys new"
                " / there is no new master key here; make one with “shouli keys new”"
            )
        if late := await self.behind():
            told = ", ".join(sorted(f"{one.role} {one.host} pid {one.pid}" for one in late))
            raise Rejected(
                f"这些进程没有新的主密钥，先重启：{told}"
                f" / these processes do not have the new master key, restart them first: {told}"
            )
        async with self._db.write() as tx:
            if tx.dialect != "sqlite":
                await tx.conn.execute(select(func.pg_advisory_xact_lock(KEY_LOCK)))
            k = master_key.c
            mine = update(master_key).where(k.mark == self._vault.mark, k.activated_at.is_(None))
            if (await tx.conn.execute(mine.values(activated_at=tx.now))).rowcount:
                await tx.audit(None, "key.activate", str(self._vault.readable[-1]))

    async def left(self) -> dict[str, int]:
        """How many rows of each part older keys wrote."""
        counts = {}
        for part in self._parts():
            count = 0
            async for rows in self._rows(part, 5000):
                count += sum(part.anew(row.value) is not None for row in rows)
            counts[part.name] = count
        return counts

    async def reseal(self, limit: int = 500) -> AsyncIterator[tuple[str, int]]:
        """Changes what older keys wrote; yields the part and how many, for each batch.

        Rows that somebody else holds at this moment are left: see ``left``, and go on.
        """
        for part in self._parts():
            after: tuple[Any, ...] | None = None
            while True:
                async with self._db.write() as tx:
                    rows = (await tx.conn.execute(_batch(part, after, limit, lock=True))).all()
                    changed = await _change(tx, part, rows)
                if not rows:
                    break
                after = tuple(rows[-1])[1:]
                yield part.name, changed

    async def finish(self) -> bool:
        """Whether nothing is left, after which no older key is needed.

        Raises:
            Permanent: the key that is set here is not the one that writes.
        """
        if any((await self.left()).values()):
            return False
        async with self._db.write() as tx:
            k = master_key.c
            mine = update(master_key).where(
                k.mark == self._vault.mark, k.activated_at.is_not(None)
            )
            if not (await tx.conn.execute(mine.values(finished_at=tx.now))).rowcount:
                raise Permanent("这把主密钥没有启用 / this master key is not in use")
            await tx.audit(None, "key.finish", str(self._vault.readable[-1]))
        return True

    async def _rows(self, part: Part, limit: int) -> AsyncIterator[list[Row[Any]]]:
        after: tuple[Any, ...] | None = None
        while True:
            async with self._db.read() as conn:
                rows = list((await conn.execute(_batch(part, after, limit))).all())
            if not rows:
                return
            yield rows
            after = tuple(rows[-1])[1:]

    def _parts(self) -> tuple[Part, ...]:
        vault, generation = self._vault, self._vault.readable[-1]
        hashes, (mark,) = hashing(vault, generation), marker(generation) or ("",)

        def sealed(purpose: str) -> Callable[[bytes], bytes | None]:
            def anew(old: bytes) -> bytes | None:
                if vault.is_newest(purpose, old):
                    return None
                return vault.seal(purpose, vault.open(purpose, old), generation)

            return anew

        def lookup(old: str) -> str:
            return vault.once_more(old, generation)

        def tombstone(old: str) -> str:
            return PREFIX + lookup(old.removeprefix(PREFIX))

        def terms(old: str) -> str:
            stale = [one for one in old.split() if not one.startswith("g")]
            return " ".join([*hashes.once_more(stale), mark])

        ours = f"{generation}:"
        i, p, x, m, e = (t.c for t in (identity, proof, customer_link, message, search_entry))
        living = ~i.lookup.startswith(PREFIX) & ~i.lookup.startswith(ours)
        erased = m.external_id.startswith(PREFIX) & ~m.external_id.startswith(PREFIX + ours)
        said = ~e.terms.endswith(mark)
        f = second_factor.c
        return (
            Part("second_factor", f.secret, f.agent_id.is_not(None), sealed("second factor")),
            Part("customer", customer.c.key, customer.c.key.is_not(None), sealed("wrap")),
            Part("webhook", webhook.c.secret, webhook.c.id.is_not(None), sealed("webhooks")),
            Part("identity", i.lookup, living, lookup),
            Part("proof", p.lookup, ~p.lookup.startswith(ours), lookup),
            Part("customer_link", x.lookup, ~x.lookup.startswith(ours), lookup),
            Part("tombstone", m.external_id, erased, tombstone),
            Part("search_entry", e.terms, said, terms),
        )


def _newest() -> Select[Any]:
    return select(master_key).order_by(master_key.c.generation.desc()).limit(1)


def _batch(
    part: Part, after: tuple[Any, ...] | None, limit: int, *, lock: bool = False
) -> Select[Any]:
    """The next rows: what the column holds, and then the primary key."""
    keys = list(part.table.primary_key)
    query = select(part.column.label("value"), *keys).where(part.left).order_by(*keys)
    if after is not None:
        query = query.where(_beyond(keys, after))
    if lock:  # whoever holds some is not waited for, and so cannot wait for us in turn
        query = query.with_for_update(skip_locked=True)
    return query.limit(limit)


def _beyond(keys: list[Any], after: tuple[Any, ...]) -> ColumnElement[bool]:
    first, *rest = keys
    beyond: ColumnElement[bool] = first > after[0]
    return beyond | and_(first == after[0], _beyond(rest, after[1:])) if rest else beyond


async def _change(tx: Tx, part: Part, rows: Any) -> int:
    keys = list(part.table.primary_key)
    given = [
        {f"_{key.name}": value for key, value in zip(keys, row[1:], strict=True)}
        | {"_old": row.value, "_new": new}
        for row in rows
        if (new := part.anew(row.value)) is not None
    ]
    if given:
        same = [key == bindparam(f"_{key.name}") for key in keys]
        change = update(part.table).where(*same, part.column == bindparam("_old"))
        await tx.conn.execute(change.values({part.column: bindparam("_new")}), given)
    return len(given)
