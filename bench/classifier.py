"""How good the classifier is on public data, and how fast beside plain scikit-learn.

    python -m bench.classifier --data ../shared/data/text     accuracy, calibration, out of scope
    python -m bench.classifier --data … --tune                cross-validated: no row of “test”
    python -m bench.classifier --speed                        beside three scikit-learn pipelines
    python -m bench.classifier --cold                         the default taxonomy, cold start

What is measured is ``classifier.train`` and ``classifier.predict`` with their defaults, as
``shouli classifier train`` and ``evaluate`` use them; nothing is set for a data set. The plain
baseline is TF-IDF over words (1–2) and characters (1–3) with a ``LinearSVC``, on the same rows.
Training has the rows of “train” and “val”, since what is set was chosen by cross-validation
over both. One thread.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from operator import and_
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from bench import manners
from bench.classifier_speed import speed
from classifier import evaluate, table_files, tables
from classifier.examples import Example, folds
from classifier.judge import judge
from classifier.predict import Classifier
from classifier.text import Text, default_cut
from classifier.train import train
from config.settings import load, load_taxonomy
from models.ticket import Labels
from models.training import Taxonomy

FACET, STRANGER = "label", "oos"
SETS = {
    "MASSIVE zh-CN": ("massive_zhCN/massive_zhCN.csv", 84.5),
    "BANKING77": ("banking77_en/banking77.csv", 92.0),
    "CLINC150": ("clinc150_en/clinc150.csv", 93.5),
}
"""File and the accuracy that is asked for, in percent."""

_COLD = (
    "tests/data/cold_start.jsonl",
    "tests/data/cold_voices.jsonl",
    "tests/data/cold_everyday.jsonl",
)
"""Held out: they judge alone, and whoever adds to the corpus does not read their mistakes."""

_FOLDS = 3
_RESAMPLES = 2_000


class Result(NamedTuple):
    """One data set's outcome; ``right`` and ``plain`` say which rows each got right."""

    figures: dict[str, Any]
    right: np.ndarray
    plain: np.ndarray
    seconds: float


def plain_pipeline() -> Pipeline:
    """Words and characters as anyone would put them together."""
    cut = default_cut()
    return make_pipeline(
        make_union(
            TfidfVectorizer(
                tokenizer=lambda text: [word for word in cut(text) if word.strip()],
                token_pattern=None,
                ngram_range=(1, 2),
                sublinear_tf=True,
                min_df=2,
            ),
            TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2),
        ),
        LinearSVC(random_state=0),
    )


def compare(
    known: Sequence[Example], asked: Sequence[Example], strangers: Sequence[Example]
) -> Result:
    """Trains on ``known`` and judges on ``asked``, the engine and the plain baseline."""
    started = time.perf_counter()
    classifier = Classifier(train(known, tables.taxonomy_of(known, [FACET])))
    seconds = time.perf_counter() - started
    figures = judge(classifier, asked, strangers)[FACET]
    labels = [each.labels[FACET] for each in asked]
    found = [label.facets[FACET].value for label in classifier.classify([e.item for e in asked])]
    plain = plain_pipeline().fit(
        [each.item.text for each in known], [each.labels[FACET] for each in known]
    )
    said = plain.predict([each.item.text for each in asked])
    truth = np.array(labels)
    return Result(figures, np.array(found) == truth, said == truth, seconds)


def read(path: Path, *, tune: bool) -> list[tuple[list[Example], list[Example], list[Example]]]:
    """What to learn, to be asked, and to be noticed as strange: once, or for each fold."""
    table = table_files.read(path)
    known, odd = tables.apart(table.part(["test"], without=True).examples([FACET]), STRANGER)
    if not tune:
        asked, strange = tables.apart(table.part(["test"]).examples([FACET]), STRANGER)
        return [(known, asked, strange)]
    fold_of = folds(known, _FOLDS)
    return [
        (
            [each for each, fold in zip(known, fold_of, strict=True) if fold != held],
            [each for each, fold in zip(known, fold_of, strict=True) if fold == held],
            odd,
        )
        for held in range(_FOLDS)
    ]


