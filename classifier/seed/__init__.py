"""The corpus that a new installation learns from, written for it by hand.

Each line of the ``*.jsonl`` files beside this one is a message: ``text``, optional
``subject``, one key a facet, ``lang``, ``channel`` (chat, mail, phone, form) and ``trade``.

Messages written to teach type and domain have no ``urgency``: nine in ten of them are 一般, and
learning that as well would say how often writers, not customers, are in a hurry.
"""

import json
from importlib.resources import files
from typing import Any

from classifier.examples import Example
from classifier.text import Text
from models.errors import Permanent
from models.training import Taxonomy

CHANNELS = ("chat", "mail", "phone", "form")
_FACETS = ("type", "domain", "urgency")
_OTHERS = ("text", "subject", "lang", "channel", "trade")


class SeedBroken(Permanent):
    """A line of the corpus is not as it should be: file, line number and what is wrong."""

    code = "seed_broken"


def load(taxonomy: Taxonomy) -> list[Example]:
    """Every message of the corpus, files and lines in order, checked against ``taxonomy``.

    Raises:
        SeedBroken: a line is no JSON object, lacks a key, or has a value that is not known.
    """
    return [
        Example(
            Text(line["text"], line.get("subject", ""), line["channel"]),
            {
                facet: taxonomy.facets[facet].learnt(line, line[facet])
                for facet in _FACETS
                if facet in taxonomy.facets and facet in line
            },
        )
        for line in lines(taxonomy)
    ]


def lines(taxonomy: Taxonomy) -> list[dict[str, str]]:
    """The corpus as it is written, checked. Raises SeedBroken as ``load`` does."""
    found: list[dict[str, str]] = []
    here = [path for path in files(__name__).iterdir() if path.name.endswith(".jsonl")]
    for path in sorted(here, key=lambda path: path.name):
        for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if text.strip():
                found.append(_checked(text, f"{path.name}:{number}", taxonomy))
    return found


def _checked(text: str, where: str, taxonomy: Taxonomy) -> dict[str, str]:
    try:
        line = json.loads(text)
    except ValueError as error:
        raise SeedBroken(f"{where}: not JSON: {error}") from error
    wrong = _wrong(line, taxonomy)
    if wrong:
        raise SeedBroken(f"{where}: {wrong}")
    return dict(line)


def _wrong(line: Any, taxonomy: Taxonomy) -> str:
    if not isinstance(line, dict) or not all(isinstance(value, str) for value in line.values()):
        return "not an object of strings"
    missing = {*_FACETS, *_OTHERS} - {"subject", "urgency"} - set(line)
    unknown = set(line) - {*_FACETS, *_OTHERS}
    if missing or unknown:
        return f"missing {sorted(missing)}, unknown {sorted(unknown)}"
    if line["channel"] not in CHANNELS:
        return f"channel “{line['channel']}” is none of {', '.join(CHANNELS)}"
    for facet in _FACETS:
        spec = taxonomy.facets.get(facet)
        if spec and facet in line and spec.learnt(line, line[facet]) not in spec.classes:
            return f"{facet} “{line[facet]}” is not in the taxonomy"
    return ""
