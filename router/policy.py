"""Who gets what next: the routing rule of the house, as pure functions.

Waiting tickets stay in shared queues until a unit of capacity is free. The ticket with the
smallest key that anybody free may take is given first, to the best of those agents. Nothing
here reads a clock or keeps anything between two calls.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Literal, NamedTuple

from models.routing import AgentView, Candidate, Decision, Needs, Rules, Waiting
from router.keys import deadlines_missed, is_late, relax_step_at, scarcity_offset, sort_key
from router.roster import Roster, SkillClass

LISTED = 10
"""Agents listed by name for each outcome; the others are counted, see ``REST``."""

REST = "*"
"""Stands for the agents of one outcome who are not listed; their number is the detail."""

Removal = Literal["skill", "level", "excluded", "presence", "capacity"]


class Standing(NamedTuple):
    """Where a waiting ticket stands now: what the rule sees when it looks at it."""

    key: float
    late: bool
    step: int
    needs: Needs
    strength: int
    online: int
    """Online agents who match the step, whatever they are doing."""

    free: int
    """Of these, how many could take it at once."""

    removed: Mapping[str, int]
    next_step_at: float | None
    """When more agents come into question, or None where none will."""

    next_online: int
    """Online agents who match from then on."""


def standing(
    ticket: Waiting, agents: Roster | Iterable[AgentView], now: float, rules: Rules
) -> Standing:
    """Why a ticket waits.

    ``step`` is greater than ``ticket.relax_step`` where the rule has moved on since the ticket
    was stored: keep the greater one, so that the agents in question only grow in number.
    """
    roster = agents if isinstance(agents, Roster) else Roster(agents)
    place = _place(ticket, roster, now, rules)
    room = _Room(roster)
    parties = _parties(place, roster, room.free(place))
    later = _next_step(place, now, rules)
    return Standing(
        key=place.key,
        late=is_late(ticket, now),
        step=place.step,
        needs=place.klass.rungs[place.step],
        strength=place.klass.strength,
        online=place.matching.bit_count(),
        free=parties.free.bit_count(),
        removed={outcome: agents.bit_count() for outcome, agents in parties.removed if agents},
        next_step_at=later[0] if later else None,
        next_online=later[1] if later else 0,
    )


def takers(ticket: Waiting, roster: Roster, now: float, rules: Rules) -> list[AgentView]:
    """Who could take a waiting ticket at once, in the order of ids."""
    free = _Room(roster).free(_place(ticket, roster, now, rules))
    return [agent for _, agent in roster.members(free)]


def in_question(
    ticket: Waiting, roster: Roster, now: float, rules: Rules
) -> dict[str, list[AgentView]]:
    """The online agents whom ``standing`` counts for a waiting ticket, in the order of ids.

    By “free”, and by what removes the others: “capacity”, “presence”, “excluded”.
    """
    place = _place(ticket, roster, now, rules)
    parties = _parties(place, roster, _Room(roster).free(place))
    matching = [("free", parties.free), *parties.removed[:3]]
    return {
        outcome: [agent for _, agent in roster.members(agents)] for outcome, agents in matching
    }


def assign(
    heads: Iterable[Waiting],
    agents: Roster | Iterable[AgentView],
    now: float,
    rules: Rules,
    *,
    interrupting: bool = True,
) -> list[Decision]:
    """Gives tickets to agents until no free agent may take any of ``heads``.

    Where not ``interrupting``, nothing takes the place of other work.

    ``heads`` holds the first few tickets of each skill class and relaxation step, by
    ``sort_key``; whoever calls reads past those that everyone free is excluded from, and calls
    again while decisions come back and a class has more. ``agents`` are the online ones, ready
    or not; a ``Roster`` that is kept saves indexing them each time, and is left as it is.

    The decisions respect each other (capacity, one agent a ticket) and nothing else: a claim
    must still hold against the epoch and the capacity in the database. The order of the
    arguments does not matter.
    """
    roster = agents if isinstance(agents, Roster) else Roster(agents)
    room = _Room(roster)
    decisions: list[Decision] = []
    given: set[str] = set()
    for place in _in_order(heads, roster, room, now, rules):
        ticket = place.ticket
        free, interrupts = room.free(place), False
        if not free and interrupting and ticket.interrupts:
            free, interrupts = room.interruptible(place), True
        if not free or ticket.ticket_id in given:
            continue
        ranking = _ranking(place, roster, room, free)
        given.add(ticket.ticket_id)
        best = ranking[0]
        decisions.append(
            Decision(
                ticket_id=ticket.ticket_id,
                epoch=ticket.epoch,
                agent_id=best.agent.agent_id,
                units=ticket.units,
                key=place.key,
                relax_step=place.step,
                rules_version=ticket.rules_version or rules.version,
                sticky=best.agent.agent_id == ticket.sticky_agent,
                candidates=_candidates(place, roster, room, ranking, free),
                named=best.agent.agent_id in ticket.first,
                skill_class=ticket.skill_class,
                interrupts=interrupts,
            )
        )
        room.take(best.position, ticket.units, best.agent.interruptible if interrupts else 0)
    return decisions


def in_reach(needs: Needs, roster: Roster, rules: Rules) -> bool:
    """Whether somebody free might take a ticket with ``needs``, now or once it is relaxed.

    Where it is False ``assign`` gives no such ticket away, so that none has to be read.
    """
    anybody = roster.skill_class(needs, len(rules.relax_at)).matching[-1]
    return bool(anybody & _Room(roster).fitting(1))


class _Place(NamedTuple):
    """One ticket in one decision."""

    key: float
    ticket: Waiting
    step: int
    klass: SkillClass
    matching: int
    excluded: int


class _Ranked(NamedTuple):
    """An agent who may take the ticket; the fields in their order are the agent order."""

    turn: int
    """0 for the ticket's owner, its backup and the sticky agent, one after the other; at last
    all others."""

    level: int
    """The sum over all that the ticket asked for at first, even what was relaxed since."""

    load: float
    flexibility: float
    idle_since: float
    position: int
    agent: AgentView

    def detail(self, used: int) -> str:
        return (
            f"level={self.level} used={used}/{self.agent.capacity}"
            f" flexibility={self.flexibility!r} idle_since={self.idle_since!r}"
        )


class _Parties(NamedTuple):
    """Everybody online, by what the decision made of them."""

    free: int
    removed: tuple[tuple[Removal, int], ...]


class _Room:
    """The free capacity of a roster while one call gives it away."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._by_room = roster.room()
        self._taken: dict[int, int] = {}
        self._fitting: dict[int, int] = {}
        self._to_interrupt: dict[int, int] | None = None

    def free(self, place: "_Place") -> int:
        """Who could take a ticket at once."""
        return place.matching & self.fitting(place.ticket.units) & ~place.excluded

    def interruptible(self, place: "_Place") -> int:
        """Ready agents who could take it if one item of their work were set aside."""
        if self._to_interrupt is None:
            members = self._roster.members(self._roster.ready)
            self._to_interrupt = {
                position: agent.capacity - agent.used + agent.interruptible
                for position, agent in members
                if agent.interruptible
            }
        agents = 0
        for position, room in self._to_interrupt.items():
            if room - self._taken.get(position, 0) >= place.ticket.units:
                agents |= 1 << position
        return agents & place.matching & ~place.excluded

    def fitting(self, units: int) -> int:
        """Ready agents with at least ``units`` free."""
        agents = self._fitting.get(units)
        if agents is None:
            agents = 0
            for room, holders in self._by_room.items():
                if room >= units:
                    agents |= holders
            agents &= self._roster.ready
            self._fitting[units] = agents
        return agents

    def used(self, position: int, agent: AgentView) -> int:
        return agent.used + self._taken.get(position, 0)

    def take(self, position: int, units: int, set_aside: int = 0) -> None:
        """``set_aside`` units are freed first; nobody is interrupted twice."""
        if set_aside:
            assert self._to_interrupt is not None
            del self._to_interrupt[position]
            units -= set_aside
        bit = 1 << position
        self._taken[position] = self._taken.get(position, 0) + units
        before = next(room for room, holders in self._by_room.items() if holders & bit)
        self._by_room[before] &= ~bit
        self._by_room[before - units] = self._by_room.get(before - units, 0) | bit
        self._fitting.clear()


