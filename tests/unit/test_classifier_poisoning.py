"""One agent who flips a class is named; honest ones and whole teams that agree are not."""

import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from classifier import poisoning
from classifier.corrections import CorrectedExample, corrected_examples
from classifier.text import Text
from models.training import ClassSpec, Correction, FacetSpec, Taxonomy

CLASSES = ("咨询", "投诉", "建议")
TAXONOMY = Taxonomy(
    version="t",
    facets={
        "type": FacetSpec(
            zh="类型", en="Type", classes={name: ClassSpec(zh=name, en=name) for name in CLASSES}
        )
    },
)


class Oracle:
    """What a model without an agent would say: the truth that stands in the text."""

    def classify(self, items: Sequence[Text]) -> list[Any]:
        return [
            SimpleNamespace(facets={"type": SimpleNamespace(value=item.text.split("-")[0])})
            for item in items
        ]


def given(agent: str, count: int, before: str, after: str, truth: str) -> list[Correction]:
    return [
        Correction(
            f"{agent}{before}{number}", f"{agent}{before}{number}", f"{agent}{before}{number}",
            agent, float(number), "type", before, after, "", f"{truth}-{agent}{number}", "mail",
        )
        for number in range(count)
    ]  # fmt: skip


def honest(agent: str, count: int = 30, slips: int = 3) -> list[Correction]:
    chance = random.Random(agent)
    made = []
    for number in range(count):
        truth, wrong = chance.sample(CLASSES, 2)
        after = wrong if number < slips else truth
        made += given(f"{agent}", 1, chance.choice(CLASSES), after, truth)
        made[-1] = Correction(**{
            **{name: getattr(made[-1], name) for name in Correction.__dataclass_fields__},
            "id": f"{agent}-{number}", "ticket_id": f"{agent}-{number}",
            "conversation_id": f"{agent}-{number}",
        })  # fmt: skip
    return made


def taught(corrections: Sequence[Correction]) -> list[CorrectedExample]:
    return corrected_examples(corrections, TAXONOMY)[0]


def find(corrections: Sequence[Correction]) -> list[dict[str, Any]]:
    asked: list[frozenset[str]] = []

    def without(agents: frozenset[str]) -> Any:
        asked.append(agents)
        return Oracle()

    found = poisoning.find(
        taught(corrections), without, lambda _model: {"golden": {"type": -0.02}}
    )
    assert all(frozenset({suspect["agent"]}) in asked for suspect in found)
    return found


def test_one_who_flips_a_class_is_named_with_what_it_does() -> None:
    poison = given("mallory", 12, "投诉", "建议", "投诉")
    (suspect,) = find([*honest("a"), *honest("b"), *honest("c"), *poison])
    assert (suspect["agent"], suspect["facet"]) == ("mallory", "type")
    assert (suspect["before"], suspect["after"]) == ("投诉", "建议")
    assert (suspect["given"], suspect["against"]) == (12, 12)
    assert set(suspect["corrections"]) == {each.id for each in poison}
    assert suspect["influence"] == {"golden": {"type": -0.02}}


def test_honest_agents_who_slip_now_and_then_are_not() -> None:
    assert find([*honest("a"), *honest("b"), *honest("c", slips=6)]) == []


def test_a_few_odd_corrections_prove_nothing() -> None:
    assert find([*honest("a"), *honest("b"), *given("d", 4, "投诉", "建议", "投诉")]) == []


def test_a_whole_team_that_sees_something_new_is_not_a_suspect() -> None:
    team = [each for name in "abcd" for each in given(name, 8, "投诉", "建议", "投诉")]
    assert find(team) == []


def test_of_thousands_of_flips_the_chance_is_still_a_number() -> None:
    many = given("mallory", 1_500, "投诉", "建议", "投诉")
    many[1_000:] = [replace(each, text=f"建议-{each.id}") for each in many[1_000:]]
    (suspect,) = find([*honest("a"), *honest("b"), *many])
    assert (suspect["given"], suspect["against"]) == (1_500, 1_000)
    assert 0.0 <= suspect["chance"] < 1e-12


def test_the_chance_is_that_of_the_binomial_distribution() -> None:
    # Exact: 5 · 0.2⁴ · 0.8 + 0.2⁵.
    assert poisoning._tail(5, 4, 0.2) == pytest.approx(0.00672)
    assert poisoning._tail(5, 0, 0.2) == pytest.approx(1.0)
