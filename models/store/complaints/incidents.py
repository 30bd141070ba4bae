"""Incidents (危机管理): who is in one, and the one text that goes to all of them, once.

Nobody is written to by whoever approves a text or joins: both only set the incident's timer.
What the timer brings about writes to those who do not have the text yet, some at a time, in the
transaction that notes it; killed in between, it goes on where it was.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select, update

from models.errors import Conflict, NotFound, Rejected
from models.store.dialogue.conversations import append
from models.store.dialogue.tombstones import erased
from models.store.effects.timers import Timer, set_timer
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.idempotency import Key, earlier, keep
from models.store.ground.locks import lock, lock_row
from models.tables import agent, conversation, incident, incident_member, incident_text, ticket
from models.texts import language_of

TELL = "incident.tell"
"""The kind of timer by which an incident's members are written to."""

_AT_ONCE = 100
"""Members that are written to in one transaction."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One matter of many. Times are seconds since the epoch; ``members`` are those who count."""

    id: str
    state: str
    drill: bool
    title: str
    domain: str
    typical_id: str | None
    opened_at: float
    opened_by: str | None
    closed_at: float | None
    closed_by: str | None
    summary: str
    members: int
    told: int


@dataclass(frozen=True, slots=True)
class IncidentText:
    """A text for all members, in two languages; whoever lacks one gets the other."""

    id: str
    zh: str
    en: str
    author_id: str
    created_at: float
    approved_by: str | None
    approved_at: float | None


@dataclass(frozen=True, slots=True)
class Member:
    """Who is in an incident: a ticket, or in a drill only a name."""

    id: str
    ticket_id: str | None
    number: str | None
    ticket_state: str | None
    channel: str | None
    name: str
    joined_at: float
    removed_at: float | None
    text_id: str | None
    told_at: float | None


@dataclass(frozen=True, slots=True)
class NewMember:
    """A complaint, or a simulated one with a name."""

    ticket_id: str | None
    name: str = ""


async def open_incident(
    tx: Tx,
    *,
    middle: bytes,
    domain: str = "",
    typical_id: str | None = None,
    title: str = "",
    by: str | None = None,
    drill: bool = False,
) -> str:
    """Opens one, without members yet; returns its id."""
    row = {
        "id": tx.new_id(), "drill": drill, "title": title, "domain": domain, "middle": middle,
        "typical_id": typical_id, "opened_at": tx.now, "opened_by": by,
    }  # fmt: skip
    await tx.insert(incident, [row])
    return str(row["id"])


async def add_members(tx: Tx, incident_id: str, members: Sequence[NewMember]) -> None:
    """Links them; whoever joins after a text was approved gets it, too."""
    rows = [
        {"id": tx.new_id(), "incident_id": incident_id, "ticket_id": each.ticket_id,
         "name": each.name, "joined_at": tx.now}
        for each in members
    ]  # fmt: skip
    await tx.insert(incident_member, rows)
    for each in members:
        if each.ticket_id is not None:
            tx.emit("incident.joined", ticket=each.ticket_id, incident=incident_id)
    if await _approved(tx, incident_id) is not None:
        await set_timer(tx, TELL, incident_id, tx.now)


async def alert(
    tx: Tx, incident_id: str, roles: Collection[str], *, members: int, drill: bool
) -> None:
    """Tells of a new incident: once for everybody who follows, and each of the group by name."""
    tx.emit("incident.opened", incident=incident_id, members=members, drill=drill)
    a = agent.c
    query = select(a.id).where(a.role.in_(sorted(roles)), a.disabled_at.is_(None)).order_by(a.id)
    for agent_id in (await tx.conn.execute(query)).scalars():
        tx.emit(
            "incident.alert", agent=agent_id, incident=incident_id, members=members, drill=drill
        )


