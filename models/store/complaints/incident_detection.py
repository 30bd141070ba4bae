"""Seeing that many complaints are about one matter: as the labels come, exactly once.

A worker takes the fingerprint of each complaint (``models.similarity``) and stores it with the
labels. The follower compares stored fingerprints only: it needs no classifier, and runs in the
clock.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from models import similarity
from models.similarity import Alarm, Complaint, Fingerprint, Window
from models.store.complaints.incidents import NewMember, add_members, alert, open_incident
from models.store.effects.followers import Follower
from models.store.ground.database import Event, Fields, Tx
from models.tables import complaint_likeness, incident, ticket
from models.tables.incidents import FREE
from models.ticket import TicketState

_MOST = 1000
"""Complaints of a window that are compared, the newest: a flood must not hold up the clock."""


@dataclass(frozen=True, slots=True)
class StoredFingerprint:
    """A complaint's features as they are stored, and whether it is compared by its labels.

    One that is not yet may be corrected into a complaint.
    """

    features: bytes
    counts: bool


async def store_fingerprints(
    tx: Tx,
    fingerprints: Mapping[str, StoredFingerprint],
    tickets: Mapping[str, Fields],
    at: Mapping[str, float],
) -> None:
    """Keeps the fingerprints of ``tickets`` (locked rows by id) in step with their labels.

    ``at`` is when each was said, in seconds since the epoch.
    """
    c = complaint_likeness.c
    others = [name for name, row in tickets.items() if row["labels"] and name not in fingerprints]
    if others:
        none = update(complaint_likeness).where(c.ticket_id.in_(others), c.counts)
        await tx.conn.execute(none.values(counts=False))
    rows = {
        name: {"ticket_id": name, "customer_id": tickets[name]["customer_id"], "at": at[name],
               "features": fingerprints[name].features, "counts": fingerprints[name].counts}
        for name in sorted(fingerprints)
    }  # fmt: skip
    await tx.insert(complaint_likeness, [r for n, r in rows.items() if not tickets[n]["labels"]])
    for row in (row for name, row in rows.items() if tickets[name]["labels"]):
        stored = tx.upsert(complaint_likeness).values(**row)
        await tx.conn.execute(stored.on_conflict_do_update(index_elements=["ticket_id"], set_=row))


def incident_follower(
    alarm: Alarm, compared: Collection[str], alerted: Collection[str]
) -> Follower:
    """The follower that opens incidents and lets later complaints join them.

    ``compared`` are the labels that make a complaint (“facet:class”), ``alerted`` the roles of
    the people who are told of a new incident.
    """

    async def act(tx: Tx, events: Sequence[Event]) -> None:
        await _recounted(tx, events, compared)
        ids = {e.ticket_id for e in events if e.ticket_id and e.kind != "ticket.moved"}
        new = await _free(tx, complaint_likeness.c.ticket_id.in_(sorted(ids)))
        if new:
            await _Detection(tx, alarm, alerted).run(new)

    kinds = {"ticket.queued", "ticket.labelled", "ticket.corrected", "ticket.moved"}
    return Follower("incidents", frozenset(kinds), act)


async def _recounted(tx: Tx, events: Sequence[Event], compared: Collection[str]) -> None:
    """What people say of labels and junk counts, too."""
    c, t = complaint_likeness.c, ticket.c
    judged = {
        e.ticket_id
        for e in events
        if e.kind == "ticket.corrected"
        or (e.kind == "ticket.moved" and e.data.get("state") == TicketState.INVALID)
    }
    if not judged:
        return
    query = (
        select(t.id, t.labels, t.state)
        .join(complaint_likeness, c.ticket_id == t.id)
        .where(t.id.in_(judged))
        .order_by(t.id)
    )
    for row in (await tx.conn.execute(query)).all():
        facets = (row.labels or {}).get("facets", {})
        said = {f"{facet}:{label['value']}" for facet, label in facets.items()}
        counts = row.state != TicketState.INVALID and bool(said & set(compared))
        change = update(complaint_likeness).where(c.ticket_id == row.id)
        await tx.conn.execute(change.values(counts=counts))


async def _free(tx: Tx, *conditions: object) -> list[Complaint]:
    """Complaints that belong to no incident, in the order in which they were said."""
    c = complaint_likeness.c
    query = select(c.ticket_id, c.customer_id, c.at, c.features).where(FREE, *conditions)  # type: ignore[arg-type]
    rows = (await tx.conn.execute(query.order_by(c.at.desc(), c.ticket_id).limit(_MOST))).all()
    return [
        Complaint(row.ticket_id, row.customer_id, row.at, similarity.load(row.features))
        for row in reversed(rows)
    ]


class _Detection:
    """One batch of complaints against the window before them and the open incidents."""

    def __init__(self, tx: Tx, alarm: Alarm, alerted: Collection[str]) -> None:
        self._tx = tx
        self._alarm = alarm
        self._alerted = alerted
        self._free: set[str] = set()
        self._window = Window(())
        self._open: dict[str, Fingerprint] = {}

    async def run(self, new: Sequence[Complaint]) -> None:
        c, window = complaint_likeness.c, self._alarm.window
        around = (c.at >= new[0].at - window, c.at <= new[-1].at + window)
        free = await _free(self._tx, *around)
        self._free, self._window = {each.ticket_id for each in free}, Window(free)
        self._open = await self._opened()
        for each in new:
            if each.ticket_id in self._free and not await self._joins(each):
                await self._opens(each)

    async def _opened(self) -> dict[str, Fingerprint]:
        i = incident.c
        query = (
            select(i.id, i.middle)
            .where(i.state == "open", ~i.drill)
            .order_by(i.id)
            .with_for_update(key_share=True)
        )
        return {row.id: similarity.load(row.middle) for row in await self._tx.conn.execute(query)}

    async def _joins(self, new: Complaint) -> bool:
        nearest = max(
            self._open,
            key=lambda name: similarity.cosine(self._open[name], new.fingerprint),
            default=None,
        )
        if nearest is None:
            return False
        if similarity.cosine(self._open[nearest], new.fingerprint) < self._alarm.similarity:
            return False
        await self._add(nearest, [new])
        return True

    async def _opens(self, new: Complaint) -> None:
        found = self._window.same_matter(new, self._alarm)
        if not found:
            return
        centre = similarity.centroid(each.fingerprint for each in found)
        typical = max(found, key=lambda each: similarity.cosine(centre, each.fingerprint))
        ids = [each.ticket_id for each in found]
        opened = await open_incident(
            self._tx,
            middle=similarity.dump(centre),
            domain=await _usual_domain(self._tx, ids),
            typical_id=typical.ticket_id,
        )
        self._open[opened] = centre
        await self._add(opened, found)
        await alert(self._tx, opened, self._alerted, members=len(found), drill=False)

    async def _add(self, incident_id: str, found: Sequence[Complaint]) -> None:
        ids = [each.ticket_id for each in found]
        self._free.difference_update(ids)
        self._window.drop(ids)
        await add_members(self._tx, incident_id, [NewMember(ticket_id) for ticket_id in ids])
        c = complaint_likeness.c
        taken = update(complaint_likeness).where(c.ticket_id.in_(ids))
        await self._tx.conn.execute(taken.values(incident_id=incident_id))


async def _usual_domain(tx: Tx, ticket_ids: Sequence[str]) -> str:
    query = select(ticket.c.labels).where(ticket.c.id.in_(ticket_ids))
    given = [labels["facets"] for labels in (await tx.conn.execute(query)).scalars() if labels]
    domains = Counter(facets["domain"]["value"] for facets in given if "domain" in facets)
    return min(domains, key=lambda name: (-domains[name], name), default="")
