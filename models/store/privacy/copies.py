"""A customer's right to a copy: all that is kept of them, in plain values.

China's PIPL art. 45 and the GDPR's art. 15 and 20. Nothing of other people is in it: what others
said in the same group, who of us wrote, and what we wrote among ourselves (notes, sub-tasks,
reviews). Raw originals hold the same words once more, with other people's addresses, and stay.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Conflict, NotFound
from models.store.dialogue.customer_links import links_of, together
from models.store.dialogue.people import People
from models.store.dialogue.recipients import addresses
from models.store.dialogue.ways_back import WaysBack
from models.store.ground.database import Database, Fields
from models.store.privacy.erasure_tables import Scope
from models.tables import (
    complaint,
    conversation,
    customer,
    follow_up,
    follow_up_attempt,
    identity,
    message,
    outbound,
    survey,
    ticket,
    ticket_step,
)
from models.ticket import MACHINES


@dataclass(slots=True)
class Copy:
    """Times are seconds since the epoch, in fields named ``at`` or ``…_at``.

    ``files`` are contents by the path that the rest names them with.
    """

    made_at: float
    identities: Sequence[Mapping[str, Any]] = ()
    tickets: Sequence[Mapping[str, Any]] = ()
    conversations: Sequence[Mapping[str, Any]] = ()
    files: dict[str, str] = field(default_factory=dict)


class Copies:
    """Reads only; whoever hands a copy out writes that down (``handed_out``)."""

    def __init__(self, db: Database, people: People, ways_back: WaysBack) -> None:
        self._db = db
        self._people = people
        self._ways_back = ways_back

    async def of(self, customer_id: str) -> Copy:
        """Of the person that a customer is, in all channels in which they are proven.

        Raises:
            NotFound: no such customer.
            Conflict: they were erased.
        """
        async with self._db.read(steady=True) as conn:
            await _there(conn, customer_id)
            scope = Scope(together(customer_id, await links_of(conn, customer_id)))
            copy = Copy(await self._db.now())
            who = await _rows(conn, select(*_IDENTITY).where(identity.c.id.in_(scope.identities)))
            copy.tickets = await _tickets(conn, scope)
            copy.conversations = await self._talks(conn, scope, copy.files)
        senders = await self._people.senders([row["id"] for row in who])
        copy.identities = [
            {name: value for name, value in row.items() if name != "id"}
            | senders[row["id"]].model_dump(mode="json", exclude={"is_bot"})
            for row in who
            if row["id"] in senders
        ]
        return copy

    async def _talks(
        self, conn: AsyncConnection, scope: Scope, files: dict[str, str]
    ) -> list[dict[str, Any]]:
        """What they said, and what we said to them, in the order in which it was said."""
        theirs, ours = await _lines(conn, scope)
        talks = await _rows(conn, _places({row["conversation_id"] for row in [*theirs, *ours]}))
        named = await self._ways_back.copied(
            conn, {row["conversation_id"] for row in ours if row["cc"]}
        )
        lines: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for row in theirs:
            line = row["seq"], _theirs(row, files)
            lines.setdefault(row["conversation_id"], []).append(line)
        for row in ours:
            also = addresses(named.get(row["conversation_id"], ()), row["cc"] or ())
            line = row["seq"], _ours(row, files, also)
            lines.setdefault(row["conversation_id"], []).append(line)
        return [
            {
                "channel": talk["channel"],
                "created_at": talk["created_at"],
                "lines": [line for _, line in sorted(lines[talk["id"]], key=lambda one: one[0])],
            }
            for talk in talks
        ]

    async def handed_out(self, customer_id: str, by: str | None, ticket_id: str) -> None:
        """Writes down who took a copy; None is who has a shell on this machine."""
        async with self._db.write() as tx:
            await tx.audit(by, "customer.copy", ticket_id, customers=[customer_id])


async def _there(conn: AsyncConnection, customer_id: str) -> None:
    query = select(customer.c.erased_at).where(customer.c.id == customer_id)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such customer")
    if row.erased_at is not None:
        raise Conflict("this customer's data was erased")


async def _rows(conn: AsyncConnection, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in (await conn.execute(query)).mappings()]


_IDENTITY = [identity.c[name] for name in ("id", "channel", "created_at", "blocked")]

_TICKET = [
    ticket.c[name]
    for name in (
        "id", "number", "channel", "state", "subject", "lang", "created_at", "first_answer_at",
        "resolved_at", "ended_at", "labels",
    )
]  # fmt: skip

_SURVEY = ("asked_at", "answered_at", "score", "solved", "words")
_COMPLAINT = ("complained_at", "matter", "outcome", "customer_word", "customer_said")
_ATTEMPT = ("at", "channel", "reached", "score", "solved")


async def _tickets(conn: AsyncConnection, scope: Scope) -> list[dict[str, Any]]:
    mine = ticket.c.customer_id.in_(scope.customers)
    rows = await _rows(conn, select(*_TICKET).where(mine).order_by(ticket.c.created_at))
    steps = await _of_tickets(conn, scope, ticket_step, ("at", "state"), "seq")
    surveys = await _of_tickets(conn, scope, survey, _SURVEY, "id")
    cases = await _of_tickets(conn, scope, complaint, _COMPLAINT, "ticket_id")
    calls = await _call_backs(conn, scope)
    return [
        {name: value for name, value in row.items() if name not in {"id", "labels"}}
        | {
            "labels": _labels(row["labels"]),
            "steps": steps.get(row["id"], []),
            "surveys": surveys.get(row["id"], []),
            "complaint": next(iter(cases.get(row["id"], [])), None),
            "call_backs": calls.get(row["id"], []),
        }
        for row in rows
    ]


def _labels(labels: Fields | None) -> dict[str, Any]:
    """Who of us gave a label is not in it, only that a person did."""
    return {
        facet: {
            "value": label["value"],
            "confidence": label["confidence"],
            "by": label["by"] if label["by"] in MACHINES else "person",
            "reasons": label["reasons"],
        }
        for facet, label in (labels or {}).get("facets", {}).items()
    }


async def _of_tickets(
    conn: AsyncConnection, scope: Scope, table: Any, names: Collection[str], order: str
) -> dict[str, list[dict[str, Any]]]:
    columns = [table.c.ticket_id, *(table.c[name] for name in names)]
    query = select(*columns).where(table.c.ticket_id.in_(scope.tickets)).order_by(table.c[order])
    return _by_ticket(await _rows(conn, query))


async def _call_backs(conn: AsyncConnection, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    f, x = follow_up.c, follow_up_attempt.c
    query = (
        select(f.ticket_id, *(x[name] for name in _ATTEMPT))
        .join(follow_up, f.id == x.follow_up_id)
        .where(f.ticket_id.in_(scope.tickets))
        .order_by(x.at, x.id)
    )
    return _by_ticket(await _rows(conn, query))


def _by_ticket(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.pop("ticket_id"), []).append(row)
    return found


async def _lines(
    conn: AsyncConnection, scope: Scope
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What they said, and what we said to them."""
    m, o = message.c, outbound.c
    own = (
        select(m.conversation_id, m.seq, m.received_at, m.subject, m.text, m.text_full)
        .add_columns(m.attachments, m.versions, m.withdrawn_at)
        .where(m.identity_id.in_(scope.identities), m.changes_id.is_(None))
    )
    ours = select(
        o.conversation_id, o.seq, o.created_at, o.text, o.attachments, o.state, o.cc
    ).where(
        or_(
            o.ticket_id.in_(scope.tickets),
            o.ticket_id.is_(None) & o.conversation_id.in_(scope.conversations),
        )
    )
    return await _rows(conn, own), await _rows(conn, ours)


