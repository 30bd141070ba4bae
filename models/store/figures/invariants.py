"""What must never be so, looked for in SQL (I1–I10 of ``docs/routing.md``)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.figures.measures import Broken
from models.store.ground.database import Database
from models.tables import agent, assignment, audit, skill_class, ticket
from models.ticket import LOADED_STATES, TicketState

_LOADED = sorted(LOADED_STATES)

_STUCK_SECONDS = 60.0
"""A ticket that nobody would ever move is one after this time: steps in between are quick."""


class Invariants:
    """Only looks. What needs the routing rule to be seen is looked for by the clock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def broken(self) -> dict[str, Broken]:
        """Every invariant by name, also those that hold.

        ``owners`` (I1): a ticket whose owner and live assignment differ, so that two people
        may hold it. ``over_capacity`` (I2): somebody was given work beyond their capacity by the
        router. ``orphans`` (I5, I7): a ticket that nothing would ever move again.
        ``never_drop`` (I6): somebody was given a ticket without a skill that is never dropped.
        """
        now = await self._db.now()

        async def looked(conn: AsyncConnection) -> dict[str, Broken]:
            return {
                "owners": await _count(conn, _disowned(), _overheld()),
                "over_capacity": await _count(conn, _overloaded()),
                "orphans": await _count(conn, _orphans(now)),
                "never_drop": await _unfit(conn, now - _RECENT_SECONDS),
            }

        return await self._db.look(looked)


_RECENT_SECONDS = 120.0
"""Decisions whose skills are looked at: a few looks back."""


async def _count(conn: AsyncConnection, *queries: Select[Any]) -> Broken:
    """How many ids the queries find, and one of them."""
    ids = [row.id for query in queries for row in await conn.execute(query.limit(1000))]
    return Broken(len(ids), ids[0] if ids else None)


def _disowned() -> Select[Any]:
    """Tickets in somebody's hands without an assignment that says so."""
    t, s = ticket.c, assignment.c
    live = and_(s.ticket_id == t.id, s.ended_at.is_(None))
    return (
        select(t.id)
        .select_from(ticket.outerjoin(assignment, live))
        .where(t.state.in_(_LOADED), or_(s.id.is_(None), s.agent_id != t.owner_id))
    )


def _overheld() -> Select[Any]:
    """Assignments that go on although nobody has the ticket."""
    t, s = ticket.c, assignment.c
    return (
        select(t.id)
        .join(assignment, s.ticket_id == t.id)
        .where(s.ended_at.is_(None), t.state.not_in(_LOADED))
    )


def _overloaded() -> Select[Any]:
    """Who holds more than they may, and got the last of it from the router.

    A supervisor may give more, and an admin may lower a capacity: neither breaks anything.
    """
    a, s, u = agent.c, assignment.c, audit.c
    lowered = (
        select(func.max(u.at))
        .where(u.subject == a.id, u.action == "agent.change")
        .correlate(agent)
        .scalar_subquery()
    )
    later = assignment.alias("later")
    after = exists().where(
        later.c.agent_id == s.agent_id,
        later.c.ended_at.is_(None),
        tuple_(later.c.at, later.c.id) > tuple_(s.at, s.id),
    )
    return (
        select(a.id)
        .join(assignment, s.agent_id == a.id)
        .where(
            a.used > a.capacity,
            s.ended_at.is_(None),
            ~after,
            s.decision["by"].as_string().is_(None),
            or_(lowered.is_(None), lowered < s.at),
        )
    )


def _orphans(now: float) -> Select[Any]:
    t = ticket.c
    long_ago = now - _STUCK_SECONDS
    unlabelled = (t.state == TicketState.NEW) & ~t.label_due
    nowhere = or_(t.skill_class.is_(None), t.sort_key.is_(None), t.target.is_(None))
    waiting = (t.state == TicketState.WAITING) & (
        (nowhere & ~t.label_due) | t.owner_id.is_not(None)
    )
    offered = (t.state == TicketState.OFFERED) & or_(
        t.offer_until.is_(None), t.offer_until < long_ago
    )
    asleep = (t.state == TicketState.SNOOZED) & or_(t.wake_at.is_(None), t.wake_at < long_ago)
    stuck = or_(unlabelled, waiting, offered, asleep)
    states = [TicketState.NEW, TicketState.WAITING, TicketState.OFFERED, TicketState.SNOOZED]
    return select(t.id).where(t.state.in_(states), t.updated_at < long_ago, stuck)


async def _unfit(conn: AsyncConnection, since: float) -> Broken:
    """Decisions of the router for somebody without a skill that is never dropped."""
    s, t, a, u = assignment.c, ticket.c, agent.c, audit.c
    changed = select(u.id).where(u.subject == a.id, u.action == "agent.change", u.at >= since)
    query = (
        select(t.id, a.skills, skill_class.c.needs)
        .select_from(assignment)
        .join(ticket, t.id == s.ticket_id)
        .join(agent, a.id == s.agent_id)
        .join(skill_class, skill_class.c.name == t.skill_class)
        .where(
            s.at >= since,
            s.ended_at.is_(None),
            s.decision["by"].as_string().is_(None),
            # What somebody can do, or what a ticket needs, may have changed after it.
            ~changed.exists(),
            t.updated_at <= s.at,
        )
    )
    ids = [row.id for row in await conn.execute(query) if _lacks(row.skills, row.needs)]
    return Broken(len(ids), ids[0] if ids else None)


def _lacks(skills: Mapping[str, int], needs: Mapping[str, Any]) -> bool:
    required = dict(needs["required"])
    return any(skills.get(skill, 0) < 1 for skill in needs["never_drop"] if skill in required)
