"""Fitting a support vector machine a facet, and cross-validation: scores of held-out examples."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from classifier import calibrate, evaluate
from classifier.corpus import Corpus
from classifier.features import FeatureConfig
from classifier.keys import Floats, Integers


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How heads are fitted.

    ``penalties`` are the C of the support vector machine: the usual one, and those that are tried
    in turn where labels contradict each other (``choose_penalties``). ``tolerance`` says how
    near to the best weights its solver stops: a hundred times what scikit-learn asks for by
    default moves scores by less than a thousandth and takes three quarters of the time.
    ``balance`` says how far rare classes weigh more: 0 not at all, 1 until all classes weigh the
    same. ``outlier_share`` is the share of the examples that may be taken for none of the
    classes. ``ridge`` is the strength of the regularisation of a facet's mixing.
    """

    features: FeatureConfig = field(default_factory=FeatureConfig)
    penalties: tuple[float, ...] = (0.7, 0.2, 0.06)
    tolerance: float = 0.01
    balance: float = 0.25
    folds: int = 5
    ridge: float = 40.0
    outlier_share: float = 0.04
    seed: int = 0


Progress = Callable[[str, float], None]
"""Told the stage (“features”, “fold”, “curve”, “fit”) and the share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Task:
    """One facet to learn: its classes, which examples carry which, and its machine's C."""

    facet: str
    classes: tuple[str, ...]
    rows: Integers
    truth: Integers
    penalty: float


def fit_svm(
    matrix: csr_matrix, truth: Integers, classes: int, penalty: float, config: TrainConfig
) -> tuple[Floats, Floats]:
    """Weights (a column a class) and intercepts, for classes that all occur in ``truth``.

    Of two classes scikit-learn keeps one column; here the other is its negative.
    """
    shares = np.bincount(truth, minlength=classes) * classes / len(truth)
    machine = LinearSVC(
        C=penalty,
        tol=config.tolerance,
        class_weight=dict(enumerate(shares**-config.balance)),
        random_state=config.seed,
        max_iter=5_000,
    )
    with warnings.catch_warnings():
        # Of a message or two a class it would ask whether these are numbers to be estimated.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        machine.fit(matrix, truth)
    weights, intercepts = machine.coef_.T, machine.intercept_
    if classes == 2:
        weights = np.concatenate([-weights, weights], axis=1)
        intercepts = np.concatenate([-intercepts, intercepts])
    return weights, intercepts


def classes_judged(fold_of: Integers, task: Task) -> NDArray[np.bool_]:
    """Which classes have examples in more than one fold, so that who knew them judged some."""
    folds = [np.unique(fold_of[task.rows][task.truth == at]) for at in range(len(task.classes))]
    return np.array([len(each) > 1 for each in folds])


def examples_judged(fold_of: Integers, task: Task) -> NDArray[np.bool_]:
    """Which examples of a task were scored by a model that knew their class.

    The others were scored by one that could only be wrong, as none in use will be: they say
    nothing of what a score is worth.
    """
    known = classes_judged(fold_of, task)
    return known[task.truth] if known.sum() > 1 else np.ones(len(task.rows), np.bool_)


def sample_weights(truth: Integers, config: TrainConfig) -> Floats:
    """The weight of each example: more, the rarer its class."""
    counts = np.bincount(truth)
    shares = np.maximum(counts, 1) * np.count_nonzero(counts) / len(truth)
    weights: Floats = (shares**-config.balance)[truth]
    return weights


def out_of_fold_scores(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[Task],
    config: TrainConfig,
    told: Callable[[float], None],
) -> list[Floats]:
    """For each task the scores of its examples by models that have not seen them.

    The vocabulary is fitted anew for each fold: a word that only the held-out part has must
    be as unknown there as it will be in use. ``told`` hears the share done.
    """
    scores = [np.zeros((len(task.rows), len(task.classes))) for task in tasks]
    # The first one last: it is asked for again at once (“choose_penalties”), and is at hand then.
    for done, fold in enumerate(reversed(range(config.folds)), start=1):
        _score(fold_of, corpus, tasks, scores, [fold], config)
        told(done / config.folds)
    return scores


def _score(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[Task],
    scores: Sequence[Floats],
    folds: Iterable[int],
    config: TrainConfig,
) -> None:
    """Writes into ``scores`` those of the examples of ``folds``."""
    for fold in folds:
        _, matrix = corpus.seen_in(fold_of != fold)
        for task, found in zip(tasks, scores, strict=True):
            held = fold_of[task.rows] == fold
            found[held] = _scores(matrix, task, ~held, held, config)


