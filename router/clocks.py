"""The arithmetic of clocks: from what happened to elapsed times, due times and breaches.

Pure. Whatever moves on (an event that is told, a timer that fires) first lets the time until
then pass: so what was due while nobody looked is marked with the time at which it was due, and
a mark that is there is never made again.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from operator import itemgetter

from models.clocks import (
    ANSWERS,
    Case,
    ClockKind,
    ClockPolicy,
    ClockTarget,
    Facts,
    HoursKind,
    Mark,
    Run,
)
from models.ids import uuid7
from models.ticket import OPEN_STATES
from router.sla import Calendar, Calendars

_K = ClockKind
_Moment = tuple[float, Run, str, int]
_first: Callable[[_Moment], float] = itemgetter(0)
_INITIAL = (_K.ACKNOWLEDGEMENT, _K.FIRST_ANSWER, _K.AVERAGE_ANSWER, _K.RESOLUTION)
"""What begins when the customer writes for the first time."""


class Timekeeper:
    """Starts, pauses, resumes, stops and judges the clocks of tickets."""

    def __init__(self, policy: ClockPolicy, calendars: Calendars) -> None:
        self._policy = policy
        self._calendars = calendars

    @property
    def widen_to(self) -> str:
        """The skill whose holders may take escalated tickets, too; “” is nobody."""
        return self._policy.widen_to

    # -- what happens ------------------------------------------------------------------

    def placed(self, case: Case, at: float, facts: Facts) -> None:
        """The ticket has labels, or others than before: clocks begin, or get other targets."""
        self.advance(case, at)
        case.facts = facts
        for run in case.open():
            self._retarget(case, run, at)
        for kind in _INITIAL:
            if all(run.kind != kind or run.outcome == "void" for run in case.runs):
                self._start(case, kind, case.created_at)
        self.advance(case, at)

    def asked(self, case: Case, at: float, received: float, *, pressing: bool) -> None:
        """The customer wrote something that wants an answer.

        ``received`` is when it arrived: what waits in our own queues is waited for, too.
        ``pressing``: the words say that they have waited long enough (催单).
        """
        self.advance(case, at)
        if not case.runs:
            return  # without labels yet: the clocks will begin with its arrival
        waiting = case.open(*ANSWERS)
        again = any(self._again(run, received, case.facts.lane) for run in waiting)
        for run in waiting:
            run.asked_at, run.changed = max(received, run.asked_at or received), True
        if not waiting:
            self._start(case, _K.NEXT_ANSWER, received)
        self._turn(case, received)
        if pressing or again:
            self._press(case, at)
        self.advance(case, at)

    def told(self, case: Case, at: float, agent_id: str | None) -> None:
        """The customer was told something, by a person or (None) by the system."""
        self.advance(case, at)
        for run in case.open(_K.ACKNOWLEDGEMENT):
            self._stop(case, run, at, agent_id)
        if agent_id is None:
            return
        for run in case.open(*ANSWERS):
            self._stop(case, run, at, agent_id)
        for run in case.open(_K.AVERAGE_ANSWER):
            self._end_turn(run, at)

    def moved(self, case: Case, at: float, state: str, agent_id: str | None = None) -> None:
        """The ticket is in another state, or in the same with somebody else."""
        self.advance(case, at)
        if state not in OPEN_STATES:
            for run in case.open():
                self._finish(case, run, at, state, agent_id)
            return
        if not case.open(_K.RESOLUTION) and any(
            run.kind == _K.RESOLUTION and run.outcome != "void" for run in case.runs
        ):
            self._start(case, _K.RESOLUTION, at)
        self._owe_again(case, at)
        for run in case.open():
            if state in self._policy.pausing.get(run.kind, ()):
                self._pause(case, run, at)
            elif run.since is None and run.kind != _K.AVERAGE_ANSWER:
                run.since, run.changed = at, True
                case.marks.append(Mark("resumed", at, run, run.elapsed))

    def advance(self, case: Case, to: float) -> None:
        """Lets time pass until ``to``: warnings, breaches and escalations that fell due."""
        # In order of time across clocks: which of them raises the level first is told.
        for due, run, what, level in merge(*map(self._moments, case.open()), key=_first):
            if due > to:
                return
            self._mark(case, run, what, level, due)

    # -- what is known -----------------------------------------------------------------

    def elapsed(self, run: Run, at: float) -> float:
        """What has passed of a clock at ``at``, pauses left out; of an average: per turn."""
        total = run.elapsed + self._passed(run, at)
        turns = run.turns + (run.since is not None)
        return total / max(turns, 1) if run.kind == _K.AVERAGE_ANSWER else total

    def due_at(self, run: Run) -> float | None:
        """When it will be breached unless it stops; None while it does not run.

        Of an average: when it would be too long, were the answer given then.
        """
        if run.since is None:
            return None
        return _after(self._hours(run), run.since, _budget(run) - run.elapsed)

    def next_moment(self, case: Case) -> float | None:
        """When the clocks have to be looked at again; None: not by themselves."""
        moments = (next(self._moments(run), None) for run in case.open())
        return min((moment[0] for moment in moments if moment is not None), default=None)

    # -- one clock ---------------------------------------------------------------------

    def _start(self, case: Case, kind: ClockKind, at: float) -> None:
        target = self._target(case, kind, at)
        if target is None:
            return
        seconds, hours = target
        run = Run(
            id=uuid7(at),
            ticket_id=case.ticket_id,
            kind=kind,
            facts=case.facts,
            target=seconds,
            hours=hours,
            started_at=at,
            since=at,
            asked_at=at if kind in ANSWERS else None,
            new=True,
        )
        case.runs.append(run)

    def _target(self, case: Case, kind: ClockKind, at: float) -> tuple[float, HoursKind] | None:
        """Seconds and hours. The router's deadline for the first answer is one as well."""
        found = self._policy.target(kind, case.facts)
        if kind == _K.FIRST_ANSWER and case.routing_due is not None:
            routing = max(case.routing_due - at, 1.0)
            if found is None or self._later(case, found, at, case.routing_due):
                return routing, "natural"
        return None if found is None else (found.seconds, found.hours)

    def _later(self, case: Case, target: ClockTarget, at: float, due: float) -> bool:
        theirs = _after(self._calendar(case.facts, target.hours), at, target.seconds)
        return theirs is None or theirs > due

    def _retarget(self, case: Case, run: Run, at: float) -> None:
        """Other labels: what has passed has passed, only what is left may change."""
        if run.kind == _K.FIRST_ANSWER and case.routing_due is None:
            return  # the router's deadline is another wait's by now; this one keeps its own
        target = self._target(case, run.kind, run.started_at)
        if target is None or ((run.target, run.hours) == target and run.facts == case.facts):
            return
        run.elapsed += self._passed(run, at)
        run.since = None if run.since is None else max(at, run.since)
        differs = (run.target, run.hours) != target
        run.facts, (run.target, run.hours), run.changed = case.facts, target, True
        if differs:
            case.marks.append(Mark("retargeted", at, run, run.elapsed))

    def _pause(self, case: Case, run: Run, at: float) -> None:
        if run.since is None:
            return
        run.elapsed += self._passed(run, at)
        run.since, run.changed = None, True
        case.marks.append(Mark("paused", at, run, run.elapsed))

    def _finish(self, case: Case, run: Run, at: float, state: str, agent_id: str | None) -> None:
        """The ticket has ended: what was to be done is done, or nobody waits for it any more."""
        if state == "invalid":
            self._stop(case, run, at, agent_id, "void")
        elif run.kind == _K.AVERAGE_ANSWER:
            self._end_turn(run, at)
            self._judge_average(case, run, at)
        elif run.kind == _K.RESOLUTION and state == "resolved":
            self._stop(case, run, at, agent_id)
        else:
            self._stop(case, run, at, agent_id, "ended")

    def _owe_again(self, case: Case, at: float) -> None:
        """What nobody answered before the ticket ended is owed again from its reopening on."""
        if case.open(*ANSWERS):
            return
        last = next((run for run in reversed(case.runs) if run.kind in ANSWERS), None)
        # By its outcome what stopped before there was a word for the late ones.
        if last is not None and (last.lapsed or last.outcome == "ended"):
            self._start(case, last.kind, at)

    def _judge_average(self, case: Case, run: Run, at: float) -> None:
        if not run.turns:
            self._stop(case, run, at, None, "ended")
            return
        if run.elapsed > run.target * run.turns:
            run.breached_at = at
            case.marks.append(Mark("breached", at, run, run.elapsed / run.turns))
        self._stop(case, run, at, None)

    def _stop(
        self, case: Case, run: Run, at: float, agent_id: str | None, outcome: str | None = None
    ) -> None:
        run.elapsed += self._passed(run, at)
        run.since, run.stopped_at, run.agent_id = None, max(at, run.started_at), agent_id
        missed = run.breached_at is not None and outcome != "void"
        run.outcome = "missed" if missed else outcome or "met"
        run.lapsed = outcome == "ended"
        run.changed = True
        case.marks.append(Mark("stopped", run.stopped_at, run, run.elapsed))

    # -- the turns of a chat -----------------------------------------------------------

    def _turn(self, case: Case, at: float) -> None:
        """The customer's turn has ended: the average's time runs until a person answers."""
        running = case.open(_K.AVERAGE_ANSWER)
        if not running:
            self._start(case, _K.AVERAGE_ANSWER, at)
        for run in running:
            if run.since is None:
                run.since, run.changed = at, True

    def _end_turn(self, run: Run, at: float) -> None:
        if run.since is not None:
            run.elapsed += self._passed(run, at)
            run.since, run.turns, run.changed = None, run.turns + 1, True

    # -- pressing ----------------------------------------------------------------------

    def _again(self, run: Run, received: float, lane: str) -> bool:
        """Whether this is another word, rather than the rest of what they were saying."""
        pause = self._policy.press_after.get(lane)
        return pause is not None and received - (run.asked_at or run.started_at) >= pause

    def _press(self, case: Case, at: float) -> None:
        case.pressed += 1
        case.marks.append(Mark("pressed", at, None, times=case.pressed))
        level = sum(case.pressed >= count for count in self._policy.press_levels)
        self._escalate(case, None, level, at)

    def _escalate(self, case: Case, run: Run | None, level: int, at: float) -> None:
        if level > case.escalation:
            case.escalation = level
            elapsed = self.elapsed(run, at) if run else 0.0
            case.marks.append(Mark("escalated", at, run, elapsed, level=level))

    # -- time --------------------------------------------------------------------------

    def _moments(self, run: Run) -> Iterator[_Moment]:
        """What will come of a running clock that has not come yet, in order.

        Lazy: what is marked meanwhile is not told again.
        """
        if run.since is None:
            return
        hours = self._hours(run)
        for fraction, what, level in self._steps(run):
            left = fraction * _budget(run) - run.elapsed
            due = _after(hours, run.since, left)
            if due is not None:
                yield due, run, what, level

    def _steps(self, run: Run) -> Iterator[tuple[float, str, int]]:
        if run.kind == _K.AVERAGE_ANSWER:
            # Judged at its end: later turns may make good for this one.
            if run.warned_at is None:
                yield 1.0, "warned", 0
            return
        if run.warned_at is None:
            yield self._policy.warn_at, "warned", 0
        if run.breached_at is None:
            yield 1.0, "breached", 0
        if run.kind in self._policy.escalating:
            for level, fraction in enumerate(self._policy.escalate_at, 1):
                if level > run.level:
                    yield fraction, "escalated", level

    def _mark(self, case: Case, run: Run, what: str, level: int, at: float) -> None:
        run.changed = True
        if what == "escalated":
            run.level = level
            self._escalate(case, run, level, at)
            return
        if what == "warned":
            run.warned_at = at
        else:
            run.breached_at = at
        case.marks.append(Mark(what, at, run, self.elapsed(run, at)))

    def _passed(self, run: Run, at: float) -> float:
        """Counted seconds since it runs; none when ``at`` is before (a clock was put back)."""
        if run.since is None or at <= run.since:
            return 0.0
        hours = self._hours(run)
        return at - run.since if hours is None else hours.business_seconds_between(run.since, at)

    def _hours(self, run: Run) -> Calendar | None:
        return self._calendar(run.facts, run.hours)

    def _calendar(self, facts: Facts, hours: HoursKind) -> Calendar | None:
        if hours == "natural":
            return None
        return self._calendars.of(facts.channel, facts.account, facts.domain)


def _budget(run: Run) -> float:
    """What may pass in all: of an average, the target for every turn with the one that runs."""
    return run.target * (run.turns + 1) if run.kind == _K.AVERAGE_ANSWER else run.target


def _after(hours: Calendar | None, since: float, seconds: float) -> float | None:
    if seconds <= 0:
        return since
    return since + seconds if hours is None else hours.add_business_seconds(since, seconds)
