"""How good a head is, from its calibrated probabilities and the truth."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.keys import Floats, Integers

_BINS = 10
_COVERAGES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
_RESAMPLES = 1_000
_LEVEL = 0.95
"""Of every interval that is given."""


def confusion(truth: Integers, decided: Integers, classes: int) -> Integers:
    """How often each true class (row) was decided as each class (column)."""
    table = np.bincount(truth * classes + decided, minlength=classes * classes)
    return table.reshape(classes, classes).astype(np.int64)


def per_class(table: Integers, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of true cases of each class."""
    hits = np.diag(table).astype(np.float64)
    decided, true = table.sum(axis=0), table.sum(axis=1)
    precision = hits / np.maximum(decided, 1)
    recall = hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(decided + true, 1)
    return {
        name: {
            "precision": round(float(precision[at]), 4),
            "recall": round(float(recall[at]), 4),
            "f1": round(float(f1[at]), 4),
            "cases": int(true[at]),
        }
        for at, name in enumerate(names)
    }


def macro_f1(table: Integers) -> float:
    """The mean F1 of the classes that have true cases."""
    true = table.sum(axis=1)
    f1 = 2 * np.diag(table) / np.maximum(table.sum(axis=0) + true, 1)
    return float(f1[true > 0].mean()) if true.any() else 0.0


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins: the mean gap of promise and truth."""
    bins = _bins(confidence)
    promised = np.bincount(bins, confidence, minlength=_BINS)
    kept = np.bincount(bins, right.astype(np.float64), minlength=_BINS)
    return float(np.abs(promised - kept).sum() / max(len(confidence), 1))


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """For each bin of confidence with cases in it: how many, their mean confidence, the truth."""
    bins = _bins(confidence)
    return [
        {
            "cases": int(inside.sum()),
            "confidence": round(float(confidence[inside].mean()), 4),
            "accuracy": round(float(right[inside].mean()), 4),
        }
        for inside in (bins == number for number in range(_BINS))
        if inside.any()
    ]


def log_loss(probabilities: Floats, truth: Integers) -> Floats:
    """−ln of the probability of each true class, capped at that of 0.001.

    Capped so that one example cannot decide.
    """
    loss: Floats = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-3))
    return loss


def coverage_curve(confidence: Floats, right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """What the surest share of the cases gets right: coverage, risk (1 − accuracy), threshold."""
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    curve: list[dict[str, float]] = []
    for coverage in _COVERAGES:
        count = max(1, round(coverage * len(order)))
        curve.append(
            {
                "coverage": round(count / len(order), 4),
                "risk": round(float(wrong[count - 1]) / count, 4),
                "threshold": round(float(confidence[order[count - 1]]), 4),
            }
        )
    return curve


def interval(
    cases: int, figure: Callable[[Integers], float], seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of ``figure`` by bootstrap: it is told which cases are drawn."""
    random = np.random.default_rng(seed)
    drawn = [figure(random.integers(0, cases, cases)) for _ in range(_RESAMPLES)]
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return round(float(low), 4), round(float(high), 4)


def measure(
    probabilities: Floats,
    truth: Integers,
    decided: Integers,
    names: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    """The figures of one facet; all but counts lie between 0 and 1.

    ``coverage`` is the share decided at ``threshold``, ``selective_accuracy`` how often that
    is right. ``ece``, ``reliability`` and ``coverage_curve`` are of the most probable class,
    everything else of the decided one. ``intervals`` are 95 % ones by bootstrap.

    Raises:
        ValueError: there are no cases.
    """
    if not len(truth):
        raise ValueError("nothing to measure")
    size = len(names)
    table = confusion(truth, decided, size)
    best = probabilities.argmax(axis=1)
    promised, kept = probabilities.max(axis=1), best == truth
    confidence = probabilities[np.arange(len(truth)), decided]
    accepted = confidence >= threshold
    right = decided == truth
    return {
        "cases": len(truth),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(macro_f1(table), 4),
        "ece": round(calibration_error(promised, kept), 4),
        "intervals": {
            "accuracy": interval(len(truth), lambda drawn: float(right[drawn].mean())),
            "macro_f1": interval(
                len(truth), lambda drawn: macro_f1(confusion(truth[drawn], decided[drawn], size))
            ),
        },
        "threshold": threshold,
        "coverage": round(float(accepted.mean()), 4),
        "selective_accuracy": round(float(right[accepted].mean()) if accepted.any() else 0.0, 4),
        "classes": per_class(table, names),
        "confusion": table.tolist(),
        "reliability": reliability(promised, kept),
        "coverage_curve": coverage_curve(promised, kept),
    }


def _bins(confidence: Floats) -> Integers:
    bins: Integers = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    return bins
