"""When a ticket's clock begins and runs out: channel, urgency, tier, hours, natural limits."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.routing import Department, Line, Rulebook, Rules, Targets
from models.ticket import Label, Labels
from router import place as placing
from router.place import Facts, Place, filed, place
from router.sla import Calendar, Calendars

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")
HOURS = Calendar.of("Asia/Shanghai", dict.fromkeys(WEEK, ("09:00-12:00", "13:00-18:00")))
RULES = Rules(
    version="7",
    required_facets=("domain",),
    targets={
        "live": Targets(by_urgency={"紧急": 60.0}, default=600.0, hours="business"),
        "mail": Targets(by_urgency={}, default=14400.0, hours="business"),
        "phone": Targets(by_urgency={}, default=30.0, by_tier={"gold": 1.0}),
    },
    tier_factor={"gold": 0.5},
    natural_limit={"type:投诉": 86400.0},
    units={"live": 2, "mail": 1},
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


def placed(when: str, rules: Rules = RULES, **options: Any) -> Place:
    labels = options.pop("labels", {"domain": "物流", "type": "咨询", "urgency": "一般"})
    accepted = options.pop("accepted", True)
    values: dict[str, Any] = {
        "lang": "zh",
        "channel": "webchat",
        "account": "site",
        "lane": "live",
        "tier": "standard",
        "queued_at": at(when),
    }
    return place(labels, Facts(**values | options), rules, HOURS, accepted=accepted)


def test_within_hours_the_clock_begins_at_once() -> None:
    where = placed("2026-11-25T10:00")
    assert (where.clock_at, where.target) == (at("2026-11-25T10:00"), 600.0)
    assert (where.units, where.rules_version) == (2, "7")


@pytest.mark.parametrize(
    ("when", "begins"),
    [
        ("2026-11-25T03:00", "2026-11-25T09:00"),  # at night
        ("2026-11-25T12:10", "2026-11-25T13:00"),  # at noon
        ("2026-11-27T19:00", "2026-11-30T09:00"),  # over the week-end
        ("2026-11-27T17:58", "2026-11-30T08:58"),  # two of its ten minutes are left on Friday
    ],
)
def test_closed_hours_move_the_clock_and_leave_the_target(when: str, begins: str) -> None:
    where = placed(when)
    assert (where.clock_at, where.target) == (at(begins), 600.0)


def test_a_long_target_is_counted_over_nights() -> None:
    where = placed("2026-11-25T16:00", lane="mail")
    assert where.clock_at + where.target == at("2026-11-26T11:00")
    assert where.target == 14400.0


def test_a_complaint_is_answered_within_a_natural_day_whatever_the_hours() -> None:
    complaint = {"domain": "物流", "type": "投诉"}
    where = placed("2026-11-27T19:00", lane="mail", labels=complaint)
    assert where.clock_at + where.target == at("2026-11-28T19:00")
    assert where.clock_at >= at("2026-11-27T19:00")
    soon = placed("2026-11-25T10:00", labels=complaint)
    assert soon.target == 600.0, "the limit makes nothing later"


@pytest.mark.parametrize(
    ("limits", "labels", "target"),
    [
        ({"type:投诉": 90.0, "urgency:紧急": 80.0}, {"type": "投诉", "urgency": "紧急"}, 60.0),
        ({"type:投诉": 40.0, "urgency:紧急": 50.0}, {"type": "投诉", "urgency": "紧急"}, 40.0),
        ({"type:投诉": 50.0, "urgency:紧急": 40.0}, {"type": "投诉", "urgency": "紧急"}, 40.0),
        ({"type:投诉": 40.0, "urgency:紧急": 50.0}, {"type": "咨询", "urgency": "紧急"}, 50.0),
        ({"type:投诉": 40.0}, {"type": "咨询", "urgency": "紧急"}, 60.0),
        ({"type:报修:加急": 40.0}, {"type": "报修:加急", "urgency": "紧急"}, 40.0),
    ],
)
def test_the_narrowest_limit_that_fits_counts(
    limits: dict[str, float], labels: dict[str, str], target: float
) -> None:
    rules = RULES.model_copy(update={"natural_limit": limits})
    assert placed("2026-11-25T10:00", rules, labels=labels).target == target


def test_who_is_first_and_what_interrupts_are_the_rules() -> None:
    rules = RULES.model_copy(
        update={"interrupting": ("紧急",), "tier_first": {"gold": ("li", "wu")}}
    )
    urgent = {"domain": "物流", "urgency": "紧急"}
    where = placed("2026-11-25T10:00", rules, labels=urgent, tier="gold")
    assert (where.interrupts, where.first) == (True, ("li", "wu"))
    where = placed("2026-11-25T10:00", rules)
    assert (where.interrupts, where.first) == (False, ())
    assert not placed("2026-11-25T10:00", rules, labels={"domain": "物流"}).interrupts


def test_urgency_tier_and_channel_make_the_target() -> None:
    urgent = {"domain": "物流", "urgency": "紧急"}
    assert placed("2026-11-25T10:00", labels=urgent, tier="gold").target == 30.0
    assert placed("2026-11-25T10:00", channel="phone").target == 30.0
    assert placed("2026-11-25T10:00", channel="phone", tier="gold").target == 30.0
    assert placed("2026-11-25T03:00", channel="phone").clock_at == at("2026-11-25T03:00"), (
        "this channel counts natural time"
    )


def test_a_calendar_that_never_opens_counts_natural_time() -> None:
    never = Calendar.of("UTC", {})
    facts = Facts("zh", "webchat", "site", "live", "standard", 1000.0)
    where = place({"domain": "物流"}, facts, RULES, never, accepted=True)
    assert (where.clock_at, where.target) == (1000.0, 600.0)


@pytest.mark.parametrize(
    ("accepted", "skill_class"),
    [
        ({"domain": True, "type": True}, "domain:物流:1+type:投诉:1"),
        ({"domain": True, "type": True, "urgency": False}, "domain:物流:1+type:投诉:1"),
        ({"domain": False, "type": True}, "triage:1"),
        ({"domain": True, "type": False}, "triage:1"),
        ({"domain": True}, "triage:1"),
    ],
)
def test_what_the_classifier_left_open_goes_to_people(
    accepted: dict[str, bool], skill_class: str
) -> None:
    """Each facet that is required decides; what is not required is nobody's hindrance."""
    values = {"domain": "物流", "type": "投诉", "urgency": "紧急"}
    facets = {
        name: Label(value=values[name], confidence=0.3, accepted=one)
        for name, one in accepted.items()
    }
    rules = RULES.model_copy(update={"required_facets": ("domain", "type")})
    where = placing.placed(
        Labels(facets=facets, bundle="b"),
        Facts("zh", "webchat", "", "live", "", 0.0),
        Rulebook(rules),
        Calendars(HOURS),
    )
    assert where.needs.skill_class == skill_class