def choose_penalties(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[Task],
    scores: Sequence[Floats],
    config: TrainConfig,
) -> tuple[list[Task], list[Floats]]:
    """Each task with the C that its labels deserve, and the scores of its held-out examples.

    ``scores`` are those of ``out_of_fold_scores``. Where labels are wrong, or people disagree, a
    large C learns the mistakes: of MASSIVE with each fifth label drawn by lot, a smaller one gets
    79.4 % right instead of 76.7. Where labels are clean it is worse. So the next smaller one is
    taken if its log loss on held-out examples is less, by more than chance would have it; on few
    folds if they have examples enough to tell.
    """
    tasks, scores = list(tasks), list(scores)
    judging = _judging_folds(fold_of)
    others = [fold for fold in range(config.folds) if fold not in judging]
    undecided = list(range(len(tasks)))
    for penalty in config.penalties[1:]:
        if not undecided:
            break
        tried = [replace(tasks[at], penalty=penalty) for at in undecided]
        found = [scores[at].copy() for at in undecided]
        _score(fold_of, corpus, tried, found, judging, config)
        better = [
            _lowers_log_loss(task, scores[at], new, np.isin(fold_of[task.rows], judging), fold_of)
            for at, task, new in zip(undecided, tried, found, strict=True)
        ]
        for at, task, new, wins in zip(undecided, tried, found, better, strict=True):
            if wins:
                tasks[at], scores[at] = task, new
        undecided = [at for at, wins in zip(undecided, better, strict=True) if wins]
    changed = [at for at, task in enumerate(tasks) if task.penalty != config.penalties[0]]
    if changed:
        some, theirs = [tasks[at] for at in changed], [scores[at] for at in changed]
        _score(fold_of, corpus, some, theirs, others, config)
    return tasks, scores


_MIN_EXAMPLES = 2_000
"""Examples that tell whether a smaller C is better."""

_MIN_STANDARD_ERRORS = 4.0
"""Standard errors. At two, clean labels lose half a point of accuracy for a little less loss;
with a tenth of them wrong it is five and more."""


_MIN_GAIN = 0.01
"""Nats an example: where all is certain, a loss smaller still is worth no other penalty."""


def _judging_folds(fold_of: Integers) -> list[int]:
    """The first folds that together have examples enough."""
    together = np.cumsum(np.bincount(fold_of))
    return list(range(min(int(np.searchsorted(together, _MIN_EXAMPLES)) + 1, len(together))))


def _lowers_log_loss(
    task: Task, before: Floats, after: Floats, asked: NDArray[np.bool_], fold_of: Integers
) -> bool:
    """Whether the log loss on what was held out is less by the second scores."""
    asked = asked & examples_judged(fold_of, task)
    if not asked.any():
        return False
    truth = task.truth[asked]
    halves = np.arange(len(truth)) % 2
    every = np.ones(len(truth), np.bool_)
    gains = np.subtract(
        *(
            evaluate.log_loss(calibrate.cross_fitted(found[asked], truth, halves, every), truth)
            for found in (before, after)
        )
    )
    chance = _MIN_STANDARD_ERRORS * gains.std() / np.sqrt(len(gains))
    return bool(gains.mean() > max(chance, _MIN_GAIN))


def learning_curves(
    fold_of: Integers,
    corpus: Corpus,
    tasks: Sequence[Task],
    scores: Sequence[Floats],
    config: TrainConfig,
    progress: Progress,
) -> list[list[dict[str, float]]]:
    """For each task how the first fold is judged by models that have seen parts of the others.

    ``scores`` are those of ``out_of_fold_scores``, whose model of the first fold has seen all
    others.
    """
    curves: list[list[dict[str, float]]] = [[] for _ in tasks]
    order = np.random.default_rng(config.seed).permutation(len(fold_of))
    for share in _SHARES:
        seen = np.zeros(len(fold_of), np.bool_)
        others = order[fold_of[order] != 0]
        seen[others[: round(share * len(others))]] = True
        _, matrix = corpus.seen_in(seen)
        for task, curve in zip(tasks, curves, strict=True):
            first = fold_of[task.rows] == 0
            found = _scores(matrix, task, seen[task.rows], first, config)
            curve.append(_point(task, seen[task.rows], first, found))
        progress("curve", 0.75 + 0.2 * share)
    for task, curve, found in zip(tasks, curves, scores, strict=True):
        first = fold_of[task.rows] == 0
        curve.append(_point(task, ~first, first, found[first]))
    return curves


_SHARES = (0.125, 0.25, 0.5)
"""Parts of the examples by which the learning curve is drawn."""


def _point(
    task: Task, seen: NDArray[np.bool_], held: NDArray[np.bool_], scores: Floats
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
    task: Task,
    seen: NDArray[np.bool_],
    held: NDArray[np.bool_],
    config: TrainConfig,
) -> Floats:
    """A class with no example among those seen scores as low as a certain no (−1)."""
    known, truth = np.unique(task.truth[seen], return_inverse=True)
    scores = np.full((int(held.sum()), len(task.classes)), -1.0)
    if len(known) < 2 or not held.any():
        return scores
    weights, intercepts = fit_svm(matrix[task.rows[seen]], truth, len(known), task.penalty, config)
    scores[:, known] = matrix[task.rows[held]] @ weights + intercepts
    return scores
