"""Raw bodies and attachments by content: equal bytes are stored once.

Files in the data directory when embedded; rows in PostgreSQL when distributed.
"""

import asyncio
import contextlib
import errno
import os
import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete, select, update

from models.errors import NotFound, StorageFull, Temporary
from models.ports import Clock
from models.store.ground.database import Database
from models.tables import blob


class Blobs(Protocol):
    """Content by its SHA-256 in hex."""

    async def put(self, contents: Mapping[str, bytes]) -> None:
        """Durable when it returns.

        Raises:
            StorageFull: no room.
            Temporary: cannot be written now.
        """

    async def get(self, sha256: str) -> bytes:
        """Raises ``NotFound`` for what was never put, ``Temporary`` when out of reach."""

    async def touch(self, hashes: Collection[str]) -> set[str]:
        """Those of these that are there, now as if they were put just now, see ``delete``.

        Raises:
            Temporary: out of reach.
        """

    async def delete(self, hashes: Collection[str], seconds: float) -> set[str]:
        """Deletes contents for good; what was put in the last ``seconds`` stays, and is returned.

        What is not there counts as deleted.

        Raises:
            Temporary: out of reach; some may be deleted.
        """

    async def clear(self, seconds: float) -> int:
        """Deletes what writers who died left half-written ``seconds`` ago; returns how many.

        Raises:
            Temporary: out of reach; some may be deleted.
        """


_PART = re.compile(r"\.[0-9a-z]{64}\.[0-9a-f]{16}")
"""The name of a file that is being written: its place, and what is the writer's alone."""


class FileBlobs:
    """A file a blob, in 256 folders, written beside its place and renamed into it."""

    def __init__(self, root: Path, clock: Clock = time.time) -> None:
        """``clock`` is what tells when a file was put, and how long ago that is."""
        self._root = root
        self._clock = clock

    async def put(self, contents: Mapping[str, bytes]) -> None:
        if contents:
            await asyncio.to_thread(self._put, contents)

    async def get(self, sha256: str) -> bytes:
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"no blob {sha256}") from error
        except OSError as error:
            raise Temporary(f"the data directory cannot be read: {error}") from error

    async def touch(self, hashes: Collection[str]) -> set[str]:
        try:
            return await asyncio.to_thread(self._touch, hashes)
        except OSError as error:
            raise Temporary(f"the data directory cannot be written: {error}") from error

    def _touch(self, hashes: Collection[str]) -> set[str]:
        return {sha256 for sha256 in sorted(hashes) if self._touched(self._path(sha256))}

    async def delete(self, hashes: Collection[str], seconds: float) -> set[str]:
        try:
            return await asyncio.to_thread(self._delete, hashes, self._clock() - seconds)
        except OSError as error:
            raise Temporary(f"the data directory cannot be written: {error}") from error

    def _delete(self, hashes: Collection[str], since: float) -> set[str]:
        return {sha256 for sha256 in sorted(hashes) if not self._gone(self._path(sha256), since)}

    async def clear(self, seconds: float) -> int:
        try:
            return await asyncio.to_thread(self._clear, self._clock() - seconds)
        except OSError as error:
            raise Temporary(f"the data directory cannot be written: {error}") from error

    def _clear(self, before: float) -> int:
        """Who still writes, however slowly, is met by an error that lets them try again."""
        cleared = 0
        for part in self._root.glob("??/.*"):
            with contextlib.suppress(FileNotFoundError):  # it has come to its place just now
                if _PART.fullmatch(part.name) and part.stat().st_mtime <= before:
                    part.unlink()
                    cleared += 1
        return cleared

    @staticmethod
    def _gone(path: Path, since: float) -> bool:
        """Deletes a file unless it was touched since.

        Out of the way first: whoever puts it meanwhile does not find it there.
        """
        aside = path.with_name(f".{path.name}.going")
        try:
            if path.stat().st_mtime > since:
                return False
            path.rename(aside)
        except FileNotFoundError:
            aside.unlink(missing_ok=True)  # of one who died here
            return True
        if aside.stat().st_mtime > since:
            aside.rename(path)
            return False
        aside.unlink()
        return True

    def _path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise NotFound("not a SHA-256")
        return self._root / sha256[:2] / sha256

    def _put(self, contents: Mapping[str, bytes]) -> None:
        try:
            for sha256, content in contents.items():
                self._write(self._path(sha256), content)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull("the data directory's disk is full") from error
            raise Temporary(f"the data directory cannot be written: {error}") from error

    def _write(self, path: Path, content: bytes) -> None:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            _sync(self._root)
        if not self._touched(path):
            part = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
            try:
                with part.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                self._touched(part)
                part.rename(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise
        # One that was there may have been renamed by somebody who has not come to this line.
        _sync(path.parent)

    def _touched(self, path: Path) -> bool:
        """Whether a file is there; if so it is as new as one written now, see ``delete``."""
        now = self._clock()
        try:
            os.utime(path, (now, now))
        except FileNotFoundError:
            return False
        return True


def _sync(folder: Path) -> None:
    """The names in a folder are durable only when the folder is (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class TableBlobs:
    """A row a blob: every host that reaches the database reaches the content."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, contents: Mapping[str, bytes]) -> None:
        if not contents:
            return
        async with self._db.write() as tx:
            for sha256 in sorted(contents):
                statement = tx.upsert(blob).values(
                    sha256=sha256, content=contents[sha256], put_at=tx.now
                )
                touched = statement.on_conflict_do_update(
                    index_elements=["sha256"], set_={"put_at": tx.now}
                )
                await tx.conn.execute(touched)

    async def get(self, sha256: str) -> bytes:
        async with self._db.read() as conn:
            query = select(blob.c.content).where(blob.c.sha256 == sha256)
            content = (await conn.execute(query)).scalar_one_or_none()
        if content is None:
            raise NotFound(f"no blob {sha256}")
        return bytes(content)

    async def touch(self, hashes: Collection[str]) -> set[str]:
        b = blob.c
        async with self._db.write() as tx:
            touched = update(blob).where(b.sha256.in_(hashes)).values(put_at=tx.now)
            return set((await tx.conn.execute(touched.returning(b.sha256))).scalars())

    async def delete(self, hashes: Collection[str], seconds: float) -> set[str]:
        b = blob.c
        async with self._db.write() as tx:
            old = b.put_at <= tx.now - seconds
            await tx.conn.execute(delete(blob).where(b.sha256.in_(hashes), old))
            there = select(b.sha256).where(b.sha256.in_(hashes))
            return set((await tx.conn.execute(there)).scalars())

    async def clear(self, seconds: float) -> int:  # noqa: ARG002  the protocol's name
        """None: what a writer who died had begun, the database has taken back."""
        return 0
