"""Counting the figures of a service centre (KPI) in SQL; ``models.figures`` defines each."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    distinct,
    exists,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.figures import REPEAT_SECONDS, Dimension, Figures
from models.store.figures.counting import count_of, period_of, within
from models.store.figures.occupancy import occupancy
from models.store.figures.satisfaction import satisfaction_figures
from models.store.ground.database import Database
from models.tables import (
    agent,
    assignment,
    clock,
    complaint,
    customer,
    outbound,
    ticket,
    ticket_step,
)
from models.ticket import OPEN_STATES, TicketState

MOST_PERIODS = 120

_PEOPLE = frozenset({"agent", "team"})
_ENDED = (TicketState.RESOLVED, TicketState.CLOSED)


class Kpi:
    """Reads figures; every statement sees the same snapshot."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def figures(self, bounds: Sequence[float], by: Dimension | None = None) -> list[Figures]:
        """Each period between two neighbours of ``bounds`` and each group, in this order.

        ``bounds`` are seconds since the epoch, ascending. What has not ended is reckoned up to
        now. Groups without anything are left out, but a period as a whole never is.

        Raises:
            ValueError: there are no or too many bounds.
        """
        if not 2 <= len(bounds) <= MOST_PERIODS + 1:
            raise ValueError(f"2 to {MOST_PERIODS + 1} bounds")
        now = await self._db.now()
        found: dict[tuple[int, str], Figures] = {}
        if by is None:
            found = {(n, ""): Figures(n, "") for n in range(len(bounds) - 1)}
        async with self._db.read(steady=True) as conn:
            for query in _queries(bounds, by):
                _add(found, (await conn.execute(query)).mappings())
            _add(found, _by_clock((await conn.execute(_clocks(bounds, by))).mappings()))
            _add(found, await _ratings(conn, bounds, by))
            for number, (start, end) in enumerate(pairwise(bounds)):
                if by is None or by in _PEOPLE:
                    _add(found, await occupancy(conn, number, start, min(end, now), by))
        return [found[key] for key in sorted(found)]


_NAMES = frozenset(field.name for field in fields(Figures))


