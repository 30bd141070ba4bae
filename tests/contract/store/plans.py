"""What a database would read for a statement: seen in its plan, which needs no years of data."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event as hooks
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store import Store
from models.store.ground.database import Database
from models.tables import metadata

FEW = frozenset(
    {
        "agent", "alembic_version", "bundle", "canned", "counter", "cursor", "dictionary_word",
        "incident", "incident_text", "invariant", "label_day", "lease", "master_key",
        "retraining", "rules_publication", "rules_version", "skill_class", "stage_time", "webhook",
        "wording",
    }
)  # fmt: skip
"""Tables that do not grow with the work that is done."""

GROWING = frozenset(metadata.tables) - FEW

PARTIAL = frozenset(
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
)
"""Indexes of little: who reads one whole reads what is under way."""

_WATCHED = re.compile(r"\s*(SELECT|UPDATE|DELETE|WITH)\b")


class Asked:
    """Statements as they went to the database."""

    def __init__(self) -> None:
        self.statements: dict[str, Any] = {}

    def note(
        self, _conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        if _WATCHED.match(statement) and values != []:
            self.statements.setdefault(statement, values[0] if many else values)


@asynccontextmanager
async def watched(db: Database) -> AsyncIterator[Asked]:
    """What is asked of the database within the block."""
    asked = Asked()
    engines = {id(e.sync_engine): e.sync_engine for e in (db._reader, db._writer, db._steady)}
    for engine in engines.values():
        hooks.listen(engine, "before_cursor_execute", asked.note)
    try:
        yield asked
    finally:
        for engine in engines.values():
            hooks.remove(engine, "before_cursor_execute", asked.note)


async def read_whole(store: Store, asked: Asked) -> list[str]:
    """Each statement that reads all of a growing table, with what it reads."""
    look = _of_sqlite if store.db.dialect == "sqlite" else _of_postgres
    found = []
    async with store.db.read(steady=True) as conn:
        for statement, values in asked.statements.items():
            found += [f"{what}: {statement}" for what in await look(conn, statement, values)]
    return found


async def steps_of(store: Store, statement: str, values: Any) -> list[str]:
    """SQLite's plan of a statement."""
    async with store.db.read() as conn:
        return await _steps(conn, statement, values)


async def _steps(conn: AsyncConnection, statement: str, values: Any) -> list[str]:
    plan = await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return [row.detail for row in plan]


async def _of_sqlite(conn: AsyncConnection, statement: str, values: Any) -> list[str]:
    steps = await _steps(conn, statement, values)
    deleted = statement.startswith("DELETE FROM customer ")
    # Of a customer that is deleted, what refers to them is looked for: after a race of two, once.
    return [step for step in steps if not deleted and _reads_all(step, statement)]


def _reads_all(step: str, statement: str) -> bool:
    scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    if scan is None or scan[2] in PARTIAL:
        return False
    return _table(scan[1], statement) in GROWING


def _table(name: str, statement: str) -> str:
    """The table behind an alias."""
    behind = re.search(rf"\b(\w+) AS {name}\b", statement)
    return behind[1] if behind else name


async def _of_postgres(conn: AsyncConnection, statement: str, values: Any) -> list[str]:
    # Empty tables are read whole whatever there is: only where nothing else will do counts.
    for method in ("seqscan", "hashjoin", "mergejoin"):
        await conn.exec_driver_sql(f"SET LOCAL enable_{method} = off")
    ((plan,),) = await conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
    return [told for node in _nodes(plan[0]["Plan"]) if (told := _wasteful(node))]


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _wasteful(node: Mapping[str, Any]) -> str | None:
    kind, index = node["Node Type"], node.get("Index Name")
    if kind == "Seq Scan" and node["Relation Name"] in GROWING:
        return f"Seq Scan on {node['Relation Name']}"
    of = node.get("Relation Name", "")
    if index and of in GROWING and "Index Cond" not in node and index not in PARTIAL:
        return f"all of {index}"
    return None
