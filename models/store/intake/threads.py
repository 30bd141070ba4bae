"""From messages to tickets: identity, conversation, the open ticket or a new one."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy import select

from models.message import InboundMessage
from models.storable import line
from models.store.dialogue.customer_links import prove
from models.store.dialogue.incoming import Incoming, slot
from models.store.dialogue.outbound import settle
from models.store.dialogue.people import People
from models.store.dialogue.revisions import (
    DELETED,
    any_of,
    at_home,
    note_early,
    sort_out,
)
from models.store.dialogue.tombstones import Tombstones
from models.store.dialogue.ways_back import WaysBack
from models.store.ground.database import Tx
from models.store.ground.sealing import Vault
from models.store.intake.calls import record_calls
from models.store.intake.continuing import continued, too_early
from models.store.intake.envelopes import finish, put_off
from models.store.intake.plan import Plan
from models.store.tickets.waiting import PositionOf
from models.tables import conversation, ticket
from models.ticket import OPEN_STATES, TicketState

_PAUSE = 0.5
"""Seconds until a mail that came too early is read again: a batch takes less."""


class Threads:
    """Puts messages into conversations and tickets, exactly once."""

    def __init__(
        self,
        people: People,
        ways_back: WaysBack,
        vault: Vault,
        zone: ZoneInfo,
        hold: float,
        reopen: float,
    ) -> None:
        """``hold`` and ``reopen`` are seconds: a greeting waits, a resolved ticket reopens."""
        self._people = people
        self._ways_back = ways_back
        self._vault = vault
        self._tombstones = Tombstones(vault)
        self._zone = zone
        self._hold = hold
        self._reopen = reopen

    async def thread(
        self,
        tx: Tx,
        token: str,
        envelope_ids: Sequence[str],
        incoming: Sequence[Incoming],
        position_of: PositionOf | None = None,
    ) -> list[str]:
        """Stores the messages and finishes their envelopes, in the caller's transaction.

        ``position_of`` finds where the tickets stand that come back by a message.
        Mails whose turn it is not yet are put off (``continuing.too_early``).
        Returns the ids of the tickets that the others went to.

        Raises:
            Conflict: the lease ``token`` has run out; the transaction must roll back.
            Temporary: somebody who wrote this has just been erased; it must roll back, too.
        """
        early = await too_early(tx, token, incoming)
        if early:
            await put_off(tx, token, early, _PAUSE)
            envelope_ids = [id_ for id_ in envelope_ids if id_ not in early]
            incoming = [item for item in incoming if item.envelope_id not in early]
        await finish(tx, token, envelope_ids)
        record = [i.message for i in incoming if i.message.kind == "event"]
        await record_calls(tx, record)
        for item in incoming:
            if item.message.kind == "status":
                await settle(tx, item.message, self._ways_back)
        kept = await at_home(tx, [_fitting(i) for i in incoming if _kept(i.message)])
        kept = await self._concerning_us(tx, kept)
        kept = await self._tombstones.without(tx, kept)
        if not kept:
            return []
        people = await self._people.known(
            tx, [(i.message.channel, i.message.sender) for i in kept]
        )
        kept = await continued(tx, kept, people, self._people.keys)
        plan = Plan(tx, self._hold, self._reopen, position_of)
        await plan.load(kept, people)
        await self._tombstones.check(tx, kept, people)
        plan.keys = await self._people.keys(tx, plan.hosts(kept, people))
        batch = await sort_out(tx, kept)
        await note_early(tx, batch.early)
        plan.take(batch, people)
        await plan.reopen()
        await plan.number(self._zone)
        await plan.store()
        proven = [i.message for i in batch.news if i.message.trust.proves]
        await prove(
            tx, self._vault, [(people[m.channel, m.sender.external_id], m) for m in proven]
        )
        return plan.ticket_ids

    async def _concerning_us(self, tx: Tx, fresh: list[Incoming]) -> list[Incoming]:
        """Without what was overheard where no ticket is under way."""
        if not any(item.overheard for item in fresh):
            return fresh
        slots = {slot(item.message) for item in fresh if item.overheard}
        c, t = conversation.c, ticket.c
        recent = (t.state == TicketState.RESOLVED) & (t.resolved_at >= tx.now - self._reopen)
        query = (
            select(c.channel, c.account, c.key)
            .join(ticket, t.conversation_id == c.id)
            .where(any_of(conversation, c.key, slots), t.state.in_(OPEN_STATES) | recent)
        )
        under_way = {(row.channel, row.account, row.key) for row in await tx.conn.execute(query)}
        under_way |= {slot(item.message) for item in fresh if not item.overheard}
        return [i for i in fresh if not i.overheard or slot(i.message) in under_way]


def _kept(m: InboundMessage) -> bool:
    return m.kind in {"message", "edit", "delete"}


def _fitting(item: Incoming) -> Incoming:
    """With names as the tables will hold them, so that they are found again."""
    m = item.message
    names = {
        "account": line(m.account, 255),
        "external_id": line(m.external_id, 255),
        "conversation_key": line(m.conversation_key, 255),
        "revision": DELETED if m.kind == "delete" else m.revision,
    }
    if (m.account, m.external_id, m.conversation_key, m.revision) == tuple(names.values()):
        return item
    return replace(item, message=m.model_copy(update=names))
