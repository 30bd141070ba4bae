"""A service centre played by the production policy: what rules, skills and staffing would do.

Event by event, without a clock: arrivals, endings, shifts, and the moments at which a waiting
ticket is relaxed or late. As in the real system a ticket is given the moment somebody may take
it, the heads of each (skill class, relaxation step) are what the policy sees, and the agents'
flexibility comes from the mix of work. What is urgent and finds nobody free takes the place of
interruptible work, which goes on later from where it was. Offers are taken at once: who would
decline is not known.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush, nsmallest
from typing import NamedTuple

from models.routing import LATE_TWICE_STEP, AgentView, Decision, Needs, Rules, Waiting
from router.keys import position
from router.policy import assign
from router.roster import Roster, flexibility


@dataclass(frozen=True, slots=True)
class Job:
    """One ticket to play. ``handle`` is how many seconds whoever gets it holds it.

    ``arrives_at`` may lie before the clock of ``waiting`` begins (out of hours).
    """

    waiting: Waiting
    arrives_at: float
    handle: float
    urgency: str
    tier: str
    recorded_agent: str | None = None


class Shift(NamedTuple):
    """A time in which an agent is ready; what they hold at its end they still finish."""

    agent_id: str
    skills: Mapping[str, int]
    capacity: int
    begins: float
    ends: float


class Served(NamedTuple):
    """Who got a job first, and when; nobody and no time where it was never given away."""

    job: Job
    agent_id: str | None
    at: float | None


@dataclass(frozen=True, slots=True)
class Played:
    """The result: every job in the order of arrival, and each agent's work and time.

    ``busy`` and ``staffed`` are in unit-seconds of capacity; work that outlasts a shift counts
    as busy and not as staffed.
    """

    served: Sequence[Served]
    busy: Mapping[str, float]
    staffed: Mapping[str, float]
    ended_at: float


def play(
    jobs: Sequence[Job],
    shifts: Sequence[Shift],
    rules: Rules,
    progress: Callable[[int], object] = lambda _done: None,
) -> Played:
    """Plays ``jobs`` under ``rules``; the same arguments give the same result.

    ``progress`` hears how many jobs have arrived.
    """
    centre = _Centre(jobs, shifts, rules)
    return centre.run(progress)


_END, _COME, _LEAVE, _STEP, _ARRIVE = range(5)
"""What happens first at one moment: freed capacity is there for who comes."""

_AFTER = 1e-3
"""Seconds by which a step is looked at late: at the very moment, a rounded age is too small."""

_URGENT = 16
"""Urgent tickets that are tried at a time, as the dispatcher does."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A ticket in an agent's hands."""

    ticket: Waiting
    agent_id: str
    ends_at: float


_Event = tuple[float, int, int, object]
_Queue = tuple[Needs, int, int]
"""Class, relaxation step, and units: a small ticket does not wait behind one that does not fit."""


