"""Labels that contradict each other: people err, and disagree."""

import random
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from classifier import fitting, tables
from classifier.bundle import Bundle
from classifier.corpus import Corpus
from classifier.examples import Example
from classifier.features import FeatureConfig
from classifier.fitting import TrainConfig
from classifier.predict import Classifier
from classifier.text import Text
from classifier.train import train
from classifier.vocabulary import Vocabulary

_MIN_GAIN = ("快递", "退款", "发票", "登录", "会员", "维修")
_WORDS = [chr(0x4E00 + at) + chr(0x5800 + at) for at in range(900)]


ONCE_OVER = TrainConfig(FeatureConfig(min_count=1), folds=3)
"""One set of features instead of two, and three fifths of the machines."""


def _messages(count: int, draw: random.Random) -> list[Example]:
    """Each of eight words, of which a few are those of its matter and all others anybody's."""
    own = len(_WORDS) // 2 // len(_MIN_GAIN)
    found = []
    for _ in range(count):
        at = draw.randrange(len(_MIN_GAIN))
        said = draw.choices(_WORDS[at * own : (at + 1) * own], k=3)
        said += draw.choices(_WORDS[len(_WORDS) // 2 :], k=5)
        draw.shuffle(said)
        found.append(Example(Text("，".join(said)), {"matter": _MIN_GAIN[at]}))
    return found


def _mislabelled(data: list[Example], share: float, draw: random.Random) -> list[Example]:
    return [
        replace(each, labels={"matter": draw.choice(_MIN_GAIN)}) if draw.random() < share else each
        for each in data
    ]


def _learnt(data: list[Example], *penalties: float) -> Bundle:
    """By the usual penalties or by these; each word is learnt, so that only they can differ."""
    config = replace(ONCE_OVER, penalties=penalties or ONCE_OVER.penalties)
    return train(data, tables.taxonomy_of(data, ["matter"]), config, now=0.0)


def _right(bundle: Bundle, asked: list[Example]) -> float:
    decided = Classifier(bundle).classify([each.item for each in asked])
    return float(
        np.mean(
            [
                found.facets["matter"].value == each.labels["matter"]
                for found, each in zip(decided, asked, strict=True)
            ]
        )
    )


def _penalty(bundle: Bundle) -> float:
    return float(bundle.card.metrics["facets"]["matter"]["penalty"])


def test_who_learns_from_wrong_labels_gives_way_less_to_each() -> None:
    draw = random.Random(1)
    data, asked = _messages(1_000, draw), _messages(500, draw)
    wrong = _mislabelled(data, 0.4, draw)
    usual, found = _learnt(wrong, TrainConfig().penalties[0]), _learnt(wrong)
    assert _penalty(usual) == TrainConfig().penalties[0]
    assert _penalty(found) < _penalty(usual)
    assert _right(found, asked) > _right(usual, asked) + 0.03


@pytest.mark.parametrize("enough", [300, 2_000])
def test_what_is_held_back_is_as_if_it_had_been_asked_for(
    enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures, mixing and confidence too: the scores of every fold are those of the C taken."""
    monkeypatch.setattr(fitting, "_MIN_EXAMPLES", enough)  # one fold judges, or all do
    wrong = _mislabelled(_messages(1_000, random.Random(2)), 0.4, random.Random(3))
    found = _learnt(wrong)
    asked_for = _learnt(wrong, _penalty(found))
    assert _penalty(found) < TrainConfig().penalties[0]
    np.testing.assert_array_equal(found.weights, asked_for.weights)
    np.testing.assert_array_equal(found.offsets, asked_for.offsets)
    assert (
        found.card.metrics["facets"]["matter"]["macro_f1"]
        == asked_for.card.metrics["facets"]["matter"]["macro_f1"]
    )


def test_clean_labels_are_believed() -> None:
    assert _penalty(_learnt(_messages(1_000, random.Random(4)))) == TrainConfig().penalties[0]


def test_each_facet_is_held_back_by_itself() -> None:
    draw = random.Random(5)
    data = _messages(1_000, draw)
    wrong = _mislabelled(data, 0.5, draw)
    both = [
        Example(clean.item, clean.labels | {"guess": guessed.labels["matter"]})
        for clean, guessed in zip(data, wrong, strict=True)
    ]
    taxonomy = tables.taxonomy_of(both, ["matter", "guess"])
    facets = train(both, taxonomy, ONCE_OVER).card.metrics["facets"]
    assert facets["matter"]["penalty"] == TrainConfig().penalties[0]
    assert facets["guess"]["penalty"] < TrainConfig().penalties[0]


def test_a_facet_none_of_whose_examples_are_held_out_yet_keeps_the_usual_penalty() -> None:
    """One fold judges where there is much; a facet that few carry may have nothing in it."""
    task = fitting.Task("m", ("甲", "乙"), np.arange(4), np.array([0, 1, 0, 1]), penalty=0.2)
    scores, nobody = np.zeros((4, 2)), np.zeros(4, np.bool_)
    fold_of = np.array([1, 1, 2, 2])
    assert not fitting._lowers_log_loss(task, scores, scores, nobody, fold_of)


def test_what_a_smaller_c_is_tried_on_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[bytes] = []

    class Counting(Corpus):
        def _weighed(self, part: NDArray[np.bool_]) -> tuple[Vocabulary, csr_matrix]:
            weighed.append(part.tobytes())
            return super()._weighed(part)

    monkeypatch.setattr(fitting, "_MIN_EXAMPLES", 50)
    monkeypatch.setattr("classifier.train.Corpus", Counting)
    monkeypatch.setattr("classifier.train._FEW_EXAMPLES", 0)
    found = _learnt(_messages(400, random.Random(4)))
    assert _penalty(found) == TrainConfig().penalties[0]
    assert len(weighed) == len(set(weighed))
