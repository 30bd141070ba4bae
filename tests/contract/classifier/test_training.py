"""The engine, on a small taxonomy of its own: it must know none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from classifier import (
    bundles,
    calibrate,
    corpus,
    evaluate,
    examples,
    formats,
    mixing,
    tables,
)
from classifier.bundle import Bundle
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import Analyser, Extractor, FeatureConfig, terms
from classifier.fitting import TrainConfig
from classifier.judge import judge
from classifier.predict import Classifier
from classifier.text import Text, default_cut
from classifier.train import TrainingRefused, train
from models.training import ClassSpec, FacetSpec
from tests.contract.classifier.small import NEW, TAXONOMY, samples

ROOT = Path(__file__).parents[3]


def test_scores_equal_scikit_learns_own(bundle: Bundle, classifier: Classifier) -> None:
    """The same texts through TfidfVectorizer, LinearSVC.decision_function and the mixing."""
    config = TrainConfig()
    analyse = Analyser(TAXONOMY, default_cut())
    known = [analyse(example.item) for example in samples()]
    asked = [analyse(item) for item in NEW]

    def fixed(analyses: list) -> csr_matrix:
        """Cues and shape have no scikit-learn transformer: taken from the extractor."""
        rows = Extractor(bundle.vocabulary, bundle.config)(analyses)
        shape = (len(analyses), bundle.vocabulary.size)
        matrix = csr_matrix((rows.values, rows.columns, rows.starts), shape=shape)
        return matrix[:, len(bundle.vocabulary.idf) :]

    blocks_known, blocks_asked = [], []
    weights = {"word": 0.7, "skip": 0.3, "char": 1.0}
    for block, weight in weights.items():
        vectorizer = TfidfVectorizer(
            analyzer=lambda analysis, block=block: terms(analysis, config.features)[block],
            sublinear_tf=True,
            min_df=2,
        )
        blocks_known.append(vectorizer.fit_transform(known) * weight)
        blocks_asked.append(vectorizer.transform(asked) * weight)
    matrix = hstack([*blocks_known, fixed(known)]).tocsr()
    asked_matrix = hstack([*blocks_asked, fixed(asked)]).tocsr()
    (batch,) = classifier.batches(NEW)
    corpus = Corpus(known, TAXONOMY, config.features)
    fold_of = np.array(examples.folds(samples(), config.folds))
    for head in classifier.heads:
        truth = np.array([head.classes.index(each.labels[head.facet]) for each in samples()])
        held_out = np.zeros((len(truth), len(head.classes)))
        for fold in range(config.folds):
            held = fold_of == fold
            _, seen = corpus.seen_in(~held)
            held_out[held] = _machine_scores(seen[~held], truth[~held], seen[held])
        shares = np.bincount(truth) * len(head.classes) / len(truth)
        mix = mixing.fit(held_out, truth, (shares**-config.balance)[truth], config.ridge)
        theirs = mix(_machine_scores(matrix, truth, asked_matrix))
        np.testing.assert_allclose(batch.scores[:, head.columns], theirs, rtol=0, atol=1e-9)


def _machine_scores(known: csr_matrix, truth: np.ndarray, asked: csr_matrix) -> np.ndarray:
    """scikit-learn's scores, a column a class."""
    config = TrainConfig()
    shares = np.bincount(truth) * (truth.max() + 1) / len(truth)
    machine = LinearSVC(
        C=config.penalties[0],
        tol=config.tolerance,
        class_weight=dict(enumerate(shares**-config.balance)),
        random_state=0,
        max_iter=5_000,
    )
    scores = machine.fit(known, truth).decision_function(asked)
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def test_mixing_hears_a_class_on_another() -> None:
    """One class is always outscored by its neighbour, which alone tells the two apart."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 600)
    scores = np.where(np.eye(3)[truth] > 0, 0.6, -0.6) + draw.normal(0, 0.2, (600, 3))
    scores[truth == 2] = [-0.6, 0.4, 0.2]
    scores[truth == 1, 2] = 0.9
    before = (scores.argmax(axis=1) == truth).mean()
    fold_of = np.arange(600) % 5
    mixed = mixing.cross_fitted(scores, truth, np.ones(600), fold_of, TrainConfig().ridge)
    assert before < 0.4
    assert (mixed.argmax(axis=1) == truth).mean() > 0.95
    held = mixing.fit(scores, truth, np.ones(600), ridge=1e9)
    np.testing.assert_allclose(held.matrix, np.eye(3), atol=1e-3)


def test_training_is_repeatable(bundle: Bundle, saved: Path, tmp_path: Path) -> None:
    again = train(samples(), TAXONOMY, now=99.0)
    assert bundles.save(again, tmp_path).name == saved.name
    other = train(samples()[1:], TAXONOMY, now=0.0)
    assert bundles.save(other, tmp_path).name != saved.name


def test_many_examples_are_held_out_by_thirds(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classifier.train._MANY", 50)
    thirds = train(samples(), TAXONOMY, now=0.0)
    for figures, share in ((bundle.card.metrics, 4 / 5), (thirds.card.metrics, 2 / 3)):
        seen = figures["facets"]["fruit"]["learning_curve"][-1]["examples"]
        assert seen == pytest.approx(share * len(samples()), abs=6)


def test_the_card_tells(bundle: Bundle) -> None:
    figures = bundle.card.metrics["facets"]["fruit"]
    assert figures["cases"] == len(samples())
    assert 0.9 <= figures["macro_f1"] <= 1
    assert np.sum(figures["confusion"]) == len(samples())
    assert bundle.card.created_at.startswith("1970-01-01")


def test_training_refuses_what_it_cannot_learn() -> None:
    with pytest.raises(TrainingRefused, match="mood = 怪"):
        train([Example(Text("x"), {"mood": "怪"})], TAXONOMY)
    with pytest.raises(TrainingRefused, match="at least two classes"):
        train([Example(Text("x"), {"fruit": "苹果"})], TAXONOMY)


def test_a_facet_may_be_missing_and_a_class_rare() -> None:
    data = [
        Example(each.item, {"fruit": each.labels["fruit"]})
        for each in samples()
        if each.labels["fruit"] != "葡萄"
    ]
    data.append(Example(Text("葡萄一粒"), {"fruit": "葡萄"}))
    only = TAXONOMY.model_copy(update={"facets": {"fruit": TAXONOMY.facets["fruit"]}})
    fitted = train(data, only)
    assert fitted.heads[0].classes == ("苹果", "香蕉", "葡萄")


def test_a_renamed_and_a_merged_class_keep_their_examples() -> None:
    grape = ClassSpec(zh="浆果", en="Berry", was=("葡萄", "香蕉"))
    classes = {"苹果": ClassSpec(zh="苹果", en="Apple"), "浆果": grape}
    facet = FacetSpec(zh="水果", en="Fruit", classes=classes)
    only = TAXONOMY.model_copy(update={"facets": {"fruit": facet}})
    data = [Example(each.item, {"fruit": each.labels["fruit"]}) for each in samples()]
    classifier = Classifier(train(data, only))
    (labels,) = classifier.classify([Text("一串葡萄紫色的酸酸的")])
    assert labels.facets["fruit"].value == "浆果"
    figures = judge(classifier, data)["fruit"]
    assert figures["unknown"] == {}
    assert figures["classes"]["浆果"]["cases"] == 60
    with pytest.raises(ValueError, match="more than one class"):
        FacetSpec(zh="x", en="x", classes={"葡萄": classes["苹果"], "浆果": grape})


def test_what_cannot_be_held_out_is_refused_or_told() -> None:
    data = samples()
    taxonomy = tables.taxonomy_of(data, ["fruit"])
    one = [Example(each.item, {"fruit": each.labels["fruit"]}, "c1") for each in data]
    with pytest.raises(TrainingRefused, match="none can be held out"):
        train(one, taxonomy)
    apart = [Example(each.item, each.labels, each.labels["fruit"][:1]) for each in one]
    told = train(apart, taxonomy).card.metrics["facets"]["fruit"]
    assert told["unchecked"] == list(taxonomy.facets["fruit"].classes)
    free = [Example(each.item, each.labels) for each in one]
    assert train(free, taxonomy).card.metrics["facets"]["fruit"]["unchecked"] == []


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one would round otherwise: two hosts would make two bundles of the same data."""
    threads: set[int] = set()
    fit = mixing.fit

    def spied(*arguments: Any) -> mixing.Mixing:
        threads.update(
            each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"
        )
        return fit(*arguments)

    monkeypatch.setattr(mixing, "fit", spied)
    data = samples()[:40]
    with threadpool_limits(limits=2, user_api="blas"):
        train(data, TAXONOMY)
    assert threads == {1}


