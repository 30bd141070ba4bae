"""The engine, on a small taxonomy of its own: it must know none."""

import json
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
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
    seed,
    tables,
)
from classifier.bundle import Bundle, BundleRefused
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import Analyser, Extractor, Rows, terms
from classifier.judge import judge
from classifier.likeness import Signer
from classifier.machines import TrainConfig
from classifier.predict import Classifier, _sums
from classifier.rules import Floors, cheapest, costs
from classifier.text import STAND_INS, Text, default_cut, normalize
from classifier.train import TrainingRefused, train
from models.errors import Temporary
from models.likeness import cosine
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy

ROOT = Path(__file__).parents[3]

TAXONOMY = Taxonomy(
    version="t",
    facets={
        "fruit": FacetSpec(
            zh="水果",
            en="Fruit",
            threshold=0.6,
            classes={
                "苹果": ClassSpec(zh="苹果", en="Apple", cues=("红富士", "apple")),
                "香蕉": ClassSpec(zh="香蕉", en="Banana", cues=("banana",)),
                "葡萄": ClassSpec(zh="葡萄", en="Grape"),
            },
        ),
        "haste": FacetSpec(
            zh="快慢",
            en="Haste",
            ordinal=True,
            threshold=0.2,
            classes={
                "快": ClassSpec(zh="快", en="Fast", cost=4),
                "中": ClassSpec(zh="中", en="Middle", cost=1.5),
                "慢": ClassSpec(zh="慢", en="Slow"),
            },
        ),
        "mood": FacetSpec(
            zh="心情",
            en="Mood",
            classes={"好": ClassSpec(zh="好", en="Good"), "坏": ClassSpec(zh="坏", en="Bad")},
        ),
    },
    floors={
        "fire": FloorSpec(
            zh="失火", en="Fire", words=("着火", "盗刷", "on fire", "fraud"), sets={"haste": "快"}
        )
    },
)

_FRUITS = {"苹果": "这箱{}又红又脆", "香蕉": "一把{}弯弯的黄黄的", "葡萄": "一串{}紫色的酸酸的"}
_HASTES = {"快": "马上要，等不了", "中": "这两天要用", "慢": "不着急，慢慢来"}
_MOODS = {"好": "真开心", "坏": "烦死了"}
_TAILS = ("，谢谢", "。订单SF1234567890", "，in the bag", "，一共30元", "，店里卖光了？")


def _examples() -> list[Example]:
    return [
        Example(
            Text(f"{fruit_text.format(fruit)}，{haste_text}，{mood_text}{tail}", channel="chat"),
            {"fruit": fruit, "haste": haste, "mood": mood},
        )
        for fruit, fruit_text in _FRUITS.items()
        for haste, haste_text in _HASTES.items()
        for mood, mood_text in _MOODS.items()
        for tail in _TAILS
    ]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return train(_examples(), TAXONOMY, now=0.0)


