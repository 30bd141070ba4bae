"""Bugs that the tests of kills must find, planted into the processes of a system under test.

Put this folder on PYTHONPATH and name a bug in PLANTED_BUG. Python imports a module of this name
at its start; only the killed processes are changed, and only while a test asks for it.

For test_crash.py:

``ack_before_commit``: mail and chat are acknowledged at once and stored a moment later.
``dedupe_off``: every envelope is new, and so is every message in it.
``told_before_sent``: an event for outsiders counts as told before it is sent.
``out_of_turn``: a ticket's later events do not wait for an earlier one.

For test_soak.py:

``hoarding``: every message that was stored stays in memory, with an open file.

For test_clock_kills.py:

``fired_apart``: a timer is gone in one transaction, what it is for comes in the next.
``effect_apart``: what a timer is for comes in one transaction, the timer goes in the next.
``read_apart``: a follower acts in one transaction, and notes how far it has read in the next.
``lost_at_start``: what is due when a clock starts is forgotten.
``again_after_jump``: a clock that was put back reads what it has read before.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

_DELAY_SECONDS = 0.25


def _ack_before_commit() -> None:
    from models.message import Envelope, Receipt
    from workers.messages.intake import Intake

    stored = Intake.accept
    pending: set[asyncio.Task[Any]] = set()

    async def accept(self: Intake, envelopes: Sequence[Envelope]) -> list[Receipt]:
        async def later() -> None:
            await asyncio.sleep(_DELAY_SECONDS)
            await stored(self, envelopes)

        task = asyncio.create_task(later())
        pending.add(task)
        task.add_done_callback(pending.discard)
        return [Receipt(envelope.id, "new") for envelope in envelopes]

    Intake.accept = accept  # type: ignore[method-assign]


def _dedupe_off() -> None:
    from dataclasses import replace

    from models.message import Envelope, Receipt
    from models.store.dialogue.incoming import Incoming
    from models.store.ground.database import Tx
    from models.store.intake.envelopes import Envelopes
    from models.store.intake.threads import Threads

    stored, threaded = Envelopes.accept, Threads.thread

    async def accept(self: Envelopes, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return await stored(self, [replace(e, dedupe_key=uuid4().hex) for e in envelopes])

    async def thread(
        self: Threads,
        tx: Tx,
        token: str,
        envelope_ids: Sequence[str],
        incoming: Sequence[Incoming],
    ) -> list[str]:
        fresh = [
            replace(i, message=i.message.model_copy(update={"external_id": i.envelope_id}))
            for i in incoming
        ]
        return await threaded(self, tx, token, envelope_ids, fresh)

    Envelopes.accept = accept  # type: ignore[method-assign]
    Threads.thread = thread  # type: ignore[method-assign]


def _told_before_sent() -> None:
    from models.store.effects.webhooks import Attempt, DueEvent, Webhooks

    lease = Webhooks.lease

    async def leased(
        self: Webhooks, webhook_id: str, limit: int, seconds: float
    ) -> list[DueEvent]:
        due = await lease(self, webhook_id, limit, seconds)
        await self.settle(webhook_id, [Attempt(one) for one in due])
        return due

    Webhooks.lease = leased  # type: ignore[method-assign]


def _out_of_turn() -> None:
    from models.store.effects.webhooks import Attempt, Webhooks

    settle = Webhooks.settle

    async def alone(self: Webhooks, webhook_id: str, attempts: Sequence[Attempt]) -> set[int]:
        from sqlalchemy import update

        from models.tables import webhook_event

        settled = await settle(self, webhook_id, attempts)
        put_off = [one.due.seq for one in attempts if one.again_in is not None]
        async with self._db.write() as tx:
            mine = webhook_event.c.seq.in_(put_off)
            await tx.conn.execute(update(webhook_event).where(mine).values(ticket_id=None))
        return settled

    Webhooks.settle = alone  # type: ignore[method-assign]


# -- the clock -------------------------------------------------------------------------


def _firing(*, effect_first: bool) -> None:
    from collections.abc import Mapping

    from sqlalchemy import delete, select

    from models.store.effects.timers import Effect, Timer, Timers
    from models.tables import timer

    async def fire(self: Timers, timer_id: str, effects: Mapping[str, Effect]) -> bool:
        t = timer.c
        query = select(t.id, t.kind, t.subject, t.due_at, t.data).where(t.id == timer_id)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        if row is None:
            return False

        async def act() -> None:
            async with self._db.write() as tx:
                await effects[row["kind"]](tx, Timer(**row))

        async def forget() -> None:
            async with self._db.write() as tx:
                mine = (t.id == timer_id) & (t.due_at == row["due_at"])
                await tx.conn.execute(delete(timer).where(mine))

        for step in (act, forget) if effect_first else (forget, act):
            await step()
        return True

    Timers.fire = fire  # type: ignore[method-assign]


def _read_apart() -> None:
    from models.store.effects.followers import Followers, _Place
    from models.store.ground.cursors import moved_to
    from models.store.ground.database import Event

    async def acted(self: Followers, place: _Place, events: Sequence[Event]) -> int:
        async with self._db.write() as tx:
            await place.follower.act(tx, events)
        async with self._db.write() as tx:
            await moved_to(tx, "follower", place.follower.name, place.read)
        place.written = place.read
        return len(events)

    Followers._act = acted  # type: ignore[method-assign]


def _lost_at_start() -> None:
    from collections.abc import Mapping

    from models.store.effects.timers import Effect, Timers

    fire_due, started = Timers.fire_due, [False]

    async def fired(self: Timers, effects: Mapping[str, Effect], limit: int = 200) -> list[str]:
        if not started[0]:
            from sqlalchemy import delete

            from models.tables import timer

            started[0] = True
            async with self._db.write() as tx:
                await tx.conn.execute(delete(timer).where(timer.c.due_at <= tx.now))
        return await fire_due(self, effects, limit)

    Timers.fire_due = fired  # type: ignore[method-assign]


def _again_after_jump() -> None:
    from models.store.effects.followers import Follower, Followers

    catch_up, looked = Followers.catch_up, [False]

    async def caught_up(self: Followers, followers: Sequence[Follower], last: int) -> int:
        from sqlalchemy import func, select, update

        from models.tables import cursor, event

        if not looked[0]:
            looked[0] = True
            async with self._db.write() as tx:
                newest = (await tx.conn.execute(select(func.max(event.c.at)))).scalar_one()
                if newest is not None and newest > tx.now + 60:
                    await tx.conn.execute(update(cursor).values(value=0))
        return await catch_up(self, followers, last)

    Followers.catch_up = caught_up  # type: ignore[method-assign]


def _hoarding() -> None:
    from models.message import Envelope, Receipt
    from workers.messages.intake import Intake

    stored = Intake.accept
    hoard: list[Any] = []

    async def accept(self: Intake, envelopes: Sequence[Envelope]) -> list[Receipt]:
        hoard.append((bytearray(1 << 16), os.open(__file__, os.O_RDONLY)))
        return await stored(self, envelopes)

    Intake.accept = accept  # type: ignore[method-assign]


_BUGS = {
    "ack_before_commit": _ack_before_commit,
    "dedupe_off": _dedupe_off,
    "told_before_sent": _told_before_sent,
    "out_of_turn": _out_of_turn,
    "hoarding": _hoarding,
}
_CLOCK_BUGS = {
    "fired_apart": lambda: _firing(effect_first=False),
    "effect_apart": lambda: _firing(effect_first=True),
    "read_apart": _read_apart,
    "lost_at_start": _lost_at_start,
    "again_after_jump": _again_after_jump,
}

if "tests.flow.clock_child" in sys.orig_argv:
    _CLOCK_BUGS[os.environ["PLANTED_BUG"]]()
elif {"intake", "work"} & set(sys.orig_argv) and "tether.py" not in " ".join(sys.orig_argv):
    _BUGS[os.environ["PLANTED_BUG"]]()
