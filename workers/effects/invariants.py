"""The clock's look at what must never be so, by the routing rule where SQL cannot see it."""

from collections.abc import Mapping
from functools import partial

import structlog

from models.store import Store
from models.store.figures.measures import Broken
from router.policy import in_reach, takers
from router.roster import Roster
from workers.rules.active_rules import ActiveRules

_log = structlog.stdlib.get_logger(__name__)

_BESIDE_SECONDS = 5.0
"""So long may a ticket wait beside a free agent: a sweep (I3 of ``docs/routing.md``)."""

_DEPTH = 16

Pair = tuple[str, int, str, float, int]
"""A ticket with its epoch, and an agent with since when they are idle and how much they hold:
whoever gives a ticket back, or is given one, is another pair."""


class InvariantMonitor:
    """Looks every now and then, and remembers one look for the next."""

    def __init__(self, store: Store, active_rules: ActiveRules) -> None:
        self._store = store
        self._active_rules = active_rules
        self._beside: Mapping[Pair, float] = {}

    async def look(self) -> None:
        """Keeps what it finds for /metrics, and tells of what is new in the log and the audit.

        Raises:
            Temporary: the database is out of reach.
        """
        broken = await self._store.invariants.broken()
        broken["idle_beside"] = await self._idle_beside()
        for name in await self._store.measures.found(broken):
            _log.error("invariant broken", invariant=name, example=broken[name].example)

    async def _idle_beside(self) -> Broken:
        """Tickets that wait beside somebody free who may take them, at two looks in a row (I3)."""
        pairs: dict[Pair, float] = {}
        now = await self._store.db.now()
        if await self._store.queue.anything_to_give():
            pairs = {pair: self._beside.get(pair, now) for pair in await self._pairs(now)}
        self._beside = pairs
        long = {pair[0] for pair, since in pairs.items() if now - since > _BESIDE_SECONDS}
        return Broken(len(long), min(long, default=None))

    async def _pairs(self, now: float) -> list[Pair]:
        rules = self._active_rules.book.general
        roster = Roster(await self._store.agents.online())
        heads = await self._store.queue.heads(
            _DEPTH, partial(in_reach, roster=roster, rules=rules)
        )
        return [
            (head.ticket_id, head.epoch, agent.agent_id, agent.idle_since, agent.used)
            for head in heads
            for agent in takers(head, roster, now, rules)
        ]
