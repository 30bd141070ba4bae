"""A bundle of the taxonomy that comes along, trained in a moment."""

from classifier.bundle import Bundle
from classifier.examples import Example
from classifier.text import Text
from classifier.train import train
from config.settings import load, load_taxonomy
from models.training import Taxonomy

TAXONOMY: Taxonomy = load_taxonomy(load(environ={}))
SENTENCES = {"咨询": "请问{}怎么办理", "投诉": "{}太差了我要投诉", "求助": "{}坏了快帮帮我"}


def small_bundle() -> Bundle:
    """A champion that serves the full taxonomy but is trained in a moment."""
    data = [
        Example(
            Text(sentence.format(f"{domain}{number}")),
            {"type": kind, "domain": domain, "urgency": ("一般", "重要", "紧急")[number % 3]},
        )
        for kind, sentence in SENTENCES.items()
        for domain in TAXONOMY.facets["domain"].classes
        for number in range(3)
    ]
    return train(data, TAXONOMY, now=0.0)
