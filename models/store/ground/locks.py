"""Rows that nobody else changes until the commit.

Locks are taken in one order everywhere (a timer that fires, conversation, follow-up, ticket,
identity, agent, counter), each sorted by id, so that transactions wait for each other but never
in a circle. Who changes several tickets in one transaction locks all of them first, and then all
of their people.
What belongs to a ticket alone (its complaint, sub-tasks, helpers, transfer) is kept by its lock.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, Table, select

from models.errors import NotFound
from models.store.ground.database import Tx, dicts


async def lock_row(tx: Tx, table: Table, id_: str, missing: str) -> dict[str, Any]:
    """The row with this id.

    Raises:
        NotFound: there is none; ``missing`` is its sentence.
    """
    rows = await lock_rows(tx, table, [id_])
    if id_ not in rows:
        raise NotFound(missing)
    return rows[id_]


async def lock_rows(tx: Tx, table: Table, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows with these ids, by id."""
    rows = dicts(await tx.conn.execute(_locking(select(table), table, ids)))
    return {row["id"]: row for row in rows}


async def lock(tx: Tx, table: Table, ids: Collection[str]) -> None:
    """As ``lock_rows``, where nobody reads the rows."""
    if ids and tx.dialect != "sqlite":  # there, the transaction itself keeps others out
        await tx.conn.execute(_locking(select(table.c.id), table, ids))


def _locking(query: Select[Any], table: Table, ids: Collection[str]) -> Select[Any]:
    query = query.where(table.c.id.in_(set(ids))).order_by(table.c.id)
    # As an update locks: rows that refer to these may still be inserted.
    return query.with_for_update(key_share=True)
