"""Fifty messages and sixteen classes: what an owner begins with."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from classifier import calibrate, corpus, mixing, tables, train
from classifier.examples import Example
from classifier.features import Analyser, Analysis, Counts, Extractor, FeatureConfig
from classifier.fitting import Task, TrainConfig, classes_judged, examples_judged
from classifier.predict import Classifier
from classifier.text import Text, default_cut

# Each says its matter by one word of two; every word occurs in two messages.
_MATTERS = {
    "停车": "停车位 车库 划线 占道 挪车 拖走 地锁 泊位",
    "噪声": "噪音 施工 扰民 半夜 音响 打桩 广场舞 喇叭",
    "供水": "停水 水压 水表 漏水 水管 浑浊 自来水 水质",
    "绿化": "树枝 草坪 修剪 花坛 落叶 绿化带 浇水 枯死",
}
_ASKED = ("{}的事想反映一下", "请问{}归谁管")


def _letters() -> list[Example]:
    return [
        Example(Text(frame.format(word)), {"matter": matter})
        for matter, words in _MATTERS.items()
        for word, frame in product(words.split(), _ASKED)
    ]


def _classifier(data: list[Example], config: TrainConfig | None = None) -> Classifier:
    return Classifier(train.train(data, tables.taxonomy_of(data, ["matter"]), config))


def test_of_few_messages_words_that_occur_once_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried on what was held out; where there is much to learn from it is not even tried."""
    few = _letters()
    assert _classifier(few).bundle.config.min_count == 1
    monkeypatch.setattr(train, "_FEW_EXAMPLES", 10)
    assert _classifier(few).bundle.config.min_count == 2


def test_two_messages_a_class_are_learnt_without_a_warning() -> None:
    words = [word for each in _MATTERS.values() for word in each.split()]
    data = [
        Example(Text(frame.format(word)), {"matter": word}) for word in words for frame in _ASKED
    ]
    said = _classifier(data).classify([Text(f"{word}怎么办") for word in words])
    right = sum(
        each.facets["matter"].value == word for each, word in zip(said, words, strict=True)
    )
    assert right > 0.9 * len(words)


def test_examples_that_nobody_who_knew_their_class_has_scored_do_not_count() -> None:
    """Where classes have one example each they are many, and each a score that had to be wrong."""
    fold_of = np.array([0, 1, 0, 1, 0, 0, 1])
    rows, truth = np.array([0, 1, 2, 3, 4, 6]), np.array([0, 0, 1, 1, 2, 0])
    task = Task("matter", ("甲", "乙", "丙"), rows, truth, penalty=1.0)
    assert classes_judged(fold_of, task).tolist() == [True, True, False]
    assert examples_judged(fold_of, task).tolist() == [True, True, True, True, False, True]
    every = Task("matter", ("甲", "乙"), np.array([0, 2]), np.array([0, 1]), penalty=1.0)
    assert examples_judged(fold_of, every).all()  # nothing better is there


def test_the_score_of_a_class_that_nobody_could_judge_is_left_alone() -> None:
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 3, 60)
    scores = draw.normal(size=(60, 4)) + 2 * np.eye(4)[truth]
    counts = np.ones(60)
    mix = mixing.fit(scores, truth, counts, 1.0)
    assert mix.matrix[3].tolist() == [0, 0, 0, 1]
    assert mix.offsets[3] == 0
    assert np.allclose(mix.matrix[:3, :3], mixing.fit(scores[:, :3], truth, counts, 1.0).matrix)
    assert calibrate.fit(scores, truth).offsets[3] == 0


def test_a_frequent_class_does_not_drown_what_few_scores_say() -> None:
    """Thirty examples, twenty of one class, scores that tell them apart but weakly."""
    draw = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [20, 5, 5])
    scores = draw.normal(scale=0.6, size=(30, 3)) + 0.5 * np.eye(3)[truth] - 0.5
    decided = calibrate.fit(scores, truth)(scores).argmax(axis=1)
    assert (decided == scores.argmax(axis=1)).mean() > 0.8  # 0.5 without the least pull


def test_letters_are_counted_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is taken at once, the same is found, and no text is left out."""
    data = [*_letters(), Example(Text("停车位被占，停水三天。" * 40), {"matter": "停车"})]
    analyse = Analyser(tables.taxonomy_of(data, ["matter"]), default_cut())
    analyses = [analyse(each.item) for each in data]
    every = np.ones(len(data), np.bool_)

    def seen() -> csr_matrix:
        taxonomy = tables.taxonomy_of(data, ["matter"])
        return corpus.Corpus(analyses, taxonomy, FeatureConfig()).seen_in(every)[1]

    whole = seen()
    monkeypatch.setattr(corpus, "_CHARACTERS", 100)
    monkeypatch.setattr(corpus, "_COUNTS", 50)
    asked: list[int] = []
    extract = Extractor.count

    def count(self: Extractor, some: list[Analysis]) -> Counts:
        asked.append(sum(len(each.normal) for each in some))
        return extract(self, some)

    monkeypatch.setattr(Extractor, "count", count)
    assert (seen() != whole).nnz == 0
    assert asked[-1] == len(analyses[-1].normal) > 100
    assert max(asked[:-1]) <= 100
    assert sum(asked) == sum(len(each.normal) for each in analyses)
