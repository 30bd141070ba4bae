"""One customer behind several identities: joined on evidence, never on a claim, and undone.

A proof is an address that a channel has proven to belong to an identity (``Trust.proves``). Two
identities with the same proof are linked. A link changes nothing but what is shown together:
each identity keeps its customer, its key, its conversations and their way back, so that undoing
a link leaves no trace but in the audit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.contacts import normal
from models.errors import Conflict, NotFound
from models.masking import masked
from models.message import InboundMessage
from models.store.dialogue.people import Known
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.sealing import Vault
from models.tables import conversation, customer_link, identity, proof, ticket

_FEW = 50
"""Customers of one person; a shared switchboard must not join a whole town."""


async def prove(tx: Tx, vault: Vault, said: Iterable[tuple[Known, InboundMessage]]) -> None:
    """Keeps what messages prove of who sent them, and links customers that share a proof."""
    brought = {
        (row["lookup"], row["identity_id"]): row
        for known, m in said
        for row in _proofs(tx, vault, known, m)
    }
    if not brought:
        return
    # Any that a value may be found by, to the one by which it is called here.
    named = {any_: row["lookup"] for row in brought.values() for any_ in row["any"]}
    known_query = select(proof.c.lookup, proof.c.identity_id).where(proof.c.lookup.in_(named))
    there = {(named[row.lookup], row.identity_id) for row in await tx.conn.execute(known_query)}
    new = [row for key, row in brought.items() if key not in there]
    if not new:
        return
    # One at a time: two that prove the same at once must see each other.
    await tx.bump("proofs", len(new))
    place = vault.readable.index(await vault.writing(tx))
    rows = [
        {name: row[name] for name in proof.c.keys()}  # noqa: SIM118
        | {"lookup": row["any"][place]}
        for row in new
    ]
    await tx.conn.execute(tx.upsert(proof).on_conflict_do_nothing(), rows)
    await _link(tx, new, named, place)


def _proofs(tx: Tx, vault: Vault, known: Known, m: InboundMessage) -> Iterable[dict[str, Any]]:
    addresses = {"email": m.sender.email, "phone": m.sender.phone}
    for kind in m.trust.proves:
        value = addresses[kind]
        if value:
            lookups = vault.lookups(f"proof {kind}", normal(kind, value))
            yield {
                "lookup": lookups[-1],
                "any": lookups,
                "identity_id": known.id,
                "customer_id": known.customer_id,
                "kind": kind,
                "method": m.trust.method,
                "message_id": m.id,
                "at": tx.now,
                "value": masked(value),
            }


async def _link(tx: Tx, new: Sequence[Fields], named: Mapping[str, str], place: int) -> None:
    """Links each new proof's customer with the first other one that has the same proof.

    ``named`` is what lookups are called here; ``place``, among those that a proof has, is the one
    to be written.
    """
    query = (
        select(proof, identity.c.customer_id)
        .join(identity, identity.c.id == proof.c.identity_id)
        .where(proof.c.lookup.in_({any_ for row in new for any_ in row["any"]}))
        .order_by(proof.c.at, proof.c.message_id)
    )
    rows = (await tx.conn.execute(query)).mappings().all()
    holders = [dict(row) | {"lookup": named[row["lookup"]]} for row in rows]
    pairs = [(row, _first_other(row, holders)) for row in new]
    links = [_new_link(tx, row, other, place) for row, other in pairs if other is not None]
    # A link that was undone stays undone: it is there, whichever key wrote it.
    x = customer_link.c
    query = select(x.first_id, x.second_id, x.lookup).where(
        x.first_id.in_({link["first_id"] for link in links}), x.lookup.in_(named)
    )
    there = {_pair(row, named) for row in (await tx.conn.execute(query)).mappings()}
    links = [link for link in links if _pair(link, named) not in there]
    if links:
        await tx.conn.execute(tx.upsert(customer_link).on_conflict_do_nothing(), links)


def _pair(link: Fields, named: Mapping[str, str]) -> tuple[str, str, str]:
    return link["first_id"], link["second_id"], named[link["lookup"]]


def _first_other(row: Fields, holders: Sequence[Fields]) -> Fields | None:
    others = (
        holder
        for holder in holders
        if holder["lookup"] == row["lookup"] and holder["customer_id"] != row["customer_id"]
    )
    return next(others, None)


def _new_link(tx: Tx, row: Fields, other: Fields, place: int) -> dict[str, Any]:
    first_id, second_id = sorted([row["customer_id"], other["customer_id"]])
    evidence = {
        "value": row["value"],
        "proofs": [
            {
                "identity": side["identity_id"],
                "method": side["method"],
                "message": side["message_id"],
            }
            for side in (other, row)
        ],
    }
    return {
        "id": tx.new_id(),
        "first_id": first_id,
        "second_id": second_id,
        "lookup": row["any"][place],
        "kind": row["kind"],
        "evidence": evidence,
        "at": tx.now,
    }


@dataclass(frozen=True, slots=True)
class Link:
    """Why two customers are taken for one person."""

    id: str
    first_id: str
    second_id: str
    kind: str
    evidence: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class LinkedConversation:
    """One conversation of a person, and its tickets as (id, number, state), newest first."""

    id: str
    channel: str
    identity_id: str
    subject: str
    tickets: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that is one customer on the evidence."""

    customers: frozenset[str]
    identities: Sequence[tuple[str, str]]
    links: Sequence[Link]
    conversations: Sequence[LinkedConversation]


