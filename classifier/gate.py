"""Whether a challenger may take the champion's place: paired bootstrap, and reasons as data.

Both label the same texts; texts are drawn anew, with replacement, and the difference of the
two on each draw shows how much of it is chance (Efron and Tibshirani 1993, ch. 13). The 95 %
interval is the middle of those differences.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier.keys import Floats, Integers

DRAWS = 1000
FEWEST = 20
"""Cases below which a set of texts, and 5 below which a class, can tell nothing."""

_FEWEST_OF_CLASS = 5


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What a challenger must hold.

    ``tolerance``: by how much macro-F1 may fall where chance alone could explain it.
    ``least_recall``: “facet:class” to the recall on the golden set below which no bundle
    may serve.
    """

    tolerance: float = 0.01
    least_recall: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What both bundles say of the texts that have a truth for one facet, as class numbers."""

    facet: str
    classes: tuple[str, ...]
    truth: Integers
    champion: Integers
    challenger: Integers


def compare(judged: Judged, seed: int = 0) -> dict[str, Any]:
    """Macro-F1, accuracy and each class's F1 of both, with intervals of the difference.

    Intervals of classes are widened by the number of classes (Bonferroni), so that ten
    classes do not look ten times as likely to fall by chance.
    """
    size, count = len(judged.classes), len(judged.truth)
    draws = np.random.default_rng(seed).integers(0, max(count, 1), (DRAWS if count else 0, count))
    tables = [_tables(judged.truth, said, draws, size) for said in _both(judged)]
    whole = [_table(judged.truth, said, size) for said in _both(judged)]
    present = whole[0].sum(axis=1) > 0
    f1_draws = [_f1(table) for table in tables]
    f1 = [_f1(table[None])[0] for table in whole]
    macro = [_macro(each, table) for each, table in zip(f1_draws, tables, strict=True)]
    return {
        "cases": count,
        "macro_f1": _figure(_mean(f1[0], present), _mean(f1[1], present), macro[1] - macro[0], 1),
        "accuracy": _figure(
            _share(whole[0]),
            _share(whole[1]),
            np.array([_share(b) - _share(a) for a, b in zip(*tables, strict=True)]),
            1,
        ),
        "classes": {
            name: _figure(
                float(f1[0][at]), float(f1[1][at]), f1_draws[1][:, at] - f1_draws[0][:, at], size
            )
            | {
                "cases": int(whole[0][at].sum()),
                "recall": [_recall(table, at) for table in whole],
            }
            for at, name in enumerate(judged.classes)
            if present[at]
        },
        "confusion": [table.tolist() for table in whole],
        "labels": list(judged.classes),
    }


def verdict(
    on_golden: Mapping[str, Mapping[str, Any]],
    on_fresh: Mapping[str, Mapping[str, Any]],
    config: GateConfig,
    *,
    alone: bool = False,
) -> dict[str, Any]:
    """Whether the challenger may be promoted, with every check that was made.

    ``alone``: no champion could be loaded, and the figures compare the challenger with itself.

    Each reason is data with a sentence in both languages: ``ok``, ``check`` (overall, class,
    floor, fresh), ``facet``, ``label``, ``zh``, ``en``.
    """
    reasons: list[dict[str, Any]] = [_alone()] if alone else []
    for facet, figures in on_golden.items() if not alone else ():
        reasons.append(_overall(facet, figures, config.tolerance, fresh=False))
        reasons += _classes(facet, figures)
    for facet, figures in on_fresh.items() if not alone else ():
        if figures["cases"] >= FEWEST:
            reasons.append(_overall(facet, figures, config.tolerance, fresh=True))
        elif figures["cases"]:
            reasons.append(_too_few(facet, figures["cases"]))
    for name, least in config.least_recall.items():
        reasons.append(_floor(name, least, on_golden))
    return {"passed": all(reason["ok"] for reason in reasons), "reasons": reasons}


def _both(judged: Judged) -> tuple[Integers, Integers]:
    return judged.champion, judged.challenger


def _table(truth: Integers, said: Integers, size: int) -> Integers:
    cells = np.bincount(truth * size + said, minlength=size * size)
    return cells.reshape(size, size).astype(np.int64)


def _tables(truth: Integers, said: Integers, draws: Integers, size: int) -> Integers:
    """A confusion table (rows: truth) for each draw."""
    cell = truth * size + said
    if not len(draws):
        return np.zeros((1, size, size), np.int64)
    return np.array(
        [np.bincount(cell[drawn], minlength=size * size).reshape(size, size) for drawn in draws]
    )


def _f1(tables: Integers) -> Floats:
    hits = np.diagonal(tables, axis1=1, axis2=2).astype(np.float64)
    either = tables.sum(axis=1) + tables.sum(axis=2)
    scores: Floats = 2 * hits / np.maximum(either, 1)
    return scores


def _macro(f1: Floats, tables: Integers) -> Floats:
    present = tables.sum(axis=2) > 0
    means: Floats = (f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return means


def _mean(f1: Floats, present: Any) -> float:
    return float(f1[present].mean()) if present.any() else 0.0


def _share(table: Integers) -> float:
    return float(np.trace(table) / max(int(table.sum()), 1))


def _recall(table: Integers, at: int) -> float:
    return round(float(table[at, at] / max(int(table[at].sum()), 1)), 4)


def _figure(champion: float, challenger: float, differences: Floats, among: int) -> dict[str, Any]:
    tail = 2.5 / among
    low, high = np.percentile(differences, [tail, 100 - tail])
    return {
        "champion": round(champion, 4),
        "challenger": round(challenger, 4),
        "difference": round(challenger - champion, 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def _reason(
    check: str, facet: str, label: str, ok: bool, words: tuple[str, str]
) -> dict[str, Any]:
    named = {"check": check, "facet": facet, "label": label, "ok": ok}
    return named | {"zh": words[0], "en": words[1]}


def _points(value: float) -> str:
    return f"{100 * value:+z.1f}"  # z: never “-0.0”


def _span(figure: Mapping[str, Any]) -> str:
    return f"{_points(figure['interval'][0])} … {_points(figure['interval'][1])}"


def _overall(
    facet: str, figures: Mapping[str, Any], tolerance: float, *, fresh: bool
) -> dict[str, Any]:
    figure = figures["macro_f1"]
    worse = figure["difference"] < -tolerance or (
        figure["difference"] < 0 and figure["interval"][1] < 0
    )
    by, span = _points(figure["difference"]), _span(figure)
    where = ("新的更正" if fresh else "金标集", "fresh corrections" if fresh else "the golden set")
    words = (
        f"{where[0]}上宏平均 F1 变化 {by} 分（95% 区间 {span}）"
        + ("，变差了" if worse else "，没有变差"),
        f"Macro-F1 on {where[1]} changes by {by} points (95% interval {span}): "
        + ("worse" if worse else "no worse"),
    )
    return _reason("fresh" if fresh else "overall", facet, "", not worse, words)


def _classes(facet: str, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One reason for each class that fell beyond its interval, or one that says: none did."""
    fallen = []
    for label, figure in figures["classes"].items():
        if figure["cases"] >= _FEWEST_OF_CLASS and figure["interval"][1] < 0:
            by, span = _points(figure["difference"]), _span(figure)
            words = (
                f"类别“{label}”的 F1 变化 {by} 分，整个区间（{span}）都在零以下",
                f"F1 of “{label}” changes by {by} points; all of {span} is below zero",
            )
            fallen.append(_reason("class", facet, label, False, words))
    words = ("没有类别跌出自己的区间", "No class falls beyond its interval")
    return fallen or [_reason("class", facet, "", True, words)]


