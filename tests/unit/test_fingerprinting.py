"""Whose text is kept as a fingerprint: of what is a complaint, or may be corrected into one."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from models import similarity
from models.similarity import Fingerprint
from models.ticket import Label, Labels
from workers.learning.fingerprinting import Fingerprinting


def _of_each(tickets: Sequence[Any]) -> list[Fingerprint]:
    return [{number: 1.0} for number, _ in enumerate(tickets, 1)]


def _labels(value: str, *alternatives: tuple[str, float]) -> Labels:
    label = Label(value=value, confidence=0.7, accepted=True, alternatives=alternatives)
    return Labels(facets={"type": label}, bundle="b")


def _ticket(id_: str, auto: str = "none", *, troubled: bool = False) -> Any:
    return SimpleNamespace(ticket_id=id_, auto=auto, troubled=troubled)


@pytest.mark.parametrize(
    ("ticket", "labels", "counts"),
    [
        (_ticket("t"), _labels("投诉"), True),
        (_ticket("t"), _labels("咨询", ("投诉", 0.2)), False),
        (_ticket("t"), _labels("咨询", ("投诉", 0.19)), None),
        (_ticket("t", "auto_reply"), _labels("投诉"), None),
        (_ticket("t", troubled=True), _labels("投诉"), None),
    ],
)
def test_what_is_kept_and_whether_it_counts(
    ticket: Any, labels: Labels, counts: bool | None
) -> None:
    taken = Fingerprinting(_of_each, ["type:投诉"])([ticket], [labels])
    assert {key: one.counts for key, one in taken.items()} == (
        {} if counts is None else {"t": counts}
    )


def test_each_gets_its_own() -> None:
    tickets = [_ticket("machine", "auto_reply"), _ticket("a"), _ticket("b")]
    taken = Fingerprinting(_of_each, ["type:投诉"])(tickets, [_labels("投诉")] * 3)
    features = {key: similarity.load(one.features) for key, one in taken.items()}
    assert features == {"a": {1: 1.0}, "b": {2: 1.0}}