def test_the_first_team_and_the_newest_line_that_fit_count() -> None:
    night = Calendar.of("UTC", {})
    hours = Calendars(HOURS, ((Line(domains=("技术",), channels=("email",)), night),))
    assert hours.of("email", "x", "技术") is night
    assert hours.of("webchat", "x", "技术") is HOURS
    newer, older = (RULES.model_copy(update={"version": v}) for v in ("9", "8"))
    book = Rulebook(RULES, ((Line(accounts=("x",)), newer), (Line(channels=("email",)), older)))
    assert book.of("email", "x", "").version == "9"
    assert book.of("email", "y", "").version == "8"
    assert book.of("webchat", "y", "").version == "7"
    assert [book.version(v).version for v in ("8", "gone")] == ["8", "7"]


DEPARTMENTS = {
    "品控部": Department(en="Quality", seconds=7200.0, domains=("产品",)),
    "物流部": Department(en="Logistics", seconds=3600.0, domains=("物流",), takes=True),
}


def complained(domain: str, **options: Any) -> Place:
    labels = {"domain": domain, "type": "投诉", "urgency": "一般"}
    rules = RULES.model_copy(update={"departments": DEPARTMENTS})
    return placed("2026-11-25T17:30", rules, **{"labels": labels} | options)


def test_a_department_that_takes_complaints_has_them_with_its_own_deadline() -> None:
    where = complained("物流", lang="en")
    assert where.department == "物流部"
    assert where.needs.skill_class == "dept:物流部:1+lang:en:1!"
    assert (where.clock_at, where.target) == (at("2026-11-25T17:30"), 3600.0), "natural hours"


def test_a_department_that_does_not_is_only_written_down() -> None:
    where = complained("产品")
    assert (where.department, where.needs.skill_class) == ("品控部", "domain:产品:1")
    assert where.target == 600.0


def test_nobody_is_responsible_for_an_unknown_domain_or_an_inquiry() -> None:
    assert complained("售后").department == ""
    inquiry = complained("物流", labels={"domain": "物流", "type": "咨询"})
    assert (inquiry.department, inquiry.needs.skill_class) == ("", "domain:物流:1")


def test_what_the_classifier_would_not_say_goes_to_people_not_to_a_department() -> None:
    assert complained("物流", accepted=False).needs.skill_class == "triage:1"


def test_what_is_filed_is_what_the_labels_say() -> None:
    rules = RULES.model_copy(update={"departments": DEPARTMENTS})

    def labels(accepted: bool) -> Labels:
        given = {"type": "投诉", "domain": "物流"}
        return Labels(
            facets={
                name: Label(value=value, confidence=0.9, accepted=accepted)
                for name, value in given.items()
            },
            bundle="b",
        )

    made = filed(labels(True), rules)
    assert made is not None
    assert (made.department, made.domain, made.repeat_seconds) == ("物流部", "物流", 30 * 86400.0)
    assert filed(labels(False), rules) is None