def _too_few(facet: str, cases: int) -> dict[str, Any]:
    words = (
        f"新的更正只有 {cases} 条可供评判（至少要 {FEWEST} 条），不作数",
        f"Only {cases} fresh corrections to judge by (at least {FEWEST} are needed): not counted",
    )
    return _reason("fresh", facet, "", True, words)


def _alone() -> dict[str, Any]:
    words = (
        "没有能用的现役模型可比（已损坏，或属于别的体系、版本），只看下限",
        "No champion that can be loaded to compare with: only the floors are checked",
    )
    return _reason("alone", "", "", True, words)


def _floor(name: str, least: float, on_golden: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    facet, _, label = name.partition(":")
    figure = on_golden.get(facet, {}).get("classes", {}).get(label)
    if figure is None:
        words = (
            f"金标集里没有“{name}”，它的召回率下限无从核对：名字写对了吗？",
            f"No case of “{name}” in the golden set to check its floor by: is it spelt right?",
        )
        return _reason("floor", facet, label, True, words)
    recall = figure["recall"][1]
    words = (
        f"“{label}”的召回率为 {recall:.1%}，下限 {least:.0%}",
        f"Recall of “{label}” is {recall:.1%}; the floor is {least:.0%}",
    )
    return _reason("floor", facet, label, recall >= least, words)