def _place(ticket: Waiting, roster: Roster, now: float, rules: Rules) -> _Place:
    age = now - ticket.created_at
    klass = roster.skill_class(ticket.needs, len(rules.relax_at))
    step = klass.rung(max(ticket.relax_step, relax_step_at(age, ticket.target, rules)))
    missed = deadlines_missed(ticket, now, rules)
    key = sort_key(ticket.created_at, ticket.target, missed, rules)
    return _Place(
        key=key - scarcity_offset(klass.strength, rules, missed),
        ticket=ticket,
        step=step,
        klass=klass,
        matching=klass.matching[step],
        excluded=roster.named(ticket.excluded),
    )


def _in_order(
    heads: Iterable[Waiting], roster: Roster, room: _Room, now: float, rules: Rules
) -> list[_Place]:
    """The tickets that somebody free might take, smallest key first.

    Whom nobody can take on the last rung is left out before anything is computed: in a busy
    centre that is nearly everyone.
    """
    steps = len(rules.relax_at)
    places = [
        _place(ticket, roster, now, rules)
        for ticket in heads
        if ticket.interrupts
        or roster.skill_class(ticket.needs, steps).matching[-1] & room.fitting(ticket.units)
    ]
    return sorted(places, key=lambda place: (place.key, *_identity(place.ticket)))


