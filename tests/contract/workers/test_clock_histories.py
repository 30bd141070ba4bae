"""Random histories of tickets, against a reckoning that looks at every single minute.

The oracle knows no spans and no due times: it walks minute by minute, asks a wall clock whether
the team is there, and counts. ``CLOCK_HISTORIES`` asks for more (make campaign: 1,000).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from models.clocks import Case, ClockKind, ClockPolicy, ClockTarget, Facts, Run
from router.clocks import Timekeeper
from router.sla import Calendar, Calendars

HISTORIES = int(os.environ.get("CLOCK_HISTORIES", "100"))
K = ClockKind
MINUTE = 60.0
ZONE = ZoneInfo("Asia/Shanghai")
HOLIDAYS = (date(2026, 10, 1), date(2026, 10, 2))
WORKED = {date(2026, 10, 3): "monday"}
PERIODS = {
    "monday": ("09:00-12:00", "13:30-18:00"),
    "tuesday": ("09:00-12:00", "13:30-18:00"),
    "wednesday": ("09:00-18:00",),
    "thursday": ("20:00-02:00",),
    "friday": ("00:00-24:00",),
}
CALENDARS = Calendars(Calendar.of("Asia/Shanghai", PERIODS, HOLIDAYS, WORKED))
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
URGENCIES = ("紧急", "一般")
MULTIPLES = (1.0, 1.5, 2.0)
WARN = 0.5


@cache
def open_at(at: float) -> bool:
    """Whether a wall clock shows a time within somebody's periods."""
    wall = datetime.fromtimestamp(at, UTC).astimezone(ZONE)
    minute = wall.hour * 60 + wall.minute
    return any(a <= minute < b for a, b in _today(wall.date())) or any(
        minute < b - 1440 for _, b in _today(wall.date() - timedelta(days=1))
    )


def _today(day: date) -> Iterator[tuple[int, int]]:
    name = WORKED.get(day, "" if day in HOLIDAYS else DAYS[day.weekday()])
    for period in PERIODS.get(name, ()):
        start, end = (int(part[:2]) * 60 + int(part[3:]) for part in period.split("-"))
        yield start, end if end > start else end + 1440


def policy(random: Random) -> ClockPolicy:
    def of(kind: ClockKind, most: int, **fits: Any) -> ClockTarget:
        hours = random.choice(["natural", "business"])
        # Even, so that half and one and a half of it are whole minutes.
        return ClockTarget(
            clock=kind, seconds=random.randint(1, most) * 2 * MINUTE, hours=hours, **fits
        )

    targets = [of(kind, 200) for kind in (K.ACKNOWLEDGEMENT, K.FIRST_ANSWER, K.NEXT_ANSWER)]
    targets += [of(K.RESOLUTION, 400, urgencies=("紧急",)), of(K.RESOLUTION, 900)]
    return ClockPolicy(
        targets=(*targets, of(K.AVERAGE_ANSWER, 10)),
        warn_at=WARN,
        escalate_at=MULTIPLES,
        escalating=frozenset({K.FIRST_ANSWER, K.NEXT_ANSWER, K.RESOLUTION}),
        pausing={K.RESOLUTION: frozenset({"pending"}), K.NEXT_ANSWER: frozenset({"snoozed"})},
        press_after={},
        press_levels=(),
    )


Step = tuple[float, str, str]
"""When, what, and of a move or label which."""


def history(random: Random) -> list[Step]:
    """What may happen to a ticket, at whole minutes; it ends or it does not."""
    start = datetime(2026, 9, 28, tzinfo=ZONE).timestamp()
    at = start + random.randint(0, 3 * 1440) * MINUTE
    steps: list[Step] = [(at, "placed", random.choice(URGENCIES))]
    for _ in range(random.randint(1, 14)):
        at += random.choice((0, 1, 2, 7, 30, 120, 700)) * MINUTE
        if at > start + 6 * 86400:
            break
        what = random.choice(("asked", "asked", "told", "answered", "answered", "moved", "placed"))
        other = {
            "moved": random.choice(
                ("waiting", "active", "pending", "helping", "snoozed", "resolved", "active")
            ),
            "placed": random.choice(URGENCIES),
        }
        steps.append((at, what, other.get(what, "")))
    return steps


