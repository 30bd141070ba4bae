"""The gate: what passes, what does not, and that it says why."""

from collections import Counter

import numpy as np
import pytest

from classifier import examples, splits
from classifier.examples import Example
from classifier.gate import GateConfig, Judged, compare, verdict
from classifier.lessons import lessons
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
    assert parts.lessons
    assert {n // 2 for n in parts.fresh}.isdisjoint({n // 2 for n in parts.lessons})
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
    learnt = [*(SEED[at] for at in parts.seed), *(given[at] for at in parts.lessons)]
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


# -- lessons ---------------------------------------------------------------------------

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
    (lesson,), skipped = lessons(given, TAXONOMY)
    assert lesson.example == Example(Text("着火了", "", "mail"), {"urgency": "紧急"}, "v1")
    assert not skipped


def test_a_correction_to_a_class_that_was_renamed_since_teaches_the_new_one() -> None:
    urgency = TAXONOMY.facets["urgency"]
    classes = {
        **urgency.classes,
        "紧急": urgency.classes["紧急"].model_copy(update={"was": ("急",)}),
    }
    renamed = urgency.model_copy(update={"classes": classes})
    taxonomy = TAXONOMY.model_copy(update={"facets": {"urgency": renamed}})
    (lesson,), skipped = lessons([correction(1, "急")], taxonomy)
    assert (lesson.example.labels, skipped) == ({"urgency": "紧急"}, {})


def test_what_teaches_nothing_is_counted() -> None:
    given = [
        correction(1, "紧急", excluded=True),
        correction(2, "没有的类"),
        correction(3, "紧急", facet="没有的维度"),
        correction(4, "紧急", text=" "),
    ]
    found, skipped = lessons(given, TAXONOMY)
    assert not found
    assert skipped == {"excluded": 1, "unknown": 2, "empty": 1}
