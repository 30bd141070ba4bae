"""What time alone brings about: expiries, relaxation, lost contact, and the sweep's rings."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from models.errors import Temporary
from models.message import Lane
from models.ports import WORK, Clock, Doorbell
from models.store import Store
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect
from models.store.ground.leases import Held
from models.store.learning.bundles import Keep
from workers.effects.invariants import InvariantMonitor
from workers.rules.active_rules import ActiveRules

_log = structlog.stdlib.get_logger(__name__)

TICK_SECONDS = 1.0
_LEASE_SECONDS = 10.0
_SILENT_SECONDS = 30.0
_GRACE_SECONDS = 60.0
"""Heartbeat lost 30 s is offline; accepted live work has 60 s more."""

_LEAP_SECONDS = 10.0
"""Clocks drift and transactions wait; what moves so far from one tick to the next was set."""

_LAGGARD_TICKS = 10
_RECOUNT_TICKS = 5
_RING_TICKS = 5
_PRESENCE_TICKS = 5
_WATCH_TICKS = 10
_ORPHAN_TICKS = 60
_FORGET_TICKS = 3600
_FORGET_EVENTS_TICKS = 60
_KEEP_EVENTS_SECONDS = 14 * 86400.0
_KEEP_COUNTS_DAYS = 130
"""Of what was said of messages: more than anybody is shown (``desk.bodies``: 120)."""

_FLOOD = 128
"""Mails that wait to be read: a worker's full batch, and so more work than workers get done."""

_PATIENCE = 10.0
"""Seconds that the consequences of a ticket wait in a flood, until it is routed: they reckon with
the times of the events, and lose nothing but these seconds."""

_INDEX_AT_ONCE, _INDEX_BATCHES = 50, 5
"""Tickets whose terms are written in one transaction, and transactions of a tick: a fifth of a
second's work, and the write lock for some milliseconds each time."""

_FORGET_AT_ONCE, _FORGET_BATCHES = 1000, 10
"""Events dropped in one transaction, and transactions of a look: as many a minute as come in a
flood, and after weeks without a clock no other duty waits until all of them are gone."""


@dataclass(frozen=True, slots=True)
class ClockOptions:
    """What the clock is told by the settings.

    ``attempts``: lone attempts before an envelope is parked. ``presence_seconds``: how long a
    presence may last, by presence; after those of ``back_to_ready`` the person is ready again.
    ``repeatable``: channels on which what a dead worker was sending is sent again. ``keep``:
    which classifier bundles are kept.
    """

    attempts: int
    presence_seconds: Mapping[str, float]
    back_to_ready: Collection[str]
    repeatable: Sequence[str]
    keep: Keep


