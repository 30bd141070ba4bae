"""From scores to probabilities that can be believed: a softmax fitted on held-out scores."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from classifier.features import Floats
from classifier.keys import Integers
from classifier.predict import softmax

_RIDGE = 0.01
"""Pull of the offsets towards zero, per squared unit and example."""


class Calibration(NamedTuple):
    """probability = softmax(slope · score + offsets)."""

    slope: float
    offsets: Floats

    def __call__(self, scores: Floats) -> Floats:
        return softmax(self.slope * scores + self.offsets)


def fit(scores: Floats, truth: Integers) -> Calibration:
    """The slope and the offset a class that make the true classes likeliest."""
    count, classes = scores.shape
    target = np.eye(classes)[truth]

    def loss(values: Floats) -> tuple[float, Floats]:
        slope, offset = np.exp(values[0]), values[1:]
        probabilities = softmax(slope * scores + offset)
        true = np.maximum(probabilities[np.arange(count), truth], 1e-12)
        gap = (probabilities - target) / count
        gradient = np.empty_like(values)
        gradient[0] = slope * (gap * scores).sum()
        gradient[1:] = gap.sum(axis=0) + 2 * _RIDGE * offset
        return float(-np.log(true).mean() + _RIDGE * (offset @ offset)), gradient

    found = minimize(loss, np.zeros(classes + 1), jac=True, method="L-BFGS-B")
    return Calibration(float(np.exp(found.x[0])), found.x[1:])


def cross_fitted(scores: Floats, truth: Integers, fold_of: Integers) -> Floats:
    """Probabilities of each fold by a calibration fitted on the others, for honest figures."""
    probabilities = np.full_like(scores, 1.0 / scores.shape[1])
    for fold in np.unique(fold_of):
        held = fold_of == fold
        if not held.all():
            probabilities[held] = fit(scores[~held], truth[~held])(scores[held])
    return probabilities
