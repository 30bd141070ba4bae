"""Three scikit-learn pipelines, one a facet, trained on the seed corpus.

python -m bench.naive.classify FILE   trains them and writes them to FILE
"""

import os
from functools import cache
from typing import Any

import jieba
import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

FACETS = ("type", "domain", "urgency")

THRESHOLD = 0.5
"""Below this probability of the domain a person decides."""


def cut(text: str) -> list[str]:
    """jieba's words; a function of ours, because jieba's own cannot be pickled."""
    words: list[str] = jieba.lcut(text)
    return words


def pipeline() -> Pipeline:
    """Words and characters, weighted, and a linear model."""
    words = TfidfVectorizer(tokenizer=cut, token_pattern=None, ngram_range=(1, 2))
    characters = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
    return Pipeline(
        [
            ("features", FeatureUnion([("words", words), ("characters", characters)])),
            ("model", LogisticRegression(C=10, max_iter=1000, class_weight="balanced")),
        ]
    )


@cache
def models() -> dict[str, Any]:
    """The trained pipelines of NAIVE_MODELS, loaded once a process."""
    loaded: dict[str, Any] = joblib.load(os.environ["NAIVE_MODELS"])
    return loaded


def labels(text: str) -> tuple[dict[str, str], str]:
    """The label of each facet, and the queue that the text goes to."""
    found = {}
    queue = "triage"
    for facet, model in models().items():
        probabilities = model.predict_proba([text])[0]
        best = probabilities.argmax()
        found[facet] = str(model.classes_[best])
        if facet == "domain" and probabilities[best] >= THRESHOLD:
            queue = found[facet]
    return found, queue
