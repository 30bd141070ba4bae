"""Whether the classifier gets worse: four weeks against the four before, class by class."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from classifier.drift import mean_of_tenths, risen
from models.store import Store
from models.store.learning.watching import date_of
from models.training import FacetSpec, Taxonomy

_WEEKS = 4
"""On each side, seven days each: every day of the week counts alike in both."""

_LEAST_CASES = 50
"""Labels below which a share is not compared."""

Share = tuple[int, int]
"""A part, and what it is a part of."""


@dataclass(slots=True)
class _Span:
    """What was counted of a facet in some weeks."""

    labels: Counter[str] = field(default_factory=Counter)
    tenths: Counter[str] = field(default_factory=Counter)
    away: Counter[str] = field(default_factory=Counter)
    towards: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "_Span") -> "_Span":
        return _Span(
            self.labels + other.labels,
            self.tenths + other.tenths,
            self.away + other.away,
            self.towards + other.towards,
        )

    def changed(self) -> Share:
        return _share(self.away.total(), self.labels.total())

    def wrong(self, value: str) -> Share:
        """Of the labels of a class, those that agents took away."""
        return _share(self.away[value], self.labels[value])

    def missed(self, value: str) -> Share:
        """Of what agents hold for a class, what the classifier had not called so."""
        kept = self.labels[value] - self.wrong(value)[0]
        return self.towards[value], kept + self.towards[value]

    def unsure(self, threshold: float) -> Share:
        """Labels of less confidence than the threshold, which is read to the tenth."""
        below = sum(n for tenth, n in self.tenths.items() if int(tenth) < round(threshold * 10))
        return below, self.tenths.total()


def _share(part: int, whole: int) -> Share:
    """Never more than all: a correction may be of a ticket that was labelled weeks before."""
    return min(part, whole), whole


async def trend(store: Store, taxonomy: Taxonomy, zone: ZoneInfo, today: int) -> dict[str, Any]:
    """The last four weeks, today's included, against the four before, as JSON.

    All bundles and channels count together: it is the centre's labels that get better or worse,
    whichever bundle gave them. A correction belongs to the week in which it was given. A share
    is worse where it has risen by more than chance explains, of 50 labels at least.
    """
    first = today - 2 * _WEEKS * 7 + 1
    spans = {facet: [_Span() for _ in range(2 * _WEEKS)] for facet in taxonomy.facets}
    for (day, facet, measure, bucket), n in (await store.watching.by_day(first, today)).items():
        if facet in spans:
            span = spans[facet][(day - first) // 7]
            (span.labels if measure == "label" else span.tenths)[bucket] += n
    changes = await store.corrections.by_week(first, 2 * _WEEKS, zone)
    for (week, facet, before, after), n in changes.items():
        if facet in spans:
            spans[facet][week].away[before] += n
            spans[facet][week].towards[after] += n
    starts = [date_of(first + 7 * week).isoformat() for week in range(2 * _WEEKS)]
    return {
        "before": starts[0],
        "now": starts[_WEEKS],
        "facets": [
            _facet(facet, taxonomy.facets[facet], dict(zip(starts, weeks, strict=True)))
            for facet, weeks in spans.items()
        ],
    }


def _facet(facet: str, spec: FacetSpec, weeks: Mapping[str, _Span]) -> dict[str, Any]:
    each = list(weeks.values())
    before, now = _together(each[:_WEEKS]), _together(each[_WEEKS:])
    seen = {*now.labels, *now.towards, *before.labels, *before.towards}
    values = [value for value in spec.classes if value in seen]
    return {
        "facet": facet,
        "before": _figures(before, spec.threshold),
        "now": _figures(now, spec.threshold),
        "worse": _worse(before.changed(), now.changed()),
        "weeks": [{"day": day, **_figures(span, spec.threshold)} for day, span in weeks.items()],
        "classes": [_class(value, before, now) for value in values + sorted(seen - {*values})],
    }


def _together(spans: Iterable[_Span]) -> _Span:
    return sum(spans, _Span())


def _figures(span: _Span, threshold: float) -> dict[str, Any]:
    confidence = mean_of_tenths(span.tenths)
    return {
        "labelled": span.labels.total(),
        "changed": _part(span.changed()),
        "confidence": None if confidence is None else round(confidence, 4),
        "unsure": _part(span.unsure(threshold)),
    }


def _class(value: str, before: _Span, now: _Span) -> dict[str, Any]:
    told: dict[str, Any] = {"value": value}
    for name, span in (("before", before), ("now", now)):
        wrong, missed = span.wrong(value), span.missed(value)
        told[name] = {
            "labelled": span.labels[value], "wrong": _part(wrong), "missed": _part(missed)
        }  # fmt: skip
    told["worse"] = [
        name
        for name, shares in (
            ("wrong", (before.wrong(value), now.wrong(value))),
            ("missed", (before.missed(value), now.missed(value))),
        )
        if _worse(*shares)
    ]
    return told


def _part(share: Share) -> float | None:
    return round(share[0] / share[1], 4) if share[1] else None


def _worse(before: Share, now: Share) -> bool:
    return min(before[1], now[1]) >= _LEAST_CASES and risen(before, now)
