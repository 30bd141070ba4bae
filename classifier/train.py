"""From labelled messages to a bundle: the only module here that needs scikit-learn.

Heads are linear support vector machines, one a facet, over one shared feature matrix. Their
scores are mixed (``classifier.mixing``) and become probabilities by a softmax; both are fitted
on scores that each example got from a model which had not seen it, nor its near-duplicates.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from classifier import bundles, calibrate, evaluate, examples, mixing
from classifier.bundle import Bundle, Head, learned_part
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import Analyser, FeatureConfig
from classifier.keys import Floats, Integers
from classifier.rules import cheapest, costs
from classifier.text import default_cut
from models.errors import Permanent
from models.training import BundleCard, Taxonomy

CODE_VERSION = "3"
"""Raised when the same data and configuration would give another bundle."""


class TrainingRefused(Permanent):
    """The data cannot be learnt from: it says which label or facet and why."""

    code = "training_refused"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How heads are fitted.

    ``penalty`` is the C of the support vector machine. ``balance`` says how far rare classes
    weigh more: 0 not at all, 1 until all classes weigh the same. ``strange`` is the share of
    the examples that may be taken for none of the classes. ``pull`` holds the mixing of a
    facet's scores back.
    """

    features: FeatureConfig = field(default_factory=FeatureConfig)
    penalty: float = 0.7
    balance: float = 0.25
    folds: int = 5
    pull: float = 40.0
    strange: float = 0.04
    seed: int = 0


Progress = Callable[[str, float], None]
"""Told the stage (“features”, “curve”, “fold”, “fit”) and the share done, 0 to 1."""


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

    Uses one thread: liblinear has no more, and BLAS, which would share the mixing's products
    among all cores, would be slower and round otherwise with another number of them.
    The same data, taxonomy and configuration give the same bundle id, on processors of one
    kind. ``now`` (seconds since the epoch) is written on the card.

    Raises:
        TrainingRefused: a label outside the taxonomy, a facet with fewer than two classes, or
            one whose examples are all of one conversation or near-duplicates.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _learnt(data, taxonomy, config or TrainConfig(), now, progress)


def _learnt(
    data: Sequence[Example],
    taxonomy: Taxonomy,
    config: TrainConfig,
    now: float | None,
    progress: Progress,
) -> Bundle:
    started = time.perf_counter()
    data = examples.up_to_date(data, taxonomy)
    tasks = _tasks(data, taxonomy)
    analyse = Analyser(taxonomy, default_cut())
    corpus = Corpus([analyse(example.item) for example in data], taxonomy, config.features)
    fold_of = np.array(examples.folds(data, config.folds), np.int64)
    _check_held_out(fold_of, tasks)
    progress("features", 0.1)
    raw, curves = _held_out(fold_of, corpus, tasks, config, progress)
    held_out = [
        mixing.cross_fitted(
            scores, task.truth, _importance(task.truth, config), fold_of[task.rows], config.pull
        )
        for task, scores in zip(tasks, raw, strict=True)
    ]
    calibrations = [
        calibrate.fit(scores, task.truth) for task, scores in zip(tasks, held_out, strict=True)
    ]
    vocabulary, matrix = corpus.seen_in(np.ones(len(data), np.bool_))
    fitted = [
        _mixed(matrix, task, scores, config) for task, scores in zip(tasks, raw, strict=True)
    ]
    progress("fit", 0.95)
    figures = _figures(fold_of, held_out, tasks, taxonomy)
    for task, curve in zip(tasks, curves, strict=True):
        figures[task.facet]["learning_curve"] = curve
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
            "facets": figures,
        },
    )
    progress("fit", 1.0)
    return Bundle(
        card=card,
        taxonomy=taxonomy,
        config=config.features,
        vocabulary=vocabulary,
        heads=_heads(tasks, held_out, config),
        weights=np.ascontiguousarray(np.concatenate([weights for weights, _ in fitted], axis=1)),
        intercepts=np.concatenate([intercepts for _, intercepts in fitted]),
        slopes=np.concatenate([np.full(len(each.offsets), each.slope) for each in calibrations]),
        bends=np.concatenate([np.full(len(each.offsets), each.bend) for each in calibrations]),
        offsets=np.concatenate([each.offsets for each in calibrations]),
    )


def _heads(
    tasks: Sequence[_Task], held_out: Sequence[Floats], config: TrainConfig
) -> tuple[Head, ...]:
    heads: list[Head] = []
    start = 0
    for task, scores in zip(tasks, held_out, strict=True):
        least = float(np.quantile(scores.max(axis=1), config.strange))
        heads.append(Head(task.facet, task.classes, start, least))
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


def _check_held_out(fold_of: Integers, tasks: Sequence[_Task]) -> None:
    for task in tasks:
        if len(np.unique(fold_of[task.rows])) < 2:
            raise TrainingRefused(
                f"“{task.facet}”: 样本全在一个对话（group）里，或彼此几乎一样，"
                "没有可以留出来核对的，把握就无从谈起"
                f" / the examples of “{task.facet}” are all of one conversation (group) or "
                "near-duplicates: none can be held out to judge, so no confidence would be honest"
            )


def _unchecked(fold_of: Integers, task: _Task) -> list[str]:
    """The classes whose examples are all in one fold: no model that knew them was judged."""
    return [
        name
        for at, name in enumerate(task.classes)
        if len(np.unique(fold_of[task.rows][task.truth == at])) < 2
    ]


