"""Tombstones of what was erased, so that it does not come back: a keyed hash of each name.

A mail server or a platform may deliver an old message once more, by whatever road. Its name
(channel, account, external id, revision) is known again by its hash, and nothing else is: whoever
has the database and not the master key learns nothing from it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, delete, exists, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Temporary
from models.store.dialogue.incoming import Incoming
from models.store.dialogue.people import Known
from models.store.dialogue.revisions import Name, any_of, name_of
from models.store.ground.database import Tx
from models.store.ground.sealing import Vault
from models.tables import blob_left, customer, envelope, identity, message

PREFIX = "erased:"
"""Before whatever stands where a name stood. No channel gives such a name."""


async def is_erased(conn: AsyncConnection, customer_id: str) -> bool:
    c = customer.c
    query = select(c.id).where(c.id == customer_id, c.erased_at.is_not(None))
    return (await conn.execute(query)).one_or_none() is not None


def erased(customer_id: ColumnElement[str]) -> ColumnElement[bool]:
    """As ``is_erased``, as a condition of a query."""
    return exists().where(customer.c.id == customer_id, customer.c.erased_at.is_not(None))


class Tombstones:
    """What stands for the names of erased messages, and refuses what arrives under these again."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def names(self, tx: Tx) -> Callable[[Name], str]:
        """What gives messages the keyed hashes of their names, in this transaction."""
        generation = await self._vault.writing(tx)
        return lambda name: PREFIX + self._vault.lookup(*_hashed(name), generation)

    async def without(self, tx: Tx, incoming: Sequence[Incoming]) -> list[Incoming]:
        """What was never erased. Of the rest nothing stays: its raw bytes and its files go, too.

        A later edit of an erased message is new; a deletion of one has nothing to delete.
        """
        versions = await self._erased(tx, {name_of(i.message) for i in incoming})
        if not versions:
            return list(incoming)
        gone = {version[:3] for version in versions}
        new = [i for i in incoming if (*name_of(i.message), i.message.revision) not in versions]
        alive = {name_of(i.message) for i in new if i.message.kind != "delete"}
        alive |= await _shown(tx, gone - alive)
        gone -= alive
        kept = [i for i in new if i.message.kind != "delete" or name_of(i.message) not in gone]
        await _forget(tx, kept, incoming)
        return kept

    async def _erased(self, tx: Tx, names: Collection[Name]) -> set[tuple[str, str, str, int]]:
        """The versions that were erased, of messages with these names."""
        if not names:
            return set()
        m = message.c
        marked = {
            (*name[:2], PREFIX + lookup): name
            for name in names
            for lookup in self._vault.lookups(*_hashed(name))
        }
        query = select(m.channel, m.account, m.external_id, m.revision).where(
            any_of(message, m.external_id, marked)
        )
        rows = (await tx.conn.execute(query)).all()
        return {(*marked[row.channel, row.account, row.external_id], row.revision) for row in rows}

    async def check(
        self,
        tx: Tx,
        incoming: Sequence[Incoming],
        people: Mapping[tuple[str, str], Known],
    ) -> None:
        """With the conversations locked: nobody of this batch was erased since it was read.

        Nor is anybody until the commit. On SQLite one transaction excludes the other.

        Raises:
            Temporary: somebody was; the batch is to be read again.
        """
        if tx.dialect == "sqlite":
            return
        i = identity.c
        ids = {known.id for known in people.values()}
        alive = select(i.id).where(i.id.in_(ids), ~i.lookup.startswith(PREFIX))
        # As a foreign key locks: it keeps an erasure out, and nobody else.
        alive = alive.order_by(i.id).with_for_update(read=True, key_share=True)
        there = set((await tx.conn.execute(alive)).scalars())
        names = {name_of(item.message) for item in incoming}
        if ids - there or await self._erased(tx, names) & {
            (*name_of(item.message), item.message.revision) for item in incoming
        }:
            raise Temporary("a customer of this batch has just been erased")


def _hashed(name: Name) -> tuple[str, str]:
    channel, account, external_id = name
    return f"erased {channel}", f"{account}\0{external_id}"


async def _shown(tx: Tx, names: Collection[Name]) -> set[Name]:
    """Those of these names that a message has which is shown."""
    if not names:
        return set()
    m = message.c
    query = select(m.channel, m.account, m.external_id).where(
        any_of(message, m.external_id, names)
    )
    return {(row.channel, row.account, row.external_id) for row in await tx.conn.execute(query)}


async def _forget(tx: Tx, kept: Sequence[Incoming], incoming: Sequence[Incoming]) -> None:
    """Of the envelopes in which nothing was new, and of the files in them, nothing stays."""
    used = {item.envelope_id for item in kept}
    rest = [item for item in incoming if item.envelope_id not in used]
    await empty(tx, envelope.c.id.in_({item.envelope_id for item in rest}))
    await leave_files(tx, (f.sha256 for item in rest for f in item.message.attachments))


async def empty(tx: Tx, which: ColumnElement[bool]) -> None:
    """Leaves nothing of envelopes but that they came, and when."""
    e = envelope.c
    large = select(e.body_sha256).where(which, e.body.is_(None), e.body_sha256 != "")
    await leave_files(tx, (await tx.conn.execute(large)).scalars().all())
    change = update(envelope).where(which)
    await tx.conn.execute(
        change.values(
            dedupe_key=literal(PREFIX) + e.id,
            name=None,
            body_sha256="",
            body=None,
            transport={},
            error=None,
        )
    )


def hashes_in(files: Any) -> Iterator[str]:
    """The contents that attachments name, or the versions of a message in theirs."""
    for one in files or ():
        if one.get("sha256"):
            yield one["sha256"]
        yield from hashes_in(one.get("attachments"))


async def leave_files(tx: Tx, hashes: Iterable[str | None]) -> None:
    """Notes contents that may be nobody's now: see ``privacy.orphaned_blobs``."""
    await expect_files(tx, filter(None, hashes), 0.0)


async def expect_files(tx: Tx, hashes: Iterable[str], seconds: float) -> None:
    """Notes contents that are nobody's unless somebody names them within so many seconds."""
    at = tx.now + seconds
    rows = [{"sha256": sha256, "at": at} for sha256 in sorted(set(hashes))]
    if rows:
        noted = tx.upsert(blob_left)
        # The later of two: somebody else may still be about to name the same content.
        later = case((blob_left.c.at > at, blob_left.c.at), else_=at)
        anew = noted.on_conflict_do_update(index_elements=["sha256"], set_={"at": later})
        await tx.conn.execute(anew, rows)


async def name_files(tx: Tx, hashes: Collection[str]) -> None:
    """A message that is stored now has these contents: nobody need look whose they are."""
    if hashes:
        await tx.conn.execute(delete(blob_left).where(blob_left.c.sha256.in_(hashes)))
