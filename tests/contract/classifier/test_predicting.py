"""What a classifier says of a text, and why: labels, reasons, floors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifier.bundle import Bundle, BundleRefused
from classifier.features import SHAPES, Analyser, Analysis, Rows
from classifier.fingerprint import Fingerprinter
from classifier.predict import Batch, Classifier, _sums
from classifier.readings import KINDS, shown
from classifier.rules import Floors, cheapest, costs
from classifier.text import STAND_INS, Text, default_cut, normalize
from models.similarity import cosine
from tests.contract.classifier.small import NEW, TAXONOMY, samples

ROOT = Path(__file__).parents[3]


def test_batch_and_single_agree(classifier: Classifier) -> None:
    items = [example.item for example in samples()] + NEW
    assert classifier.classify(items) == [classifier.classify([item])[0] for item in items]
    assert classifier.classify([]) == []


def test_probabilities_are_probabilities(classifier: Classifier) -> None:
    for batch in classifier.batches(NEW):
        for probabilities in classifier.probabilities(batch.scores).values():
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_who_greets_and_thanks_is_heard_like_who_does_not(classifier: Classifier) -> None:
    plain = "买的苹果马上要，烦死了"
    (labels,) = classifier.classify([Text(plain)])
    for polite in (f"你好，{plain}", f"{plain}，谢谢！", f"在吗 {plain}谢谢啦"):
        assert classifier.classify([Text(polite)]) == [labels]


@pytest.mark.parametrize(
    "put",
    [
        "我想问一下，{}",
        "请问{}",
        "客服在吗？{}",
        "{}，在线等，急急急",
        "{}[流泪][流泪]",
        "🙏{}🙏",
    ],
)
def test_manners_change_no_label(classifier: Classifier, put: str) -> None:
    plain = "买的苹果马上要，烦死了"
    (labels,) = classifier.classify([Text(plain)])
    assert classifier.classify([Text(put.format(plain)), Text(plain, subject="您好！")]) == [
        labels,
        labels,
    ]


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
    for labels in classifier.classify([example.item for example in samples()]):
        for label in labels.facets.values():
            for reason in label.reasons:
                assert reason.kind in {"word", "chars", "cue", "shape", "floor"}
                assert any(character.isalnum() for character in reason.text)
                assert not set(reason.text) & set(STAND_INS)


def test_explanation_adds_up(classifier: Classifier, bundle: Bundle) -> None:
    """All contributions and the message-free share give back slope · score above the mean."""
    item = NEW[0]
    (batch,) = classifier.batches([item])
    explained = classifier.explain(item)
    for head, spoken in zip(classifier.heads, _spoken(classifier, batch), strict=True):
        at = head.classes.index(explained[head.facet].value)
        logits = (batch.scores[0] * bundle.slopes)[head.columns]
        silent = (bundle.intercepts * bundle.slopes)[head.columns]
        total = spoken.sum() + silent[at] - silent.mean()
        assert total == pytest.approx(logits[at] - logits.mean(), abs=1e-9)
        told = explained[head.facet]
        assert sum(told.probabilities.values()) == pytest.approx(1)
        assert told.score == pytest.approx(total, abs=1e-9)
        parts = told.base + told.rest + sum(part.weight for part in told.contributions)
        assert parts == pytest.approx(total, abs=1e-9)
        assert abs(told.rest) < abs(total)


def _spoken(classifier: Classifier, batch: Batch) -> np.ndarray:
    decided = classifier._decide(classifier.probabilities(batch.scores))
    return classifier._explainer.spoken(batch.rows, batch.weights, decided)


def test_the_few_reasons_shown_are_the_strongest_by_the_plain_definition(
    classifier: Classifier,
) -> None:
    """Messages of one batch, read after others have been: nothing of those may stay."""
    items = [*NEW, *(example.item for example in samples())]
    labels = classifier.classify(items)
    for item, given in zip(items, labels, strict=True):
        (batch,) = classifier.batches([item])
        analysis = classifier.analyse(item)
        every = _spoken(classifier, batch)
        for head, spoken in zip(classifier.heads, every, strict=True):
            wanted = _strongest(classifier, batch, every, spoken) if analysis.words else []
            found = [
                (each.kind, each.text, each.weight) for each in given.facets[head.facet].reasons
            ]
            assert found == wanted


def _strongest(
    classifier: Classifier, batch: Batch, every: np.ndarray, spoken: np.ndarray
) -> list[tuple[str, str, float]]:
    """Feature by feature and text by text, as the words of ``classifier.explain`` say it."""
    strength = np.abs(every)
    least = max(0, strength.shape[1] - 20)
    chosen = sorted({at for row in strength for at in row.argpartition(least)[least:].tolist()})
    weights: dict[str, float] = {}
    kinds: dict[str, int] = {}
    for at in chosen:
        kind, texts = _reading(classifier, int(batch.rows.columns[at]), batch.analyses[0])
        for text in texts:
            weights[text] = weights.get(text, 0.0) + float(spoken[at]) * (1.0 / len(texts))
            kinds[text] = min(kinds.get(text, kind), kind)

    def rank(text: str) -> float:
        telling = len(text) >= 4 or (len(text) >= 2 and not text.isascii())
        worth = (1.0, 1.0, 0.5, 0.3)[kinds[text]] * (1.0 if telling else 0.2)
        return worth * (weights[text] if weights[text] > 0 else -0.5 * weights[text])

    shown = sorted(weights, key=rank, reverse=True)[:5]
    return [(KINDS[kinds[text]], text, round(weights[text], 4)) for text in shown]


def _reading(classifier: Classifier, column: int, analysis: Analysis) -> tuple[int, list[str]]:
    block, name = classifier.bundle.vocabulary.name(column)
    kind = {"cue": 0, "shape": 3}.get(block, 1)
    if block == "cue":
        return kind, list(dict.fromkeys(analysis.cues[name]))
    if block == "shape":
        channel = name.removeprefix("channel:")
        told = (f"渠道 {channel}", f"channel {channel}") if ":" in name else SHAPES[name]
        return kind, [" / ".join(told)]
    if not any(character.isalnum() for character in name):
        return kind, []
    if block == "char":
        around = [word for word in analysis.words if name.strip() in word]
        pieces = [shown(name.strip())] if len(name.strip()) > 1 else []
        return (1, around[:1]) if around else (2, pieces)
    if block == "skip":
        return kind, [shown(name.replace(" ", "…"))]
    latin = any("a" <= character <= "z" for character in name)
    return kind, [shown(name if latin else name.replace(" ", ""))]


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
    assert label.reasons[0].text == "失火：着火 / Fire: 着火"
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


def test_prediction_needs_neither_sklearn_nor_scipy() -> None:
    code = (
        "import sys, classifier.predict;"
        "print(sorted({'sklearn', 'scipy', 'jieba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_message_without_any_known_feature_scores_zero() -> None:
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    rows = Rows(np.array([0, 1]), np.array([1.0, 2.0]), np.array([0, 0, 2, 2]))
    np.testing.assert_array_equal(_sums(rows, weights), [[0, 0], [7, 10], [0, 0]])


def test_texts_about_one_thing_are_signed_alike_and_by_what_is_rare(bundle: Bundle) -> None:
    fingerprint = Fingerprinter(bundle, Analyser(TAXONOMY, default_cut()))
    metro, again, other = fingerprint(
        [
            Text("三号线停运，这箱苹果烂了，烦死了"),
            Text("烦死了！三号线停運两小时", subject="投诉"),
            Text("这箱苹果又红又脆，烦死了"),
        ]
    )
    assert cosine(metro, again) > cosine(metro, other) > 0
    assert fingerprint([Text("三号线停运")]) == fingerprint([Text("三号线停运")])
    assert fingerprint([Text(""), Text("SF1234567890")]) == [{}, {}]
    assert fingerprint([Text("我要投诉！必须给我一个说法"), Text("This is a complaint.")]) == [
        {},
        {},
    ]
    one, two = fingerprint([Text("空调漏水，我要投诉你们"), Text("发票抬头错了，我要投诉你们")])
    assert cosine(one, two) == 0
