"""Files that agents have uploaded, to be sent with an answer on the same ticket."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import delete, select

from models.errors import Conflict, Rejected
from models.ids import uuid7
from models.message import Attachment
from models.store.dialogue.tombstones import is_erased, leave_files
from models.store.ground.blobs import Blobs
from models.store.ground.database import Database, Tx
from models.store.ground.locks import lock_row
from models.tables import outbound, ticket, upload

MOST_FILES = 10
"""Of one answer."""

_AT_ONCE = 200
"""Uploads that are dropped in one transaction."""

LARGEST_FILE = 10 * 1024 * 1024
LARGEST_ANSWER = 15 * 1024 * 1024
"""Bytes of one file, and of all files of one answer. In base64 a third longer: mail servers
commonly take 25 MB."""


class Uploads:
    """An upload belongs to its agent and its ticket: its id opens it to nobody else."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def add(
        self, ticket_id: str, agent_id: str, name: str, mime: str, content: bytes
    ) -> Attachment:
        """Stores a file; its ``id`` is what an answer refers to.

        Raises:
            NotFound: no such ticket.
            Conflict: its customer was erased.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        await self._blobs.put({sha256: content})
        async with self._db.write() as tx:
            row = {
                "id": tx.new_id(),
                "ticket_id": ticket_id,
                "agent_id": agent_id,
                "name": name,
                "mime": mime,
                "size": len(content),
                "sha256": sha256,
                "created_at": tx.now,
            }
            # Locked: an erasure that goes on finds it, and one that has been keeps it out.
            of = await lock_row(tx, ticket, ticket_id, "no such ticket")
            if erased := await is_erased(tx.conn, of["customer_id"]):
                await leave_files(tx, [sha256])
            else:
                await tx.insert(upload, [row])
        if erased:
            raise Conflict("this customer's data was erased")
        return Attachment(id=row["id"], name=name, mime=mime, size=len(content), sha256=sha256)

    async def forget(self, before: float) -> None:
        """Drops what was uploaded before (seconds since the epoch): no answer names it any more.

        Contents that an answer carries are the answer's; the others are nobody's then.
        """
        while await self._forget_some(before):
            pass

    async def _forget_some(self, before: float) -> bool:
        u, o = upload.c, outbound.c
        # Ids tell when they were made, and have an index.
        old = select(u.id).where(u.id < uuid7(before)).order_by(u.id).limit(_AT_ONCE)
        async with self._db.write() as tx:
            gone = (
                await tx.conn.execute(
                    delete(upload).where(u.id.in_(old)).returning(u.ticket_id, u.sha256)
                )
            ).all()
            query = select(o.attachments).where(o.ticket_id.in_({row.ticket_id for row in gone}))
            sent = {
                file["sha256"]
                for files in (await tx.conn.execute(query)).scalars()
                for file in files
            }
            await leave_files(tx, {row.sha256 for row in gone} - sent)
        return len(gone) == _AT_ONCE


async def uploaded(
    tx: Tx, ticket_id: str, agent_id: str, ids: Sequence[str]
) -> tuple[Attachment, ...]:
    """The files of an answer, in the order in which it names them.

    Raises:
        Rejected: one is not an upload of this agent for this ticket, or they are too many.
    """
    if not ids:
        return ()
    u = upload.c
    query = select(u.id, u.name, u.mime, u.size, u.sha256).where(
        u.id.in_(ids), u.ticket_id == ticket_id, u.agent_id == agent_id
    )
    found = {row["id"]: row for row in (await tx.conn.execute(query)).mappings()}
    wanted = dict.fromkeys(ids)
    if len(wanted) > MOST_FILES or wanted.keys() - found.keys():
        raise Rejected("an answer carries files that you uploaded for this ticket, ten at most")
    if sum(row["size"] for row in found.values()) > LARGEST_ANSWER:
        raise Rejected("the files of an answer are 15 MB at most, together")
    return tuple(Attachment(**found[name]) for name in wanted)
