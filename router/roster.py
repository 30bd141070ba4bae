"""The online agents, indexed so that a question about a whole class is a few integer ANDs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, compress
from operator import or_
from typing import NamedTuple

from models.routing import AgentView, Needs
from router.needs import ladder

_BITS = bytes.maketrans(b"01", b"\0\1")
_ONE = ord("1")


class SkillClass(NamedTuple):
    """One class of tickets as this roster can serve it, a set of agents for each rung."""

    rungs: tuple[Needs, ...]
    matching: tuple[int, ...]
    strength: int
    """Online agents on the first rung that anybody matches: n_k of the ticket key."""

    def rung(self, wanted: int) -> int:
        """The first rung from ``wanted`` on that an online agent matches, or the last."""
        last = len(self.rungs) - 1
        return next((i for i in range(min(wanted, last), last) if self.matching[i]), last)


class Roster:
    """Online agents, ready or not. A set of them is an integer: bit i is agent i by id.

    Built once and kept up to date with ``put`` and ``remove``. A change of presence or load
    costs microseconds; after a change of members or skills the index is built anew, as far as
    it is asked for. Not for use by several threads at once.
    """

    def __init__(self, agents: Iterable[AgentView] = ()) -> None:
        self._members = {agent.agent_id: agent for agent in agents}
        self._stale = True
        self._agents: list[AgentView] = []
        self._position: dict[str, int] = {}
        self._held: dict[str, dict[int, int]] = {}
        self._classes: dict[tuple[Needs, int], SkillClass] = {}
        self._by_room: dict[int, int] = {}
        self._ready = 0

    def __len__(self) -> int:
        return len(self._members)

    def put(self, agent: AgentView) -> None:
        """Adds ``agent``, or replaces what was known of them."""
        before = self._members.get(agent.agent_id)
        self._members[agent.agent_id] = agent
        if self._stale or before is None or before.skills != agent.skills:
            self._stale = True
            return
        position = self._position[agent.agent_id]
        bit = 1 << position
        self._agents[position] = agent
        self._by_room[before.capacity - before.used] &= ~bit
        room = agent.capacity - agent.used
        self._by_room[room] = self._by_room.get(room, 0) | bit
        self._ready = self._ready | bit if agent.ready else self._ready & ~bit

    def remove(self, agent_id: str) -> None:
        """Forgets an agent who went offline; unknown ids are no error."""
        if self._members.pop(agent_id, None):
            self._stale = True

    @property
    def everybody(self) -> int:
        self._refresh()
        return (1 << len(self._agents)) - 1

    @property
    def ready(self) -> int:
        self._refresh()
        return self._ready

    def room(self) -> dict[int, int]:
        """Units of free capacity to the agents who have exactly that many; a copy."""
        self._refresh()
        return self._by_room.copy()

    def skill_class(self, needs: Needs, steps: int) -> SkillClass:
        """Who matches ``needs`` on each rung of their relaxation."""
        self._refresh()
        known = self._classes.get((needs, steps))
        if known is None:
            rungs = ladder(needs, steps)
            # Who matched before still does: the overflow group joins, it does not replace.
            matching = tuple(accumulate(map(self._matching, rungs), or_))
            strength = next((m.bit_count() for m in matching if m), 0)
            known = self._classes[needs, steps] = SkillClass(rungs, matching, strength)
        return known

    def holders(self, skill: str, level: int) -> int:
        """Agents who have ``skill`` at ``level`` or above; ``level`` is 1 or more."""
        agents = 0
        for held, members in self._levels(skill).items():
            if held >= level:
                agents |= members
        return agents

    def by_level(self, agents: int, skills: Iterable[str]) -> list[tuple[int, int]]:
        """``agents`` split by the sum of their levels in ``skills``, greatest sum first."""
        parts = {0: agents}
        for skill in skills:
            finer: dict[int, int] = {}
            for total, members in parts.items():
                for level, holders in self._levels(skill).items():
                    if members & holders:
                        finer[total + level] = finer.get(total + level, 0) | members & holders
            parts = finer
        return sorted(parts.items(), reverse=True)

    def named(self, agent_ids: Iterable[str]) -> int:
        """The online ones among ``agent_ids``."""
        self._refresh()
        agents = 0
        for agent_id in agent_ids:
            position = self._position.get(agent_id)
            if position is not None:
                agents |= 1 << position
        return agents

    def members(self, agents: int) -> Iterator[tuple[int, AgentView]]:
        """Position and view of each agent of a set, in the order of ids."""
        self._refresh()
        bits = f"{agents:b}"[::-1].encode().translate(_BITS)
        return compress(enumerate(self._agents), bits)

    def _matching(self, needs: Needs) -> int:
        agents = self.everybody
        for skill, level in needs.required + needs.preferred:
            agents &= self.holders(skill, level)
        return agents

    def _levels(self, skill: str) -> dict[int, int]:
        """Level, 0 for none, to the agents who have ``skill`` at just that level."""
        self._refresh()
        levels = self._held.get(skill)
        if levels is None:
            levels = _parts([agent.skills.get(skill, 0) for agent in self._agents])
            self._held[skill] = levels
        return levels

    def _refresh(self) -> None:
        if not self._stale:
            return
        self._stale = False
        self._agents = [self._members[agent_id] for agent_id in sorted(self._members)]
        self._position = {agent.agent_id: i for i, agent in enumerate(self._agents)}
        self._held = {}
        self._classes = {}
        self._by_room = _parts([agent.capacity - agent.used for agent in self._agents])
        self._ready = _parts([agent.ready for agent in self._agents]).get(True, 0)


def flexibility(
    agents: Roster | Iterable[AgentView], recent: Mapping[Needs, float]
) -> dict[str, float]:
    """How much of the recent work (needs to amount) leans on each online agent, by id.

    It is the share that would be theirs if each class were divided evenly among those online who
    have what it requires. One of two for a class is leaned on more than one of twenty: used
    last of equals, they are there when such a ticket comes (decision 0018).
    """
    roster = agents if isinstance(agents, Roster) else Roster(agents)
    total = sum(recent.values()) or 1.0
    shares = {agent.agent_id: 0.0 for _, agent in roster.members(roster.everybody)}
    for needs, amount in recent.items():
        able = roster.skill_class(replace(needs, preferred=()), 0).matching[0]
        for _, agent in roster.members(able):
            shares[agent.agent_id] += amount / total / able.bit_count()
    return shares


def _parts(values: Sequence[int]) -> dict[int, int]:
    """Each value to the set of the positions that hold it."""
    rows = {value: bytearray(b"0") * len(values) for value in set(values)}
    for digit, value in enumerate(reversed(values)):
        rows[value][digit] = _ONE
    return {value: int(row, 2) for value, row in rows.items()}
