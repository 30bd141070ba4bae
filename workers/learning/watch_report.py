"""What admins are told of the classifier at work: drift, agreement, and the one in shadow."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from classifier.drift import Drift, drift, mean_of_tenths, tenth
from models.store import Store
from models.store.learning.shadows import ShadowRun
from models.store.learning.watching import REFERENCE_DAYS, Cell, date_of, day_of
from models.training import Taxonomy
from workers.learning.trend import trend

_WEEK = 7
_LEAST_REFERENCE = 200
"""Cases below which a week says too little to be compared with."""

_LEAST_CASES = 50
"""Cases below which a day, or a week of corrections, raises no alarm."""

ALL = ""
"""Stands for every channel together."""

Counts = Mapping[str, int]
What = tuple[str, str, str]
"""Measure, facet, channel."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Above which drift, and below which agreement, there is an alarm."""

    drift: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an admin should look at: “drift” of a measure, or “agreement”."""

    kind: str
    measure: str
    facet: str
    channel: str
    value: float
    limit: float


class WatchReport:
    """Reads what was counted; the same for the desk, the command line and /metrics."""

    def __init__(self, store: Store, taxonomy: Taxonomy, zone: ZoneInfo, limits: Limits) -> None:
        self._store = store
        self._taxonomy = taxonomy
        self._zone = zone
        self._limits = limits

    async def report(self, days: int = 30) -> dict[str, Any]:
        """Everything of the last ``days`` days of the bundle that serves, as JSON.

        A day is compared with the first week of its bundle. Until that is over, with what the
        bundle was trained on: this shows, but alarms nobody, for customers' messages never are
        the corpus. Days with few cases alarm nobody either.
        """
        today = day_of(await self._store.db.now(), self._zone)
        champion = await self._store.bundles.champion()
        first = None if champion is None else await self._store.watching.first_day(champion)
        if champion is None or first is None:
            return self._told(champion, None, {}, {}, await self._agreement(today, days))
        since = max(first, today - days + 1)
        week = (first, first + REFERENCE_DAYS - 1)
        counts = await self._store.watching.counts(champion, [(since, today), week])
        found = _by_day(cell_counts(counts, since, today))
        kind, reference = await self._reference(champion, counts, week, today)
        agreement = await self._agreement(today, days)
        return self._told(champion, (kind, week), found, reference, agreement)

    async def trend(self) -> dict[str, Any]:
        """Whether it gets worse, and in which class: ``trend.trend`` of today."""
        today = day_of(await self._store.db.now(), self._zone)
        return await trend(self._store, self._taxonomy, self._zone, today)

    async def alarms(self) -> tuple[dict[str, Any], list[Alarm]]:
        """The report of the last week, and what in it is an alarm now."""
        told = await self.report(_WEEK)
        return told, [Alarm(**alarm) for alarm in told["alarms"]]

    async def shadow(self, limit: int = 50) -> dict[str, Any] | None:
        """What the challenger in shadow has said so far; None where there is none."""
        sitting = await self._store.shadows.sitting()
        if sitting is None:
            return None
        return await self._compared(sitting, limit)

    async def _compared(self, sitting: ShadowRun, limit: int) -> dict[str, Any]:
        shadows, bundle_id = self._store.shadows, sitting.bundle_id
        pairs = await shadows.pairs(bundle_id)
        judged = await shadows.judged(bundle_id)
        newest = await shadows.disagreements(bundle_id, limit)
        facets = [
            facet for facet in self._taxonomy.facets if any(key[0] == facet for key in pairs)
        ]
        return {
            "bundle": bundle_id,
            "since": sitting.since,
            "tickets": sitting.tickets,
            "facets": [_facet(facet, pairs, judged) for facet in facets],
            "disagreements": [asdict(each) for each in newest],
        }

    async def _reference(
        self, champion: str, counts: Mapping[Cell, int], week: tuple[int, int], today: int
    ) -> tuple[str, dict[What, Counts]]:
        """“first_week” or “training”, and the counts to compare with."""
        own = _whole(cell_counts(counts, *week))
        if today > week[1]:
            return "first_week", own
        cards = {card["id"]: card["card"] for card in await self._store.bundles.cards()}
        return "training", trained_on(cards.get(champion, {}), {key[2] for key in own})

    async def _agreement(self, today: int, days: int) -> list[dict[str, Any]]:
        """By facet, day by day: labels given, corrections, and how many changed something.

        Of all bundles: what agents correct after a promotion, the one before has mostly labelled.
        """
        first = today - days + 1
        labelled_on: Counter[tuple[int, str]] = Counter()
        for (day, facet, measure, _), n in (
            await self._store.watching.by_day(first, today)
        ).items():
            labelled_on[day, facet] += n if measure == "label" else 0
        corrected = await self._store.corrections.by_day(first, self._zone)
        agreement = []
        for facet in self._taxonomy.facets:
            points = []
            for day in range(first, today + 1):
                given, changed = corrected.get((facet, day), (0, 0))
                labelled = labelled_on[day, facet]
                if labelled or given:
                    told: dict[str, Any] = {"given": given, "changed": changed}
                    told |= {"labelled": labelled, "share": _kept(labelled, changed)}
                    points.append({"day": date_of(day).isoformat()} | told)
            agreement.append({"facet": facet, "points": points})
        return agreement

    def _told(
        self,
        champion: str | None,
        compared: tuple[str, tuple[int, int]] | None,
        found: Mapping[int, Mapping[What, Counts]],
        reference: Mapping[What, Counts],
        agreement: list[dict[str, Any]],
    ) -> dict[str, Any]:
        alarming = compared is not None and compared[0] == "first_week"
        series = [
            _series(what, found, reference.get(what, {}), self._limits.drift, alarming)
            for what in sorted({what for day in found.values() for what in day})
        ]
        kept = {each["facet"]: _kept_of_a_week(each["points"]) for each in agreement}
        alarms = [asdict(a) for a in (*self._drifting(series), *self._disagreeing(kept))]
        reference_told = None
        if compared is not None:
            begins, ends = (date_of(day).isoformat() for day in compared[1])
            reference_told = {"kind": compared[0], "from": begins, "to": ends}
        return {
            "bundle": champion,
            "reference": reference_told,
            "limits": asdict(self._limits),
            "series": series,
            "agreement": agreement,
            "kept": kept,
            "alarms": alarms,
        }

    def _drifting(self, series: Iterable[Mapping[str, Any]]) -> Iterable[Alarm]:
        """The newest day with enough cases speaks."""
        for each in series:
            speaking = [p for p in each["points"] if p["cases"] >= _LEAST_CASES and p["psi"]]
            if speaking and speaking[-1]["alarm"]:
                where = (each["measure"], each["facet"], each["channel"])
                yield Alarm("drift", *where, speaking[-1]["psi"], self._limits.drift)

    def _disagreeing(self, kept: Mapping[str, float | None]) -> Iterable[Alarm]:
        for facet, share in kept.items():
            if share is not None and share < self._limits.agreement:
                yield Alarm("agreement", "", facet, ALL, share, self._limits.agreement)


def cell_counts(counts: Mapping[Cell, int], first: int, last: int) -> dict[Cell, int]:
    """Those of a period."""
    return {cell: n for cell, n in counts.items() if first <= cell.day <= last}


def _by_day(counts: Mapping[Cell, int]) -> dict[int, dict[What, Counter[str]]]:
    found: dict[int, dict[What, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for cell, n in counts.items():
        for channel in (cell.channel, ALL):
            found[cell.day][cell.measure, cell.facet, channel][cell.bucket] += n
    return {day: dict(found[day]) for day in sorted(found)}


def _whole(counts: Mapping[Cell, int]) -> dict[What, Counts]:
    """All days together."""
    together: dict[What, Counter[str]] = defaultdict(Counter)
    for day in _by_day(counts).values():
        for what, buckets in day.items():
            together[what] += buckets
    return dict(together)


def trained_on(card: Mapping[str, Any], channels: Iterable[str]) -> dict[What, Counts]:
    """What a bundle decided on its own corpus, out of fold, by its card; for each channel."""
    known: dict[What, Counts] = {}
    for facet, figures in card.get("metrics", {}).get("facets", {}).items():
        decided = [sum(column) for column in zip(*figures["confusion"], strict=True)]
        labels = dict(zip(figures["classes"], decided, strict=True))
        sure: Counter[str] = Counter()
        for part in figures["reliability"]:
            sure[tenth(part["confidence"])] += part["cases"]
        for channel in {ALL, *channels}:
            known["label", facet, channel] = labels
            known["confidence", facet, channel] = sure
    return known


def _series(
    what: What,
    found: Mapping[int, Mapping[What, Counts]],
    reference: Counts,
    limit: float,
    alarming: bool,
) -> dict[str, Any]:
    measure, facet, channel = what
    enough = alarming and sum(reference.values()) >= _LEAST_REFERENCE
    points = []
    for day, counts in found.items():
        if what in counts:
            compared = drift(reference, counts[what])
            point = {"day": date_of(day).isoformat(), **_point(measure, counts[what])}
            points.append(point | _drift_json(compared, limit, enough))
    told = {"measure": measure, "facet": facet, "channel": channel, "points": points}
    return told | {"reference": _point(measure, reference)}


def _point(measure: str, counts: Counts) -> dict[str, Any]:
    """A share a bucket of labels, or the mean of what was counted by tenths."""
    cases = sum(counts.values())
    if measure == "label":
        return {
            "cases": cases,
            "shares": {name: round(n / cases, 4) for name, n in counts.items()},
        }
    mean = mean_of_tenths(counts)
    return {"cases": cases, "mean": None if mean is None else round(mean, 4)}


def _drift_json(found: Drift | None, limit: float, enough: bool) -> dict[str, Any]:
    if found is None:
        return {"psi": None, "alarm": False}
    alarm = enough and found.cases >= _LEAST_CASES and found.beyond(limit)
    return {"psi": round(found.psi, 4), "alarm": alarm}


def _kept(labelled: int, changed: int) -> float | None:
    """The share of labels that nobody changed. Corrections may be of tickets of days before."""
    return round(max(0.0, 1 - changed / labelled), 4) if labelled else None


def _kept_of_a_week(points: Sequence[Mapping[str, Any]]) -> float | None:
    """The same of the newest days that make a week; None where they are too few cases."""
    week = points[-_WEEK:]
    labelled = sum(point["labelled"] for point in week)
    if labelled < _LEAST_CASES:
        return None
    return _kept(labelled, sum(point["changed"] for point in week))


def _facet(
    facet: str, pairs: Counter[tuple[str, str, str]], judged: Sequence[tuple[str, str, str, str]]
) -> dict[str, Any]:
    mine = [(pair, n) for pair, n in pairs.most_common() if pair[0] == facet]
    apart = [(pair, n) for pair, n in mine if pair[1] != pair[2]]
    right: Counter[str] = Counter()
    for of, champion, challenger, truth in judged:
        if of == facet:
            right[_who_is_right(champion, challenger, truth)] += 1
    return {
        "facet": facet,
        "compared": sum(n for _, n in mine),
        "disagreed": sum(n for _, n in apart),
        "pairs": [{"champion": p[1], "challenger": p[2], "count": n} for p, n in apart],
        "right": {who: right[who] for who in ("both", "champion", "challenger", "neither")},
    }


def _who_is_right(champion: str, challenger: str, truth: str) -> str:
    if champion == challenger == truth:
        return "both"
    if champion == truth:
        return "champion"
    return "challenger" if challenger == truth else "neither"
