"""A rehearsal: the same traffic under the live rules and under a draft, with what differs."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.routing import Line, Needs, Rulebook, Rules, Waiting
from router.figures import differences, figures
from router.place import Facts, placed
from router.simulate import Job, Shift, play
from router.sla import Calendars
from workers.rules.bound import Group, bound
from workers.rules.traffic import Arrival, Traffic

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Side:
    """Rules and the people who work under them."""

    book: Rulebook
    shifts: Sequence[Shift]


def with_draft(live: Rulebook, rules: Rules, line: Line) -> Rulebook:
    """The rules in force, were ``rules`` published to a line of business, or to all."""
    if line.everything:
        return Rulebook(rules)
    return Rulebook(live.general, ((line, rules), *live.lines))


def with_skills(shifts: Sequence[Shift], taught: Mapping[str, Mapping[str, int]]) -> list[Shift]:
    """The shifts after some agents have learnt something: agent to skills and levels."""
    return [
        s._replace(skills={**s.skills, **taught[s.agent_id]}) if s.agent_id in taught else s
        for s in shifts
    ]


def rehearse(
    traffic: Traffic,
    live: Side,
    draft: Side,
    calendars: Calendars,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Plays both sides; the report is JSON-serialisable, times in seconds.

    ``progress`` hears (tickets played, tickets to play), both sides counted. The result
    depends on nothing but the arguments.
    """
    count = len(traffic.arrivals)
    live_jobs = [_job(arrival, live.book, calendars) for arrival in traffic.arrivals]
    draft_jobs = [_job(arrival, draft.book, calendars) for arrival in traffic.arrivals]
    played = play(
        live_jobs, live.shifts, live.book.general, lambda done: progress(done, 2 * count)
    )
    drafted = play(
        draft_jobs,
        draft.shifts,
        draft.book.general,
        lambda done: progress(count + done, 2 * count),
    )
    steps = len(draft.book.general.relax_at)
    return {
        "source": traffic.source,
        "tickets": count,
        "begins": min((a.at for a in traffic.arrivals), default=None),
        "ends": max((a.at for a in traffic.arrivals), default=None),
        "estimated_handle": traffic.estimated,
        "agents": len({s.agent_id for s in draft.shifts}),
        "rules": {"live": _versions(live.book), "draft": _versions(draft.book)},
        "live": figures(played),
        "draft": figures(drafted),
        "differences": differences(played, drafted),
        "bound": bound(_work(draft_jobs), groups(draft.shifts), steps).report(),
        "busiest": _busiest(draft_jobs, draft.shifts, steps, traffic.zone),
    }


def asked_for(traffic: Traffic, book: Rulebook, calendars: Calendars) -> set[str]:
    """Every skill that some ticket asks for under these rules, overflow groups included."""
    classes = {_job(arrival, book, calendars).waiting.needs for arrival in traffic.arrivals}
    asked = {skill for needs in classes for skill, _ in needs.required + needs.preferred}
    return asked | {needs.overflow for needs in classes if needs.overflow}


def _versions(book: Rulebook) -> list[str]:
    return [book.general.version, *(rules.version for _, rules in book.lines)]


def _job(arrival: Arrival, book: Rulebook, calendars: Calendars) -> Job:
    """A ticket as the workers would place it."""
    facts = Facts(
        lang=arrival.lang,
        channel=arrival.channel,
        account=arrival.account,
        lane=arrival.lane,
        tier=arrival.tier,
        queued_at=arrival.at,
    )
    where = placed(arrival.labels, facts, book, calendars)
    waiting = Waiting(
        ticket_id=arrival.ticket_id,
        epoch=1,
        needs=where.needs,
        created_at=where.clock_at,
        target=where.target,
        late=False,
        units=where.units,
        lane=arrival.lane,
        rules_version=where.rules_version,
        first=where.first,
        interrupts=where.interrupts,
    )
    facets = arrival.labels.facets
    urgency = facets["urgency"].value if "urgency" in facets else ""
    return Job(waiting, arrival.at, arrival.handle, urgency, arrival.tier, arrival.recorded_agent)


def _work(jobs: Sequence[Job]) -> dict[Needs, float]:
    work: defaultdict[Needs, float] = defaultdict(float)
    for job in jobs:
        work[job.waiting.needs] += job.handle * job.waiting.units
    return dict(work)


def _busiest(
    jobs: Sequence[Job], shifts: Sequence[Shift], steps: int, zone: ZoneInfo
) -> dict[str, Any] | None:
    """The bound for the hour of the day that brings most work for the people who are there.

    Over a whole week a matrix may carry what it cannot carry at ten in the morning. Days are
    added up: a single hour of a single day would be an accident.
    """

    def hour(at: float) -> int:
        return datetime.fromtimestamp(at, zone).hour

    work: defaultdict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        work[hour(job.arrives_at)].append(job)
    there: defaultdict[int, list[Shift]] = defaultdict(list)
    for shift in shifts:
        at = shift.begins if shift.capacity else shift.ends
        while at < shift.ends:
            until = min(shift.ends, (at // _HOUR + 1) * _HOUR)
            there[hour(at)].append(shift._replace(begins=at, ends=until))
            at = until
    loads = {
        h: sum(_work(work[h]).values()) / sum(s.capacity * (s.ends - s.begins) for s in there[h])
        for h in sorted(work.keys() & there.keys())
    }
    if not loads:
        return None
    worst = max(loads, key=lambda h: (loads[h], -h))
    return {"hour": worst, **bound(_work(work[worst]), groups(there[worst]), steps).report()}


def groups(shifts: Sequence[Shift]) -> list[Group]:
    """The agents by equal skills, with the capacity that their shifts bring."""
    seconds: defaultdict[str, float] = defaultdict(float)
    skills: dict[str, Mapping[str, int]] = {}
    for shift in shifts:
        seconds[shift.agent_id] += shift.capacity * (shift.ends - shift.begins)
        skills[shift.agent_id] = shift.skills
    alike: dict[frozenset[tuple[str, int]], Group] = {}
    for agent in sorted(seconds):
        key = frozenset(skills[agent].items())
        known = alike.get(key, Group((), skills[agent], 0.0))
        alike[key] = known._replace(
            agents=(*known.agents, agent), seconds=known.seconds + seconds[agent]
        )
    return list(alike.values())
