"""Files that a platform keeps for us: fetched after the ticket is there, each under a lease."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from models.message import File, one_line
from models.storable import line
from models.store.dialogue.tombstones import leave_files
from models.store.ground.blobs import Blobs
from models.store.ground.database import Database, Fields, Tx
from models.tables import file_due, message

_MOST_OF_NAME = 255
"""Characters."""


@dataclass(frozen=True, slots=True)
class Due:
    """A file that one worker is fetching. ``attempts`` counts this one too."""

    id: str
    token: str
    message_id: str
    attachment_id: str
    channel: str
    account: str
    ref: Mapping[str, Any]
    attempts: int


class Files:
    """pending → stored or refused, in the attachment of the message and in the list of those due.

    ``meta["files"]`` of a message maps the ids of its pending attachments to what its channel
    needs to fetch them.
    """

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def lease(self, limit: int, seconds: float, channels: Sequence[str]) -> list[Due]:
        """Files of these channels that are due, and those that a dead worker was fetching."""
        f = file_due.c
        async with self._db.write() as tx:
            free = f.lease.is_(None) | (f.lease_until < tx.now)
            pick = (
                select(f.id)
                .where(f.state == "new", f.not_before <= tx.now, free, f.channel.in_(channels))
                .order_by(f.not_before, f.id)
                .limit(limit)
            )
            if tx.dialect != "sqlite":
                pick = pick.with_for_update(skip_locked=True)
            ids = list((await tx.conn.execute(pick)).scalars())
            if not ids:
                return []
            token = tx.new_id()
            taken = (
                update(file_due)
                .where(f.id.in_(ids))
                .values(lease=token, lease_until=tx.now + seconds, attempts=f.attempts + 1)
                .returning(*file_due.c)
            )
            rows = (await tx.conn.execute(taken)).mappings().all()
        return [_due(row, token) for row in sorted(rows, key=lambda row: str(row["id"]))]

    async def store(self, due: Due, file: File) -> bool:
        """Keeps a file that was fetched; False when the lease had run out.

        Raises:
            StorageFull, Temporary: it was not stored; the file stays due.
        """
        sha256 = hashlib.sha256(file.content).hexdigest()
        await self._blobs.put({sha256: file.content})
        found = {"state": "stored", "sha256": sha256, "size": len(file.content)}
        if file.mime:
            found["mime"] = file.mime
        if name := line(one_line(file.name), _MOST_OF_NAME):
            found["name"] = name
        return await self._settle(due, "done", found, None)

    async def refuse(self, due: Due, why: str) -> bool:
        """Gives a file up for good; False when the lease had run out."""
        return await self._settle(due, "refused", {"state": "refused"}, why)

    async def postpone(self, due: Due, why: str, seconds: float) -> None:
        """Tries again later: nothing is known to be wrong with the file."""
        async with self._db.write() as tx:
            values = {"lease": None, "not_before": tx.now + seconds, "error": why[:500]}
            await tx.conn.execute(_held(due).values(**values))

    async def _settle(
        self, due: Due, state: str, found: Mapping[str, Any], why: str | None
    ) -> bool:
        async with self._db.write() as tx:
            m = message.c
            query = select(m.attachments, m.versions, m.ticket_id, m.conversation_id)
            # Before the file's own row, as whoever withdraws the message does.
            query = query.where(m.id == due.message_id).with_for_update(key_share=True)
            row = (await tx.conn.execute(query)).one()
            values = {"state": state, "lease": None, "error": why and why[:500]}
            if (await tx.conn.execute(_held(due).values(**values))).rowcount == 0:
                # It may have been withdrawn, or its writer erased: then it is nobody's.
                await leave_files(tx, [found.get("sha256")])
                return False
            files = _settled(row.attachments, due.attachment_id, found)
            versions = row.versions and [
                {**one, "attachments": _settled(one["attachments"], due.attachment_id, found)}
                for one in row.versions
            ]
            change = update(message).where(m.id == due.message_id)
            await tx.conn.execute(change.values(attachments=files, versions=versions))
            tx.emit(
                "message.file",
                ticket=row.ticket_id,
                conversation=row.conversation_id,
                message=due.message_id,
                attachment=due.attachment_id,
                state=found["state"],
            )
        return True


def _settled(
    files: Sequence[Fields], attachment_id: str, found: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Files of a message, or of a version of it, with what was found of one of them."""
    return [{**one, **(found if one["id"] == attachment_id else {})} for one in files]


def _held(due: Due) -> Any:
    f = file_due.c
    return update(file_due).where(f.id == due.id, f.lease == due.token, f.state == "new")


def _due(row: Fields, token: str) -> Due:
    names = Due.__dataclass_fields__.keys() - {"token"}
    return Due(token=token, **{name: row[name] for name in names})


def due_files(tx: Tx, message_id: str, m: Fields) -> list[dict[str, Any]]:
    """The rows of the files that a message, shown as ``message_id``, announces."""
    refs = m["meta"].get("files", {})
    return [
        {
            "id": tx.new_id(),
            "message_id": message_id,
            "attachment_id": one["id"],
            "channel": m["channel"],
            "account": m["account"],
            "ref": refs[one["id"]],
        }
        for one in m["attachments"]
        if one["state"] == "pending" and one["id"] in refs
    ]


async def fetch_no_more(tx: Tx, message_ids: Collection[str]) -> None:
    """Of messages that were withdrawn, which are locked: what is under way is kept by nobody."""
    f = file_due.c
    theirs = update(file_due).where(f.message_id.in_(message_ids), f.state == "new")
    await tx.conn.execute(theirs.values(state="refused", lease=None, ref={}))


def unfetched(files: Sequence[Fields], before: Sequence[Fields]) -> list[dict[str, Any]]:
    """The files of an edit, as they are known from before where they are: not fetched again."""
    known = {one["id"]: one for one in before if one["state"] != "pending"}
    return [dict(known.get(one["id"], one)) for one in files]
