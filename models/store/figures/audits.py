"""Who did what, read back: the audit, the newest first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.ground.database import Database
from models.tables import agent, audit, ticket


@dataclass(frozen=True, slots=True)
class Deed:
    """One line: ``subject`` is what it was done to; ``agent_id`` None is the system itself.

    ``detail`` is as it was written down; of a customer who was erased it holds no words.
    """

    id: str
    at: float
    agent_id: str | None
    action: str
    subject: str
    detail: Mapping[str, Any]


class Named(NamedTuple):
    """What people call an id: a ticket by its number, a person by name."""

    kind: Literal["ticket", "agent"]
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines; None does not restrict.

    ``since`` ≤ time < ``until`` in seconds since the epoch; ``action`` is one (“ticket.take”) or a
    family of them (“ticket”); ``subject`` an id, or the number of a ticket.
    """

    since: float | None = None
    until: float | None = None
    action: str | None = None
    agent_id: str | None = None
    subject: str | None = None


class Audits:
    """Reading only: every line is written in the transaction of what it tells of."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, asked: Asked, *, before: str | None = None, limit: int) -> list[Deed]:
        """Lines, the newest first, from before the one with the id ``before``."""
        u = audit.c
        query = select(audit).order_by(u.at.desc(), u.id.desc()).limit(limit)
        if asked.since is not None:
            query = query.where(u.at >= asked.since)
        if asked.until is not None:
            query = query.where(u.at < asked.until)
        if asked.agent_id is not None:
            query = query.where(u.agent_id == asked.agent_id)
        if asked.action is not None:
            exact = "." in asked.action
            family = u.action.startswith(f"{asked.action}.", autoescape=True)
            query = query.where(u.action == asked.action if exact else family)
        if asked.subject is not None:
            numbered = select(ticket.c.id).where(ticket.c.number == asked.subject)
            query = query.where(or_(u.subject == asked.subject, u.subject.in_(numbered)))
        if before is not None:
            then = select(u.at).where(u.id == before).scalar_subquery()
            query = query.where(or_(u.at < then, and_(u.at == then, u.id < before)))
        return [Deed(**row) for row in await self._db.rows(query)]

    async def names(self, deeds: list[Deed]) -> dict[str, Named]:
        """Whatever in these lines is the id of a ticket or a person, with its name."""
        ids = {found for deed in deeds for found in _strings([deed.agent_id, deed.subject])}
        ids |= {found for deed in deeds for found in _strings(deed.detail.values())}
        async with self._db.read() as conn:
            tickets = await _named(conn, "ticket", sorted(ids))
            return tickets | await _named(conn, "agent", sorted(ids))


async def _named(
    conn: AsyncConnection, kind: Literal["ticket", "agent"], ids: list[str]
) -> dict[str, Named]:
    table, name = (ticket, ticket.c.number) if kind == "ticket" else (agent, agent.c.name)
    query = select(table.c.id, name.label("name")).where(table.c.id.in_(ids))
    return {row.id: Named(kind, row.name) for row in await conn.execute(query)}


_LONGEST_ID = 36


def _strings(values: Iterable[Any]) -> Iterator[str]:
    """Those that may be an id of ours; lists hold ids of messages and customers."""
    for value in values:
        if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID:
            yield value