async def tell(tx: Tx, fired: Timer) -> None:
    """The effect of ``TELL``: writes to members who do not have the approved text yet.

    In a drill it only notes who would have been written to.
    """
    subject = await _locked(tx, fired.subject)
    words = await _approved(tx, fired.subject)
    if subject["state"] != "open" or words is None:
        return
    m, t = incident_member.c, ticket.c
    query = (
        select(m.id, m.ticket_id, t.conversation_id, t.lang)
        .outerjoin(ticket, t.id == m.ticket_id)
        .where(
            m.incident_id == fired.subject,
            m.removed_at.is_(None),
            or_(m.text_id.is_(None), m.text_id != words["id"]),
            ~erased(t.customer_id),
        )
        # Conversations are locked in this order everywhere.
        .order_by(t.conversation_id, m.id)
        .limit(_AT_ONCE)
    )
    rows = (await tx.conn.execute(query)).mappings().all()
    present = await _present(tx, rows)
    for row in present:
        outbound_id = None if subject["drill"] else await _write_to(tx, row, words)
        told = {"text_id": words["id"], "told_at": tx.now, "outbound_id": outbound_id}
        await tx.conn.execute(update(incident_member).where(m.id == row["id"]).values(**told))
    if present:
        tx.emit(
            "incident.told",
            incident=fired.subject,
            text=words["id"],
            members=len(present),
            drill=subject["drill"],
        )
    if len(rows) == _AT_ONCE:
        await set_timer(tx, TELL, fired.subject, tx.now)


async def _present(tx: Tx, rows: Sequence[Fields]) -> list[Fields]:
    """Those who were not erased while their conversations were waited for; nor are they now."""
    real = [row for row in rows if row["ticket_id"] is not None]
    await lock(tx, conversation, {row["conversation_id"] for row in real})
    ids = {row["ticket_id"] for row in real}
    query = select(ticket.c.id).where(ticket.c.id.in_(ids), erased(ticket.c.customer_id))
    gone = set((await tx.conn.execute(query)).scalars())
    return [row for row in rows if row["ticket_id"] not in gone]


async def _write_to(tx: Tx, row: Fields, words: Fields) -> str:
    """People wrote and approved it, but for everybody: it answers nobody's own question."""
    own = language_of(row["lang"])
    other = "en" if own == "zh" else "zh"
    outbound_id, _ = await append(
        tx,
        conversation_id=row["conversation_id"],
        ticket_id=row["ticket_id"],
        kind="notice",
        text=words[own] or words[other],
        client_id=f"told:{words['id'][-12:]}:{row['id']}",
        agent_id=words["author_id"],
    )
    return outbound_id


async def _approved(tx: Tx, incident_id: str) -> Fields | None:
    """The newest approved text: an earlier one that somebody has missed is out of date."""
    x = incident_text.c
    query = (
        select(incident_text)
        .where(x.incident_id == incident_id, x.approved_at.is_not(None))
        .order_by(x.approved_at.desc(), x.id.desc())
        .limit(1)
    )
    return (await tx.conn.execute(query)).mappings().one_or_none()


async def _locked(tx: Tx, incident_id: str, *, active: bool = False) -> Fields:
    row = await lock_row(tx, incident, incident_id, "no such incident")
    if active and row["state"] != "open":
        raise Conflict("this incident is closed")
    return row