def accuracy(root: Path, wanted: str, *, tune: bool) -> None:
    for name, (file, bar) in SETS.items():
        if wanted.lower() not in name.lower():
            continue
        results = [compare(*parts) for parts in read(root / file, tune=tune)]
        right = np.concatenate([each.right for each in results])
        plain = np.concatenate([each.plain for each in results])
        draw = np.random.default_rng(0)
        gains = (right.astype(float) - plain)[
            draw.integers(0, len(right), (_RESAMPLES, len(right)))
        ]
        low, high = np.quantile(gains.mean(axis=1), [0.025, 0.975])
        ours = evaluate.interval(len(right), lambda drawn, r=right: float(r[drawn].mean()))
        print(f"{name}: {len(right)} rows{', cross-validated' if tune else ', test'}")
        print(
            f"  accuracy {right.mean():.2%} ({ours[0]:.2%} to {ours[1]:.2%}), asked for {bar} %; "
            f"plain {plain.mean():.2%}; gain {right.mean() - plain.mean():+.2%} "
            f"({low:+.2%} to {high:+.2%})"
        )
        for each in results:
            figures = each.figures
            at_90 = next(p for p in figures["coverage_curve"] if p["coverage"] <= 0.9001)
            print(
                f"  macro-F1 {figures['macro_f1']:.4f}, ECE {figures['ece']:.4f}, at "
                f"{at_90['coverage']:.0%} coverage {1 - at_90['risk']:.2%} right, "
                f"in scope rejected {1 - figures['familiar']:.2%}, out of scope noticed "
                f"{figures.get('strangers_noticed', '–')}, trained in {each.seconds:.0f} s"
            )


def cold(paths: Sequence[Path]) -> None:
    """The default taxonomy and corpus, on messages of writers who have seen neither.

    How much another manner changes is told of the first of ``paths``.
    """
    from classifier import seed

    taxonomy = load_taxonomy(load(None, environ={}))
    classifier = Classifier(train(seed.load(taxonomy), taxonomy))
    sets = {path: _labelled(path, taxonomy) for path in paths}
    for path, data in sets.items():
        print(f"{path.name}: {len(data)} messages")
        _tell_cold(classifier, data)
    manners.tell(classifier, [each.item for each in sets[paths[0]]])


def _labelled(path: Path, taxonomy: Taxonomy) -> list[Example]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Example(
            Text(row["text"], row.get("subject", ""), row.get("channel", "")),
            {facet: row[facet] for facet in taxonomy.facets},
        )
        for row in rows
    ]


def _tell_cold(classifier: Classifier, data: Sequence[Example]) -> None:
    own = classifier.card.metrics["facets"]
    for facet, figures in judge(classifier, data).items():
        print(
            f"{facet}: cold macro-F1 {figures['macro_f1']:.4f} "
            f"{figures['intervals']['macro_f1']}, accuracy {figures['accuracy']:.4f}, "
            f"ECE {figures['ece']:.4f}; own cross-validation {own[facet]['macro_f1']:.4f}"
        )
    decided = classifier.classify([each.item for each in data])
    for called in ("紧急", "重要"):
        _tell_called(decided, data, called)


def _tell_called(decided: Sequence[Labels], data: Sequence[Example], urgency: str) -> None:
    called = [labels.facets["urgency"].value == urgency for labels in decided]
    are = [each.labels["urgency"] == urgency for each in data]
    found = sum(map(and_, called, are))
    print(
        f"{urgency}, floors included: of {sum(are)} that are {found} are found, "
        f"of {sum(called)} that are called so {found} are"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="", help="part of a data set's name")
    parser.add_argument("--tune", action="store_true", help="cross-validate, leave test alone")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--cold", type=Path, nargs="*", help=f"files; without any, {_COLD}")
    options = parser.parse_args()
    if options.speed:
        speed()
    if options.cold is not None:
        cold(options.cold or [*map(Path, _COLD)])
    if options.data:
        accuracy(options.data, options.only, tune=options.tune)


if __name__ == "__main__":
    main()
