"""Labels to needs, and needs to sentences."""

import pytest

from models.routing import TRIAGE, Department, Needs, Rules, Targets
from router.needs import department, ladder, needs, sent_to, target, targets_of

RULES = Rules(
    version="test",
    required_facets=("domain",),
    preferred_facets=("type",),
    preferred_level=3,
    targets={"live": Targets(by_urgency={"紧急": 60.0, "一般": 300.0}, default=120.0)},
    tier_factor={"gold": 0.5},
    units={"live": 2},
)
LABELS = {"domain": "物流", "type": "投诉", "urgency": "紧急"}


def test_labels_become_skills() -> None:
    assert needs(LABELS, True, "zh-CN", RULES) == Needs(
        required=(("domain:物流", 1),), preferred=(("type:投诉", 3),)
    )


@pytest.mark.parametrize("lang", ["en", "en-GB", "EN_us"])
def test_a_foreign_language_is_required_and_never_dropped(lang: str) -> None:
    asked = needs(LABELS, True, lang, RULES)
    assert asked.required == (("domain:物流", 1), ("lang:en", 1))
    assert asked.never_drop == {"lang:en"}


@pytest.mark.parametrize("lang", ["zh", "zh-Hant-HK", "und", ""])
def test_chinese_and_the_undetermined_are_everybodys(lang: str) -> None:
    assert needs(LABELS, True, lang, RULES).required == (("domain:物流", 1),)


def test_where_the_classifier_abstained_a_person_decides() -> None:
    assert needs(LABELS, False, "zh", RULES) == Needs(required=((TRIAGE, 1),))
    assert needs(LABELS, False, "en", RULES) == Needs(
        required=(("lang:en", 1), (TRIAGE, 1)), never_drop=frozenset({"lang:en"})
    )


def test_a_required_facet_without_a_label_is_left_to_a_person() -> None:
    assert needs({"type": "投诉"}, True, "zh", RULES) == Needs(required=((TRIAGE, 1),))
    assert needs({"domain": ""}, True, "zh", RULES) == Needs(required=((TRIAGE, 1),))
    both = RULES.model_copy(update={"required_facets": ("domain", "type")})
    assert needs({"domain": "物流"}, True, "zh", both) == Needs(required=((TRIAGE, 1),))
    assert needs(LABELS, True, "zh", both).skill_class == "domain:物流:1+type:投诉:1|type:投诉:3"


def test_a_preferred_facet_without_a_label_asks_for_nothing() -> None:
    assert needs({"domain": "物流"}, True, "zh", RULES).preferred == ()


def test_equal_tickets_are_one_class() -> None:
    one = needs({"domain": "物流", "type": "投诉"}, True, "en-US", RULES)
    other = needs({"type": "投诉", "domain": "物流", "urgency": "一般"}, True, "en", RULES)
    assert one == other
    assert one.skill_class == other.skill_class


@pytest.mark.parametrize(
    ("urgency", "tier", "seconds"),
    [("紧急", "standard", 60), ("紧急", "gold", 30), ("一般", "gold", 150), ("?", "?", 120)],
)
def test_urgency_and_tier_make_the_target(urgency: str, tier: str, seconds: float) -> None:
    assert target(urgency, "live", tier, RULES) == seconds


def test_a_channels_own_targets_stand_in_for_its_lanes() -> None:
    phone = Targets(by_urgency={}, default=20.0)
    rules = RULES.model_copy(update={"targets": RULES.targets | {"phone": phone}})
    assert targets_of("phone", "live", rules) == phone
    assert targets_of("webchat", "live", rules) == RULES.targets["live"]
    assert target("紧急", "live", "gold", rules, channel="phone") == 10.0
    assert target("紧急", "live", "gold", rules) == 30.0


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"type": "投诉", "domain": "物流"}, "物流部"),
        ({"type": "投诉", "domain": "产品"}, "品控部"),
        ({"type": "投诉", "domain": "售后"}, ""),
        ({"type": "投诉"}, ""),
        ({"type": "咨询", "domain": "物流"}, ""),
        ({"domain": "物流"}, ""),
    ],
)
def test_a_complaint_is_laid_at_the_department_of_its_domain(
    labels: dict[str, str], name: str
) -> None:
    departments = {
        "品控部": Department(en="Quality", seconds=60.0, domains=("产品", "质量")),
        "物流部": Department(en="Logistics", seconds=60.0, domains=("物流",)),
    }
    assert department(labels, RULES.model_copy(update={"departments": departments})) == name


def test_what_goes_to_a_department_asks_for_its_people_and_what_is_never_dropped() -> None:
    asked = needs(LABELS, True, "en", RULES)
    assert sent_to(asked, "物流部") == Needs(
        required=(("dept:物流部", 1), ("lang:en", 1)), never_drop=frozenset({"lang:en"})
    )


def test_a_lane_without_targets_is_an_error_in_the_rules() -> None:
    with pytest.raises(KeyError, match="fax"):
        target("紧急", "fax", "gold", RULES)


def test_the_ladder_drops_what_is_preferred_then_lowers_levels() -> None:
    asked = Needs(
        required=(("domain:物流", 3), ("lang:en", 2)),
        preferred=(("lang:ja", 1), ("type:投诉", 3)),
        never_drop=frozenset({"lang:en", "lang:ja"}),
    )
    assert [(rung.required, rung.preferred) for rung in ladder(asked, 9)] == [
        (asked.required, asked.preferred),
        (asked.required, (("lang:ja", 1),)),
        ((("domain:物流", 2), ("lang:en", 2)), (("lang:ja", 1),)),
        ((("domain:物流", 1), ("lang:en", 2)), (("lang:ja", 1),)),
    ]
    assert len(ladder(asked, 1)) == 2
    assert ladder(Needs(), 9) == (Needs(),)


def test_the_overflow_group_is_the_last_rung_and_one_of_the_steps() -> None:
    """Its people join last; what is never dropped is asked of them as well."""
    asked = Needs(
        required=(("domain:物流", 3), ("lang:en", 2)),
        never_drop=frozenset({"lang:en"}),
        overflow="group:all",
    )
    lower = (("domain:物流", 2), ("lang:en", 2))
    lowest = (("domain:物流", 1), ("lang:en", 2))
    everybody = (("group:all", 1), ("lang:en", 2))
    for steps, rungs in [
        (0, [asked.required]),
        (1, [asked.required, everybody]),
        (2, [asked.required, lower, everybody]),
        (3, [asked.required, lower, lowest, everybody]),
        (9, [asked.required, lower, lowest, everybody]),
    ]:
        assert [rung.required for rung in ladder(asked, steps)] == rungs
