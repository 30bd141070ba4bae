"""What a rehearsal is played on: the recorded traffic and presence, or described ones."""

import json
import math
import tomllib
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from config.problems import ConfigurationError, Problem, explain
from config.sections import Periods
from models.agent import Agent, Presence
from models.errors import Rejected
from models.store import Store
from models.store.figures.records import Record
from models.ticket import Label, Labels
from router.simulate import Shift
from router.sla import DAY, Calendar

_DEFAULT_HANDLE = 480.0
"""Seconds of work on a ticket where no ticket at all tells."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One ticket as it came: what it is, and how long it is worked on."""

    ticket_id: str
    labels: Labels
    lang: str
    channel: str
    account: str
    lane: str
    tier: str
    at: float
    handle: float
    recorded_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """``estimated`` tickets have the mean handling time of the others of their type.

    ``zone`` is where its hours are told.
    """

    arrivals: Sequence[Arrival]
    shifts: Sequence[Shift]
    source: str
    zone: ZoneInfo
    estimated: int = 0


# -- described ---------------------------------------------------------------------------

_Weights = TypeVar("_Weights", dict[str, float], tuple[float, ...])


def _some(shares: _Weights) -> _Weights:
    if not any(shares.values() if isinstance(shares, dict) else shares):
        raise ValueError("不能都是 0 / they may not all be 0")
    return shares


def _open(periods: Periods) -> Periods:
    try:
        Calendar.of("UTC", {str(day): spans for day, spans in periods.items()})
    except Rejected as error:
        raise ValueError(str(error)) from error
    return periods


def _known(zone: str) -> str:
    try:
        Calendar.of(zone, {})
    except Rejected as error:
        raise ValueError(str(error)) from error
    return zone


