"""Raw bodies and attachments by content: equal bytes are stored once.

Files in the data directory when embedded; rows in PostgreSQL when distributed.
"""

import asyncio
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from models.errors import NotFound, StorageFull, Temporary
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


class FileBlobs:
    """A file a blob, in 256 folders, written beside its place and renamed into it."""

    def __init__(self, root: Path) -> None:
        self._root = root

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
        if not path.exists():
            part = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
            try:
                with part.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise
        # One that was there may have been renamed by somebody who has not come to this line.
        _sync(path.parent)


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
                statement = tx.upsert(blob).values(sha256=sha256, content=contents[sha256])
                await tx.conn.execute(statement.on_conflict_do_nothing())

    async def get(self, sha256: str) -> bytes:
        async with self._db.read() as conn:
            query = select(blob.c.content).where(blob.c.sha256 == sha256)
            content = (await conn.execute(query)).scalar_one_or_none()
        if content is None:
            raise NotFound(f"no blob {sha256}")
        return bytes(content)
