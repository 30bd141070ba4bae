"""A request that arrives twice is done once: its answer was lost, and the client asked again."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict
from models.store.ground.database import Database, Tx
from models.tables import request_key


@dataclass(frozen=True, slots=True)
class Key:
    """By what a request is known again: ``client_id`` of the one who asks.

    ``asked`` is a digest of what is asked and of where (hex SHA-256).
    """

    client_id: str
    agent_id: str
    asked: str


async def earlier(tx: Tx, key: Key | None) -> str | None:
    """What the same request made when it came before; None where it is new, or has no key.

    To be asked before anything else is locked: of two at once the later one waits here.

    Raises:
        Conflict: the key was used for another request.
    """
    if key is None:
        return None
    row = {
        "client_id": key.client_id, "agent_id": key.agent_id, "asked": key.asked, "at": tx.now,
    }  # fmt: skip
    new = tx.upsert(request_key).values(row).on_conflict_do_nothing()
    if (await tx.conn.execute(new)).rowcount:
        return None
    before = await found(tx.conn, key)
    return None if before is None else before.made


class Done(NamedTuple):
    """What a request made, and when (seconds since the epoch)."""

    made: str
    at: float


async def found(conn: AsyncConnection, key: Key) -> Done | None:
    """What the same request made, if it came before; nothing is noted.

    Raises:
        Conflict: the key was used for another request.
    """
    k = request_key.c
    query = select(k.asked, k.made, k.at).where(_mine(key))
    before = (await conn.execute(query)).one_or_none()
    if before is None:
        return None
    if before.asked != key.asked:
        raise Conflict("this client_id was used for another request; make a new one")
    return Done(str(before.made), before.at)


async def keep(tx: Tx, key: Key | None, made: str) -> None:
    """Notes what a request made, in the transaction that asked ``earlier``."""
    if key is not None:
        await tx.conn.execute(update(request_key).where(_mine(key)).values(made=made))


def _mine(key: Key) -> ColumnElement[bool]:
    k = request_key.c
    return (k.agent_id == key.agent_id) & (k.client_id == key.client_id)


class Requests:
    """The keys of requests that were done."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def forget(self, before: float) -> None:
        """Drops the keys of requests from before (seconds since the epoch)."""
        async with self._db.write() as tx:
            await tx.conn.execute(delete(request_key).where(request_key.c.at < before))
