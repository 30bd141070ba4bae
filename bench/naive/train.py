"""``python -m bench.naive.train FILE`` trains the pipelines on the seed corpus into FILE."""

import sys

import joblib

from bench.naive.classify import FACETS, pipeline
from classifier import seed
from config.settings import load, load_taxonomy


def main() -> None:
    lines = seed.lines(load_taxonomy(load(None, environ={})))
    models = {}
    for facet in FACETS:
        labelled = [line for line in lines if facet in line]
        texts = [line["text"] for line in labelled]
        models[facet] = pipeline().fit(texts, [line[facet] for line in labelled])
    joblib.dump(models, sys.argv[1])


if __name__ == "__main__":
    main()
