"""What a visitor's view needs from the store, asked for many visitors in one query.

The store's own log is for one conversation with all that an agent may see; a thousand open
chats would ask it a thousand times.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from channels.webchat.reception import CHANNEL
from models.store.dialogue.conversations import Entry, goes_on
from models.store.ground.database import Database
from models.tables import conversation, message, outbound, ticket


class Found(NamedTuple):
    """A conversation as its visitor comes back to it."""

    id: str
    last_seq: int
    seen_seq: int
    ticket: str | None


class Lookup:
    """Reads of the sites' conversations. Every method may raise ``Temporary``."""

    def __init__(self, db: Database, accounts: Sequence[str]) -> None:
        self._db = db
        self._accounts = accounts

    async def find(self, account: str, key: str) -> Found | None:
        """The conversation of a key, with the number of the ticket in which it goes on."""
        c, t = conversation.c, ticket.c
        query = (
            select(c.id, c.last_seq, c.seen_seq, t.number)
            .outerjoin_from(conversation, ticket, t.id == goes_on(c.id))
            .where(c.channel == CHANNEL, c.account == account, c.key == key)
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        return None if row is None else Found(*row)

    async def numbers(self, conversation_ids: Iterable[str]) -> Mapping[str, str]:
        """The numbers of the tickets in which conversations go on, by conversation."""
        c, t = conversation.c, ticket.c
        query = (
            select(c.id, t.number)
            .join_from(conversation, ticket, t.id == goes_on(c.id))
            .where(c.id.in_(list(conversation_ids)))
        )
        async with self._db.read() as conn:
            return {row.id: row.number for row in await conn.execute(query)}

    async def keys(self, conversation_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """(account, key) of those conversations that are our sites'."""
        c = conversation.c
        query = select(c.id, c.account, c.key).where(
            c.id.in_(list(conversation_ids)),
            c.channel == CHANNEL,
            c.account.in_(self._accounts),
        )
        async with self._db.read() as conn:
            return {row.id: (row.account, row.key) for row in await conn.execute(query)}

    async def entries(
        self, message_ids: Sequence[str], outbound_ids: Sequence[str]
    ) -> Mapping[str, list[Entry]]:
        """Lines by conversation, each in the order of its seq, from the ids of both sides."""
        m, o = message.c, outbound.c
        theirs = select(
            m.conversation_id, m.seq, m.id, m.ticket_id, m.kind, m.text,
            m.received_at.label("at"), m.external_id, m.attachments,
        ).where(m.id.in_(message_ids))  # fmt: skip
        ours = select(
            o.conversation_id, o.seq, o.id, o.ticket_id, o.kind, o.text,
            o.created_at.label("at"), o.attachments, o.choices,
        ).where(o.id.in_(outbound_ids))  # fmt: skip
        found: dict[str, list[Entry]] = {}
        if message_ids:
            for place, fields in await self._rows(theirs):
                found.setdefault(place, []).append(Entry(side="customer", **fields))
        if outbound_ids:
            for place, fields in await self._rows(ours):
                fields["choices"] = fields["choices"] or ()
                found.setdefault(place, []).append(Entry(side="us", **fields))
        for entries in found.values():
            entries.sort(key=lambda entry: entry.seq)
        return found

    async def _rows(self, query: Select[*tuple[Any, ...]]) -> list[tuple[str, dict[str, Any]]]:
        async with self._db.read() as conn:
            rows = [dict(row) for row in (await conn.execute(query)).mappings()]
        return [(row.pop("conversation_id"), row) for row in rows]
