"""From labelled messages to a bundle: the only module here that needs scikit-learn.

Heads are linear support vector machines, one a facet, over one shared feature matrix. Their
scores are mixed (``classifier.mixing``) and become probabilities by a softmax; both are fitted
on scores that each example got from a model which had not seen it, nor its near-duplicates.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from classifier import bundles, calibrate, evaluate, examples, mixing
from classifier.bundle import Bundle, Head, learned_part
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import Analyser, Analysis
from classifier.fitting import (
    Progress,
    Task,
    TrainConfig,
    choose_penalties,
    classes_judged,
    examples_judged,
    fit_svm,
    learning_curves,
    out_of_fold_scores,
    sample_weights,
)
from classifier.keys import Floats, Integers
from classifier.rules import cheapest, costs
from classifier.text import default_cut
from models.errors import Permanent
from models.training import BundleCard, Taxonomy

CODE_VERSION = "10"
"""Raised when the same data and configuration would give another bundle."""


class TrainingRefused(Permanent):
    """The data cannot be learnt from: it says which label or facet and why."""

    code = "training_refused"


def train(
    data: Sequence[Example],
    taxonomy: Taxonomy,
    config: TrainConfig | None = None,
    *,
    groups: Sequence[int] | None = None,
    now: float | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """Learns every facet of ``taxonomy`` from ``data``.

    Uses one thread: liblinear has no more, and BLAS, which would share the mixing's products
    among all cores, would be slower and round otherwise with another number of them.
    The same data, taxonomy and configuration give the same bundle id, on processors of one
    kind. ``now`` (seconds since the epoch) is written on the card. ``groups`` has the number of
    each example's group, as ``examples.groups`` gives it, where that is known already.

    Raises:
        TrainingRefused: a label outside the taxonomy, a facet with fewer than two classes, or
            one whose examples are all of one conversation or near-duplicates.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _train(data, taxonomy, config or TrainConfig(), groups, now, progress)


_MANY, _FOLDS_OF_MANY = 20_000, 3
"""Of more examples than many, a model that has seen two thirds is all but as good as one that has
seen four fifths, and five of those would take half of the training."""


def _train(
    data: Sequence[Example],
    taxonomy: Taxonomy,
    config: TrainConfig,
    groups: Sequence[int] | None,
    now: float | None,
    progress: Progress,
) -> Bundle:
    started = time.perf_counter()
    data = examples.up_to_date(data, taxonomy)
    if len(data) > _MANY:
        config = replace(config, folds=min(config.folds, _FOLDS_OF_MANY))
    tasks = _tasks(data, taxonomy, config)
    fold_of = np.array(examples.folds(data, config.folds, groups), np.int64)
    _check_held_out(fold_of, tasks)
    progress("features", 0.1)
    trial = _best(data, taxonomy, fold_of, tasks, config, progress)
    config, tasks = trial.config, trial.tasks
    curves = learning_curves(fold_of, trial.corpus, tasks, trial.raw, config, progress)
    vocabulary, matrix = trial.corpus.seen_in(np.ones(len(data), np.bool_))
    learnt = _fitted(trial, matrix)
    progress("fit", 0.95)
    figures = _figures(fold_of, trial.probabilities, tasks, taxonomy)
    for task, curve in zip(tasks, curves, strict=True):
        figures[task.facet] |= {"learning_curve": curve, "penalty": task.penalty}
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
        heads=_heads(tasks, trial.scores, config),
        **learnt,
    )


