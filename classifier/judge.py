"""A bundle judged on labelled messages that it may or may not have seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier import evaluate
from classifier.bundle import Head
from classifier.examples import Example, up_to_date
from classifier.keys import Floats, Integers
from classifier.predict import Classifier
from classifier.rules import cheapest, costs


def judge(
    classifier: Classifier, data: Sequence[Example], strangers: Sequence[Example] = ()
) -> dict[str, Any]:
    """By facet the figures of ``evaluate.measure``; a facet that nobody labelled is left out.

    Floors are not in it: the model alone is judged. Labels that the bundle has not learnt
    count as wrong; ``unknown`` says which and how often. ``familiar`` is the share taken for
    one of the classes at all, ``strangers_noticed`` the share of ``strangers``, which belong to
    none, that was not.
    """
    data = up_to_date(data, classifier.taxonomy)
    scores = _scores(classifier, data)
    strange = _scores(classifier, strangers)
    by_facet = classifier.probabilities(scores)
    found: dict[str, Any] = {}
    for head in classifier.heads:
        rows = [row for row, example in enumerate(data) if head.facet in example.labels]
        if not rows:
            continue
        at = np.array(rows, np.int64)
        labels = [data[row].labels[head.facet] for row in rows]
        found[head.facet] = _figures(classifier, head, by_facet[head.facet][at], labels)
        familiar = classifier.familiar(scores[at])[head.facet]
        found[head.facet]["familiar"] = round(float(familiar.mean()), 4)
        if len(strangers):
            noticed = ~classifier.familiar(strange)[head.facet]
            found[head.facet]["strangers"] = len(strangers)
            found[head.facet]["strangers_noticed"] = round(float(noticed.mean()), 4)
    return found


def _scores(classifier: Classifier, data: Sequence[Example]) -> Floats:
    batches = classifier.batches([example.item for example in data])
    width = sum(len(head.classes) for head in classifier.heads)
    return np.concatenate([np.zeros((0, width)), *(batch.scores for batch in batches)])


def _figures(
    classifier: Classifier, head: Head, probabilities: Floats, labels: Sequence[str]
) -> dict[str, Any]:
    unknown = sorted(set(labels) - set(head.classes))
    names = [*head.classes, *unknown]
    number = {name: at for at, name in enumerate(names)}
    truth: Integers = np.array([number[label] for label in labels], np.int64)
    spec = classifier.taxonomy.facets[head.facet]
    decided = cheapest(probabilities, costs(spec, head.classes))
    wider = np.zeros((len(labels), len(names)))
    wider[:, : len(head.classes)] = probabilities
    figures = evaluate.measure(wider, truth, decided, names, spec.threshold)
    figures["unknown"] = {name: labels.count(name) for name in unknown}
    return figures
