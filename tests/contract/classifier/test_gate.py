"""The gate: what passes, what does not, and that it says why."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from classifier import examples, splits
from classifier.corrections import corrected_examples
from classifier.examples import Example
from classifier.gate import GateConfig, Judged, compare, verdict
from classifier.text import Text
from models.training import ClassSpec, Correction, FacetSpec, Taxonomy

CLASSES = ("紧急", "重要", "一般")
TRUTH = np.repeat(np.arange(3), 60)


def said(wrong: dict[int, int]) -> np.ndarray:
    """The truth, but the first ``wrong[c]`` cases of each class c are called the next one."""
    answers = TRUTH.copy()
    for at, count in wrong.items():
        answers[at * 60 : at * 60 + count] = (at + 1) % 3
    return answers


def judged(champion: dict[int, int], challenger: dict[int, int]) -> dict[str, dict[str, object]]:
    both = Judged("urgency", CLASSES, TRUTH, said(champion), said(challenger))
    return {"urgency": compare(both)}


def failed(
    champion: dict[int, int], challenger: dict[int, int], least: float = 0.0
) -> Counter[str]:
    config = GateConfig(least_recall={"urgency:紧急": least})
    found = verdict(judged(champion, challenger), {}, config)
    assert found["passed"] == all(reason["ok"] for reason in found["reasons"])
    return Counter(reason["check"] for reason in found["reasons"] if not reason["ok"])


def test_the_same_answers_pass_and_differ_by_nothing() -> None:
    figures = judged({0: 5}, {0: 5})["urgency"]["macro_f1"]
    assert figures["difference"] == 0.0  # type: ignore[index]
    assert figures["interval"] == [0.0, 0.0]  # type: ignore[index]
    assert not failed({0: 5}, {0: 5})


def test_what_is_next_to_nothing_has_no_sign_of_a_loss() -> None:
    figures = judged({}, {})
    figures["urgency"]["macro_f1"] |= {"difference": -0.0004, "interval": [-0.001, 0.0]}  # type: ignore[operator]
    told = [reason["zh"] for reason in verdict(figures, {}, GateConfig())["reasons"]]
    assert any("变化 +0.0 分（95% 区间 -0.1 … +0.0）" in words for words in told)


def test_a_better_one_passes() -> None:
    assert not failed({0: 20, 1: 10}, {0: 4})


def test_a_worse_one_does_not() -> None:
    assert failed({0: 4}, {0: 20, 1: 20})["overall"] == 1


def test_a_class_may_not_be_sacrificed_for_the_others() -> None:
    # Better on the whole, by two classes at the cost of the third.
    found = failed({1: 30}, {0: 20})
    assert found == {"class": 1}


def test_the_floor_holds_even_where_the_champion_is_no_better() -> None:
    assert failed({0: 20}, {0: 19}, least=0.8) == {"floor": 1}
    assert not failed({0: 20}, {0: 11}, least=0.8)


def test_few_fresh_corrections_tell_nothing_and_say_so() -> None:
    few = Judged("urgency", CLASSES, TRUTH[:3], TRUTH[:3], said({0: 3})[:3])
    found = verdict(judged({}, {}), {"urgency": compare(few)}, GateConfig())
    assert found["passed"]
    assert any("新的更正只有 3 条" in reason["zh"] for reason in found["reasons"])


def test_without_a_champion_only_the_floors_speak() -> None:
    config = GateConfig(least_recall={"urgency:紧急": 0.8})
    found = verdict(judged({0: 20}, {0: 20}), {}, config, alone=True)
    assert [(reason["check"], reason["ok"]) for reason in found["reasons"]] == [
        ("alone", True),
        ("floor", False),
    ]


def test_the_interval_covers_the_true_difference() -> None:
    """Of many experiments with a known difference, about 95 % cover it."""
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(20):
        truth = random.integers(0, 2, 200)
        old = np.where(random.random(200) < 0.7, truth, 1 - truth)
        new = np.where(random.random(200) < 0.8, truth, 1 - truth)
        low, high = compare(Judged("f", ("a", "b"), truth, old, new))["accuracy"]["interval"]
        covered += low <= 0.1 <= high
    assert covered >= 16


def test_figures_of_a_table_counted_by_hand() -> None:
    """甲: 8 of 10 found, none wrongly; 乙: all 10, and 2 wrongly. Nothing is a 丙."""
    truth = np.repeat([0, 1], 10)
    champion = np.array([1] * 2 + [0] * 8 + [1] * 10)
    figures = compare(Judged("f", ("甲", "乙", "丙"), truth, champion, truth))
    assert figures["cases"] == 20
    assert figures["labels"] == ["甲", "乙", "丙"]
    assert figures["confusion"] == [
        [[8, 2, 0], [0, 10, 0], [0, 0, 0]],
        [[10, 0, 0], [0, 10, 0], [0, 0, 0]],
    ]
    told = {name: figures["classes"][name] for name in figures["classes"]}
    assert set(told) == {"甲", "乙"}, "a class without cases can tell nothing"
    assert (told["甲"]["cases"], told["甲"]["recall"]) == (10, [0.8, 1.0])
    assert (told["甲"]["champion"], told["乙"]["champion"]) == (0.8889, 0.9091)  # 16/18, 20/22
    macro, accuracy = figures["macro_f1"], figures["accuracy"]
    assert (macro["champion"], macro["challenger"], macro["difference"]) == (0.899, 1.0, 0.101)
    assert (accuracy["champion"], accuracy["difference"]) == (0.9, 0.1)
    for figure in (macro, accuracy, told["甲"]):
        low, high = figure["interval"]
        assert low < figure["difference"] < high, "the challenger is better by chance, or not"
    assert accuracy["interval"][1] <= 0.3


def test_of_no_texts_the_figures_are_nothing() -> None:
    none = np.array([], int)
    figures = compare(Judged("f", ("甲", "乙"), none, none, none))
    assert (figures["cases"], figures["classes"]) == (0, {})
    assert figures["macro_f1"] == figures["accuracy"]
    assert figures["macro_f1"]["interval"] == [0.0, 0.0]


def test_with_more_classes_each_has_a_wider_interval() -> None:
    """Bonferroni: of ten classes one looks worse by chance ten times as often."""
    answers = TRUTH, said({0: 9, 1: 4}), said({0: 3, 1: 8})

    def width(classes: int, *of: str) -> float:
        named = CLASSES + tuple(f"class {n}" for n in range(classes))
        figure: Any = compare(Judged("f", named, *answers))
        for name in of:
            figure = figure[name]
        low, high = figure["interval"]
        return float(high - low)

    assert width(20, "classes", "紧急") > width(0, "classes", "紧急")
    assert width(20, "accuracy") == width(0, "accuracy")


def figures(
    difference: float, interval: tuple[float, float], cases: int = 100, **classes: object
) -> dict[str, object]:
    return {
        "cases": cases,
        "macro_f1": {"difference": difference, "interval": list(interval)},
        "classes": classes,
    }


@pytest.mark.parametrize(
    ("difference", "interval", "ok"),
    [
        (0.0, (0.0, 0.0), True),
        (0.02, (0.01, 0.03), True),
        # A little worse: only where chance could explain it.
        (-0.01, (-0.03, 0.0), True),
        (-0.005, (-0.03, 0.02), True),
        (-0.005, (-0.009, -0.001), False),
        # Worse by more than is tolerated, whatever explains it.
        (-0.011, (-0.03, 0.02), False),
    ],
)
def test_how_much_worse_a_challenger_may_be(
    difference: float, interval: tuple[float, float], ok: bool
) -> None:
    same = figures(0.0, (0.0, 0.0))
    told = figures(difference, interval)
    assert verdict({"f": told}, {}, GateConfig(tolerance=0.01))["passed"] is ok
    assert verdict({"f": same}, {"f": told}, GateConfig(tolerance=0.01))["passed"] is ok
    kept = [one["check"] for one in verdict({"f": same}, {"f": told}, GateConfig())["reasons"]]
    assert kept == ["overall", "class", "fresh"]


@pytest.mark.parametrize(
    ("cases", "upper", "ok"), [(5, -0.001, False), (4, -0.001, True), (5, 0.0, True)]
)
def test_a_class_that_fell_beyond_its_interval(cases: int, upper: float, ok: bool) -> None:
    """From five cases on: fewer can tell nothing."""
    fell = {"cases": cases, "difference": -0.2, "interval": [-0.4, upper]}
    found = verdict({"f": figures(0.0, (0.0, 0.0), 紧急=fell)}, {}, GateConfig())
    (reason,) = [one for one in found["reasons"] if one["check"] == "class"]
    assert (found["passed"], reason["ok"]) == (ok, ok)
    assert reason["label"] == ("" if ok else "紧急")
    if not ok:
        assert "“紧急”的 F1 变化 -20.0 分，整个区间（-40.0 … -0.1）" in reason["zh"]
        assert "F1 of “紧急” changes by -20.0 points; all of -40.0 … -0.1" in reason["en"]


@pytest.mark.parametrize(
    ("cases", "checks", "passed"),
    [(0, [], True), (1, [True], True), (19, [True], True), (20, [False], False)],
)
def test_fresh_corrections_count_from_twenty_on(
    cases: int, checks: list[bool], passed: bool
) -> None:
    worse = figures(-0.2, (-0.3, -0.1), cases)
    found = verdict({"f": figures(0.0, (0.0, 0.0))}, {"f": worse}, GateConfig())
    assert [one["ok"] for one in found["reasons"] if one["check"] == "fresh"] == checks
    assert found["passed"] is passed


@pytest.mark.parametrize(("recall", "ok"), [(0.8, True), (0.7999, False)])
def test_the_floor_is_the_challengers_recall(recall: float, ok: bool) -> None:
    held = {"cases": 9, "difference": 0.0, "interval": [0.0, 0.0], "recall": [0.1, recall]}
    config = GateConfig(least_recall={"f:紧急": 0.8, "f:没有": 0.9, "g:紧急": 0.9})
    found = verdict({"f": figures(0.0, (0.0, 0.0), 紧急=held)}, {}, config)
    told = {
        (one["facet"], one["label"]): one for one in found["reasons"] if one["check"] == "floor"
    }
    assert f"“紧急”的召回率为 {recall:.1%}，下限 80%" in told["f", "紧急"]["zh"]
    assert told["f", "紧急"]["ok"] is found["passed"] is ok
    # A slip in a name must not look like a floor that holds.
    for facet, label in (("f", "没有"), ("g", "紧急")):
        assert told[facet, label]["ok"]
        assert f"金标集里没有“{facet}:{label}”" in told[facet, label]["zh"]
        assert f"No case of “{facet}:{label}”" in told[facet, label]["en"]


# -- splits ----------------------------------------------------------------------------


def example(text: str, group: str = "") -> Example:
    return Example(Text(text), {"urgency": "一般"}, group)


SEED = [example(f"第{n}个问题：{chr(0x4E00 + 37 * n) * 5}怎么办理") for n in range(80)]


def test_the_golden_part_is_pinned_by_content_alone() -> None:
    _, gold = splits.golden(SEED)
    assert 2 <= len(gold) <= 20
    _, shuffled = splits.golden(list(reversed(SEED)))
    assert {each.item.text for each in gold} == {each.item.text for each in shuffled}
    said_by_agents = [example(SEED[0].item.text + "？", "c1")]
    parts = splits.split(SEED, said_by_agents, [True])
    assert [SEED[at] for at in parts.golden] == gold


def test_what_is_like_a_golden_text_is_not_learnt() -> None:
    _, gold = splits.golden(SEED)
    given = [example(gold[0].item.text + "呀"), example("同一会话里的另一句，完全不同", "c1")]
    given[0] = Example(given[0].item, given[0].labels, "c1")
    parts = splits.split(SEED, given, [True, True])
    assert parts.dropped == [0, 1]


def test_a_conversation_and_its_near_duplicates_never_straddle() -> None:
    given = [
        example(f"新来的{chr(0x5000 + 11 * (n // 2)) * 6}业务{'吗' * (n % 2)}", f"c{n}")
        for n in range(200)
    ]
    parts = splits.split(SEED, given, [True] * 200)
    assert parts.fresh
    assert parts.corrected
    assert {n // 2 for n in parts.fresh}.isdisjoint({n // 2 for n in parts.corrected})
    # What is like something that the champion has learnt is not fresh.
    assert not splits.split(SEED, given, [False] * 200).fresh
    half = splits.split(SEED, given, [bool(n % 2) for n in range(200)])
    assert not half.fresh


def test_who_learns_a_part_need_not_look_for_near_duplicates_again() -> None:
    given = [
        example(f"新来的{chr(0x5000 + 11 * (n // 2)) * 6}业务{'吗' * (n % 2)}", f"c{n // 6}")
        for n in range(200)
    ]
    parts = splits.split(SEED, given, [bool(n // 6 % 3) for n in range(200)])
    assert parts.fresh
    learnt = [*(SEED[at] for at in parts.seed), *(given[at] for at in parts.corrected)]
    assert len(set(parts.learnt_groups)) < len(learnt)
    assert examples.folds(learnt, 5, parts.learnt_groups) == examples.folds(learnt, 5)


def test_near_duplicates_are_those_of_the_definition() -> None:
    texts = [
        f"{a}的{b}什么时候{c}"
        for a in "我你他"
        for b in ("包裹", "快递", "退款单")
        for c in "到来"
    ]
    items = [Text(text) for text in texts]
    sets = [set(examples._shingles(item).tolist()) for item in items]
    expected = [
        (one, other)
        for one in range(len(sets))
        for other in range(one + 1, len(sets))
        if len(sets[one] & sets[other]) >= examples.ALIKE * len(sets[one] | sets[other])
    ]
    assert expected
    assert examples._alike([examples._shingles(item) for item in items]) == expected


def test_what_reads_the_same_is_tied_to_its_first_only() -> None:
    items = [Text(f"查询订单{10**9 + 7 * at}") for at in range(50)] + [Text("发票抬头写错了")]
    links = examples._links([examples._shingles(item) for item in items])
    assert links == [(0, at) for at in range(1, 50)]
    assert len(set(examples.groups([Example(item, {}) for item in items]))) == 2


def test_a_form_letter_of_many_is_one_group_without_all_its_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examples, "_CROWD", 20)
    monkeypatch.setattr(examples, "_NEAR", 2)
    monkeypatch.setattr(examples, "_PENDING", 50)
    assert len(examples._pairs_of_equal(np.zeros(60, np.uint64), 60)) == 59 + 58
    assert len(examples._pairs_of_equal(np.zeros(20, np.uint64), 20)) == 20 * 19 / 2
    letter = "您好，我是{}某，商品至今没有收到，请尽快核实处理"
    data = [Example(Text(letter.format(chr(0x4E00 + 40 * at))), {}) for at in range(60)]
    assert len(set(examples.groups(data))) == 1


# -- corrected examples -------------------------------------------------------------------------

TAXONOMY = Taxonomy(
    version="t",
    facets={
        "urgency": FacetSpec(
            zh="急", en="Urgency", classes={name: ClassSpec(zh=name, en=name) for name in CLASSES}
        )
    },
)


def correction(number: int, after: str, **options: object) -> Correction:
    values: dict[str, object] = {
        "id": f"c{number}", "ticket_id": "t1", "conversation_id": "v1", "agent_id": "li",
        "at": float(number), "facet": "urgency", "before": "一般", "after": after,
        "subject": "", "text": "着火了", "lane": "mail",
    }  # fmt: skip
    return Correction(**values | options)  # type: ignore[arg-type]


def test_the_last_word_on_a_ticket_counts() -> None:
    given = [correction(2, "紧急"), correction(1, "重要")]
    (one,), skipped = corrected_examples(given, TAXONOMY)
    assert one.example == Example(Text("着火了", "", "mail"), {"urgency": "紧急"}, "v1")
    assert not skipped


def test_a_correction_to_a_class_that_was_renamed_since_teaches_the_new_one() -> None:
    urgency = TAXONOMY.facets["urgency"]
    classes = {
        **urgency.classes,
        "紧急": urgency.classes["紧急"].model_copy(update={"was": ("急",)}),
    }
    renamed = urgency.model_copy(update={"classes": classes})
    taxonomy = TAXONOMY.model_copy(update={"facets": {"urgency": renamed}})
    (one,), skipped = corrected_examples([correction(1, "急")], taxonomy)
    assert (one.example.labels, skipped) == ({"urgency": "紧急"}, {})


def test_what_teaches_nothing_is_counted() -> None:
    given = [
        correction(1, "紧急", excluded=True),
        correction(2, "没有的类"),
        correction(3, "紧急", facet="没有的维度"),
        correction(4, "紧急", text=" "),
    ]
    found, skipped = corrected_examples(given, TAXONOMY)
    assert not found
    assert skipped == {"excluded": 1, "unknown": 2, "empty": 1}
