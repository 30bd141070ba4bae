"""Where answers of a conversation go: the way back to the customer, and who else is told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Permanent
from models.message import Attachment, Choice, OutboundMessage, ReplyRoute
from models.store.dialogue.recipients import Copied, addresses, opened
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.sealing import Vault, unseal
from models.tables import conversation, customer, identity, message, outbound

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where answers of a conversation go; ``route.address`` is “” where there is no way.

    ``since``: text and number of files of what went there, or is to go, since the customer's
    last word; read where ``route.quota_left`` counts it. ``cc``: all whom the customer has ever
    named, and who of them had the last answer that a person gave.
    """

    route: ReplyRoute
    since: Sequence[tuple[str, int]] = ()
    cc: Sequence[Copied] = ()


class WaysBack:
    """Opens what is sealed for the customer of each conversation: routes, and those in copy."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def of(self, conversation_id: str) -> WayBack:
        """Where an answer in a conversation goes, and what it has to share that way with."""
        query = _with_key().where(conversation.c.id == conversation_id)
        m, o = message.c, outbound.c
        theirs = (m.conversation_id == conversation_id) & (m.kind == "message")
        last = select(func.max(m.received_at)).where(theirs).scalar_subquery()
        later = o.finished_at.is_(None) | (o.finished_at >= last)
        since = select(o.text, o.attachments).where(
            o.conversation_id == conversation_id, o.state != "failed", later
        )
        async with self._db.read() as conn:
            talk = (await conn.execute(query)).mappings().one()
            route = self._route(talk)
            rows = [] if route.quota_left is None else (await conn.execute(since)).all()
            cc = self._cc(talk)
            chosen = await _chosen(conn, conversation_id) if cc else frozenset()
        told = [(row.text, len(row.attachments)) for row in rows]
        return WayBack(route, told, [replace(one, chosen=one.number in chosen) for one in cc])

    async def copied(
        self, conn: AsyncConnection, conversation_ids: Collection[str]
    ) -> dict[str, list[Copied]]:
        """Whom the customer of each conversation has ever put in copy."""
        query = _with_key().where(conversation.c.id.in_(conversation_ids))
        rows = (await conn.execute(query)).mappings()
        return {row["id"]: self._cc(row) for row in rows}

    async def addressed(
        self, conn: AsyncConnection, conversation_id: str, cc: Collection[int]
    ) -> tuple[str, list[str]]:
        """Where an answer goes: to the customer (“” if nowhere), and to those of these numbers."""
        query = _with_key().where(conversation.c.id == conversation_id)
        talk = (await conn.execute(query)).mappings().one()
        return self._route(talk).address, addresses(self._cc(talk), cc)

    async def load_outbound(self, tx: Tx, rows: Sequence[Fields]) -> list[OutboundMessage]:
        """Rows of the outbound table as messages for a channel's voice.

        A row whose conversation has no way back gets an empty address.
        """
        wanted = {row["conversation_id"] for row in rows}
        query = _with_key().where(conversation.c.id.in_(wanted))
        talks = {row["id"]: row for row in (await tx.conn.execute(query)).mappings()}
        return [self._outbound(row, talks[row["conversation_id"]]) for row in rows]

    def _outbound(self, row: Fields, talk: Fields) -> OutboundMessage:
        return OutboundMessage(
            id=row["id"],
            conversation_id=talk["id"],
            conversation_key=talk["key"],
            channel=talk["channel"],
            account=talk["account"],
            seq=row["seq"],
            kind=row["kind"],
            text=row["text"],
            route=self._route(talk),
            subject=talk["subject"],
            in_reply_to=talk["reply_to"],
            references=tuple(talk["references"]),
            attachments=tuple(Attachment.model_validate(file) for file in row["attachments"]),
            created_at=row["created_at"],
            attempts=row["attempts"],
            choices=tuple(Choice.model_validate(one) for one in row["choices"] or ()),
            cc=addresses(self._cc(talk), row["cc"]) if row["cc"] else (),
        )

    def _cc(self, talk: Fields) -> list[Copied]:
        key = talk["wrapped"] and talk["cc"] and self._vault.unwrap(talk["wrapped"])
        return opened(key, talk["cc"])

    def _route(self, talk: Fields) -> ReplyRoute:
        nowhere = ReplyRoute(adapter=talk["channel"], address="")
        if talk["route"] is None or talk["wrapped"] is None:
            return nowhere
        try:
            plain = unseal(self._vault.unwrap(talk["wrapped"]), talk["route"])
            return ReplyRoute.model_validate_json(plain)
        except (Permanent, ValueError):
            # One that does not open must not keep all the others from being sent.
            _log.exception("reply route unreadable", conversation=talk["id"])
            return nowhere


async def _chosen(conn: AsyncConnection, conversation_id: str) -> frozenset[int]:
    """Who had the last answer that a person gave, besides the customer."""
    o = outbound.c
    query = (
        select(o.cc)
        .where(o.conversation_id == conversation_id, o.kind == "reply")
        .order_by(o.seq.desc())
        .limit(1)
    )
    return frozenset((await conn.execute(query)).scalar_one_or_none() or ())


def _with_key() -> Select[Any]:
    """Conversations with the key of their customer, which opens their routes."""
    return (
        select(conversation, customer.c.key.label("wrapped"))
        .join(identity, identity.c.id == conversation.c.identity_id)
        .join(customer, customer.c.id == identity.c.customer_id)
    )
