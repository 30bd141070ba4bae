"""From the seed corpus and agents' corrections to a challenger and what is known of it.

Pure computing, for a process of its own: no database, no network, no clock but for its cost.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier import gate, seed, splits, suspicion
from classifier.bundle import Bundle
from classifier.examples import Example
from classifier.gate import GateConfig, Judged
from classifier.keys import Integers
from classifier.lessons import lessons
from classifier.machines import Progress, TrainConfig
from classifier.predict import Classifier
from classifier.train import train
from models.training import Correction, Taxonomy


@dataclass(frozen=True, slots=True)
class RetrainConfig:
    """How a challenger is made and judged."""

    train: TrainConfig = field(default_factory=TrainConfig)
    gate: GateConfig = field(default_factory=GateConfig)


@dataclass(frozen=True, slots=True)
class Challenger:
    """A new bundle, and the facts that an admin reads before it is promoted (JSON)."""

    bundle: Bundle
    outcome: dict[str, Any]


def retrain(
    corrections: Sequence[Correction],
    taxonomy: Taxonomy,
    champion: Classifier | None,
    learnt_upto: float = 0.0,
    config: RetrainConfig | None = None,
    *,
    corpus: Sequence[Example] | None = None,
    now: float | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Challenger:
    """Learns from ``corpus`` (by default the seed) and from ``corrections``.

    ``learnt_upto`` is the time of the newest correction that the champion may know.

    Raises:
        TrainingRefused: the data cannot be learnt from.
        SeedBroken: the taxonomy has not the classes that the seed is labelled with.
    """
    config = config or RetrainConfig()
    started = time.perf_counter()
    corpus = seed.load(taxonomy) if corpus is None else corpus
    taught, skipped = lessons(corrections, taxonomy)
    parts = splits.split(
        corpus,
        [lesson.example for lesson in taught],
        [lesson.oldest > learnt_upto for lesson in taught],
    )
    base = [corpus[at] for at in parts.seed]
    learnt = [taught[at] for at in parts.lessons]
    every = [*base, *(lesson.example for lesson in learnt)]
    progress("split", 0.05)
    bundle = train(
        every,
        taxonomy,
        config.train,
        groups=parts.learnt_groups,
        now=now,
        progress=lambda stage, share: progress(stage, 0.05 + 0.5 * share),
    )
    challenger = Classifier(bundle, taxonomy)
    judges = {
        "golden": [corpus[at] for at in parts.golden],
        "fresh": [taught[at].example for at in parts.fresh],
    }
    compared = {
        name: judge(examples, taxonomy, champion, challenger, config.gate.seed)
        for name, examples in judges.items()
    }
    progress("judged", 0.6)

    def without(agents: frozenset[str]) -> Classifier:
        """The same lesson plan, but for what these agents said."""
        said = [agents & {each.agent_id for each in lesson.corrections} for lesson in learnt]
        kept = [*range(len(base)), *(len(base) + at for at, by in enumerate(said) if not by)]
        rest = [every[at] for at in kept]
        groups = [parts.learnt_groups[at] for at in kept]
        bundle = train(rest, taxonomy, config.train, groups=groups, now=now)
        return Classifier(bundle, taxonomy)

    suspects = suspicion.find(
        [taught[at] for at in (*parts.lessons, *parts.fresh)],
        without,
        lambda other: influence(judges, taxonomy, other, challenger),
        progress=lambda share: progress("agents", 0.6 + 0.38 * share),
    )
    outcome = {
        "counts": {
            "seed": len(parts.seed),
            "golden": len(parts.golden),
            "corrections": len(corrections),
            "lessons": len(parts.lessons),
            "fresh": len(parts.fresh),
            "alike": len(parts.dropped),
            **{name: skipped[name] for name in ("excluded", "empty", "unknown")},
        },
        **compared,
        "compared": champion is not None,
        "verdict": gate.verdict(
            compared["golden"], compared["fresh"], config.gate, alone=champion is None
        ),
        "suspects": suspects,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return Challenger(bundle, outcome)


def judge(
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    champion: Classifier | None,
    challenger: Classifier,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """By facet, ``gate.compare`` of what both decide, floors included: what would be served.

    Without a champion the challenger is compared with itself.
    """
    new = challenger.classify([example.item for example in examples])
    old = new if champion is None else champion.classify([each.item for each in examples])
    found: dict[str, dict[str, Any]] = {}
    for facet, spec in taxonomy.facets.items():
        at = {value: number for number, value in enumerate(spec.classes)}
        rows = [row for row, example in enumerate(examples) if facet in example.labels]
        truth = _numbers(at, [examples[row].labels[facet] for row in rows])
        said = (
            _numbers(at, [labels[row].facets[facet].value for row in rows])
            for labels in (old, new)
        )
        judged = Judged(facet, tuple(spec.classes), truth, *said)
        found[facet] = gate.compare(judged, seed)
    return found


def influence(
    judges: Mapping[str, Sequence[Example]],
    taxonomy: Taxonomy,
    without: Classifier,
    challenger: Classifier,
) -> dict[str, dict[str, float]]:
    """By set and facet, the points of macro-F1 that the challenger has over ``without``."""
    return {
        name: {
            facet: figures["macro_f1"]["difference"]
            for facet, figures in judge(examples, taxonomy, without, challenger).items()
            if figures["cases"]
        }
        for name, examples in judges.items()
    }


def _numbers(at: Mapping[str, int], values: Sequence[str]) -> Integers:
    return np.array([at[value] for value in values], np.int64)
