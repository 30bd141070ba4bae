"""Signing complaints: what others about the same matter are found by, stored with the labels."""

from collections.abc import Callable, Collection, Mapping, Sequence

from models import likeness
from models.likeness import Likeness
from models.store.complaints.likenesses import Signed
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Labels

_MAYBE = 0.2
"""How probable a class must be for an agent to correct a label to it, now and then: then the
text has been signed already."""


class Fingerprinting:
    """Signs what is, or may be corrected into, one of the ``compared`` labels."""

    def __init__(
        self,
        sign: Callable[[Sequence[Unlabelled]], Sequence[Likeness]],
        compared: Collection[str],
    ) -> None:
        """``sign`` takes the classifier's features of texts; ``compared`` are “facet:class”."""
        self._sign = sign
        self._compared = frozenset(compared)

    def __call__(
        self, tickets: Sequence[Unlabelled], labels: Sequence[Labels]
    ) -> Mapping[str, Signed]:
        """By ticket, what is stored. Nobody's automatic mail is a complaint."""
        judged = [
            (ticket, _values(given))
            for ticket, given in zip(tickets, labels, strict=True)
            if ticket.auto == "none" and not ticket.troubled
        ]
        wanted = [(t, values) for t, values in judged if self._compared & values.keys()]
        if not wanted:
            return {}
        signed = self._sign([ticket for ticket, _ in wanted])
        return {
            ticket.ticket_id: Signed(
                likeness.dump(alike), any(values.get(name) for name in self._compared)
            )
            for (ticket, values), alike in zip(wanted, signed, strict=True)
            if alike
        }


def _values(labels: Labels) -> dict[str, bool]:
    """“facet:class” to whether it is the label, of all that is not improbable."""
    found: dict[str, bool] = {}
    for facet, label in labels.facets.items():
        found |= {f"{facet}:{value}": False for value, p in label.alternatives if p >= _MAYBE}
        found[f"{facet}:{label.value}"] = True
    return found
