"""Contents that an erasure has left, or that no message came for: deleted once they are nobody's.

Equal bytes are stored once, so another customer may have the same file. An erasure only notes
the hashes; the clock looks for other owners later, and deletes what has none. What is sent ahead
of its message is noted for a later time, and struck out by the message that names it. Whoever
stores or names content just then touches it (``Blobs``) and writes down within
``_GRACE_SECONDS`` whose it is: what was touched lately is left for the next look. Every step may
run twice.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, delete, or_, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.dialogue.tombstones import expect_files, hashes_in
from models.store.ground.blobs import Blobs
from models.store.ground.database import Database
from models.tables import blob_left, envelope, message, outbound, upload

_GRACE_SECONDS = 900.0
"""Between storing content and committing the row that names it lie seconds: a lease is 30."""

_AT_ONCE = 50
"""Contents looked for at once: each look reads the files of all messages there ever were."""


class OrphanedBlobs:
    """Whose content is it, and is it anybody's."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def expect(self, hashes: Collection[str], seconds: float) -> None:
        """To be called before content is put that a message may name within so many seconds."""
        async with self._db.write() as tx:
            await expect_files(tx, hashes, seconds)

    async def delete(self) -> int:
        """Deletes what is nobody's any more; returns how many contents those were.

        Raises:
            Temporary: the database or the data directory is out of reach; it is tried again.
        """
        deleted = 0
        while due := await self._due():
            async with self._db.read() as conn:
                owned = await _owned(conn, due)
            touched = await self._blobs.delete(due - owned, _GRACE_SECONDS)
            deleted += len(due - owned - touched)
            async with self._db.write() as tx:
                c = blob_left.c
                again = update(blob_left).where(c.sha256.in_(touched)).values(at=tx.now)
                await tx.conn.execute(again)
                # Noted anew meanwhile: the next look is for it.
                settled = c.sha256.in_(due) & (c.at <= tx.now - _GRACE_SECONDS)
                await tx.conn.execute(delete(blob_left).where(settled))
        return deleted

    async def clear(self) -> int:
        """Deletes what writers who died left half-written: it may be of somebody erased since.

        Raises:
            Temporary: the data directory is out of reach; it is tried again.
        """
        return await self._blobs.clear(_GRACE_SECONDS)

    async def _due(self) -> set[str]:
        """Some of those that were noted long enough ago."""
        now = await self._db.now()
        c = blob_left.c
        query = select(c.sha256).where(c.at <= now - _GRACE_SECONDS).order_by(c.at, c.sha256)
        return set(await self._db.column(query.limit(_AT_ONCE)))


async def _owned(conn: AsyncConnection, hashes: Collection[str]) -> set[str]:
    """Those of these contents that somebody's message, answer or upload still has.

    Or will have: a message that is not read yet names the files that were sent before it.
    """
    named = union(
        select(envelope.c.body_sha256).where(
            envelope.c.body_sha256.in_(hashes), envelope.c.body.is_(None)
        ),
        select(upload.c.sha256).where(upload.c.sha256.in_(hashes)),
    )
    found = set((await conn.execute(named)).scalars())
    columns = (message.c.attachments, message.c.versions, outbound.c.attachments)
    for column in columns:
        query = select(column).where(_mentions(column, hashes))
        for files in (await conn.execute(query)).scalars():
            found.update(hashes_in(files))
    for state in ("new", "parked"):  # each by its own partial index
        unread = text(f"envelope.state = '{state}'") & _mentions(envelope.c.transport, hashes)
        query = select(envelope.c.transport).where(unread)
        for facts in (await conn.execute(query)).scalars():
            found.update(hashes_in(facts.get("files")))
    return found & set(hashes)


def _mentions(column: Column[Any], hashes: Collection[str]) -> ColumnElement[bool]:
    words = cast(column, Text)
    return or_(*(words.contains(sha256) for sha256 in sorted(hashes)))