class Ticker:
    """One clock ticks for all: the holder of an SQL lease; the others stand by."""

    def __init__(
        self,
        store: Store,
        doorbell: Doorbell,
        active_rules: ActiveRules,
        options: ClockOptions,
        effects: Mapping[str, Effect],
        followers: Sequence[Follower],
        *,
        steady: Clock = time.monotonic,
    ) -> None:
        """``effects``: what each kind of timer brings about; ``followers`` act on events.

        ``steady`` is a clock that nobody sets.
        """
        self._steady = steady
        self._ahead: float | None = None
        """Database time's lead on ``steady``, in seconds."""
        self._store = store
        self._doorbell = doorbell
        self._active_rules = active_rules
        self._options = options
        self._effects = effects
        self._followers = followers
        self._rekey_at: Sequence[int] = (0,)
        self._holder = str(uuid4())
        self._held: Held | None = None
        self._ticks = self._troubled = 0
        self._duties: Sequence[tuple[int, Callable[[], Awaitable[object]]]] = (
            (1, self._free_envelopes),
            (1, self._settle_answers),
            (1, self._miss_agents),
            (1, self._rule),
            (1, self._wake),
            (1, self._follow),
            (1, self._fire),
            (1, self._index),
            (_PRESENCE_TICKS, self._limit_presence),
            (1, self._step),
            (_RECOUNT_TICKS, self._recount),
            (_WATCH_TICKS, InvariantMonitor(store, active_rules).look),
            (_ORPHAN_TICKS, self._delete_orphaned_blobs),
            (_FORGET_TICKS, self._forget),
            (_FORGET_EVENTS_TICKS, self._forget_events),
            (_FORGET_TICKS, self._clear_half_written),
            (_RING_TICKS, self._ring),
        )

    async def run(self) -> None:
        """Ticks until it is cancelled; a database that is away only delays."""
        while True:
            try:
                await self.tick()
            except Temporary as error:
                _log.warning("tick failed", error=str(error))
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> bool:
        """One round of everything that is due; False while another clock holds the lease.

        Raises:
            Temporary: the database is out of reach.
        """
        try:
            return await self._tick()
        except Temporary:
            self._troubled = self._ticks
            raise

    async def _tick(self) -> bool:
        self._held = await self._store.leases.take("clock", self._holder, _LEASE_SECONDS)
        if self._held is None:
            return False
        await self._mind_a_leap(self._held.at)
        for ticks, duty in self._duties:
            if self._ticks % ticks == 0:
                await _alone(duty)
        self._ticks += 1
        return True

    async def _mind_a_leap(self, now: float) -> None:
        """Database time was set, or this machine slept: nobody was silent for so long."""
        ahead = now - self._steady()
        leap = 0.0 if self._ahead is None else ahead - self._ahead
        if abs(leap) >= _LEAP_SECONDS:
            _log.warning("the clock was set", seconds=round(leap))
            self._troubled = self._ticks
        if leap <= -_LEAP_SECONDS:
            await self._store.maintenance.set_back(-leap, _LEAP_SECONDS)
        self._ahead = ahead

    async def leave(self) -> None:
        """Lets the next clock begin at once."""
        if self._held is not None:
            with contextlib.suppress(Temporary):  # then it waits until the lease has run out
                await self._store.leases.drop(self._held)

    async def _free_envelopes(self) -> None:
        freed = await self._store.envelopes.expire(self._options.attempts)
        if freed:
            _log.warning("leases expired", envelopes=freed)
            await self._doorbell.ring("drain.live")
            await self._doorbell.ring("drain.mail")

    async def _settle_answers(self) -> None:
        if await self._store.outbound.expire(self._options.repeatable):
            await self._doorbell.ring("deliver")

    async def _miss_agents(self) -> None:
        silent = await self._store.maintenance.expire_offers()
        lost: list[str] = []
        # After an outage of ours everybody has been silent: they get the time to come back.
        if (self._ticks - self._troubled) * TICK_SECONDS >= _SILENT_SECONDS:
            lost = await self._store.maintenance.lose_contact(_SILENT_SECONDS, _GRACE_SECONDS)
        if silent or lost:
            _log.info("agents away", not_responding=len(silent), offline=len(lost))
            await self._doorbell.ring("dispatch")

    async def _rule(self) -> None:
        """New rules for those who wait: at the start, when they come, and once more after.

        The second time is for what a worker that had not heard of them queued meanwhile.
        """
        if await self._active_rules.refresh():
            self._rekey_at = (self._ticks, self._ticks + _LAGGARD_TICKS)
        if self._ticks in self._rekey_at and await self._active_rules.rekey():
            await self._doorbell.ring("dispatch")

    async def _limit_presence(self) -> None:
        agents = self._store.agents
        ended = await agents.end_shifts()
        back = await agents.overstay(self._options.presence_seconds, self._options.back_to_ready)
        if ended or back:
            await self._doorbell.ring("dispatch")

    async def _wake(self) -> None:
        if await self._store.maintenance.wake(self._active_rules.position_of):
            await self._doorbell.ring("dispatch")

    async def _fire(self) -> None:
        for trouble in await self._store.timers.fire_due(self._effects):
            _log.error("timer failed", trouble=trouble)

    async def _follow(self) -> None:
        """In a flood of mail, routing goes first: for some seconds, and never longer."""
        backlog = await self._store.envelopes.backlog()
        names = [follower.name for follower in self._followers]
        lag = self._store.followers.lag
        if backlog[Lane.MAIL] >= _FLOOD and (await lag(names)).seconds < _PATIENCE:
            return
        await self._store.followers.catch_up(self._followers, await self._store.events.last())

    async def _index(self) -> None:
        """What tickets are found by, when there is time; in a flood a little all the same."""
        backlog = await self._store.envelopes.backlog()
        if backlog[Lane.MAIL] >= _FLOOD and self._ticks % _LAGGARD_TICKS:
            return
        for _ in range(_INDEX_BATCHES):
            if await self._store.search_index.fill(_INDEX_AT_ONCE) < _INDEX_AT_ONCE:
                return

    async def _step(self) -> None:
        await self._store.maintenance.step(self._active_rules.position_of)

    async def _recount(self) -> None:
        for agent_id, was, is_ in await self._store.maintenance.recount():
            _log.error("load recounted", agent=agent_id, was=was, now=is_)

    async def _forget(self) -> None:
        now = await self._store.db.now()
        before = now - _KEEP_EVENTS_SECONDS
        await self._store.requests.forget(before)
        await self._store.uploads.forget(before)
        await self._store.watching.forget(int(now // 86400.0) - _KEEP_COUNTS_DAYS)
        await self._store.agents.forget_credentials()
        await self._store.attempts.forget()
        await self._store.processes.forget()
        for bundle_id in await self._store.bundles.drop(self._options.keep):
            _log.info("bundle dropped", bundle=bundle_id)

    async def _forget_events(self) -> None:
        """What is old of the log and of what webhooks were told, a little at a time."""
        before = await self._store.db.now() - _KEEP_EVENTS_SECONDS
        for forget in (self._store.events.forget, self._store.webhooks.forget):
            for _ in range(_FORGET_BATCHES):
                if await forget(before, _FORGET_AT_ONCE) < _FORGET_AT_ONCE:
                    break

    async def _delete_orphaned_blobs(self) -> None:
        try:
            deleted = await self._store.orphaned_blobs.delete()
        except Temporary as error:
            # Whatever is wrong with the folder of files, it must not stop the clock.
            _log.warning("files left to the next look", error=str(error))
            return
        if deleted:
            _log.info("files that are nobody's deleted", files=deleted)

    async def _clear_half_written(self) -> None:
        try:
            cleared = await self._store.orphaned_blobs.clear()
        except Temporary as error:
            _log.warning("half-written files left to the next look", error=str(error))
            return
        if cleared:
            _log.info("half-written files deleted", files=cleared)

    async def _ring(self) -> None:
        for work in WORK:
            await self._doorbell.ring(work)


async def _alone(duty: Callable[[], Awaitable[object]]) -> None:
    """One duty; a fault of ours in it must not stop the others, for nobody else has them."""
    try:
        await duty()
    except Temporary:
        raise
    except Exception:  # noqa: BLE001  told in the log, and tried again with the next tick
        _log.exception("duty failed", duty=repr(duty))