class CustomerLinks:
    """Who is the same person, and why."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def person(self, customer_id: str) -> Person:
        """The person that a customer is; alone, where nothing is proven."""
        i, c, t = identity.c, conversation.c, ticket.c
        async with self._db.read() as conn:
            links = await links_of(conn, customer_id)
            customers = together(customer_id, links)
            who = select(i.id, i.channel).where(i.customer_id.in_(customers)).order_by(i.id)
            identities = [(row.id, row.channel) for row in await conn.execute(who)]
            ids = [identity_id for identity_id, _ in identities]
            query = (
                select(c.id, c.channel, c.identity_id, c.subject, t.id, t.number, t.state)
                .join(ticket, t.conversation_id == c.id)
                .where(c.identity_id.in_(ids))
                .order_by(t.created_at.desc())
            )
            rows = (await conn.execute(query)).all()
        return Person(customers, identities, links, _conversations(rows))

    async def undo(self, link_id: str, agent_id: str) -> None:
        """Takes a link back, for good: the same proof does not make it again.

        Raises:
            NotFound: no such link.
            Conflict: it was undone before.
        """
        x = customer_link.c
        async with self._db.write() as tx:
            change = (
                update(customer_link)
                .where(x.id == link_id, x.undone_at.is_(None))
                .values(undone_at=tx.now, undone_by=agent_id)
                .returning(x.first_id, x.second_id)
            )
            row = (await tx.conn.execute(change)).one_or_none()
            if row is None:
                known = select(x.id).where(x.id == link_id)
                if (await tx.conn.execute(known)).one_or_none() is None:
                    raise NotFound("no such link")
                raise Conflict("this link was undone before")
            both = [row.first_id, row.second_id]
            await tx.audit(agent_id, "customer.unlink", link_id, customers=both)


async def links_of(conn: AsyncConnection, customer_id: str) -> list[Link]:
    """Those that lead from one customer to all others of the person."""
    x = customer_link.c
    found: dict[str, Link] = {}
    seen: set[str] = set()
    edge = {customer_id}
    names = list(Link.__dataclass_fields__)
    while edge and len(seen) < _FEW:
        touching = or_(x.first_id.in_(edge), x.second_id.in_(edge))
        query = select(*(x[name] for name in names)).where(touching, x.undone_at.is_(None))
        seen |= edge
        new = [Link(**row) for row in (await conn.execute(query)).mappings()]
        found |= {link.id: link for link in new}
        edge = {end for link in new for end in (link.first_id, link.second_id)} - seen
    return sorted(found.values(), key=lambda link: link.id)


def together(customer_id: str, links: Iterable[Link]) -> frozenset[str]:
    """The customers that are one with this one by these links."""
    return frozenset({customer_id}.union(*((link.first_id, link.second_id) for link in links)))


def _conversations(rows: Sequence[Any]) -> list[LinkedConversation]:
    found: dict[str, LinkedConversation] = {}
    tickets: dict[str, list[tuple[str, str, str]]] = {}
    for talk_id, channel, identity_id, subject, *of_ticket in rows:
        tickets.setdefault(talk_id, []).append(tuple(of_ticket))
        found[talk_id] = LinkedConversation(
            talk_id, channel, identity_id, subject, tickets[talk_id]
        )
    return list(found.values())
