"""Giving work: heads and agents from SQL, decisions from the router, claims back into SQL."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import randrange

import structlog

from models.ports import Clock
from models.routing import AgentView, Needs, Rules, Waiting
from models.store import Store
from router.policy import assign, in_reach, standing
from router.roster import Roster, flexibility
from workers.rules.active_rules import ActiveRules

_log = structlog.stdlib.get_logger(__name__)

_DEPTH = 16
_DEEPEST = 1024
"""Tickets read of each class and step: more only past those whom everybody free declined."""

_DEEPEST_FOR_SMALLER = 64
"""As many past those that need more room than anybody has, in search of a smaller one: a centre
that is full with an odd unit left must not read its whole backlog at each turn."""

_MOST_LOST = 5
"""Rounds in a row without a claim won: others give the same work away, and go on with it."""

_RECENT_SECONDS = 86400.0
_RECENT_FOR = 60.0
_FORGIVE_SECONDS = 30.0
"""A ticket that everybody declined is offered afresh after this pause."""


class Dispatcher:
    """Any number of these may run at once: whoever loses a claim chooses again."""

    def __init__(
        self, store: Store, active_rules: ActiveRules, monotonic: Clock = time.monotonic
    ) -> None:
        self._store = store
        self._active_rules = active_rules
        self._monotonic = monotonic
        self._recent: _Recent | None = None
        self._turn = asyncio.Lock()

    @property
    def _rules(self) -> Rules:
        return self._active_rules.book.general

    async def run(self) -> int:
        """Gives tickets away until no free agent may take any; returns how many.

        Raises:
            Temporary: the database is out of reach.
        """
        async with self._turn:
            given = await self._pass_on()
            given += await self._give_away()
            interrupted = await self._interrupt()
            # What was set aside may suit somebody who has room.
            return given + (interrupted + await self._give_away() if interrupted else 0)

    async def _give_away(self) -> int:
        given, lost, deeper = 0, 0, 1
        # Most rings come while nobody has room, or nothing waits: then one row is read, not all.
        while lost < _MOST_LOST and await self._store.queue.anything_to_give():
            agents = await self._agents()
            room = sum(max(a.capacity - a.used, 0) for a in agents if a.ready)
            # No class gets more than there is room for: one freed unit reads one ticket of each.
            depth = min(room, _DEPTH) * deeper
            roster = Roster(agents)
            reach = partial(in_reach, roster=roster, rules=self._rules)
            heads = await self._store.queue.heads(depth, reach)
            won, tried = await self._round(heads, roster)
            given += won
            if tried:
                lost = 0 if won else lost + 1
            elif await self._passed_over(heads, depth, roster):
                deeper *= 4
            elif not await self._forgive(heads, roster):
                break
        return given

    async def _round(self, heads: Sequence[Waiting], roster: Roster) -> tuple[int, int]:
        """(claims won, claims tried) with one view of heads and agents.

        Several dispatchers decide the same at the same time. Each begins somewhere else in what
        was decided, and stops where it meets another: what follows has been given away.
        """
        now = await self._store.db.now()
        decisions = assign(heads, roster, now, self._rules)
        told = {head.ticket_id: head for head in heads}
        begin = randrange(len(decisions)) if decisions else 0  # noqa: S311  no secret
        won, lost = 0, 0
        for decision in decisions[begin:] + decisions[:begin]:
            rules = self._active_rules.book.version(decision.rules_version)
            offer = rules.offer_seconds.get(told[decision.ticket_id].lane)
            if not await self._store.queue.claim(decision, offer, rules.interruptible):
                lost = 1
                break
            won += 1
        if decisions:
            _log.info("assigned", won=won, lost=lost)
        return won, won + lost

    async def _pass_on(self) -> int:
        """What is offered to a skill or a team goes to who is free, where lanes accept at once.

        Until then its owner has it; where agents accept by hand, they find it at their desks.
        """
        lanes = {lane for lane in self._rules.units if lane not in self._rules.offer_seconds}
        offered = await self._store.transfers.wanted(_DEPTH, lanes)
        if not offered:
            return 0
        now, roster = await self._store.db.now(), Roster(await self._agents())
        decisions = assign(offered, roster, now, self._rules)
        return sum([await self._store.transfers.give(decision) for decision in decisions])

    async def _interrupt(self) -> int:
        """What is urgent and found nobody free takes the place of what can wait."""
        lanes = self._rules.interruptible
        urgent = await self._store.queue.interrupting(_DEPTH) if lanes else []
        units = await self._store.agents.interruptible(lanes) if urgent else {}
        if not units:
            return 0
        agents = await self._agents()
        roster = Roster(replace(a, interruptible=units.get(a.agent_id, 0)) for a in agents)
        won, _ = await self._round(urgent, roster)
        return won

    async def _agents(self) -> list[AgentView]:
        agents = await self._store.agents.online()
        recent = await self._recent_work()
        return recent.seen(agents)

    async def _recent_work(self) -> "_Recent":
        """What came within a day, read again at most every minute."""
        at = self._monotonic()
        if self._recent is None or at - self._recent.at > _RECENT_FOR:
            since = await self._store.db.now() - _RECENT_SECONDS
            found = await self._store.boards.recent_classes(since)
            self._recent = _Recent(at, {needs: float(count) for needs, count in found})
        return self._recent

    async def _passed_over(self, heads: Sequence[Waiting], depth: int, roster: Roster) -> bool:
        """Whether behind what was read of some class there may be what somebody free can take.

        The class was cut at ``depth``, and all that was read of it has exclusions, or needs more
        room than they have.
        """
        groups: dict[tuple[str, int], list[Waiting]] = {}
        for head in heads:
            groups.setdefault((head.skill_class, head.relax_step), []).append(head)
        cut = [group for group in groups.values() if len(group) >= depth]
        if depth < _DEEPEST and any(all(head.excluded for head in group) for group in cut):
            return True
        if depth >= _DEEPEST_FOR_SMALLER:
            return False
        now = await self._store.db.now()
        smallest = [replace(group[0], units=1, excluded=frozenset()) for group in cut]
        return any(standing(head, roster, now, self._rules).free for head in smallest)

    async def _forgive(self, heads: Sequence[Waiting], roster: Roster) -> int:
        """Forgives what everybody online declined; returns how many may be given now."""
        now, forgiven = await self._store.db.now(), 0
        for head in heads:
            if not head.excluded:
                continue
            place = standing(head, roster, now, self._rules)
            if place.online and place.removed.get("excluded", 0) == place.online:
                forgiven += await self._store.queue.forgive(
                    head.ticket_id, head.epoch, _FORGIVE_SECONDS
                )
        return forgiven


class _Recent:
    """The work of a day, and how much of it leans on whom: counted when who is online changes."""

    def __init__(self, at: float, work: Mapping[Needs, float]) -> None:
        self.at = at
        self._work = work
        self._skills: dict[str, Mapping[str, int]] = {}
        self._shares: dict[str, float] = {}

    def seen(self, agents: Sequence[AgentView]) -> list[AgentView]:
        """The online agents with the flexibility that follows from all of them."""
        skills = {agent.agent_id: agent.skills for agent in agents}
        if skills != self._skills:
            self._skills, self._shares = skills, flexibility(agents, self._work)
        return [replace(agent, flexibility=self._shares[agent.agent_id]) for agent in agents]
