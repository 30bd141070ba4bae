"""A PostgreSQL database that one test has used is as good as a new one to the next, or is gone."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import CheckConstraint

from models.tables import metadata
from tests.databases import PostgresCopies
from tests.services import PostgresServer

FREE = [
    table
    for table in metadata.sorted_tables
    if not any(isinstance(one, CheckConstraint) for one in table.constraints)
]
"""Tables that take any row."""


@pytest.fixture
async def used(postgres_copies: PostgresCopies) -> AsyncIterator[str]:
    """One that a test has used before."""
    name = await postgres_copies.lend()
    await postgres_copies.take_back(name)
    assert await postgres_copies.lend() == name
    yield name
    await postgres_copies.take_back(name)


async def test_who_looks_at_plans_gets_one_that_nobody_has_used(
    postgres_copies: PostgresCopies, used: str
) -> None:
    await postgres_copies.take_back(used)
    unused = await postgres_copies.lend(unused=True)
    assert unused != used
    await postgres_copies.take_back(unused)
    names = [await postgres_copies.lend(), await postgres_copies.lend()]
    await postgres_copies.take_back(next(name for name in names if name != used))
    assert used in names


async def _returned(copies: PostgresCopies, name: str) -> bool:
    """Whether it is lent again after it was given back."""
    await copies.take_back(name)
    again = await copies.lend()
    if again != name:
        await copies.take_back(again)
    return again == name


async def test_what_one_test_wrote_the_next_does_not_find(
    postgres: PostgresServer, postgres_copies: PostgresCopies, used: str
) -> None:
    async with postgres.connected(used) as connection:
        # Whatever the columns are, and whatever row a foreign key asks for.
        await connection.execute("SET session_replication_role = replica")
        for table in FREE:
            columns = [c for c in table.columns if not c.nullable and c.server_default is None]
            filled = ", ".join(_anything(str(column.type)) for column in columns)
            names = ", ".join(f'"{column.name}"' for column in columns)
            await connection.execute(f'INSERT INTO "{table.name}" ({names}) VALUES ({filled})')
    assert len(FREE) > 20
    assert await _returned(postgres_copies, used)
    async with postgres.connected(used) as connection:
        for table in FREE:
            assert await connection.fetchval(f'SELECT count(*) FROM "{table.name}"') == 0


def _anything(kind: str) -> str:
    """A literal that a column of this type takes."""
    words = {"BLOB": "'x'::bytea", "BOOLEAN": "false", "JSON": "'{}'"}
    return words.get(kind, "'x'" if "CHAR" in kind or kind == "TEXT" else "1")


async def test_who_is_still_connected_is_ended(
    postgres: PostgresServer, postgres_copies: PostgresCopies, used: str
) -> None:
    async with postgres.connected(used) as forgotten:
        await forgotten.execute("BEGIN; LOCK TABLE agent")
        assert await _returned(postgres_copies, used)
        assert forgotten.is_closed()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE left_behind (x int)",
        "ALTER TABLE ticket ADD COLUMN left_behind int",
        "ALTER TABLE agent ALTER COLUMN name SET DEFAULT 'x'",
        "ALTER TABLE agent DISABLE TRIGGER ALL",
        "ALTER TABLE agent ADD CHECK (name <> 'x')",
        "CREATE INDEX left_behind ON agent (name)",
        "DROP INDEX {index}",
        "CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SEQUENCE left_behind",
        "UPDATE alembic_version SET version_num = '0001'",
        "DELETE FROM alembic_version",
        "ANALYZE agent",
        "VACUUM agent",
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        "ALTER DATABASE {database} CONNECTION LIMIT 1",
    ],
)
async def test_one_of_which_more_was_changed_than_its_rows_is_not_lent_again(
    postgres: PostgresServer, postgres_copies: PostgresCopies, used: str, change: str
) -> None:
    async with postgres.connected(used) as connection:
        index = await connection.fetchval(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
            " AND indexname LIKE 'ix\\_%' LIMIT 1"
        )
        await connection.execute(change.format(index=index, database=f'"{used}"'))
    assert not await _returned(postgres_copies, used)


async def test_a_large_one_is_not_lent_again(
    postgres: PostgresServer, postgres_copies: PostgresCopies, used: str
) -> None:
    async with postgres.connected(used) as connection:
        await connection.execute(
            "INSERT INTO counter SELECT 'c' || n, n FROM generate_series(1, 3000) AS n"
        )
    assert not await _returned(postgres_copies, used)