def test_near_duplicates_and_conversations_stay_in_one_fold() -> None:
    texts = [
        "快递三天没动静了什么时候能到",
        "快递三天没动静了，什么时候能到呀",
        "发票抬头开错了",
        "完全另一件事情啊",
    ]
    data = [Example(Text(text), {"a": "b"}) for text in texts]
    assert examples._alike([examples._shingles(example.item) for example in data]) == [(0, 1)]
    data[3] = Example(data[3].item, {"a": "b"}, group="c1")
    data[2] = Example(data[2].item, {"a": "b"}, group="c1")
    fold = examples.folds(data, 2)
    assert fold[0] == fold[1]
    assert fold[2] == fold[3]
    assert fold[0] != fold[2]


def test_alike_pairs_are_all_pairs_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "_AT_ONCE", 300)
    items = [example.item for example in samples()[:80]] + [
        Text("好"),
        Text("好"),
        Text(""),
    ]
    sets = [set(examples._shingles(item).tolist()) for item in items]
    slow = {
        (one, other)
        for other in range(len(items))
        for one in range(other)
        if len(sets[one] & sets[other]) >= 0.6 * len(sets[one] | sets[other])
    }
    assert examples._alike([examples._shingles(item) for item in items]) == sorted(slow)
    assert slow


def test_a_calibration_finds_the_curve_that_made_the_truth() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(-0.6, 0.8, (20_000, 4))
    made = calibrate.Calibration(3.0, 0.5, np.array([0.4, 0.0, -0.2, -0.2]))
    draws = random.random((len(scores), 1))
    truth = (made(scores).cumsum(axis=1) < draws).sum(axis=1).clip(max=3)
    found = calibrate.fit(scores, truth)
    straight = found._replace(bend=1e-6)
    assert np.abs(found(scores) - made(scores)).mean() < 0.01
    assert np.abs(straight(scores) - made(scores)).mean() > 0.02


