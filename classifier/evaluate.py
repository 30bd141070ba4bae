"""How good a head is, from its calibrated probabilities and the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.features import Floats
from classifier.keys import Integers

_BINS = 10


def confusion(truth: Integers, decided: Integers, classes: int) -> Integers:
    """How often each true class (row) was decided as each class (column)."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, decided), 1)
    return table


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


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins: the mean gap of promise and truth."""
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    promised = np.bincount(bins, confidence, minlength=_BINS)
    kept = np.bincount(bins, right.astype(np.float64), minlength=_BINS)
    return float(np.abs(promised - kept).sum() / max(len(confidence), 1))


def measure(
    probabilities: Floats,
    truth: Integers,
    decided: Integers,
    names: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    """The figures of one facet; all but ``cases`` and ``confusion`` lie between 0 and 1.

    ``coverage`` is the share decided at ``threshold``, ``selective_accuracy`` how often that
    is right. ``ece`` is of the most probable class.
    """
    table = confusion(truth, decided, len(names))
    classes = per_class(table, names)
    present = [figures["f1"] for figures in classes.values() if figures["cases"]]
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(truth)), decided]
    accepted = confidence >= threshold
    right = decided == truth
    return {
        "cases": len(truth),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(np.mean(present)), 4),
        "ece": round(calibration_error(probabilities.max(axis=1), best == truth), 4),
        "threshold": threshold,
        "coverage": round(float(accepted.mean()), 4),
        "selective_accuracy": round(float(right[accepted].mean()) if accepted.any() else 0.0, 4),
        "classes": classes,
        "confusion": table.tolist(),
    }
