"""Talks that end by themselves: we have answered, and for long nothing comes back.

Never while the customer waits for us. What ends is the talk, not its ticket; the customer is told,
and their next word goes on in it.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from models.store.dialogue.conversations import append, end, ticket_of
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timers, stop_timers
from models.store.ground.database import Event, Tx
from models.tables import conversation, message, outbound
from models.texts import language_of
from workers.dialogue.wording import Wording

END = "talk.end"
"""The kind of timer; its subject is the conversation."""

_DAY = 86_400.0
"""What was said longer ago ends nothing: a log may be long at the first start."""


class IdleChats:
    """The follower that sets the timers, and what they bring about."""

    def __init__(self, seconds: Mapping[str, float], wording: Wording) -> None:
        """``seconds``: by channel; where it has none, no talk ends by itself."""
        self._seconds = seconds
        self._wording = wording

    @property
    def follower(self) -> Follower:
        kinds = frozenset({"message.in", "message.out", "conversation.ended"})
        return Follower("silence", kinds, self._follow)

    async def _follow(self, tx: Tx, events: Sequence[Event]) -> None:
        last: dict[str, float | None] = {}
        for event in events:
            if event.conversation_id is None or event.at < tx.now - _DAY:
                continue
            if event.kind != "message.out":
                last[event.conversation_id] = None
            elif event.data.get("kind") == "reply":  # what is said by itself asks for nothing
                last[event.conversation_id] = event.at
        answered = {name: at for name, at in last.items() if at is not None}
        await stop_timers(tx, END, [name for name in last if name not in answered])
        c = conversation.c
        channels = select(c.id, c.channel).where(
            c.id.in_(sorted(answered)), c.channel.in_(sorted(self._seconds))
        )
        due = {
            row.id: answered[row.id] + self._seconds[row.channel]
            for row in (await tx.conn.execute(channels)).all()
        }
        await set_timers(tx, END, due)

    async def end(self, tx: Tx, timer: Timer) -> None:
        """Says so and ends the talk, unless the customer has, or has written just now."""
        if await _has_the_word(tx, timer.subject):
            return
        its = await ticket_of(tx, timer.subject)
        if not await end(tx, timer.subject, silent=True):
            return
        await self._wording.refresh_within(tx.conn)
        said = self._wording.say("talk.silent", language_of(its.lang if its else ""))
        await append(
            tx,
            conversation_id=timer.subject,
            ticket_id=its.id if its else None,
            kind="notice",
            text=said.text,
            client_id=f"silence:{timer.id}",
            agent_id=None,
            template=said.template,
        )


async def _has_the_word(tx: Tx, conversation_id: str) -> bool:
    """Whether the customer spoke last; the lock keeps them from speaking meanwhile."""
    c, m, o = conversation.c, message.c, outbound.c
    await tx.conn.execute(
        select(c.id).where(c.id == conversation_id).with_for_update(key_share=True)
    )
    theirs = select(func.max(m.seq)).where(
        m.conversation_id == conversation_id, m.kind == "message"
    )
    ours = select(func.max(o.seq)).where(o.conversation_id == conversation_id, o.kind == "reply")
    said = (await tx.conn.execute(theirs)).scalar() or 0
    return bool(said > ((await tx.conn.execute(ours)).scalar() or 0))
