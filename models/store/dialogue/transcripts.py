"""What was said in a chat, sent to the customer by mail on their wish."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, update

from models.errors import Rejected
from models.ids import uuid7
from models.message import ReplyRoute, Sender
from models.store.dialogue.conversations import Conversations, Entry, append
from models.store.dialogue.people import People
from models.store.dialogue.tombstones import PREFIX
from models.store.ground.database import Database, Tx
from models.store.ground.locks import lock_row
from models.store.ground.sealing import seal
from models.tables import conversation, identity, outbound

_A_DAY = 86_400.0
_MOST_A_DAY = 3
"""Transcripts of one chat: whoever chats must not be able to have others mailed at will."""

_KIND = "transcript:"
"""Before the id of the chat, in the names of the conversation and of who is mailed."""

_LONGEST = 5000
"""Lines of a transcript, the last ones."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """By which channel and account, and to whom."""

    channel: str
    account: str
    address: str


class Transcripts:
    """Each is a mail of its own, in a conversation that holds nothing else."""

    def __init__(self, db: Database, people: People, conversations: Conversations) -> None:
        self._db = db
        self._people = people
        self._conversations = conversations

    async def send(
        self,
        conversation_id: str,
        mailbox: Mailbox,
        subject: str,
        write: Callable[[Sequence[Entry]], str],
    ) -> bool:
        """Queues the mail; False where the same one was asked for before.

        Only of a chat that somebody of us has answered, and three a day at most: a stranger
        could have anything mailed to anybody otherwise. The address proves nothing about who
        the customer is.

        Raises:
            Rejected: ``nothing`` to send (any more: it was erased while it was read), or ``rate``.
            NotFound: no such conversation.
        """
        talk = await self._conversations.get(conversation_id)
        before = max(0, talk.last_seq - _LONGEST)
        said = await self._conversations.log(conversation_id, before, _LONGEST)
        lines = [e for e in said if e.changes_id is None and not e.quarantined]
        if not any(e.side == "us" and e.kind == "reply" for e in lines):
            raise Rejected("nobody has answered yet", code="nothing")
        mark = hashlib.sha256(mailbox.address.lower().encode()).hexdigest()[:16]
        name = f"{_KIND}{conversation_id}:{mark}"
        async with self._db.write() as tx:
            await _locked(tx, conversation_id)
            await self._check_rate(tx, conversation_id)
            mail_id = await self._mail(tx, name, mailbox, subject)
            _, new = await append(
                tx,
                conversation_id=mail_id,
                ticket_id=lines[-1].ticket_id,
                kind="notice",
                text=write(lines),
                client_id=f"t:{conversation_id[-12:]}:{mark}:{talk.last_seq}",
                agent_id=None,
            )
            if new:
                await tx.audit(None, "transcript.sent", lines[-1].ticket_id or conversation_id)
        return new

    @staticmethod
    async def _check_rate(tx: Tx, conversation_id: str) -> None:
        o, day_ago = outbound.c, tx.now - _A_DAY
        recent = select(func.count()).where(
            # Ids tell when they were made, and have an index: the others are not looked through.
            o.id >= uuid7(day_ago)[:13],
            o.client_id.like(f"t:{conversation_id[-12:]}:%"),
            o.created_at > day_ago,
        )
        if (await tx.conn.execute(recent)).scalar_one() >= _MOST_A_DAY:
            raise Rejected("three transcripts a day at most", code="rate")

    async def _mail(self, tx: Tx, name: str, mailbox: Mailbox, subject: str) -> str:
        """The conversation by mail that the transcript goes out in."""
        sender = Sender(external_id=name, email=mailbox.address)
        people = await self._people.known(tx, [(mailbox.channel, sender)])
        known = people[mailbox.channel, name]
        route = ReplyRoute(adapter=mailbox.channel, address=mailbox.address)
        row = {
            "id": tx.new_id(),
            "channel": mailbox.channel,
            "account": mailbox.account,
            "key": name,
            "identity_id": known.id,
            "subject": subject,
            "created_at": tx.now,
        }
        await tx.conn.execute(tx.upsert(conversation).on_conflict_do_nothing(), [row])
        c = conversation.c
        here = (c.channel == mailbox.channel) & (c.account == mailbox.account) & (c.key == name)
        sealed = seal(known.key, route.model_dump_json().encode())
        change = update(conversation).where(here).values(route=sealed).returning(c.id)
        return str((await tx.conn.execute(change)).scalar_one())


async def _locked(tx: Tx, conversation_id: str) -> None:
    """Two who ask at once see each other, and an erasure has been or waits.

    Raises:
        Rejected: it has been; there is ``nothing`` to send.
    """
    row = await lock_row(tx, conversation, conversation_id, "no such conversation")
    if row["key"].startswith(PREFIX):
        raise Rejected("this conversation was erased", code="nothing")


async def copies_of(tx: Tx, talks: Select[tuple[str]]) -> frozenset[str]:
    """The customers that stand for who was mailed a transcript of one of these conversations."""
    c, i = conversation.c, identity.c
    ids = (await tx.conn.execute(talks)).scalars().all()
    if not ids:
        return frozenset()
    of = func.substr(c.key, len(_KIND) + 1, len(ids[0]))
    query = (
        select(i.customer_id)
        .join(conversation, c.identity_id == i.id)
        .where(c.key.startswith(_KIND), of.in_(ids))
    )
    return frozenset((await tx.conn.execute(query)).scalars())
