"""What a trained classifier is, wherever it is kept."""

import hashlib
import json
from dataclasses import dataclass

from classifier.features import FeatureConfig
from classifier.keys import Floats
from classifier.vocabulary import Vocabulary
from models.errors import Permanent
from models.training import BundleCard, Taxonomy


class BundleRefused(Permanent):
    """The bundle is damaged, foreign or does not fit: keep the last good one serving."""

    code = "bundle_refused"


@dataclass(frozen=True, slots=True)
class Head:
    """One facet's classes: columns ``start`` up to ``start + len(classes)`` of the weights.

    A message whose best class scores less than ``least`` is like none of them.
    """

    facet: str
    classes: tuple[str, ...]
    start: int
    least: float

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + len(self.classes))


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that deciding needs. Arrays are by class column, all heads side by side.

    score = features · weights + intercepts; probability = softmax, within a head, of
    slopes · bent(score) + offsets, where bends say how.
    """

    card: BundleCard
    taxonomy: Taxonomy
    config: FeatureConfig
    vocabulary: Vocabulary
    heads: tuple[Head, ...]
    weights: Floats
    intercepts: Floats
    slopes: Floats
    bends: Floats
    offsets: Floats


def learned_part(taxonomy: Taxonomy) -> str:
    """A hash of what a bundle has learnt of a taxonomy: classes and cue words.

    Thresholds, costs, names and floors are not in it: they can change without training.
    """
    learned = {
        name: {value: sorted(spec.cues) for value, spec in facet.classes.items()}
        for name, facet in taxonomy.facets.items()
    }
    text = json.dumps(learned, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