def _fitted(trial: "_Trial", matrix: csr_matrix) -> dict[str, Floats]:
    """The arrays of a bundle, the columns of all facets side by side: see ``Bundle``."""
    machines = [
        _mixed(matrix, task, raw, counts, trial.config)
        for task, raw, counts in zip(trial.tasks, trial.raw, trial.judged, strict=True)
    ]
    calibrations = [
        calibrate.fit(found[counts], task.truth[counts])
        for task, found, counts in zip(trial.tasks, trial.scores, trial.judged, strict=True)
    ]
    return {
        "weights": np.ascontiguousarray(np.concatenate([each for each, _ in machines], axis=1)),
        "intercepts": np.concatenate([each for _, each in machines]),
        "slopes": np.concatenate([np.full(len(c.offsets), c.slope) for c in calibrations]),
        "bends": np.concatenate([np.full(len(c.offsets), c.bend) for c in calibrations]),
        "offsets": np.concatenate([c.offsets for c in calibrations]),
    }


class _Trial(NamedTuple):
    """One way to look at the examples, and what it makes of each that was held out.

    ``scores`` are the mixed ones of ``raw``; ``judged`` says which of them count.
    """

    config: TrainConfig
    corpus: Corpus
    tasks: list[Task]
    raw: list[Floats]
    judged: list[NDArray[np.bool_]]
    scores: list[Floats]
    probabilities: list[Floats]

    def loss(self) -> float:
        """The mean log loss of the true classes, over all facets."""
        each = [
            evaluate.log_loss(found, task.truth)[counts]
            for task, found, counts in zip(
                self.tasks, self.probabilities, self.judged, strict=True
            )
        ]
        return float(np.concatenate(each).mean())


_FEW_EXAMPLES, _FEW_CHARACTERS = 2_000, 150_000
"""Up to here words that occur once may be worth learning; it is tried. Beyond, they would make
bundles large and are worth nothing."""


def _best(
    data: Sequence[Example],
    taxonomy: Taxonomy,
    fold_of: Integers,
    tasks: Sequence[Task],
    config: TrainConfig,
    progress: Progress,
) -> _Trial:
    """The features by which the log loss on held-out examples is least."""
    analyse = Analyser(taxonomy, default_cut(), config.features)
    words: dict[str, str] = {}
    analyses = [_sharing(analyse(example.item), words) for example in data]
    ways = [config]
    few = len(analyses) <= _FEW_EXAMPLES
    if few and sum(len(analysis.normal) for analysis in analyses) <= _FEW_CHARACTERS:
        once = replace(config.features, min_count=1)
        ways = list(dict.fromkeys((config, replace(config, features=once))))
    corpora = [Corpus(analyses, taxonomy, way.features) for way in ways]
    # Counted, they are not needed: of a hundred thousand messages they are 400 MB.
    del analyses
    trials: list[_Trial] = []
    for way, corpus in zip(ways, corpora, strict=True):
        told = partial(_tell_fold, progress, len(trials), len(ways))
        trials.append(_trial(corpus, fold_of, tasks, way, told))
    return min(trials, key=_Trial.loss)


def _sharing(analysis: Analysis, words: dict[str, str]) -> Analysis:
    """The same with one string a word: of long letters a string a place is half a gigabyte."""
    return analysis._replace(words=[words.setdefault(word, word) for word in analysis.words])


def _tell_fold(progress: Progress, done: int, of: int, share: float) -> None:
    progress("fold", 0.1 + 0.65 * (done + share) / of)


def _trial(
    corpus: Corpus,
    fold_of: Integers,
    tasks: Sequence[Task],
    config: TrainConfig,
    told: Callable[[float], None],
) -> _Trial:
    raw = out_of_fold_scores(fold_of, corpus, tasks, config, told)
    tasks, raw = choose_penalties(fold_of, corpus, tasks, raw, config)
    counted = [examples_judged(fold_of, task) for task in tasks]
    scores, probabilities = [], []
    for task, found, counts in zip(tasks, raw, counted, strict=True):
        weights, folds = sample_weights(task.truth, config) * counts, fold_of[task.rows]
        scores.append(mixing.cross_fitted(found, task.truth, weights, folds, config.ridge))
        probabilities.append(calibrate.cross_fitted(scores[-1], task.truth, folds, counts))
    return _Trial(config, corpus, tasks, raw, counted, scores, probabilities)