@pytest.fixture(scope="module")
def saved(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.save(bundle, tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def classifier(saved: Path) -> Classifier:
    return Classifier.load(saved)


_NEW = [
    Text("红富士苹果有吗，马上要", channel="chat"),
    Text("banana弯的不急", subject="香蕉"),
    Text("訂單SF1234567890的葡萄，30元", channel="fax"),
    Text(""),
    Text("zzz qqq"),
]


def test_scores_equal_scikit_learns_own(bundle: Bundle, classifier: Classifier) -> None:
    """The same texts through TfidfVectorizer, LinearSVC.decision_function and the mixing."""
    config = TrainConfig()
    analyse = Analyser(TAXONOMY, default_cut())
    known = [analyse(example.item) for example in _examples()]
    asked = [analyse(item) for item in _NEW]

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
    (batch,) = classifier.batches(_NEW)
    corpus = Corpus(known, TAXONOMY, config.features)
    fold_of = np.array(examples.folds(_examples(), config.folds))
    for head in classifier.heads:
        truth = np.array([head.classes.index(each.labels[head.facet]) for each in _examples()])
        held_out = np.zeros((len(truth), len(head.classes)))
        for fold in range(config.folds):
            held = fold_of == fold
            _, seen = corpus.seen_in(~held)
            held_out[held] = _machine_scores(seen[~held], truth[~held], seen[held])
        shares = np.bincount(truth) * len(head.classes) / len(truth)
        mix = mixing.fit(held_out, truth, (shares**-config.balance)[truth], config.pull)
        theirs = mix(_machine_scores(matrix, truth, asked_matrix))
        np.testing.assert_allclose(batch.scores[:, head.columns], theirs, rtol=0, atol=1e-9)


def _machine_scores(known: csr_matrix, truth: np.ndarray, asked: csr_matrix) -> np.ndarray:
    """scikit-learn's scores, a column a class."""
    config = TrainConfig()
    shares = np.bincount(truth) * (truth.max() + 1) / len(truth)
    machine = LinearSVC(
        C=config.penalty,
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
    mixed = mixing.cross_fitted(scores, truth, np.ones(600), fold_of, TrainConfig().pull)
    assert before < 0.4
    assert (mixed.argmax(axis=1) == truth).mean() > 0.95
    held = mixing.fit(scores, truth, np.ones(600), pull=1e9)
    np.testing.assert_allclose(held.matrix, np.eye(3), atol=1e-3)


def test_batch_and_single_agree(classifier: Classifier) -> None:
    items = [example.item for example in _examples()] + _NEW
    assert classifier.classify(items) == [classifier.classify([item])[0] for item in items]
    assert classifier.classify([]) == []


def test_probabilities_are_probabilities(classifier: Classifier) -> None:
    for batch in classifier.batches(_NEW):
        for probabilities in classifier.probabilities(batch.scores).values():
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_it_learns(classifier: Classifier) -> None:
    (labels,) = classifier.classify([Text("买的苹果马上要，烦死了")])
    assert {facet: label.value for facet, label in labels.facets.items()} == {
        "fruit": "苹果",
        "haste": "快",
        "mood": "坏",
    }
    assert not labels.abstained
    assert labels.bundle == classifier.card.id
    fruit = labels.facets["fruit"]
    assert fruit.by == "model"
    assert ("word", "苹果") in [
        (reason.kind, reason.text) for reason in fruit.reasons if reason.weight > 0
    ]
    assert [value for value, _ in fruit.alternatives] in (["香蕉", "葡萄"], ["葡萄", "香蕉"])


@pytest.mark.parametrize("text", ["", "   ", "？？", "\u200b"])
def test_nothing_said_is_left_to_a_person(classifier: Classifier, text: str) -> None:
    (labels,) = classifier.classify([Text(text)])
    for label in labels.facets.values():
        assert not label.accepted
        assert label.confidence == 0
        assert label.reasons == ()


def test_below_the_threshold_a_person_decides(classifier: Classifier) -> None:
    (labels,) = classifier.classify([Text("zzz qqq")])
    assert not labels.facets["fruit"].accepted


def test_reasons_are_readable(classifier: Classifier) -> None:
    for labels in classifier.classify([example.item for example in _examples()]):
        for label in labels.facets.values():
            for reason in label.reasons:
                assert reason.kind in {"word", "chars", "cue", "shape", "floor"}
                assert any(character.isalnum() for character in reason.text)
                assert not set(reason.text) & set(STAND_INS)


def test_explanation_adds_up(classifier: Classifier, bundle: Bundle) -> None:
    """All contributions and the message-free share give back slope · score above the mean."""
    item = _NEW[0]
    (batch,) = classifier.batches([item])
    explained = classifier.explain(item)
    decided = classifier._decide(classifier.probabilities(batch.scores))
    for head in classifier.heads:
        at = head.classes.index(explained[head.facet].value)
        logits = (batch.scores[0] * bundle.slopes)[head.columns]
        silent = (bundle.intercepts * bundle.slopes)[head.columns]
        (explanation,) = classifier._explanations(batch, decided)
        spoken = explanation.weights(head.facet).sum()
        total = spoken + silent[at] - silent.mean()
        assert total == pytest.approx(logits[at] - logits.mean(), abs=1e-9)
        told = explained[head.facet]
        assert sum(told.probabilities.values()) == pytest.approx(1)
        assert told.score == pytest.approx(total, abs=1e-9)
        parts = told.base + told.rest + sum(part.weight for part in told.contributions)
        assert parts == pytest.approx(total, abs=1e-9)
        assert abs(told.rest) < abs(total)


def test_the_few_reasons_shown_are_the_strongest_by_the_plain_definition(
    classifier: Classifier,
) -> None:
    """A message's words read after others' have been: nothing of those may stay."""
    for item in [*_NEW, *(example.item for example in _examples())]:
        (batch,) = classifier.batches([item])
        decided = classifier._decide(classifier.probabilities(batch.scores))
        (explanation,) = classifier._explanations(batch, decided)
        for head in classifier.heads:
            grouped = explanation.strongest
            weights = np.zeros(len(grouped.texts))
            spoken = explanation.weights(head.facet)
            for feature, text, share in grouped.parts:
                weights[text] += spoken[grouped.features[feature]] * share
            rank = np.abs(weights) * grouped.worth * np.where(weights > 0, 1.0, 0.5)
            wanted = np.argsort(-rank, kind="stable")[:5]
            found = explanation.top(head.facet, 5)
            assert [part.text for part in found] == [grouped.texts[at] for at in wanted]
            assert [part.weight for part in found] == [weights[at] for at in wanted]
        said = f"{item.subject} {item.text}".lower()
        plain = {text for text in grouped.texts if text.isalpha() and text.islower()}
        assert all(word in said for word in plain if word not in _CUES)


_CUES = {cue for spec in TAXONOMY.facets.values() for c in spec.classes.values() for cue in c.cues}


@pytest.mark.parametrize(
    "text",
    [
        "仓库着火了",
        "卡被盗刷了",
        "这不是盗刷吗",
        "是不是盗刷",
        "有没有被盗刷",
        "没人管！盗刷两万",
        "the van is on fire",
        "this is fraud",
        "isn't this fraud?",
    ],
)
def test_floors(text: str) -> None:
    assert Floors(TAXONOMY).find(normalize(text))


@pytest.mark.parametrize(
    "text",
    [
        "不是盗刷，问个问题",
        "没有被盗刷",
        "卡没被盗刷过",
        "如果被盗刷怎么办",
        "怎么防止盗刷",
        "not fraud",
        "there was no fraud",
        "if there is fraud",
        "defrauded",
    ],
)
def test_no_floor_where_it_is_denied_or_supposed(text: str) -> None:
    assert not Floors(TAXONOMY).find(normalize(text))


def test_a_floor_raises_and_says_so(classifier: Classifier) -> None:
    (calm,) = classifier.classify([Text("葡萄不着急，慢慢来")])
    (fire,) = classifier.classify([Text("葡萄着火了，不着急，慢慢来")])
    assert calm.facets["haste"].value == "慢"
    label = fire.facets["haste"]
    assert (label.value, label.by, label.accepted, label.confidence) == ("快", "floor", True, 1.0)
    assert label.reasons[0].kind == "floor"
    assert "着火" in label.reasons[0].text
    assert label.alternatives[0][0] == "慢"
    assert fire.facets["fruit"].by == "model"


def test_a_floor_never_lowers(classifier: Classifier) -> None:
    (labels,) = classifier.classify([Text("葡萄着火了，马上要，等不了")])
    assert labels.facets["haste"].value == "快"
    assert labels.facets["haste"].by == "model"
    assert labels.facets["haste"].reasons[0].kind == "floor"


def test_ordinal_costs_lean_to_the_dear_side() -> None:
    table = costs(TAXONOMY.facets["haste"], ("快", "中", "慢"))
    np.testing.assert_array_equal(table, [[0, 4, 8], [1, 0, 1.5], [2, 1, 0]])
    assert cheapest(np.array([[0.25, 0.1, 0.65], [0.01, 0.09, 0.9]]), table).tolist() == [0, 2]


def test_newer_thresholds_and_floors_need_no_training(saved: Path) -> None:
    strict = TAXONOMY.facets["fruit"].model_copy(update={"threshold": 1.0})
    newer = TAXONOMY.model_copy(
        update={"facets": {**TAXONOMY.facets, "fruit": strict}, "floors": {}}
    )
    (labels,) = Classifier.load(saved, newer).classify([Text("买的苹果着火了，慢慢来")])
    assert not labels.facets["fruit"].accepted
    assert labels.facets["haste"].by == "model"


def test_other_classes_do(saved: Path) -> None:
    only = TAXONOMY.model_copy(update={"facets": {"fruit": TAXONOMY.facets["fruit"]}})
    with pytest.raises(BundleRefused, match="train again"):
        Classifier.load(saved, only)


def test_training_is_repeatable(bundle: Bundle, saved: Path, tmp_path: Path) -> None:
    again = train(_examples(), TAXONOMY, now=99.0)
    assert bundles.save(again, tmp_path).name == saved.name
    other = train(_examples()[1:], TAXONOMY, now=0.0)
    assert bundles.save(other, tmp_path).name != saved.name


def test_the_card_tells(bundle: Bundle) -> None:
    figures = bundle.card.metrics["facets"]["fruit"]
    assert figures["cases"] == len(_examples())
    assert 0.9 <= figures["macro_f1"] <= 1
    assert np.sum(figures["confusion"]) == len(_examples())
    assert bundle.card.created_at.startswith("1970-01-01")


def test_training_refuses_what_it_cannot_learn() -> None:
    with pytest.raises(TrainingRefused, match="mood = 怪"):
        train([Example(Text("x"), {"mood": "怪"})], TAXONOMY)
    with pytest.raises(TrainingRefused, match="at least two classes"):
        train([Example(Text("x"), {"fruit": "苹果"})], TAXONOMY)


def test_a_facet_may_be_missing_and_a_class_rare() -> None:
    data = [
        Example(each.item, {"fruit": each.labels["fruit"]})
        for each in _examples()
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
    data = [Example(each.item, {"fruit": each.labels["fruit"]}) for each in _examples()]
    classifier = Classifier(train(data, only))
    (labels,) = classifier.classify([Text("一串葡萄紫色的酸酸的")])
    assert labels.facets["fruit"].value == "浆果"
    figures = judge(classifier, data)["fruit"]
    assert figures["unknown"] == {}
    assert figures["classes"]["浆果"]["cases"] == 60
    with pytest.raises(ValueError, match="more than one class"):
        FacetSpec(zh="x", en="x", classes={"葡萄": classes["苹果"], "浆果": grape})


def test_what_cannot_be_held_out_is_refused_or_told() -> None:
    data = _examples()
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
    data = _examples()[:40]
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
    monkeypatch.setattr(examples, "_PAIRS", 7)
    items = [example.item for example in _examples()[:80]] + [Text("好"), Text("好"), Text("")]
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


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def packed_as_before(bundle: Bundle) -> bytes:
    """As format 2 had it: all names in one JSON file, no tables."""
    files = formats.to_files(bundle)
    model = json.loads(files["model.json"])
    terms = {block: list(names) for block, names in bundle.vocabulary.terms.items()}
    names = {"terms": terms, "cues": model.pop("cues"), "shapes": model.pop("shapes")}
    gone = {"keys.npy", "columns.npy", *(f"{block}.txt" for block in terms), "manifest.json"}
    kept = {name: content for name, content in files.items() if name not in gone}
    kept |= {
        "model.json": json.dumps(model).encode(),
        "vocabulary.json": json.dumps(names).encode(),
    }
    hashes = {name: formats.sha256(content) for name, content in kept.items()}
    manifest = {"format": "shouli-classifier-2", "id": formats._id_of(hashes), "files": hashes}
    card = json.loads(kept["card.json"]) | {"id": manifest["id"]}
    kept["card.json"] = json.dumps(card).encode()
    hashes["card.json"] = formats.sha256(kept["card.json"])
    return packed({"manifest.json": json.dumps(manifest).encode(), **kept})


def test_pack_and_unpack(saved: Path, tmp_path: Path, classifier: Classifier) -> None:
    packed = bundles.pack(saved)
    assert packed == bundles.pack(saved)
    there = bundles.unpack(packed, tmp_path)
    assert there == tmp_path / saved.name
    assert bundles.unpack(packed, tmp_path) == there
    assert Classifier.load(there).classify(_NEW) == classifier.classify(_NEW)
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


@pytest.mark.parametrize(
    "name",
    [
        *("weights.npy", "idf.npy", "keys.npy", "columns.npy", "word.txt"),
        *("card.json", "taxonomy.json", "manifest.json"),
    ],
)
def test_a_damaged_bundle_is_refused_and_can_be_written_anew(
    bundle: Bundle, saved: Path, tmp_path: Path, name: str
) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    content = bytearray((there / name).read_bytes())
    content[len(content) // 2] ^= 1
    (there / name).write_bytes(content)
    with pytest.raises(BundleRefused):
        bundles.load(there)
    with pytest.raises(BundleRefused):
        bundles.pack(there)
    bundles.load(bundles.save(bundle, tmp_path))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", packed({"manifest.json": b"{}"}), packed({"../evil.json": b"{}"})],
)
def test_a_foreign_pack_is_refused_and_writes_nothing(data: bytes, tmp_path: Path) -> None:
    root = tmp_path / "in"
    with pytest.raises(BundleRefused):
        bundles.unpack(data, root)
    assert not list(tmp_path.rglob("*.json"))


def test_a_pickle_is_refused_before_it_runs(saved: Path, tmp_path: Path) -> None:
    """Even with every hash and the id set right, an object array is not unpickled."""
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    ran = tmp_path / "ran"

    class Canary:
        def __reduce__(self) -> tuple:
            return Path.touch, (ran,)

    np.save(there / "weights.npy", np.array([Canary()], object), allow_pickle=True)
    _signed_anew(there)
    with pytest.raises(BundleRefused, match="objects"):
        bundles.load(there)
    assert not ran.exists()


def _signed_anew(there: Path) -> None:
    """Every hash and the id as they must be for what lies there now."""
    manifest = json.loads((there / "manifest.json").read_bytes())
    files = {name: formats.sha256((there / name).read_bytes()) for name in manifest["files"]}
    manifest |= {"files": files, "id": formats._id_of(files)}
    (there / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "forge", "why"),
    [
        ("keys.npy", lambda keys: keys[::-1], "order of a table"),
        ("keys.npy", lambda keys: keys[1:], "table does not fit"),
        ("columns.npy", lambda columns: columns + 1, "columns that are not there"),
        ("columns.npy", lambda columns: columns.astype(np.int64), "table does not fit"),
        ("weights.npy", lambda weights: weights * np.nan, "weights does not fit"),
        ("weights.npy", np.asfortranarray, "by columns"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    saved: Path, tmp_path: Path, name: str, forge: Callable, why: str
) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    np.save(there / name, forge(np.load(there / name)))
    _signed_anew(there)
    with pytest.raises(BundleRefused, match=why):
        bundles.load(there)


def test_names_that_are_not_as_many_as_columns_are_refused(saved: Path, tmp_path: Path) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    with (there / "word.txt").open("ab") as file:
        file.write("一\n".encode())
    _signed_anew(there)
    with pytest.raises(BundleRefused, match="idf does not fit"):
        bundles.load(there)


def test_a_bundle_of_the_format_before_decides_alike(
    bundle: Bundle, tmp_path: Path, classifier: Classifier
) -> None:
    older = bundles.unpack(packed_as_before(bundle), tmp_path)
    assert older.name != classifier.card.id
    decided = [each.facets for each in Classifier.load(older).classify(_NEW)]
    assert decided == [each.facets for each in classifier.classify(_NEW)]
    again = bundles.unpack(bundles.pack(older), tmp_path / "there")
    assert again.name == older.name
    assert bundles.save(bundles.load(older), tmp_path).name == classifier.card.id


def test_counting_some_messages_at_a_time_changes_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "_AT_ONCE", 7)  # of ninety
    again = formats.to_files(train(_examples(), TAXONOMY, now=0.0))
    whole = formats.to_files(bundle)
    assert {name for name in whole if again[name] != whole[name]} <= {"card.json", "manifest.json"}


def test_names_are_read_one_by_one_as_all_together(classifier: Classifier, bundle: Bundle) -> None:
    there, made = classifier.bundle.vocabulary, bundle.vocabulary
    assert there.names() == made.names()
    assert [there.name(at) for at in range(there.size)] == there.names()
    assert there.terms["word"][-1] == made.terms["word"][-1]
    assert list(there.terms["word"][1:3]) == list(made.terms["word"][1:3])
    with pytest.raises(IndexError):
        there.terms["word"][len(made.terms["word"])]


def test_a_full_disk_leaves_nothing(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Temporary, match="No space left"):
        bundles.save(bundle, tmp_path)
    assert not list(tmp_path.iterdir())


def test_prediction_needs_neither_sklearn_nor_scipy() -> None:
    code = (
        "import sys, classifier.predict;"
        "print(sorted({'sklearn', 'scipy', 'jieba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def _house_taxonomy() -> Taxonomy:
    return Taxonomy.model_validate(
        tomllib.loads((ROOT / "config/taxonomy.toml").read_text("utf-8"))
    )


def test_the_house_taxonomy_and_seed_fit() -> None:
    taxonomy = _house_taxonomy()
    assert list(taxonomy.facets) == ["type", "domain", "urgency"]
    assert taxonomy.facets["urgency"].ordinal
    assert all(spec.sets == {"urgency": "紧急"} for spec in taxonomy.floors.values())
    assert len(seed.load(taxonomy)) >= 750


@pytest.mark.parametrize(
    ("text", "floor"),
    [
        ("电池充电时起火，我手被烫伤了", "人身安全"),
        ("卡里三万块不是我刷的", "盗刷诈骗"),
        ("你们把客户信息泄露了", "信息泄露"),
        ("再不退款我就打12345投诉", "监管转办"),
        ("明天就找媒体曝光", "媒体曝光"),
        ("等着收律师函吧", "律师函诉讼"),
        ("我们业主要集体投诉", "群体投诉"),
        ("there is an unauthorized charge on my card", "盗刷诈骗"),
        ("you will hear from my lawyer", "律师函诉讼"),
        ("如果再不处理我就找媒体曝光", "媒体曝光"),
        ("不解决就法院见", "律师函诉讼"),
    ],
)
def test_the_house_floors(text: str, floor: str) -> None:
    assert [found.spec.zh for found in Floors(_house_taxonomy()).find(normalize(text))] == [floor]


@pytest.mark.parametrize(
    "text",
    [
        "不是盗刷，就是想问问这笔是什么",
        "我没有被骗，只是问问",
        "怎么防止信息泄露",
        "我的密码是12345",
        "单号123154567什么时候到",
        "相机的曝光怎么调",
        "电梯的声音有点大",
        "this is not a fraudulent order",
        "快递什么时候到",
    ],
)
def test_no_house_floor(text: str) -> None:
    assert Floors(_house_taxonomy()).find(normalize(text)) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not an object"),
        ('{"text": "x"}', "missing"),
        (
            '{"text":"x","type":"咨询","domain":"产品","urgency":"一般","lang":"zh","channel":"fax","trade":"t"}',
            "channel",
        ),
        (
            '{"text":"x","type":"怪","domain":"产品","urgency":"一般","lang":"zh","channel":"chat","trade":"t"}',
            "type",
        ),
    ],
)
def test_a_broken_seed_line_is_named(line: str, wrong: str) -> None:
    with pytest.raises(seed.SeedBroken, match=f"a.jsonl:7: .*{wrong}"):
        seed._checked(line, "a.jsonl:7", _house_taxonomy())


def test_a_message_without_any_known_feature_scores_zero() -> None:
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    rows = Rows(np.array([0, 1]), np.array([1.0, 2.0]), np.array([0, 0, 2, 2]))
    np.testing.assert_array_equal(_sums(rows, weights), [[0, 0], [7, 10], [0, 0]])


def test_texts_about_one_thing_are_signed_alike_and_by_what_is_rare(bundle: Bundle) -> None:
    sign = Signer(bundle, Analyser(TAXONOMY, default_cut()))
    metro, again, other = sign(
        [
            Text("三号线停运，这箱苹果烂了，烦死了"),
            Text("烦死了！三号线停運两小时", subject="投诉"),
            Text("这箱苹果又红又脆，烦死了"),
        ]
    )
    assert cosine(metro, again) > cosine(metro, other) > 0
    assert sign([Text("三号线停运")]) == sign([Text("三号线停运")])
    assert sign([Text(""), Text("SF1234567890")]) == [{}, {}]
    assert sign([Text("我要投诉！必须给我一个说法"), Text("This is a complaint.")]) == [{}, {}]
    one, two = sign([Text("空调漏水，我要投诉你们"), Text("发票抬头错了，我要投诉你们")])
    assert cosine(one, two) == 0