def _add(found: dict[tuple[int, str], Figures], rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        key = int(row["period"]), str(row["group"])
        figures = found.setdefault(key, Figures(*key))
        for name in _NAMES & row.keys() - {"period", "group"}:
            value = row[name]
            setattr(figures, name, value if value is not None else getattr(figures, name))


def _queries(bounds: Sequence[float], by: Dimension | None) -> Iterable[Select[Any]]:
    yield _arrivals(bounds, by)
    yield _first_answers(bounds, by)
    yield _handling(bounds, by)
    yield _resolutions(bounds, by)
    yield _reopenings(bounds, by)


# -- where and whose -------------------------------------------------------------------


def domain_of(row: Any) -> ColumnElement[str]:
    """The domain in a ticket's labels of today; “” before it has any."""
    return _value_of(row, "domain")


def _value_of(row: Any, facet: str) -> ColumnElement[str]:
    return func.coalesce(row.c.labels["facets"][facet]["value"].as_string(), "")


def _counts(row: Any) -> ColumnElement[bool]:
    """Junk is nobody's matter, and a merged ticket is another's."""
    return and_(row.c.junk.is_(False), row.c.state != TicketState.MERGED)


def _group(by: Dimension | None, person: ColumnElement[Any]) -> ColumnElement[Any]:
    """``person`` is who it is put down to, where that is asked for."""
    match by:
        case "channel":
            return ticket.c.channel.label("group")
        case "domain":
            return domain_of(ticket).label("group")
        case "region":
            return _value_of(ticket, "region").label("group")
        case "tier":
            tier = select(customer.c.tier).where(customer.c.id == ticket.c.customer_id)
            return tier.scalar_subquery().label("group")
        case "agent":
            return func.coalesce(person, "").label("group")
        case "team":
            team = select(agent.c.team).where(agent.c.id == person).scalar_subquery()
            return func.coalesce(team, "").label("group")
        case None:
            return literal("").label("group")


# -- what arrived ----------------------------------------------------------------------


def _arrivals(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    """Of a person or team: what they took. Each ticket once, however often it was theirs."""
    s, t = assignment.c, ticket.c
    if by in _PEOPLE:
        source: Any = assignment.join(ticket, t.id == s.ticket_id)
        at: ColumnElement[Any] = s.accepted_at
        person: ColumnElement[Any] = s.agent_id
    else:
        source, at, person = ticket, t.created_at, null()
    base = (
        select(period_of(at, bounds), _group(by, person), t.id.label("ticket_id"))
        .distinct()
        .select_from(source)
        .where(within(at, bounds), _counts(ticket))
        .subquery()
    )
    mine = ticket.alias("mine")
    is_complaint = complaint.c.ticket_id.is_not(None)
    return (
        select(
            base.c.period,
            base.c.group,
            func.count().label("volume"),
            count_of(_came_before(mine)).label("repeats"),
            count_of(is_complaint).label("complaints"),
            count_of(is_complaint & complaint.c.repeat_of.is_not(None)).label(
                "repeated_complaints"
            ),
        )
        .select_from(
            base.join(mine, mine.c.id == base.c.ticket_id).outerjoin(
                complaint,
                (complaint.c.ticket_id == base.c.ticket_id) & complaint.c.withdrawn_at.is_(None),
            )
        )
        .group_by(base.c.period, base.c.group)
    )


def _came_before(mine: Any) -> ColumnElement[bool]:
    earlier = ticket.alias("earlier")
    return exists().where(
        earlier.c.customer_id == mine.c.customer_id,
        earlier.c.id != mine.c.id,
        _counts(earlier),
        earlier.c.created_at < mine.c.created_at,
        earlier.c.created_at >= mine.c.created_at - REPEAT_SECONDS,
        domain_of(earlier) == domain_of(mine),
    )


# -- the first answer ------------------------------------------------------------------


def _first_answers(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    t, o = ticket.c, outbound.c
    writer = (
        select(o.agent_id)
        .where(o.ticket_id == t.id, o.kind == "reply")
        .order_by(o.created_at, o.seq)
        .limit(1)
        .correlate(ticket)  # however deep it stands
        .scalar_subquery()
    )
    seconds = t.first_answer_at - t.created_at
    base = (
        select(period_of(t.first_answer_at, bounds), _group(by, writer), seconds.label("seconds"))
        .where(within(t.first_answer_at, bounds), _counts(ticket))
        .subquery()
    )
    return _with_p90(base)


def _with_p90(base: Subquery) -> Select[Any]:
    """By the nearest rank: the least value that 90 % do not exceed."""
    same = [base.c.period, base.c.group]
    rank = func.row_number().over(partition_by=same, order_by=base.c.seconds)
    size = func.count().over(partition_by=same)
    ranked = select(*same, base.c.seconds, rank.label("rank"), size.label("size")).subquery()
    r = ranked.c
    return select(
        r.period,
        r.group,
        func.count().label("answered"),
        func.sum(r.seconds).label("first_answer_sum"),
        func.min(case((r.rank * 10 >= r.size * 9, r.seconds))).label("first_answer_p90"),
    ).group_by(r.period, r.group)


# -- handling, resolution, reopening ---------------------------------------------------


def _handling(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    s, t = assignment.c, ticket.c
    base = (
        select(
            period_of(s.ended_at, bounds),
            _group(by, s.agent_id),
            s.ticket_id,
            (s.ended_at - s.accepted_at).label("seconds"),
        )
        .select_from(assignment.join(ticket, t.id == s.ticket_id))
        .where(within(s.ended_at, bounds), s.accepted_at.is_not(None), _counts(ticket))
        .subquery()
    )
    b = base.c
    return select(
        b.period,
        b.group,
        func.count(distinct(b.ticket_id)).label("handled"),
        func.sum(b.seconds).label("handling_sum"),
    ).group_by(b.period, b.group)


def _resolutions(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    """A ticket that was resolved more than once in a period counts once, by the last."""
    p, t = ticket_step.c, ticket.c
    base = (
        select(
            period_of(p.at, bounds),
            _group(by, p.agent_id),
            p.ticket_id,
            p.at,
            t.created_at.label("created_at"),
        )
        .select_from(ticket_step.join(ticket, t.id == p.ticket_id))
        .where(
            within(p.at, bounds),
            p.state == TicketState.RESOLVED,
            p.before.not_in((TicketState.RESOLVED, TicketState.MERGED)),
            _counts(ticket),
        )
        .subquery()
    )
    b = base.c
    last = (
        select(
            b.period,
            b.group,
            b.ticket_id,
            (func.max(b.at) - func.min(b.created_at)).label("seconds"),
        )
        .group_by(b.period, b.group, b.ticket_id)
        .subquery()
    )
    r = last.c
    return select(
        r.period,
        r.group,
        func.count().label("resolved"),
        func.sum(r.seconds).label("resolution_sum"),
    ).group_by(r.period, r.group)


def _reopenings(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    p, t = ticket_step.c, ticket.c
    base = (
        select(period_of(p.at, bounds), _group(by, p.agent_id), p.ticket_id)
        .distinct()
        .select_from(ticket_step.join(ticket, t.id == p.ticket_id))
        .where(
            within(p.at, bounds),
            p.before.in_(_ENDED),
            p.state.in_(sorted(OPEN_STATES)),
            _counts(ticket),
        )
        .subquery()
    )
    b = base.c
    return select(b.period, b.group, func.count().label("reopened")).group_by(b.period, b.group)


# -- clocks ----------------------------------------------------------------------------


def _clocks(bounds: Sequence[float], by: Dimension | None) -> Select[Any]:
    """Runs that began in the period, by what they were held to then, and how they ended."""
    k, t = clock.c, ticket.c
    group: ColumnElement[Any] = _group(by, k.agent_id)
    if by in {"domain", "tier"}:
        group = k[by].label("group")  # as it was then
    period = period_of(k.started_at, bounds)
    return (
        select(
            period,
            group,
            k.kind,
            count_of(k.outcome == "met").label("met"),
            count_of(k.outcome == "missed").label("missed"),
        )
        .select_from(clock.join(ticket, t.id == k.ticket_id))
        .where(within(k.started_at, bounds), k.outcome.in_(("met", "missed")), _counts(ticket))
        .group_by(period, group, k.kind)
    )


def _by_clock(rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """One row a group, with what became of each kind of clock."""
    found: dict[tuple[int, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in rows:
        key = int(row["period"]), str(row["group"])
        found[key][str(row["kind"])] = int(row["met"]), int(row["missed"])
    for (period, group), clocks in found.items():
        yield {"period": period, "group": group, "clocks": clocks}


# -- satisfaction ----------------------------------------------------------------------


async def _ratings(
    conn: AsyncConnection, bounds: Sequence[float], by: Dimension | None
) -> Iterable[Mapping[str, Any]]:
    """As ``models.store.figures.satisfaction`` counts them; a team's are its people's."""
    teams = {}
    if by == "team":
        teams = {row.id: row.team for row in await conn.execute(select(agent.c.id, agent.c.team))}
    found: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for one in await satisfaction_figures(conn, bounds, "agent" if by == "team" else by):
        group = teams.get(one.group, "") if by == "team" else one.group
        found[one.period, group].update(
            asked=one.asked,
            replied=one.replied,
            rated=one.answers,
            content=one.content,
            score_sum=one.total,
            solved=one.solved,
            unsolved=one.unsolved,
        )
    return [
        {"period": period, "group": group, **counts} for (period, group), counts in found.items()
    ]
