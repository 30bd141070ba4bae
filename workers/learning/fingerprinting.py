"""Fingerprints of complaints: others about the same matter are found by them."""

from collections.abc import Callable, Collection, Mapping, Sequence

from models import similarity
from models.similarity import Fingerprint
from models.store.complaints.incident_detection import StoredFingerprint
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Labels

_MAYBE = 0.2
"""How probable a class must be for an agent to correct a label to it, now and then: then the
text has its fingerprint already."""


class Fingerprinting:
    """Takes fingerprints of what is, or may be corrected into, one of the ``compared`` labels."""

    def __init__(
        self,
        fingerprints_of: Callable[[Sequence[Unlabelled]], Sequence[Fingerprint]],
        compared: Collection[str],
    ) -> None:
        """``compared`` are labels that make a complaint: “facet:class”."""
        self._of = fingerprints_of
        self._compared = frozenset(compared)

    def __call__(
        self, tickets: Sequence[Unlabelled], labels: Sequence[Labels]
    ) -> Mapping[str, StoredFingerprint]:
        """By ticket, what is stored. Nobody's automatic mail is a complaint."""
        judged = [
            (ticket, _values(given))
            for ticket, given in zip(tickets, labels, strict=True)
            if ticket.auto == "none" and not ticket.troubled
        ]
        wanted = [(t, values) for t, values in judged if self._compared & values.keys()]
        if not wanted:
            return {}
        fingerprints = self._of([ticket for ticket, _ in wanted])
        return {
            ticket.ticket_id: StoredFingerprint(
                similarity.dump(fingerprint), any(values.get(name) for name in self._compared)
            )
            for (ticket, values), fingerprint in zip(wanted, fingerprints, strict=True)
            if fingerprint
        }


def _values(labels: Labels) -> dict[str, bool]:
    """“facet:class” to whether it is the label, of all that is not improbable."""
    found: dict[str, bool] = {}
    for facet, label in labels.facets.items():
        found |= {f"{facet}:{value}": False for value, p in label.alternatives if p >= _MAYBE}
        found[f"{facet}:{label.value}"] = True
    return found
