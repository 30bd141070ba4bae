"""Each class heard on every other: a linear map of scores, fitted on scores held out.

One-against-all machines do not know of each other: where one class takes another's messages,
its score alone does not say so, the scores of all classes together do. The map is folded into
the weights, so that deciding costs what it did.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from classifier.keys import Floats, Integers

_STEEPNESS = 5.0
"""Slope of the softmax: about what calibration finds for a support vector machine's scores."""

_STEPS = 60


class Mixing(NamedTuple):
    """mixed score = scores · matrix + offsets, a row and a column a class."""

    matrix: Floats
    offsets: Floats

    def __call__(self, scores: Floats) -> Floats:
        mixed: Floats = scores @ self.matrix + self.offsets
        return mixed


def fit(scores: Floats, truth: Integers, weights: Floats, ridge: float) -> Mixing:
    """The map that makes the true classes likeliest, by a ridge towards leaving scores alone.

    ``weights`` says how much each example counts. ``ridge`` is its strength, whatever the number
    of examples: a few hundred change little, ten thousand a lot. The score of a class of which
    no example counts is left alone.
    """
    size = scores.shape[1]
    known = np.unique(truth[weights > 0])
    if len(known) < size:
        counts = np.isin(truth, known)
        seen = np.searchsorted(known, truth[counts])
        inner = _fit(scores[counts][:, known], seen, weights[counts], ridge)
        matrix, offsets = np.eye(size), np.zeros(size)
        matrix[np.ix_(known, known)], offsets[known] = inner
        return Mixing(matrix, offsets)
    return _fit(scores, truth, weights, ridge)


def _fit(scores: Floats, truth: Integers, weights: Floats, ridge: float) -> Mixing:
    count, classes = scores.shape
    if not count:
        return Mixing(np.eye(classes), np.zeros(classes))
    alone = np.eye(classes)
    # A row a class: over so few of them numpy sums whole rows many times faster than each column.
    steep = _STEEPNESS * np.ascontiguousarray(scores.T)
    every = np.arange(count)

    def loss(values: Floats) -> tuple[float, Floats]:
        mixing = values.reshape(classes + 1, classes)
        shares = mixing[:-1].T @ steep + _STEEPNESS * mixing[-1][:, None]
        shares -= shares.max(axis=0)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=0)
        true = np.maximum(shares[truth, every], 1e-12)
        shares[truth, every] -= 1.0
        shares *= weights
        off = mixing[:-1] - alone
        by_class = _STEEPNESS * shares.sum(axis=1)
        gradient = np.concatenate([steep @ shares.T + 2 * ridge * off, by_class[None]])
        value = float(-(weights * np.log(true)).sum() + ridge * (off * off).sum())
        return value / count, gradient.ravel() / count

    start = np.concatenate([alone, np.zeros((1, classes))]).ravel()
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    mixing = found.reshape(classes + 1, classes)
    return Mixing(mixing[:-1], mixing[-1])


def cross_fitted(
    scores: Floats, truth: Integers, weights: Floats, fold_of: Integers, ridge: float
) -> Floats:
    """The scores of each fold mixed as the others teach, for calibration and honest figures."""
    mixed = scores.copy()
    for fold in np.unique(fold_of):
        held = fold_of == fold
        if not held.all():
            others = fit(scores[~held], truth[~held], weights[~held], ridge)
            mixed[held] = others(scores[held])
    return mixed
