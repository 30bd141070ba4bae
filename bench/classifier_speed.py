"""The speed of the classifier beside three plain scikit-learn pipelines, in one run."""

import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.svm import LinearSVC

from classifier import bundles, seed
from classifier.examples import Example
from classifier.predict import Classifier
from classifier.text import Text, reference_cut
from classifier.train import train
from config.settings import load, load_taxonomy
from models.training import Taxonomy

_SHORT = 40
_BATCH = 32
_ROUNDS = 5
_MANY = 10_000
_MAIL_BYTES = 4_096


def speed() -> None:
    """Prints every figure; CPU and wall time are the same here, since nothing waits."""
    taxonomy = load_taxonomy(load(None, environ={}))
    data = seed.load(taxonomy)
    short = [each.item for each in data if len(each.item.text) <= _SHORT][:512]
    with tempfile.TemporaryDirectory() as folder:
        path = bundles.save(train(data, taxonomy), Path(folder))
        Classifier.load(path, taxonomy).classify(short[:1])  # dictionaries, once a process
        loads = [_seconds(lambda: Classifier.load(path, taxonomy)) for _ in range(_ROUNDS)]
        print(f"load: {median(loads):.3f} s; in a new process {_first_load(path):.3f} s")
        _side_by_side(Classifier.load(path, taxonomy), _plain(data), short, data)
    _training(data, taxonomy)


_FIRST = """
import sys, time
from pathlib import Path
from classifier.predict import Classifier
started = time.perf_counter()
Classifier.load(Path(sys.argv[1]))
print(time.perf_counter() - started)
"""


def _first_load(path: Path) -> float:
    """The first load of a process, which reads the segmenter's dictionary, too."""
    command = [sys.executable, "-c", _FIRST, str(path)]
    return median(float(subprocess.check_output(command, text=True)) for _ in range(_ROUNDS))


def _plain(data: Sequence[Example]) -> list[Pipeline]:
    """A pipeline a facet as anyone would write it: jieba, characters, calibrated probabilities."""
    cut = reference_cut()
    told = {f: [each for each in data if f in each.labels] for f in ("type", "domain", "urgency")}
    return [
        make_pipeline(
            make_union(
                TfidfVectorizer(
                    tokenizer=cut,
                    token_pattern=None,
                    ngram_range=(1, 2),
                    sublinear_tf=True,
                    min_df=2,
                ),
                TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2),
            ),
            CalibratedClassifierCV(LinearSVC(random_state=0)),
        ).fit([each.item.text for each in rows], [each.labels[facet] for each in rows])
        for facet, rows in told.items()
    ]


def _side_by_side(
    ours: Classifier, plain: Sequence[Pipeline], short: Sequence[Text], data: Sequence[Example]
) -> None:
    def theirs(items: Sequence[Text]) -> None:
        for pipeline in plain:
            pipeline.predict_proba([item.text for item in items])

    def probabilities(items: Sequence[Text]) -> None:
        for batch in ours.batches(items):
            ours.probabilities(batch.scores)

    mails = [_mail(data, number) for number in range(64)]
    for title, items, size in (
        (f"batches of {_BATCH} short messages", short, _BATCH),
        ("single short messages", short, 1),
        (f"batches of {_BATCH} mails of 4 KB text", mails, _BATCH),
    ):
        labels, bare, other = (
            median(_milliseconds(call, items, size))
            for call in (ours.classify, probabilities, theirs)
        )
        print(
            f"{title}, p50 a message: probabilities {bare:.3f} ms, labels with reasons and floors "
            f"{labels:.3f} ms; scikit-learn's probabilities {other:.3f} ms: {other / bare:.1f}× "
            f"and {other / labels:.1f}×"
        )


def _milliseconds(
    call: Callable[[Sequence[Text]], object], items: Sequence[Text], size: int
) -> list[float]:
    """Milliseconds a message of each call, after a round that is not counted."""
    rounds = _ROUNDS if size > 1 else 1
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    for chunk in chunks[:8]:
        call(chunk)
    return [
        _seconds(lambda given=chunk: call(given)) * 1e3 / len(chunk)
        for _ in range(rounds)
        for chunk in chunks
    ]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _mail(data: Sequence[Example], number: int) -> Text:
    draw = random.Random(number)
    text = ""
    while len(text.encode()) < _MAIL_BYTES:
        text += draw.choice(data).item.text + "\n"
    return Text(text, "投诉", "mail")


def _training(data: Sequence[Example], taxonomy: Taxonomy) -> None:
    """Ten thousand messages: the corpus, and pairs of its messages that share their labels."""
    draw = random.Random(0)
    alike: dict[tuple[str, ...], list[Example]] = {}
    for each in data:
        alike.setdefault(tuple(each.labels.values()), []).append(each)
    many = list(data)
    while len(many) < _MANY:
        one = draw.choice(data)
        other = draw.choice(alike[tuple(one.labels.values())])
        text = f"{one.item.text}{other.item.text}"
        many.append(Example(Text(text, one.item.subject, one.item.channel), one.labels))
    # In a process of its own, so that the memory is of the training alone.
    child = multiprocessing.get_context("spawn").Process(target=_train, args=(many, taxonomy))
    child.start()
    child.join()


def _train(many: Sequence[Example], taxonomy: Taxonomy) -> None:
    seconds = _seconds(lambda: train(many, taxonomy))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = f"{len(many)} messages × {len(taxonomy.facets)} facets"
    print(f"training {what}: {seconds:.1f} s, {peak:.0f} MB")