def facts(urgency: str) -> Facts:
    return Facts("email", "a", "mail", "standard", "", "", urgency)


# -- what the product says -------------------------------------------------------------


def reckoned(rules: ClockPolicy, steps: list[Step], end: float) -> list[tuple[Any, ...]]:
    case = Case("t", "1", None, "c", facts(""), steps[0][0], None, 0, 0)
    keeper = Timekeeper(rules, CALENDARS)
    for at, what, other in steps:
        if what == "placed":
            keeper.placed(case, at, facts(other))
        elif what == "asked":
            keeper.asked(case, at, at, pressing=False)
        elif what in {"told", "answered"}:
            keeper.told(case, at, "li" if what == "answered" else None)
        else:
            keeper.moved(case, at, other)
        if keeper.next_moment(case) is not None and at % 7 == 0:
            keeper.advance(case, at)  # as often as one likes
    keeper.advance(case, end)
    levels = sorted((m.level, m.at) for m in case.marks if m.what == "escalated")
    found = [_told(run, keeper, end) for run in case.runs]
    return [*sorted(found, key=str), ("escalation", case.escalation, levels)]


def _told(run: Run, keeper: Timekeeper, end: float) -> tuple[Any, ...]:
    running = run.elapsed if run.stopped_at else run.elapsed + keeper._passed(run, end)
    marks = (run.warned_at, run.breached_at, run.stopped_at, run.outcome)
    return (run.kind.value, run.started_at, round(running, 6), run.turns, *marks, run.level)


# -- what a count by minute says -------------------------------------------------------


@dataclass
class Counter:
    """A clock as somebody with a note-book would keep it."""

    kind: ClockKind
    started: float
    target: float
    business: bool
    ticking: bool = True
    counted: float = 0.0
    turns: int = 0
    warned: float | None = None
    breached: float | None = None
    stopped: float | None = None
    outcome: str | None = None
    level: int = 0
    answered: bool = False