class Incidents:
    """What people do about incidents."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, *, state: str | None = None, limit: int = 100) -> list[Incident]:
        """Open ones first, the newest of each first."""
        query = _overview().order_by(incident.c.state.desc(), incident.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(incident.c.state == state)
        return [Incident(**row) for row in await self._db.rows(query)]

    async def get(self, incident_id: str) -> Incident:
        """Raises ``NotFound``."""
        query = _overview().where(incident.c.id == incident_id)
        row = await self._db.one(query, "no such incident")
        return Incident(**row)

    async def members(self, incident_id: str, limit: int = 1000) -> list[Member]:
        """In the order in which they joined; also those who were taken out."""
        m, t = incident_member.c, ticket.c
        query = (
            select(
                m.id, m.ticket_id, t.number, t.state.label("ticket_state"), t.channel, m.name,
                m.joined_at, m.removed_at, m.text_id, m.told_at,
            )
            .outerjoin(ticket, t.id == m.ticket_id)
            .where(m.incident_id == incident_id)
            .order_by(m.joined_at, t.number, m.name, m.id)
            .limit(limit)
        )  # fmt: skip
        return [Member(**row) for row in await self._db.rows(query)]

    async def texts(self, incident_id: str) -> list[IncidentText]:
        """Drafts and approved ones, oldest first."""
        x = incident_text.c
        columns = [x[name] for name in IncidentText.__dataclass_fields__]
        query = select(*columns).where(x.incident_id == incident_id).order_by(x.id)
        return [IncidentText(**row) for row in await self._db.rows(query)]

    async def draft(
        self, incident_id: str, author_id: str, zh: str, en: str, key: Key | None = None
    ) -> str:
        """Writes a text that waits for approval; returns its id.

        The same ``key`` again returns that of the one there is.

        Raises:
            NotFound: no such incident.
            Conflict: it is closed, or the key was used for another request.
            Rejected: the text is empty in both languages.
        """
        if not (zh.strip() or en.strip()):
            raise Rejected("a text needs words in one language at least")
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            await _locked(tx, incident_id, active=True)
            row = {
                "id": tx.new_id(), "incident_id": incident_id, "zh": zh, "en": en,
                "author_id": author_id, "created_at": tx.now,
            }  # fmt: skip
            await tx.insert(incident_text, [row])
            tx.emit("incident.drafted", incident=incident_id, text=row["id"], author=author_id)
            await keep(tx, key, str(row["id"]))
        return str(row["id"])

    async def approve(
        self, incident_id: str, text_id: str, by: str, *, second_person: bool
    ) -> None:
        """Lets a text go to all members; approved already, it changes nothing.

        ``second_person``: whoever wrote it may not approve it.

        Raises:
            NotFound: no such incident or text.
            Conflict: the incident is closed, or the author approves.
        """
        x = incident_text.c
        async with self._db.write() as tx:
            # Before the incident, as when it fires: whoever has the one waits for the other.
            await set_timer(tx, TELL, incident_id, tx.now)
            await _locked(tx, incident_id, active=True)
            mine = (x.id == text_id) & (x.incident_id == incident_id)
            row = (await tx.conn.execute(select(incident_text).where(mine))).mappings().first()
            if row is None:
                raise NotFound("no such text")
            if row["approved_at"] is not None:
                return
            if second_person and row["author_id"] == by:
                raise Conflict("somebody else than the author must approve it")
            change = update(incident_text).where(mine)
            await tx.conn.execute(change.values(approved_by=by, approved_at=tx.now))
            await tx.audit(by, "incident.approve", incident_id, text=text_id)
            tx.emit("incident.approved", incident=incident_id, text=text_id, by=by)

    async def remove(self, incident_id: str, member_id: str, by: str) -> None:
        """A member that is about something else; what it was told already stays told.

        Raises:
            NotFound: no such incident or member.
            Conflict: the incident is closed.
        """
        m = incident_member.c
        async with self._db.write() as tx:
            await _locked(tx, incident_id, active=True)
            mine = (m.id == member_id) & (m.incident_id == incident_id)
            gone = update(incident_member).where(mine).values(removed_at=tx.now)
            if (await tx.conn.execute(gone)).rowcount == 0:
                raise NotFound("no such member")
            await tx.audit(by, "incident.remove", incident_id, member=member_id)
            tx.emit("incident.removed", incident=incident_id, member=member_id)

    async def close(self, incident_id: str, by: str, summary: str) -> None:
        """Nobody joins it or is written to any more.

        Raises:
            NotFound: no such incident.
            Conflict: it is closed already.
        """
        async with self._db.write() as tx:
            row = await _locked(tx, incident_id, active=True)
            ended = {"state": "closed", "closed_at": tx.now, "closed_by": by, "summary": summary}
            change = update(incident).where(incident.c.id == incident_id)
            await tx.conn.execute(change.values(**ended))
            await tx.audit(by, "incident.close", incident_id, summary=summary)
            tx.emit("incident.closed", incident=incident_id, drill=row["drill"])

    async def drill(
        self,
        by: str | None,
        title: str,
        members: int,
        alerted: Collection[str],
        key: Key | None = None,
    ) -> str:
        """Opens an incident of simulated members, who are never written to; returns its id.

        The same ``key`` again returns that of the one there is.

        Raises:
            Conflict: the key was used for another request.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return before
            opened = await open_incident(tx, middle=b"", title=title, by=by, drill=True)
            serials = [f"{n:0{len(str(members))}}" for n in range(1, members + 1)]
            names = [f"演练客户 {serial} / Drill customer {serial}" for serial in serials]
            await add_members(tx, opened, [NewMember(None, name) for name in names])
            await alert(tx, opened, alerted, members=members, drill=True)
            await tx.audit(by, "incident.drill", opened, members=members)
            await keep(tx, key, opened)
        return opened


def _overview() -> Select[tuple[object, ...]]:
    i, m = incident.c, incident_member.c
    theirs = (m.incident_id == i.id) & m.removed_at.is_(None)
    counts = {"members": func.count(), "told": func.count(m.told_at)}
    columns = [i[name] for name in Incident.__dataclass_fields__ if name not in counts]
    # Of each that is shown: together they would be those of all incidents that ever were.
    numbers = [select(n).where(theirs).scalar_subquery().label(of) for of, n in counts.items()]
    return select(*columns, *numbers)