def _fit(
    matrix: csr_matrix, truth: Integers, classes: int, config: TrainConfig
) -> tuple[Floats, Floats]:
    """Weights (a column a class) and intercepts, for classes that all occur in ``truth``.

    Of two classes scikit-learn keeps one column; here the other is its negative.
    """
    shares = np.bincount(truth, minlength=classes) * classes / len(truth)
    machine = LinearSVC(
        C=config.penalty,
        class_weight=dict(enumerate(shares**-config.balance)),
        random_state=config.seed,
        max_iter=5_000,
    )
    machine.fit(matrix, truth)
    weights, intercepts = machine.coef_.T, machine.intercept_
    if classes == 2:
        weights = np.concatenate([-weights, weights], axis=1)
        intercepts = np.concatenate([-intercepts, intercepts])
    return weights, intercepts


def _mixed(
    matrix: csr_matrix, task: _Task, raw: Floats, config: TrainConfig
) -> tuple[Floats, Floats]:
    """Weights and intercepts from all examples, with the mixing of their scores folded in."""
    weights, intercepts = _fit(matrix[task.rows], task.truth, len(task.classes), config)
    mix = mixing.fit(raw, task.truth, _importance(task.truth, config), config.pull)
    return weights @ mix.matrix, mix(intercepts)


def _importance(truth: Integers, config: TrainConfig) -> Floats:
    """How much each example counts: more, the rarer its class."""
    counts = np.bincount(truth)
    shares = np.maximum(counts, 1) * np.count_nonzero(counts) / len(truth)
    importance: Floats = (shares**-config.balance)[truth]
    return importance


def _held_out(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[_Task],
    config: TrainConfig,
    progress: Progress,
) -> tuple[list[Floats], list[list[dict[str, float]]]]:
    """For each task the scores of its examples by models that have not seen them.

    The vocabulary is fitted anew for each fold: a word that only the held-out part has must
    be as unknown there as it will be in use. Beside them the learning curve: how the first
    fold is judged by models that have seen parts of the others.
    """
    held_out = [np.zeros((len(task.rows), len(task.classes))) for task in tasks]
    curves: list[list[dict[str, float]]] = [[] for _ in tasks]
    order = np.random.default_rng(config.seed).permutation(len(fold_of))
    for share in _SHARES:
        seen = np.zeros(len(fold_of), np.bool_)
        others = order[fold_of[order] != 0]
        seen[others[: round(share * len(others))]] = True
        _, matrix = corpus.seen_in(seen)
        for task, curve in zip(tasks, curves, strict=True):
            first = fold_of[task.rows] == 0
            scores = _scores(matrix, task, seen[task.rows], first, config)
            curve.append(_point(task, seen[task.rows], first, scores))
        progress("curve", 0.1 + 0.15 * share)
    for fold in range(config.folds):
        _, matrix = corpus.seen_in(fold_of != fold)
        for task, found in zip(tasks, held_out, strict=True):
            held = fold_of[task.rows] == fold
            found[held] = _scores(matrix, task, ~held, held, config)
        progress("fold", 0.2 + 0.6 * (fold + 1) / config.folds)
    for task, curve, found in zip(tasks, curves, held_out, strict=True):
        first = fold_of[task.rows] == 0
        curve.append(_point(task, ~first, first, found[first]))
    return held_out, curves


_SHARES = (0.125, 0.25, 0.5)
"""Parts of the examples by which the learning curve is drawn."""


def _point(
    task: _Task, seen: NDArray[np.bool_], held: NDArray[np.bool_], scores: Floats
) -> dict[str, float]:
    if not held.any():
        return {"examples": int(seen.sum()), "accuracy": 0.0, "macro_f1": 0.0}
    decided, truth = scores.argmax(axis=1), task.truth[held]
    table = evaluate.confusion(truth, decided, len(task.classes))
    return {
        "examples": int(seen.sum()),
        "accuracy": round(float((decided == truth).mean()), 4),
        "macro_f1": round(evaluate.macro_f1(table), 4),
    }


def _scores(
    matrix: csr_matrix,
    task: _Task,
    seen: NDArray[np.bool_],
    held: NDArray[np.bool_],
    config: TrainConfig,
) -> Floats:
    """A class with no example among those seen scores as low as a certain no (−1)."""
    known, truth = np.unique(task.truth[seen], return_inverse=True)
    scores = np.full((int(held.sum()), len(task.classes)), -1.0)
    if len(known) < 2 or not held.any():
        return scores
    weights, intercepts = _fit(matrix[task.rows[seen]], truth, len(known), config)
    scores[:, known] = matrix[task.rows[held]] @ weights + intercepts
    return scores


def _figures(
    fold_of: Integers, held_out: Sequence[Floats], tasks: Sequence[_Task], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Honest figures of each facet: for them the calibration, too, is cross-fitted."""
    figures: dict[str, Any] = {}
    for task, scores in zip(tasks, held_out, strict=True):
        facet = taxonomy.facets[task.facet]
        probabilities = calibrate.cross_fitted(scores, task.truth, fold_of[task.rows])
        decided = cheapest(probabilities, costs(facet, task.classes))
        figures[task.facet] = evaluate.measure(
            probabilities, task.truth, decided, task.classes, facet.threshold
        )
        figures[task.facet]["unchecked"] = _unchecked(fold_of, task)
    return figures


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
