"""Agents' corrections as examples to learn from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from classifier.examples import Example
from classifier.text import Text
from models.training import Correction, Taxonomy

CHANNEL_OF_LANE = {"live": "chat", "mail": "mail"}
"""A ticket's lane to the kind of channel (``Text.channel``) that bundles have learnt."""


@dataclass(frozen=True, slots=True)
class CorrectedExample:
    """One ticket as people finally labelled it, and the corrections that say so."""

    example: Example
    corrections: tuple[Correction, ...]

    @property
    def agents(self) -> frozenset[str]:
        return frozenset(each.agent_id for each in self.corrections)

    @property
    def newest(self) -> float:
        return max(each.at for each in self.corrections)

    @property
    def oldest(self) -> float:
        return min(each.at for each in self.corrections)


def corrected_examples(
    corrections: Iterable[Correction], taxonomy: Taxonomy
) -> tuple[list[CorrectedExample], Counter[str]]:
    """One example a ticket, by its last correction of each facet; and why others were skipped.

    The reasons are counted: “excluded” by an admin, “empty” (the text is gone), “unknown” (a
    facet or class that the taxonomy has no more).
    """
    last: dict[tuple[str, str], Correction] = {}
    skipped: Counter[str] = Counter()
    for each in sorted(corrections, key=lambda each: (each.at, each.id)):
        why = _useless(each, taxonomy)
        if why:
            skipped[why] += 1
        else:
            last[each.ticket_id, each.facet] = each
    by_ticket: dict[str, list[Correction]] = {}
    for (ticket_id, _facet), each in last.items():
        by_ticket.setdefault(ticket_id, []).append(each)
    return [_example(given, taxonomy) for given in by_ticket.values()], skipped


def _useless(correction: Correction, taxonomy: Taxonomy) -> str:
    if correction.excluded:
        return "excluded"
    if not f"{correction.subject}{correction.text}".strip():
        return "empty"
    facet = taxonomy.facets.get(correction.facet)
    return "" if facet and facet.now(correction.after) in facet.classes else "unknown"


def _example(given: Sequence[Correction], taxonomy: Taxonomy) -> CorrectedExample:
    # The newest has seen the most of the ticket's text.
    newest = max(given, key=lambda each: each.at)
    item = Text(newest.text, newest.subject, CHANNEL_OF_LANE.get(newest.lane, ""))
    labels = {each.facet: taxonomy.facets[each.facet].now(each.after) for each in given}
    return CorrectedExample(Example(item, labels, newest.conversation_id), tuple(given))