def _places(ids: Collection[str]) -> Select[Any]:
    c = conversation.c
    return select(c.id, c.channel, c.created_at).where(c.id.in_(ids)).order_by(c.created_at)


def _theirs(row: Fields, files: dict[str, str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "at": row["received_at"],
        "from": "customer",
        "subject": row["subject"],
        "text": row["text"],
        "files": [_file(one, files) for one in row["attachments"]],
    }
    if row["text_full"] != row["text"]:
        line["text_full"] = row["text_full"]
    if row["withdrawn_at"] is not None:
        line["withdrawn_at"] = row["withdrawn_at"]
    earlier = (row["versions"] or [])[:-1]
    if earlier:
        line["earlier"] = [
            {
                "at": one["at"],
                "text": one["text"],
                "files": [_file(each, files) for each in one["attachments"]],
            }
            for one in earlier
        ]
    return line


def _ours(row: Fields, files: dict[str, str], also: Sequence[str]) -> dict[str, Any]:
    line = {
        "at": row["created_at"],
        "from": "us",
        "text": row["text"],
        "state": row["state"],
        "files": [_file(one, files) for one in row["attachments"]],
    }
    return line | ({"cc": also} if also else {})


_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


def _file(one: Fields, files: dict[str, str]) -> dict[str, Any]:
    """An attachment, and its place in the copy; None for one that was never fetched."""
    told = {"name": one["name"], "mime": one["mime"], "size": one["size"], "path": None}
    if not one.get("sha256"):
        return told
    name = "".join(char for char in one["name"] if char.isprintable()).translate(_UNSAFE)
    path = f"files/{len(files) + 1:04}-{name.strip(' .')[-80:] or 'file'}"
    files[path] = one["sha256"]
    return told | {"path": path}