Share = Annotated[float, Field(ge=0)]
Shares = Annotated[dict[str, Share], Field(min_length=1), AfterValidator(_some)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Staff(_Part):
    """Some agents alike: “li” alone, or “li-1”, “li-2” and so on."""

    name: str
    count: int = Field(1, ge=1, le=5000)
    skills: dict[str, Annotated[int, Field(ge=1, le=5)]]
    capacity: int = Field(6, ge=1, le=100)
    periods: Annotated[Periods, AfterValidator(_open)]

    @property
    def agents(self) -> list[str]:
        if self.count == 1:
            return [self.name]
        return [f"{self.name}-{number + 1}" for number in range(self.count)]


def _told_apart(staff: tuple[Staff, ...]) -> tuple[Staff, ...]:
    if not staff:
        raise ValueError("至少写一名坐席 / there must be one agent at least")
    seen: set[str] = set()
    for name in (name for group in staff for name in group.agents):
        if name in seen:
            raise ValueError(f"坐席 {name} 写了两次 / the agent {name} is there twice")
        seen.add(name)
    return staff


People = Annotated[tuple[Staff, ...], AfterValidator(_told_apart)]


class Handle(_Part):
    """Log-normal handling times: means in seconds by the value of one facet, and σ."""

    facet: str = "type"
    mean: dict[str, Annotated[float, Field(gt=0)]] = {}
    otherwise: float = Field(_DEFAULT_HANDLE, gt=0)
    sigma: float = Field(0.8, ge=0, le=3)


class Described(_Part):
    """A centre, its staffing and its arrivals, as a file says them."""

    seed: int = 1
    starts: date = Field(description="The first day, as 2026-11-23.")
    days: int = Field(7, ge=1, le=366)
    time_zone: Annotated[str, AfterValidator(_known)] = "Asia/Shanghai"
    tickets: int = Field(ge=1, le=2_000_000)
    weekdays: Annotated[tuple[Share, ...], AfterValidator(_some)] = Field(
        (1, 1, 1, 1, 1, 1, 1), min_length=7, max_length=7
    )
    hours: Annotated[tuple[Share, ...], AfterValidator(_some)] = Field(
        (0,) * 9 + (1,) * 9 + (0,) * 6, min_length=24, max_length=24
    )
    labels: dict[str, Shares]
    langs: Shares = {"zh": 1.0}
    tiers: Shares = {"standard": 1.0}
    lane: Literal["live", "mail"] = "live"
    mail: Share = Field(0.0, le=1, description="The share of tickets that come by mail.")
    account: str = ""
    handle: Handle = Handle()
    staff: People


class Staffing(_Part):
    """Only the people, for a draft of another staffing."""

    staff: People


def read_described(path: Path) -> Described:
    """A description from a TOML or JSON file.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    return _read(path, Described)


def read_staffing(path: Path) -> Staffing:
    """As ``read_described``, for a file that holds ``[[staff]]`` only."""
    return _read(path, Staffing)


_File = TypeVar("_File", Described, Staffing)


def _read(path: Path, model: type[_File]) -> _File:
    values: dict[str, Any] = {}
    try:
        text = path.read_text("utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return model.model_validate(values)
    except ValidationError as error:
        problems = [p._replace(source=str(path)) for p in explain(error, model, values)]
    except OSError as error:
        problems = [
            Problem(
                str(path), error.strerror or "?", "读不到这个文件。", "This file cannot be read."
            )
        ]
    except ValueError as error:
        problems = [
            Problem(
                str(path),
                str(error),
                "不是正确的 TOML 或 JSON（UTF-8）。",
                "Neither TOML nor JSON in UTF-8.",
            )
        ]
    raise ConfigurationError(
        problems, (f"{path} 有 {len(problems)} 处问题。", f"{len(problems)} problem(s) in {path}.")
    )


def described(centre: Described) -> Traffic:
    """Draws the traffic of a description; the same seed draws the same."""
    random = Random(centre.seed)  # noqa: S311  a draw that can be repeated is what is wanted
    zone = ZoneInfo(centre.time_zone)
    first = datetime.combine(centre.starts, time(), zone)
    hours = [
        (day, hour, centre.weekdays[(first + timedelta(days=day)).weekday()] * weight)
        for day in range(centre.days)
        for hour, weight in enumerate(centre.hours)
    ]
    marks = list(accumulate(weight for *_, weight in hours))
    moments = []
    for _ in range(centre.tickets):
        day, hour, _ = hours[min(bisect(marks, random.random() * marks[-1]), len(hours) - 1)]
        wall = first + timedelta(days=day)
        wall = wall.replace(hour=hour) + timedelta(seconds=random.random() * 3600)
        moments.append(wall.timestamp())
    arrivals = [
        _drawn(f"{number:07}", at, centre, random) for number, at in enumerate(sorted(moments))
    ]
    until = (first + timedelta(days=centre.days)).timestamp()
    shifts = [*staffed(centre.staff, zone, first.timestamp(), until)]
    return Traffic(arrivals, shifts, "described", zone)


def _drawn(ticket_id: str, at: float, centre: Described, random: Random) -> Arrival:
    values = {facet: _one_of(shares, random) for facet, shares in centre.labels.items()}
    labels = {
        facet: Label(value=value, confidence=1.0, accepted=True) for facet, value in values.items()
    }
    mail = random.random() < centre.mail
    handle = centre.handle
    mean = handle.mean.get(values.get(handle.facet, ""), handle.otherwise)
    lane = "mail" if mail else centre.lane
    return Arrival(
        ticket_id=ticket_id,
        labels=Labels(facets=labels, bundle=""),
        lang=_one_of(centre.langs, random),
        channel="email" if lane == "mail" else "webchat",
        account=centre.account,
        lane=lane,
        tier=_one_of(centre.tiers, random),
        at=at,
        handle=random.lognormvariate(math.log(mean) - handle.sigma**2 / 2, handle.sigma),
    )


def _one_of(shares: Mapping[str, float], random: Random) -> str:
    return random.choices(list(shares), list(shares.values()))[0]


def staffed(staff: Sequence[Staff], zone: ZoneInfo, since: float, until: float) -> Iterator[Shift]:
    """The shifts of a described staffing from ``since`` to ``until``."""
    for group in staff:
        calendar = Calendar.of(str(zone), {str(d): p for d, p in group.periods.items()})
        spans = [*calendar.spans(since, until)]
        for name in group.agents:
            for begins, ends in spans:
                yield Shift(name, group.skills, group.capacity, begins, ends)


# -- recorded ----------------------------------------------------------------------------


async def recorded(
    store: Store, since: float, until: float, hours: Calendar, most: int | None = None
) -> Traffic:
    """The traffic of the past with today's people and skills; ``most``: the last tickets of it.

    People are there when their presence says so. Where no presence of the time is kept any
    more, everybody is taken to be there in the opening ``hours``.
    """
    found = await store.records.arrivals(since, until, most)
    since = found[0].queued_at if found and most is not None else since
    people = {agent.id: agent for agent in await store.agents.all()}
    changes = await store.records.presence(since - DAY, until)
    shifts = [*_present(changes, people, since, until)]
    source = "recorded"
    if not shifts:
        source = "recorded, everybody in opening hours"
        shifts = [
            Shift(agent.login, agent.skills, agent.capacity, begins, ends)
            for agent in people.values()
            if agent.skills
            for begins, ends in hours.spans(since, until)
        ]
    means = _means(found)
    logins = {agent.id: agent.login for agent in people.values()}
    arrivals = [_arrival(record, means, logins) for record in found]
    estimated = sum(record.handle is None for record in found)
    return Traffic(arrivals, shifts, source, hours.zone, estimated)


def _arrival(record: Record, means: Mapping[str, float], logins: Mapping[str, str]) -> Arrival:
    handle = record.handle
    if handle is None:
        handle = means.get(_kind(record), means.get("", _DEFAULT_HANDLE))
    return Arrival(
        ticket_id=record.number,
        labels=record.labels,
        lang=record.lang,
        channel=record.channel,
        account=record.account,
        lane=record.lane,
        tier=record.tier,
        at=record.queued_at,
        handle=handle,
        recorded_agent=logins.get(record.agent_id or ""),
    )


def _kind(record: Record) -> str:
    label = record.labels.facets.get("type")
    return f"{record.lane} {label.value if label else ''}"


def _means(records: Sequence[Record]) -> dict[str, float]:
    known: dict[str, list[float]] = {}
    for record in records:
        if record.handle is not None:
            for name in ("", _kind(record)):
                known.setdefault(name, []).append(record.handle)
    return {name: fmean(seconds) for name, seconds in known.items()}


def _present(
    changes: Sequence[tuple[float, str, str]],
    people: Mapping[str, Agent],
    since: float,
    until: float,
) -> Iterator[Shift]:
    ready: dict[str, float] = {}
    left = [(until, agent_id, "") for agent_id in people]
    for at, agent_id, presence in (*changes, *left):
        if presence == Presence.READY:
            ready.setdefault(agent_id, max(at, since))
        elif agent_id in ready and agent_id in people:
            begins, agent = ready.pop(agent_id), people[agent_id]
            if at > begins:
                yield Shift(agent.login, agent.skills, agent.capacity, begins, at)
