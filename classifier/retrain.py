"""From the seed corpus and agents' corrections to a challenger and what is known of it.

Pure computing, for a process of its own: no database, no network, no clock but for its cost.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier import gate, poisoning, seed
from classifier.bundle import Bundle
from classifier.corrections import CorrectedExample, corrected_examples
from classifier.examples import Example
from classifier.fitting import Progress, TrainConfig
from classifier.gate import GateConfig, Judged
from classifier.keys import Integers
from classifier.predict import Classifier
from classifier.splits import Split, split
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


@dataclass(frozen=True, slots=True)
class _Material:
    """The seed corpus and what agents corrected, by what each of them is for."""

    corpus: Sequence[Example]
    corrected: Sequence[CorrectedExample]
    parts: Split

    def learnt(self, without: frozenset[str] = frozenset()) -> tuple[list[Example], list[int]]:
        """What is trained on, and the group of each, but for what agents ``without`` said."""
        corrected = [self.corrected[at] for at in self.parts.corrected]
        every = [self.corpus[at] for at in self.parts.seed] + [one.example for one in corrected]
        said = [frozenset[str]()] * len(self.parts.seed) + [one.agents for one in corrected]
        kept = [at for at, agents in enumerate(said) if not agents & without]
        groups = self.parts.learnt_groups
        return [every[at] for at in kept], [groups[at] for at in kept]

    def judges(self) -> dict[str, list[Example]]:
        """What is judged with, and never learnt from."""
        return {
            "golden": [self.corpus[at] for at in self.parts.golden],
            "fresh": [self.corrected[at].example for at in self.parts.fresh],
        }

    def learnt_and_fresh(self) -> list[CorrectedExample]:
        return [self.corrected[at] for at in (*self.parts.corrected, *self.parts.fresh)]

    def counts(self) -> dict[str, int]:
        return {
            "seed": len(self.parts.seed),
            "golden": len(self.parts.golden),
            "lessons": len(self.parts.corrected),
            "fresh": len(self.parts.fresh),
            "alike": len(self.parts.dropped),
        }


def _split(
    corpus: Sequence[Example], corrected: Sequence[CorrectedExample], learnt_upto: float
) -> Split:
    return split(
        corpus,
        [one.example for one in corrected],
        [one.oldest > learnt_upto for one in corrected],
    )


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
    corrected, skipped = corrected_examples(corrections, taxonomy)
    material = _Material(corpus, corrected, _split(corpus, corrected, learnt_upto))
    progress("split", 0.05)
    examples, groups = material.learnt()
    bundle = train(
        examples,
        taxonomy,
        config.train,
        groups=groups,
        now=now,
        progress=lambda stage, share: progress(stage, 0.05 + 0.5 * share),
    )
    challenger = Classifier(bundle, taxonomy)
    judges = material.judges()
    compared = {
        name: judge(examples, taxonomy, champion, challenger, config.gate.seed)
        for name, examples in judges.items()
    }
    progress("judged", 0.6)

    def without(agents: frozenset[str]) -> Classifier:
        rest, groups = material.learnt(agents)
        return Classifier(train(rest, taxonomy, config.train, groups=groups, now=now), taxonomy)

    suspects = poisoning.find(
        material.learnt_and_fresh(),
        without,
        lambda other: influence(judges, taxonomy, other, challenger),
        progress=lambda share: progress("agents", 0.6 + 0.38 * share),
    )
    outcome = {
        "counts": {
            **material.counts(),
            "corrections": len(corrections),
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