def _heads(tasks: Sequence[Task], held: Sequence[Floats], config: TrainConfig) -> tuple[Head, ...]:
    heads: list[Head] = []
    start = 0
    for task, scores in zip(tasks, held, strict=True):
        least = float(np.quantile(scores.max(axis=1), config.outlier_share))
        heads.append(Head(task.facet, task.classes, start, least))
        start += len(task.classes)
    return tuple(heads)


def _tasks(data: Sequence[Example], taxonomy: Taxonomy, config: TrainConfig) -> list[Task]:
    _check_labels(data, taxonomy)
    tasks: list[Task] = []
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
        tasks.append(Task(facet, classes, np.array(rows, np.int64), truth, config.penalties[0]))
    return tasks


def _check_labels(data: Sequence[Example], taxonomy: Taxonomy) -> None:
    for number, example in enumerate(data, start=1):
        for facet, value in example.labels.items():
            if facet not in taxonomy.facets or value not in taxonomy.facets[facet].classes:
                raise TrainingRefused(
                    f"Example {number}: “{facet} = {value}” is not in the taxonomy."
                )


def _check_held_out(fold_of: Integers, tasks: Sequence[Task]) -> None:
    for task in tasks:
        if len(np.unique(fold_of[task.rows])) < 2:
            raise TrainingRefused(
                f"“{task.facet}”: 样本全在一个对话（group）里，或彼此几乎一样，"
                "没有可以留出来核对的，把握就无从谈起"
                f" / the examples of “{task.facet}” are all of one conversation (group) or "
                "near-duplicates: none can be held out to judge, so no confidence would be honest"
            )


def _mixed(
    matrix: csr_matrix,
    task: Task,
    raw: Floats,
    counts: NDArray[np.bool_],
    config: TrainConfig,
) -> tuple[Floats, Floats]:
    """Weights and intercepts from all examples, with the mixing of their scores folded in."""
    labelled = matrix if len(task.rows) == matrix.shape[0] else matrix[task.rows]
    weights, intercepts = fit_svm(labelled, task.truth, len(task.classes), task.penalty, config)
    mix = mixing.fit(raw, task.truth, sample_weights(task.truth, config) * counts, config.ridge)
    return weights @ mix.matrix, mix(intercepts)


def _figures(
    fold_of: Integers,
    by_task: Sequence[Floats],
    tasks: Sequence[Task],
    taxonomy: Taxonomy,
) -> dict[str, Any]:
    """Honest figures of each facet: for them the calibration, too, is cross-fitted."""
    figures: dict[str, Any] = {}
    for task, probabilities in zip(tasks, by_task, strict=True):
        facet = taxonomy.facets[task.facet]
        decided = cheapest(probabilities, costs(facet, task.classes))
        figures[task.facet] = evaluate.measure(
            probabilities, task.truth, decided, task.classes, facet.threshold
        )
        figures[task.facet]["unchecked"] = [
            name
            for name, known in zip(task.classes, classes_judged(fold_of, task), strict=True)
            if not known
        ]
    return figures


def train_seed(out_dir: Path, taxonomy: Taxonomy, progress: Progress | None = None) -> str:
    """Learns from the corpus that comes with Shouli, writes the bundle to ``out_dir``/id.

    Its golden part is left out: that judges this bundle and all that come after it.

    Returns the bundle's id. Takes about half a minute of one core.

    Raises:
        TrainingRefused: the taxonomy has not the classes that the corpus is labelled with.
        Temporary: the disk would not take the bundle.
    """
    from classifier import seed, splits

    corpus = seed.load(taxonomy)
    parts = splits.split(corpus, [], [])
    bundle = train(
        [corpus[at] for at in parts.seed],
        taxonomy,
        groups=parts.learnt_groups,
        progress=progress or (lambda _stage, _share: None),
    )
    return bundles.save(bundle, out_dir).name