@dataclass
class NoteBook:
    rules: ClockPolicy
    urgency: str = ""
    counters: list[Counter] = field(default_factory=list)
    escalation: int = 0
    levels: list[tuple[int, float]] = field(default_factory=list)

    def target_of(self, kind: ClockKind) -> ClockTarget:
        fitting = (
            t
            for t in self.rules.targets
            if t.clock == kind and (not t.urgencies or self.urgency in t.urgencies)
        )
        return next(fitting)

    def begin(self, kind: ClockKind, at: float) -> None:
        target = self.target_of(kind)
        self.counters.append(Counter(kind, at, target.seconds, target.hours == "business"))

    def live(self, *kinds: ClockKind) -> list[Counter]:
        return [c for c in self.counters if c.stopped is None and c.kind in (kinds or K)]

    def minute(self, at: float) -> None:
        """The minute from ``at`` is over."""
        for counter in self.live():
            if counter.ticking and (not counter.business or open_at(at)):
                counter.counted += MINUTE

    def look(self, at: float) -> None:
        """What is to be seen on the clocks now, after their minute and before what happens."""
        for counter in self.live():
            if not counter.ticking:
                continue
            if counter.kind == K.AVERAGE_ANSWER:
                over = counter.counted >= counter.target * (counter.turns + 1)
                if over and counter.warned is None:
                    counter.warned = at
                continue
            share = counter.counted / counter.target
            if share >= WARN and counter.warned is None and counter.breached is None:
                counter.warned = at
            if share >= 1 and counter.breached is None:
                counter.breached = at
            if counter.kind != K.ACKNOWLEDGEMENT:
                self.escalate(counter, sum(share >= multiple for multiple in MULTIPLES), at)

    def escalate(self, counter: Counter, level: int, at: float) -> None:
        counter.level = max(counter.level, level)
        while self.escalation < level:
            self.escalation += 1
            self.levels.append((self.escalation, at))

    def happen(self, at: float, what: str, other: str) -> None:
        getattr(self, f"on_{what}")(at, other)

    def on_placed(self, at: float, urgency: str) -> None:
        first, self.urgency = not self.counters, urgency
        for counter in self.live(K.RESOLUTION):
            target = self.target_of(K.RESOLUTION)
            counter.target, counter.business = target.seconds, target.hours == "business"
        if first:
            for kind in (K.ACKNOWLEDGEMENT, K.FIRST_ANSWER, K.AVERAGE_ANSWER, K.RESOLUTION):
                self.begin(kind, at)

    def on_asked(self, at: float, _: str) -> None:
        if not self.live(K.FIRST_ANSWER, K.NEXT_ANSWER):
            self.begin(K.NEXT_ANSWER, at)
        if not self.live(K.AVERAGE_ANSWER):
            self.begin(K.AVERAGE_ANSWER, at)
        for counter in self.live(K.AVERAGE_ANSWER):
            counter.ticking = True

    def on_told(self, at: float, _: str) -> None:
        for counter in self.live(K.ACKNOWLEDGEMENT):
            self.stop(counter, at)

    def on_answered(self, at: float, _: str) -> None:
        for counter in self.live(K.ACKNOWLEDGEMENT, K.FIRST_ANSWER, K.NEXT_ANSWER):
            self.stop(counter, at)
            counter.answered = True
        for counter in self.live(K.AVERAGE_ANSWER):
            counter.turns += counter.ticking
            counter.ticking = False

    def on_moved(self, at: float, state: str) -> None:
        if state == "resolved":
            for counter in self.live():
                self.end(counter, at)
            return
        if not self.live(K.RESOLUTION):
            self.begin(K.RESOLUTION, at)
        self.owe_again(at)
        for counter in self.live(K.RESOLUTION):
            counter.ticking = state != "pending"
        for counter in self.live(K.NEXT_ANSWER):
            counter.ticking = state != "snoozed"

    def owe_again(self, at: float) -> None:
        """What ended without an answer is waited for again, as the ticket is open again."""
        answers = [c for c in self.counters if c.kind in {K.FIRST_ANSWER, K.NEXT_ANSWER}]
        if answers[-1].stopped is not None and not answers[-1].answered:
            self.begin(answers[-1].kind, at)

    def end(self, counter: Counter, at: float) -> None:
        if counter.kind == K.AVERAGE_ANSWER:
            counter.turns += counter.ticking
            if counter.turns and counter.counted / counter.turns > counter.target:
                counter.breached = at
            self.stop(counter, at, "met" if counter.turns else "ended")
        else:
            self.stop(counter, at, "met" if counter.kind == K.RESOLUTION else "ended")

    def stop(self, counter: Counter, at: float, outcome: str = "met") -> None:
        counter.stopped, counter.ticking = at, False
        counter.outcome = "missed" if counter.breached is not None else outcome


def counted(rules: ClockPolicy, steps: list[Step], end: float) -> list[tuple[Any, ...]]:
    book, at, left = NoteBook(rules), steps[0][0], list(steps)
    while True:
        book.look(at)
        while left and left[0][0] == at:
            book.happen(*left.pop(0))
            book.look(at)
        if at >= end:
            break
        book.minute(at)
        at += MINUTE
    found = [
        (
            *(c.kind.value, c.started, c.counted, c.turns, c.warned, c.breached, c.stopped),
            *(c.outcome, c.level),
        )
        for c in book.counters
    ]
    return [*sorted(found, key=str), ("escalation", book.escalation, sorted(book.levels))]


def test_random_histories_are_what_a_count_by_minute_says() -> None:
    seen: set[str] = set()
    for seed in range(HISTORIES):
        random = Random(seed)
        rules, steps = policy(random), history(random)
        end = steps[-1][0] + random.choice((0, 60, 2000)) * MINUTE
        theirs = counted(rules, steps, end)
        assert reckoned(rules, steps, end) == theirs, f"history {seed}: {steps}"
        seen |= {str(row[7]) for row in theirs if len(row) == 9}
    assert seen >= {"met", "missed", "ended", "None"}