class _Centre:
    def __init__(self, jobs: Sequence[Job], shifts: Sequence[Shift], rules: Rules) -> None:
        self._rules = rules
        self._jobs = {job.waiting.ticket_id: job for job in jobs}
        self._order = sorted(jobs, key=lambda job: (job.arrives_at, job.waiting.ticket_id))
        self._recent = Counter(job.waiting.needs for job in jobs)
        self._roster = Roster()
        self._views: dict[str, AgentView] = {}
        self._waiting: dict[str, tuple[Waiting, float]] = {}
        self._queues: dict[_Queue, list[tuple[float, str]]] = {}
        self._urgent: set[str] = set()
        self._held: defaultdict[str, dict[str, _Held]] = defaultdict(dict)
        self._left: dict[str, float] = {}
        self._served: dict[str, Served] = {}
        self._busy: defaultdict[str, float] = defaultdict(float)
        self._staffed: defaultdict[str, float] = defaultdict(float)
        self._count = 0
        self._events: list[_Event] = []
        for job in self._order:
            self._add(job.arrives_at, _ARRIVE, job)
        for shift in sorted(shifts, key=lambda s: (s.begins, s.agent_id)):
            self._staffed[shift.agent_id] += shift.capacity * (shift.ends - shift.begins)
            self._add(shift.begins, _COME, shift)
            self._add(shift.ends, _LEAVE, shift)
        heapify(self._events)

    def _add(self, at: float, kind: int, what: object) -> None:
        self._count += 1
        heappush(self._events, (at, kind, self._count, what))

    def run(self, progress: Callable[[int], object]) -> Played:
        acts: Mapping[int, Callable[[object, float], None]] = {
            _END: self._end,
            _COME: self._come,
            _LEAVE: self._leave,
            _STEP: self._step,
            _ARRIVE: self._arrive,
        }
        arrived, ended = 0, 0.0
        while self._events:
            now, kind, _, what = heappop(self._events)
            acts[kind](what, now)
            ended = ended if kind == _STEP else now
            if kind == _ARRIVE:
                arrived += 1
                if arrived % 100 == 0:
                    progress(arrived)
        progress(arrived)
        nobody = (Served(job, None, None) for job in self._order)
        served = [self._served.get(s.job.waiting.ticket_id, s) for s in nobody]
        return Played(served, dict(self._busy), dict(self._staffed), ended)

    # -- events --------------------------------------------------------------------------

    def _arrive(self, what: object, now: float) -> None:
        assert isinstance(what, Job)
        self._place(what.waiting, now)

    def _step(self, what: object, now: float) -> None:
        """A ticket was relaxed or has become late: it stands elsewhere, and more may take it."""
        assert isinstance(what, str)
        if what in self._waiting:
            self._place(self._waiting[what][0], now)

    def _end(self, what: object, now: float) -> None:
        assert isinstance(what, _Held)
        if self._held[what.agent_id].get(what.ticket.ticket_id) is not what:
            return  # it was set aside meanwhile
        self._release(what, now)
        if self._views[what.agent_id].ready:
            self._dispatch(None, now)

    def _come(self, what: object, now: float) -> None:
        assert isinstance(what, Shift)
        known = self._views.get(what.agent_id)
        view = AgentView(
            agent_id=what.agent_id,
            skills=what.skills,
            capacity=what.capacity,
            used=known.used if known else 0,
            ready=True,
            idle_since=now,
            interruptible=known.interruptible if known else 0,
        )
        self._look(view)
        self._share_out()
        self._dispatch(None, now)

    def _leave(self, what: object, _now: float) -> None:
        assert isinstance(what, Shift)
        self._look(replace(self._views[what.agent_id], ready=False))
        self._share_out()

    def _look(self, view: AgentView) -> None:
        """What the roster knows of an agent; who has gone home is not online."""
        self._views[view.agent_id] = view
        if view.ready:
            self._roster.put(view)
        else:
            self._roster.remove(view.agent_id)

    def _share_out(self) -> None:
        """Who is online has changed, and with it how much work leans on each of them."""
        for agent_id, share in flexibility(self._roster, self._recent).items():
            self._look(replace(self._views[agent_id], flexibility=share))

    # -- the queues ----------------------------------------------------------------------

    def _place(self, ticket: Waiting, now: float) -> None:
        """As the clock does: the step, lateness and key of a waiting ticket, and an offer."""
        self._enqueue(ticket, now)
        self._dispatch((ticket.ticket_id,), now)

    def _enqueue(self, ticket: Waiting, now: float) -> None:
        at = position(ticket, now, self._rules)
        placed = replace(
            ticket,
            relax_step=at.relax_step,
            late=at.late,
            twice_late=at.relax_step >= LATE_TWICE_STEP,
        )
        self._waiting[ticket.ticket_id] = placed, at.sort_key
        queue = self._queues.setdefault((ticket.needs, at.relax_step, ticket.units), [])
        heappush(queue, (at.sort_key, ticket.ticket_id))
        if ticket.interrupts:
            self._urgent.add(ticket.ticket_id)
        if at.next_step_at is not None:
            self._add(at.next_step_at + _AFTER, _STEP, ticket.ticket_id)

    def _heads(self) -> Iterable[Waiting]:
        for place, queue in self._queues.items():
            while queue and not self._stands(queue[0], place):
                heappop(queue)
            if queue:
                yield self._waiting[queue[0][1]][0]

    def _stands(self, entry: tuple[float, str], place: "_Queue") -> bool:
        """Whether a ticket still waits there: it may have been given or placed anew."""
        known = self._waiting.get(entry[1])
        return known is not None and known[1] == entry[0] and known[0].relax_step == place[1]

    def _dispatch(self, only: Sequence[str] | None, now: float) -> None:
        """Gives work away until nobody free may take any.

        ``only`` are the tickets that are new to somebody: all others were looked at before,
        and nobody has become free since.
        """
        while self._waiting and len(self._roster):
            heads = (
                self._heads()
                if only is None
                else (self._waiting[t][0] for t in only if t in self._waiting)
            )
            # Free capacity first; only then is anybody interrupted, as the dispatcher does it.
            calm = assign(heads, self._roster, now, self._rules, interrupting=False)
            decisions = calm or self._interruptions(now)
            if not decisions:
                return
            for decision in decisions:
                if decision.interrupts:
                    self._set_aside(decision.agent_id, now)
                    only = None
                self._start(decision.ticket_id, decision.agent_id, now)

    def _interruptions(self, now: float) -> list[Decision]:
        if not self._urgent or not any(v.ready and v.interruptible for v in self._views.values()):
            return []
        first = nsmallest(_URGENT, self._urgent, key=lambda t: (self._waiting[t][1], t))
        heads = [self._waiting[ticket_id][0] for ticket_id in first]
        return assign(heads, self._roster, now, self._rules)

    def _set_aside(self, agent_id: str, now: float) -> None:
        """The item that the store would choose goes back to its queue, with its age kept."""
        lanes = self._rules.interruptible
        held = min(
            (held for held in self._held[agent_id].values() if held.ticket.lane in lanes),
            key=lambda h: (
                -h.ticket.units,
                -(h.ticket.created_at + h.ticket.target),
                h.ticket.ticket_id,
            ),
        )
        left = held.ends_at - now
        self._left[held.ticket.ticket_id] = left
        self._busy[agent_id] -= left * held.ticket.units
        self._release(held, now)
        self._enqueue(replace(held.ticket, sticky_agent=agent_id), now)

    def _start(self, ticket_id: str, agent_id: str, now: float) -> None:
        job, ticket = self._jobs[ticket_id], self._waiting.pop(ticket_id)[0]
        self._urgent.discard(ticket_id)
        left = self._left.pop(ticket_id, job.handle)
        held = _Held(ticket, agent_id, now + left)
        self._held[agent_id][ticket_id] = held
        view = self._views[agent_id]
        self._refresh(replace(view, used=view.used + ticket.units, idle_since=now))
        self._served.setdefault(ticket_id, Served(job, agent_id, now))
        self._busy[agent_id] += left * ticket.units
        self._add(held.ends_at, _END, held)

    def _release(self, held: "_Held", now: float) -> None:
        del self._held[held.agent_id][held.ticket.ticket_id]
        view = self._views[held.agent_id]
        self._refresh(replace(view, used=view.used - held.ticket.units, idle_since=now))

    def _refresh(self, view: AgentView) -> None:
        """Who has an urgent ticket is left to it; of others one item may be set aside."""
        tickets = [held.ticket for held in self._held[view.agent_id].values()]
        lanes = self._rules.interruptible
        units = max((t.units for t in tickets if t.lane in lanes), default=0)
        urgent = any(t.interrupts for t in tickets)
        self._look(replace(view, interruptible=0 if urgent else units))
