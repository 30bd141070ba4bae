"""From labelled messages to a bundle: the only module here that needs scikit-learn.

Heads are linear support vector machines, one a facet, over one shared feature matrix. Their
scores become probabilities by a softmax whose slope and offsets are fitted on scores that
each example got from a model which had not seen it, nor its near-duplicates.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from classifier import bundles, evaluate, examples
from classifier.bundles import Bundle, Head, learned_part
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import Analyser, FeatureConfig, Floats
from classifier.keys import Integers
from classifier.predict import softmax
from classifier.rules import cheapest, costs
from classifier.text import default_cut
from models.errors import Permanent
from models.training import BundleCard, Taxonomy

CODE_VERSION = "2"
"""Raised when the same data and configuration would give another bundle."""

_RIDGE = 0.01
"""Pull of the calibration's offsets towards zero, per squared unit and example."""


class TrainingRefused(Permanent):
    """The data cannot be learnt from: it says which label or facet and why."""

    code = "training_refused"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How heads are fitted. ``penalty`` is the C of the support vector machine."""

    features: FeatureConfig = field(default_factory=FeatureConfig)
    penalty: float = 0.5
    balanced: bool = True
    folds: int = 5
    seed: int = 0


Progress = Callable[[str, float], None]
"""Told the stage (“features”, “fold”, “fit”) and the share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One facet to learn: its classes, and which examples carry which."""

    facet: str
    classes: tuple[str, ...]
    rows: Integers
    truth: Integers


def train(
    data: Sequence[Example],
    taxonomy: Taxonomy,
    config: TrainConfig | None = None,
    *,
    now: float | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """Learns every facet of ``taxonomy`` from ``data``.

    Uses one thread: neither liblinear nor a sparse product has more.
    The same data, taxonomy and configuration give the same bundle id. ``now`` (seconds since
    the epoch) is written on the card.

    Raises:
        TrainingRefused: a label outside the taxonomy, or a facet with fewer than two classes.
    """
    config = config or TrainConfig()
    started = time.perf_counter()
    tasks = _tasks(data, taxonomy)
    analyse = Analyser(taxonomy, default_cut())
    corpus = Corpus([analyse(example.item) for example in data], taxonomy, config.features)
    every = np.ones(len(data), np.bool_)
    fold_of = np.array(examples.folds(data, config.folds), np.int64)
    progress("features", 0.1)
    held_out = _held_out_scores(fold_of, corpus, tasks, config, progress)
    slopes, offsets, metrics = _calibrate(fold_of, held_out, tasks, taxonomy)
    vocabulary, matrix = corpus.seen_in(every)
    fitted = [_fit(matrix[task.rows], task.truth, len(task.classes), config) for task in tasks]
    progress("fit", 1.0)
    card = BundleCard(
        id="",
        created_at=datetime.fromtimestamp(time.time() if now is None else now, UTC).isoformat(),
        taxonomy=learned_part(taxonomy),
        data_fingerprint=examples.fingerprint(data),
        code_version=CODE_VERSION,
        metrics={
            "examples": len(data),
            "features": vocabulary.size,
            "training_seconds": round(time.perf_counter() - started, 2),
            "facets": metrics,
        },
    )
    return Bundle(
        card=card,
        taxonomy=taxonomy,
        config=config.features,
        vocabulary=vocabulary,
        heads=_heads(tasks),
        weights=np.ascontiguousarray(np.concatenate([weights for weights, _ in fitted], axis=1)),
        intercepts=np.concatenate([intercepts for _, intercepts in fitted]),
        slopes=slopes,
        offsets=offsets,
    )


def _heads(tasks: Sequence[_Task]) -> tuple[Head, ...]:
    heads: list[Head] = []
    start = 0
    for task in tasks:
        heads.append(Head(task.facet, task.classes, start))
        start += len(task.classes)
    return tuple(heads)


def _tasks(data: Sequence[Example], taxonomy: Taxonomy) -> list[_Task]:
    _check_labels(data, taxonomy)
    tasks: list[_Task] = []
    for facet, spec in taxonomy.facets.items():
        rows = [row for row, example in enumerate(data) if facet in example.labels]
        present = {data[row].labels[facet] for row in rows}
        classes = tuple(value for value in spec.classes if value in present)
        if len(classes) < 2:
            raise TrainingRefused(
                f"Facet {facet}: examples of at least two classes are needed, "
                f"found {len(classes)}."
            )
        at = {value: index for index, value in enumerate(classes)}
        truth = np.array([at[data[row].labels[facet]] for row in rows], np.int64)
        tasks.append(_Task(facet, classes, np.array(rows, np.int64), truth))
    return tasks


def _check_labels(data: Sequence[Example], taxonomy: Taxonomy) -> None:
    for number, example in enumerate(data, start=1):
        for facet, value in example.labels.items():
            if facet not in taxonomy.facets or value not in taxonomy.facets[facet].classes:
                raise TrainingRefused(
                    f"Example {number}: “{facet} = {value}” is not in the taxonomy."
                )


def _fit(
    matrix: csr_matrix, truth: Integers, classes: int, config: TrainConfig
) -> tuple[Floats, Floats]:
    """Weights (a column a class) and intercepts, for classes that all occur in ``truth``.

    Of two classes scikit-learn keeps one column; here the other is its negative.
    """
    machine = LinearSVC(
        C=config.penalty,
        class_weight="balanced" if config.balanced else None,
        random_state=config.seed,
        max_iter=5_000,
    )
    machine.fit(matrix, truth)
    weights, intercepts = machine.coef_.T, machine.intercept_
    if classes == 2:
        weights = np.concatenate([-weights, weights], axis=1)
        intercepts = np.concatenate([-intercepts, intercepts])
    return weights, intercepts


def _held_out_scores(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[_Task],
    config: TrainConfig,
    progress: Progress,
) -> list[Floats]:
    """For each task the scores of its examples by models that have not seen them.

    The vocabulary is fitted anew for each fold: a word that only the held-out part has must
    be as unknown there as it will be in use.
    """
    scores = [np.zeros((len(task.rows), len(task.classes))) for task in tasks]
    for fold in range(config.folds):
        _, matrix = corpus.seen_in(fold_of != fold)
        for task, found in zip(tasks, scores, strict=True):
            held = fold_of[task.rows] == fold
            if held.any():
                found[held] = _scores(matrix, task, held, config)
        progress("fold", 0.1 + 0.8 * (fold + 1) / config.folds)
    return scores


def _scores(matrix: csr_matrix, task: _Task, held: Any, config: TrainConfig) -> Floats:
    """A class with no example outside the fold scores as low as a certain no (−1)."""
    known, truth = np.unique(task.truth[~held], return_inverse=True)
    scores = np.full((int(held.sum()), len(task.classes)), -1.0)
    if len(known) < 2:
        return scores
    weights, intercepts = _fit(matrix[task.rows[~held]], truth, len(known), config)
    scores[:, known] = matrix[task.rows[held]] @ weights + intercepts
    return scores


def _calibrate(
    fold_of: Integers,
    held_out: Sequence[Floats],
    tasks: Sequence[_Task],
    taxonomy: Taxonomy,
) -> tuple[Floats, Floats, dict[str, Any]]:
    """Slopes and offsets for all heads, and honest figures.

    For the figures the calibration itself is cross-fitted, so that no example is judged by
    numbers fitted on it.
    """
    slopes: list[Floats] = []
    offsets: list[Floats] = []
    metrics: dict[str, Any] = {}
    for task, scores in zip(tasks, held_out, strict=True):
        slope, offset = _softmax_fit(scores, task.truth)
        slopes.append(np.full(len(task.classes), slope))
        offsets.append(offset)
        probabilities = _cross_fitted(scores, task.truth, fold_of[task.rows])
        facet = taxonomy.facets[task.facet]
        decided = cheapest(probabilities, costs(facet, task.classes))
        metrics[task.facet] = evaluate.measure(
            probabilities, task.truth, decided, task.classes, facet.threshold
        )
    return np.concatenate(slopes), np.concatenate(offsets), metrics


def _cross_fitted(scores: Floats, truth: Integers, fold_of: Integers) -> Floats:
    probabilities = np.zeros_like(scores)
    for fold in np.unique(fold_of):
        held = fold_of == fold
        if not held.all():
            slope, offset = _softmax_fit(scores[~held], truth[~held])
            probabilities[held] = softmax(slope * scores[held] + offset)
    return probabilities


def _softmax_fit(scores: Floats, truth: Integers) -> tuple[float, Floats]:
    """The slope and the offset a class that make softmax(slope · score + offset) likeliest."""
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
    return float(np.exp(found.x[0])), found.x[1:]


def train_seed(out_dir: Path, taxonomy: Taxonomy, progress: Progress | None = None) -> str:
    """Learns from the corpus that comes with Shouli, writes the bundle to ``out_dir``/id.

    Its golden part is left out: that judges this bundle and all that come after it.

    Returns the bundle's id. Takes a few seconds on one core.

    Raises:
        TrainingRefused: the taxonomy has not the classes that the corpus is labelled with.
        Temporary: the disk would not take the bundle.
    """
    from classifier import seed, splits

    data, _golden = splits.golden(seed.load(taxonomy))
    bundle = train(data, taxonomy, progress=progress or (lambda _stage, _share: None))
    return bundles.save(bundle, out_dir).name