def _identity(ticket: Waiting) -> tuple[float, str, int]:
    """Decides between equal keys; of one ticket read twice, the newer epoch goes first."""
    return ticket.created_at, ticket.ticket_id, -ticket.epoch


def _ranking(place: _Place, roster: Roster, room: _Room, free: int) -> list[_Ranked]:
    """The best of the agents in ``free``, best first, as many as are listed.

    Level comes before all that has to be looked up agent by agent, so the levels are gone
    through from the top, and no further than the list needs.
    """
    needs = place.ticket.needs
    skills = [skill for skill, _ in needs.required + needs.preferred]
    ranking: list[_Ranked] = []
    for turn, agents in enumerate(_turns(place.ticket, roster, free)):
        for level, peers in roster.by_level(agents, skills):
            best = nsmallest(LISTED + 1 - len(ranking), _loads(peers, roster, room))
            ranking += [_Ranked(turn, level, *rest) for rest in best]
            if len(ranking) > LISTED:
                return ranking
    return ranking


def _turns(ticket: Waiting, roster: Roster, free: int) -> Iterator[int]:
    """Those in ``free`` who are asked by name, one after the other, then everybody else."""
    for agent_id in (*ticket.first, ticket.sticky_agent):
        if agent_id is not None and (one := roster.named((agent_id,)) & free):
            free &= ~one
            yield one
    yield free


def _loads(
    agents: int, roster: Roster, room: _Room
) -> list[tuple[float, float, float, int, AgentView]]:
    """What orders agents of one level; positions are in the order of ids."""
    return [
        (
            room.used(position, agent) / max(agent.capacity, 1),
            agent.flexibility,
            agent.idle_since,
            position,
            agent,
        )
        for position, agent in roster.members(agents)
    ]


def _parties(place: _Place, roster: Roster, free: int) -> _Parties:
    """Everybody online in exactly one set: what removed them, in the order of the tests."""
    needs = place.klass.rungs[place.step]
    holders = roster.everybody
    for skill, _ in needs.required + needs.preferred:
        holders &= roster.holders(skill, 1)
    left = place.matching & ~place.excluded
    ready = left & roster.ready
    return _Parties(
        free,
        (
            ("capacity", ready & ~free),
            ("presence", left & ~ready),
            ("excluded", place.matching & place.excluded),
            ("level", holders & ~place.matching),
            ("skill", roster.everybody & ~holders & ~place.matching),
        ),
    )


def _candidates(
    place: _Place, roster: Roster, room: _Room, ranking: Sequence[_Ranked], free: int
) -> tuple[Candidate, ...]:
    """What became of everybody: the nearest by name, the rest as a number."""
    parties = _parties(place, roster, free)
    needs = place.klass.rungs[place.step]
    found: list[Candidate] = []
    outcome: Literal["chosen", "ranked"] = "chosen"
    for ranked in ranking:
        used = room.used(ranked.position, ranked.agent)
        found.append(Candidate(ranked.agent.agent_id, outcome, ranked.detail(used)))
        outcome = "ranked"
    unlisted = parties.free.bit_count() - len(ranking)
    if unlisted:
        found.append(Candidate(REST, "ranked", str(unlisted)))
    for removal, agents in parties.removed:
        if agents:
            found += _removed(removal, agents, needs, roster, room)
    return tuple(found)


def _removed(
    removal: Removal, agents: int, needs: Needs, roster: Roster, room: _Room
) -> list[Candidate]:
    found: list[Candidate] = []
    for position, agent in roster.members(agents):
        if len(found) == LISTED:
            found.append(Candidate(REST, removal, str(agents.bit_count() - LISTED)))
            break
        if removal == "capacity":
            detail = f"{room.used(position, agent)}/{agent.capacity}"
        elif removal in ("skill", "level"):
            detail = _missing(agent, needs)
        else:
            detail = ""
        found.append(Candidate(agent.agent_id, removal, detail))
    return found


def _missing(agent: AgentView, needs: Needs) -> str:
    """The first need an agent does not meet: “domain:物流 1<2” is level 1 where 2 is asked."""
    return next(
        f"{skill} {agent.skills.get(skill, 0)}<{level}"
        for skill, level in needs.required + needs.preferred
        if agent.skills.get(skill, 0) < level
    )


def _next_step(place: _Place, now: float, rules: Rules) -> tuple[float, int] | None:
    """When the next larger set of agents comes into question, and its size."""
    ticket = place.ticket
    for step in range(place.step + 1, len(place.klass.rungs)):
        more = place.klass.matching[step]
        due = ticket.created_at + sorted(rules.relax_at)[step - 1] * ticket.target
        if more != place.matching and due > now:
            return due, more.bit_count()
    return None
