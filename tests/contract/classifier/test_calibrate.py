"""Scores become probabilities that can be believed, for what was held out, too."""

import numpy as np
import pytest

from classifier.calibrate import Calibration, cross_fitted, fit
from classifier.keys import Floats, Integers

TRUE = Calibration(slope=2.0, bend=0.6, offsets=np.array([0.5, 0.0, -0.5]))


def drawn(
    examples: int, calibration: Calibration = TRUE, seed: int = 1
) -> tuple[Floats, Integers]:
    """Scores, and classes drawn with the probabilities that a calibration gives them."""
    draw = np.random.default_rng(seed)
    scores = draw.normal(0.0, 1.2, (examples, len(calibration.offsets)))
    likely = calibration(scores).cumsum(axis=1)
    return scores, (draw.random((examples, 1)) > likely).sum(axis=1)


def test_it_finds_again_what_the_classes_were_drawn_by() -> None:
    scores, truth = drawn(8_000)
    found = fit(scores, truth)
    assert found.slope == pytest.approx(TRUE.slope, rel=0.1)
    assert found.bend == pytest.approx(TRUE.bend, rel=0.15)
    level = found.offsets - found.offsets.mean()
    assert level == pytest.approx(TRUE.offsets, abs=0.1)
    assert np.abs(found(scores) - TRUE(scores)).mean() < 0.02
    # Of what is called 80 % likely, 80 % are so.
    likely = found(scores).max(axis=1)
    right = found(scores).argmax(axis=1) == truth
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        among = (likely >= low) & (likely < high)
        assert right[among].mean() == pytest.approx(likely[among].mean(), abs=0.03)


def test_of_scores_that_say_nothing_it_keeps_to_what_is_frequent() -> None:
    draw = np.random.default_rng(2)
    scores, truth = draw.normal(size=(5000, 2)), (draw.random(5000) < 0.2).astype(int)
    said = fit(scores, truth)(scores)
    assert said[:, 1].mean() == pytest.approx(truth.mean(), abs=0.02)
    assert said[:, 1].std() < 0.02


def test_few_examples_do_not_teach_which_class_is_frequent() -> None:
    """Else it would drown what the scores say."""
    scores, truth = drawn(30, Calibration(1.0, 0.8, np.array([2.0, 0.0])))
    many = fit(np.tile(scores, (100, 1)), np.tile(truth, 100))
    few = fit(scores, truth)
    spread = [float(np.ptp(one.offsets)) for one in (few, many)]
    assert spread[0] < spread[1] / 2


def test_a_class_that_has_no_example_is_told_by_its_score_alone() -> None:
    scores, truth = drawn(400)
    scores = np.insert(scores, 1, 0.3, axis=1)
    found = fit(scores, np.array([0, 2, 3])[truth])
    alone = fit(np.delete(scores, 1, axis=1), truth)
    assert found.offsets == pytest.approx(np.insert(alone.offsets, 1, 0.0))
    assert (found.slope, found.bend) == (alone.slope, alone.bend)


def test_what_is_judged_has_not_been_learnt_from() -> None:
    """Neither a fold's own classes, nor what does not count, change what is said of it."""
    scores, truth = drawn(300)
    fold_of = np.arange(300) % 3
    counts = np.arange(300) % 5 > 0
    said = cross_fitted(scores, truth, fold_of, counts)
    for own in range(3):
        others = truth.copy()
        others[(fold_of == own) | ~counts] = 0
        again = cross_fitted(scores, others, fold_of, counts)
        assert np.array_equal(again[fold_of == own], said[fold_of == own])
        assert not np.array_equal(again[fold_of != own], said[fold_of != own])
        learnt = (fold_of != own) & counts
        expected = fit(scores[learnt], truth[learnt])(scores[fold_of == own])
        assert np.array_equal(said[fold_of == own], expected)


def test_where_nothing_is_to_learn_from_all_are_as_likely() -> None:
    scores, truth = drawn(6)
    said = cross_fitted(scores, truth, np.zeros(6, int), np.ones(6, bool))
    assert said == pytest.approx(np.full((6, 3), 1 / 3))
    said = cross_fitted(scores, truth, np.arange(6) % 2, np.zeros(6, bool))
    assert said == pytest.approx(np.full((6, 3), 1 / 3))