def test_figures() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]])
    figures = evaluate.measure(
        probabilities, np.array([0, 1, 0, 1]), np.array([0, 1, 1, 1]), "ab", 0.6
    )
    assert figures["accuracy"] == 0.75
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-4)
    assert figures["coverage"] == 0.75
    assert figures["selective_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["ece"] == pytest.approx((0.1 + 0.4 + 0.7 + 0.45) / 4, abs=1e-4)
    assert figures["confusion"] == [[1, 1], [0, 2]]


def test_counting_some_messages_at_a_time_changes_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "_AT_ONCE", 7)  # of ninety
    again = formats.to_files(train(samples(), TAXONOMY, now=0.0))
    whole = formats.to_files(bundle)
    assert {name for name in whole if again[name] != whole[name]} <= {"card.json", "manifest.json"}


def test_sieving_terms_before_they_are_counted_by_name_changes_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With so few slots that most are shared, some that occur once pass the sieve, too."""
    monkeypatch.setattr(corpus, "_SIEVED", 0)
    monkeypatch.setattr(corpus, "_SLOTS", 256)
    monkeypatch.setattr(corpus, "_APART", 64)
    again = formats.to_files(train(samples(), TAXONOMY, now=0.0))
    whole = formats.to_files(bundle)
    assert {name for name in whole if again[name] != whole[name]} <= {"card.json", "manifest.json"}


def test_the_sieve_keeps_back_what_occurs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_SIEVED", 0)
    analyse = Analyser(TAXONOMY, default_cut())
    analyses = [analyse(Text(f"alike {chr(0x61 + at) * 2}{at} alone")) for at in range(9)]
    recurring = corpus._recurring(analyses, FeatureConfig())
    found = {"alike", "alone", "bb1", "alike bb1"}
    assert set(recurring("word", found)) == {"alike", "alone"}
    assert set(recurring("subject", found)) == set()
