"""Writes rows by the thousand past the program, into SQLite and into PostgreSQL."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

import asyncpg
from sqlalchemy.engine import URL

from bench.history import Rows


async def fill(url: URL, batches: Iterable[Rows]) -> None:
    """Writes all of it into migrated tables, each table's rows in few statements."""
    if url.get_backend_name() == "sqlite":
        _fill_sqlite(str(url.database), batches)
    else:
        await _fill_postgres(url, batches)


def _fill_sqlite(path: str, batches: Iterable[Rows]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-400000")
        for batch in batches:
            db.execute("BEGIN IMMEDIATE")
            for table, rows in batch.items():
                names = list(rows[0])
                columns = ", ".join(f'"{name}"' for name in names)
                marks = ", ".join("?" * len(names))
                statement = f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})"
                db.executemany(statement, [tuple(row.values()) for row in rows])
            db.execute("COMMIT")


async def _fill_postgres(url: URL, batches: Iterable[Rows]) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    db = await asyncpg.connect(plain)
    try:
        # The rows fit together, and come table by table: nothing is looked up for each of them.
        await db.execute("SET session_replication_role = replica")
        await db.execute("SET synchronous_commit = off")
        await db.execute("DELETE FROM counter WHERE name = 'event'")
        await db.execute("DELETE FROM cursor WHERE channel = 'follower'")
        for batch in batches:
            for table, rows in batch.items():
                await db.copy_records_to_table(
                    table, records=[tuple(row.values()) for row in rows], columns=list(rows[0])
                )
        await db.execute("VACUUM ANALYZE")  # as autovacuum would have, in years
    finally:
        await db.close()
