"""Rules under review: each mistake is found, named in both languages, and nothing else is."""

import re
from typing import Any

import pytest

from config.settings import load, load_rules, load_taxonomy
from models.routing import Line, Rules, Targets
from router.changes import NAMES, changes
from router.explain import Text
from router.review import Surroundings, review

AGENTS = {
    "li": {"domain:物流": 3, "triage": 2, "type:投诉": 3},
    "wu": {"domain:支付": 3, "lang:en": 3, "triage": 1},
}


def rules(**options: Any) -> Rules:
    values: dict[str, Any] = {
        "version": "1",
        "required_facets": ("domain",),
        "preferred_facets": ("type",),
        "targets": {
            lane: Targets(by_urgency={"紧急": 60.0, "一般": 600.0}, default=600.0)
            for lane in ("live", "mail")
        },
        "tier_factor": {"gold": 0.5},
        "units": {"live": 2, "mail": 1},
    }
    return Rules(**values | options)


def around(**options: Any) -> Surroundings:
    values: dict[str, Any] = {
        "facets": {
            "type": ("咨询", "投诉"),
            "domain": ("物流", "支付"),
            "urgency": ("紧急", "一般"),
        },
        "agents": AGENTS,
        "places": {"live": "live", "mail": "mail", "webchat": "live", "email": "mail"},
    }
    return Surroundings(**values | options)


def targets(**options: Any) -> dict[str, Targets]:
    values: dict[str, Any] = {"by_urgency": {"紧急": 60.0}, "default": 600.0}
    return {"live": Targets(**values | options), "mail": rules().targets["mail"]}


def test_good_rules_are_left_alone() -> None:
    assert review(rules(), around()) == []


@pytest.mark.parametrize(
    ("made", "here", "where"),
    [
        ({}, {"agents": {"li": AGENTS["li"]}}, "class.domain:支付:1|type:咨询:2"),
        ({}, {"agents": {"li": {"domain:物流": 1, "domain:支付": 1}}}, "class.triage:1"),
        ({}, {"langs": ("en",), "agents": {"li": AGENTS["li"], "wu": {"domain:支付": 1}}},
         "class.domain:物流:1+lang:en:1!"),
        ({"required_facets": ("topic",)}, {}, "required_facets.topic"),
        ({"targets": targets() | {"fax": targets()["live"]}}, {}, "targets.fax"),
        ({"targets": {"live": targets()["live"]}}, {}, "targets.mail"),
        ({"units": {"live": 1}}, {}, "units.mail"),
        ({"targets": targets(by_urgency={"特急": 60.0})}, {}, "targets.live.by_urgency.特急"),
        ({"natural_limit": {"type:表扬": 86400.0}}, {}, "natural_limit.type:表扬"),
        ({"targets": targets(by_urgency={"紧急": 6.0})}, {}, "targets.live.by_urgency.紧急"),
        ({"offer_seconds": {"live": 30.0}}, {}, "targets.live.by_urgency.紧急"),
        ({"targets": targets(hours="business")}, {"teams_closed": ["centre"]},
         "targets.live.hours"),
        ({"relax_at": (0.5, 0.25)}, {}, "relax_at"),
        ({"relax_at": (0.5, 1.5)}, {}, "relax_at"),
        ({"targets": targets(by_urgency={"紧急": 900.0, "一般": 600.0})}, {},
         "targets.live.by_urgency"),
        ({"overflow": {"domain:物流": "triage", "triage": "domain:物流"}}, {}, "overflow"),
        ({"tier_factor": {"gold": 0.0}}, {}, "tier_factor.gold"),
        ({"interrupting": ("特急",)}, {}, "interrupting.特急"),
        ({"departments": {"甲": {"en": "A", "seconds": 60.0, "takes": True}}}, {},
         "departments.甲.takes"),
        ({"departments": {"甲": {"en": "A", "seconds": 60.0, "domains": ("保险",)}}}, {},
         "departments.甲.domains.保险"),
        ({"departments": {"甲": {"en": "A", "seconds": 1.0}}}, {}, "departments.甲.seconds"),
    ],
)  # fmt: skip
def test_each_mistake_is_an_error_that_says_where(
    made: dict[str, Any], here: dict[str, Any], where: str
) -> None:
    found = [f for f in review(rules(**made), around(**here)) if f.where.startswith(where)]
    assert found, review(rules(**made), around(**here))
    assert found[0].level == "error"
    assert re.search(r"[一-鿿]", found[0].text.zh)
    assert re.search(r"[a-z]{2}", found[0].text.en)


@pytest.mark.parametrize(
    ("made", "where"),
    [
        ({"levels": {"domain:支忖": 3}}, "levels.domain:支忖"),
        ({"overflow": {"domain:支忖": "triage"}}, "overflow.domain:支忖"),
        ({"interruptible": ("email",)}, "interruptible.email"),
        ({"offer_seconds": {"webchat": 20.0}}, "offer_seconds.webchat"),
        ({"offer_seconds": {"live": 0.0}}, "offer_seconds.live"),
        ({"units": {"live": 0, "mail": 1}}, "units.live"),
        ({"units": {"live": 7, "mail": 1}}, "units.live"),
        ({"natural_limit": {"type:投诉": 1.0}}, "natural_limit.type:投诉"),
        ({"targets": targets(by_tier={"platinum": 0.01})}, "targets.live.by_urgency.紧急"),
    ],
)
def test_what_would_do_nothing_or_serve_nobody_is_found(made: dict[str, Any], where: str) -> None:
    found = [f.where for f in review(rules(**made), around(most_capacity=6)) if f.level == "error"]
    assert where in found
    assert review(rules(), around(most_capacity=6)) == []


def department(**options: Any) -> dict[str, Any]:
    return {"departments": {"甲": {"en": "A", "seconds": 60.0} | options}}


@pytest.mark.parametrize(
    ("made", "here", "where"),
    [
        # What one sweep of the workers takes, 5 s, can be promised, and nothing below it.
        ({"targets": targets(by_urgency={"紧急": 10.0})}, {}, None),
        ({"targets": targets(by_urgency={"紧急": 9.9})}, {}, "targets.live.by_urgency.紧急"),
        ({"targets": targets(by_urgency={}, default=9.9)}, {}, "targets.live"),
        ({"targets": targets(by_tier={"gold": 0.1})}, {}, None),
        ({"targets": targets(by_tier={"gold": 0.01})}, {}, "targets.live.by_urgency.紧急"),
        ({"natural_limit": {"type:投诉": 5.0}}, {}, None),
        ({"natural_limit": {"type:投诉": 4.9}}, {}, "natural_limit.type:投诉"),
        (department(seconds=5.0), {}, None),
        (department(seconds=4.9), {}, "departments.甲.seconds"),
        # An offer must be over before the target is: gold customers have half of 60 s.
        ({"offer_seconds": {"live": 29.9}}, {}, None),
        ({"offer_seconds": {"live": 30.0}}, {}, "targets.live.by_urgency.紧急"),
        ({"offer_seconds": {"live": 29.9}, "tier_factor": {}}, {}, None),
        ({"offer_seconds": {"live": 20.0}, "targets": targets() | {"webchat": Targets(
            by_urgency={}, default=30.0)}}, {}, "targets.webchat"),
        # Of a channel, the offers of its own lane: a mail is given at once.
        ({"offer_seconds": {"live": 20.0}, "targets": targets() | {"email": Targets(
            by_urgency={}, default=30.0)}}, {}, None),
        ({"offer_seconds": {"mail": 20.0}, "targets": targets() | {"email": Targets(
            by_urgency={}, default=30.0)}}, {}, "targets.email"),
        ({"offer_seconds": {"live": -1.0}}, {}, "offer_seconds.live"),
        # Fractions grow and lie between 0 and 1.
        ({"relax_at": (), "preferred_facets": ()}, {}, None),
        ({"relax_at": (0.01, 0.99)}, {}, None),
        ({"relax_at": (0.0, 0.5)}, {}, "relax_at"),
        ({"relax_at": (0.5, 1.0)}, {}, "relax_at"),
        ({"relax_at": (0.5, 0.5)}, {}, "relax_at"),
        ({"tier_factor": {"gold": -0.5}}, {}, "tier_factor.gold"),
        # Somebody can take it: who has most takes one that needs all of it.
        ({"units": {"live": 6, "mail": 1}}, {"most_capacity": 6}, None),
        ({"units": {"live": 7, "mail": 1}}, {"most_capacity": 6}, "units.live"),
        ({"units": {"live": 7, "mail": 1}}, {}, None),
        (department(takes=True), {"agents": AGENTS | {"x": {"dept:甲": 1}}}, None),
        (department(domains=("物流",)), {}, None),
        # More urgent is no later; as late is allowed.
        ({"targets": targets(by_urgency={"紧急": 600.0, "一般": 600.0})}, {}, None),
        ({"targets": targets(by_urgency={"紧急": 601.0, "一般": 600.0})}, {},
         "targets.live.by_urgency"),
        ({"targets": targets(hours="business")}, {}, None),
        ({"preferred_facets": ("topic",)}, {}, "preferred_facets.topic"),
        ({"preferred_facets": ()}, {}, None),
        ({"levels": {"group:all": 3}}, {}, None),
        ({"levels": {"domain:物流": 3}}, {}, None),
        ({"levels": {"domain:物流": 4}}, {}, None),  # relaxed, who has 3 can take it
        ({"required_facets": ("domain", "type")}, {},
         "class.domain:支付:1+type:投诉:1|type:投诉:2"),
        ({}, {"langs": ("en",)}, "class.domain:物流:1+lang:en:1!|type:咨询:2"),
    ],
)  # fmt: skip
def test_what_can_just_be_promised_and_what_no_longer(
    made: dict[str, Any], here: dict[str, Any], where: str | None
) -> None:
    found = [one.where for one in review(rules(**made), around(**here)) if one.level == "error"]
    assert where in found if where else found == []


def test_errors_come_first() -> None:
    found = review(rules(tier_first={"gold": ("gone",)}, units={"live": 0, "mail": 1}), around())
    assert [one.level for one in found] == ["error", "warning"]


def test_what_only_looks_odd_is_a_warning() -> None:
    (one,) = review(rules(), around(agents={**AGENTS, "x": {"domain:保险": 2}}))
    assert (one.level, one.where) == ("warning", "agents.x")
    (none,) = review(rules(tier_first={"gold": ("li", "gone")}), around())
    assert (none.level, none.where) == ("warning", "tier_first.gold")
    (two,) = review(rules(overflow={"domain:物流": "group:all"}), around())
    assert (two.level, two.where) == ("warning", "overflow.domain:物流")


def test_a_longer_circle_is_told_once_and_a_chain_is_none() -> None:
    circle = {"a": "b", "b": "c", "c": "a", "d": "a"}
    errors = [f for f in review(rules(overflow=circle), around()) if f.level == "error"]
    assert len(errors) == 1
    assert "a → b → c → a" in errors[0].text.en
    chain = review(rules(overflow={"a": "b", "b": "triage"}), around())
    assert [f for f in chain if f.level == "error"] == []


def test_overflow_and_relaxed_levels_count_as_served() -> None:
    agents = {"li": {"domain:物流": 1, "triage": 1}}
    served = rules(overflow={"domain:支付": "triage"}, levels={"domain:物流": 2})
    assert [f for f in review(served, around(agents=agents)) if f.level == "error"] == []


def test_a_line_answers_for_its_own_classes_only_and_leaves_the_order_to_all() -> None:
    only = around(agents={"li": AGENTS["li"]})
    assert review(rules(), only, Line(domains=("物流",)), rules()) == []
    (error,) = review(rules(), only, Line(domains=("支付",)), rules())
    assert error.where == "class.domain:支付:1|type:咨询:2"
    typed = rules(required_facets=("domain", "type"), preferred_facets=())
    (error,) = review(typed, only, Line(domains=("物流",)), typed)
    assert error.where == "class.domain:物流:1+type:咨询:1", "every type of its domain"
    (error,) = review(rules(late_factor=3.0), only, Line(domains=("物流",)), rules())
    assert error.where == "late_factor"
    assert review(rules(late_factor=3.0), around(), Line(), rules()) == []


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (Line(domains=("物溜",)), "line.domains.物溜"),
        (Line(channels=("webchat", "wechat")), "line.channels.wechat"),
        (Line(channels=("live",)), "line.channels.live"),
    ],
)
def test_a_slip_in_the_name_of_a_line_is_not_published_to_nobody(line: Line, where: str) -> None:
    assert [finding.where for finding in review(rules(), around(), line, rules())] == [where]


def test_what_nobody_can_take_is_named_as_people_call_it() -> None:
    here = around(
        langs=("en",), agents={"li": AGENTS["li"], "wu": {"domain:支付": 1, "lang:en": 1}}
    )
    told = {f.where: f.text for f in review(rules(), here)}
    text = told["class.domain:物流:1+lang:en:1!|type:咨询:2"]
    assert "需要 物流、英语 的工单" in text.zh
    assert "that need 物流, English:" in text.en


def test_the_rules_that_come_along_are_written_for_the_taxonomy_that_does() -> None:
    settings = load(None, environ={})
    facets = {name: tuple(f.classes) for name, f in load_taxonomy(settings).facets.items()}
    everybody = {"x": {f"domain:{value}": 3 for value in facets["domain"]} | {"triage": 3}}
    here = Surroundings(facets=facets, agents=everybody, places={"live": "live", "mail": "mail"})
    assert review(load_rules(settings), here) == []


def test_english_findings_call_classes_by_their_english_names() -> None:
    names = {"urgency:紧急": Text("紧急", "Urgent"), "urgency:一般": Text("一般", "Normal")}
    made = rules(targets=targets(by_urgency={"紧急": 600.0, "一般": 60.0, "特急": 60.0}))
    told = [found.text.en for found in review(made, around(called=names))]
    assert told == [
        "“urgency” has no class “特急”; there are: Urgent (紧急), Normal (一般)",
        "“Urgent (紧急)” is more urgent than “Normal (一般)”, and yet its target is longer",
    ]


# -- changes ---------------------------------------------------------------------------


def test_changes_are_told_setting_by_setting_in_both_languages() -> None:
    after = rules(
        version="2",
        late_factor=3.0,
        targets=targets(by_urgency={"紧急": 90.0, "一般": 600.0}),
        natural_limit={"type:投诉": 86400.0},
        tier_factor={},
    )
    told = {change.where: change.text for change in changes(rules(), after)}
    assert told == {
        "late_factor": ("超时排序系数：4 → 3", "the factor of a late ticket's key: 4 → 3"),
        "targets.live.by_urgency.紧急": (
            "时限·在线会话·按紧急程度·紧急：1 分钟 → 90 秒",
            "targets, chat, by urgency, 紧急: 1 min → 90 s",
        ),
        "natural_limit.type:投诉": (
            "自然时间上限·投诉：无 → 24 小时",
            "limits in natural time, 投诉: nothing → 24 h",
        ),
        "tier_factor.gold": (
            "客户等级系数·gold：0.5 → 无",
            "tier factors, gold: 0.5 → nothing",
        ),
    }


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"required_facets": ("type", "domain")},
         ("必备技能的维度：领域 → 类型、领域",
          "facets that are required skills: Domain → type, Domain")),
        ({"targets": targets(by_urgency={"紧急": 60.0, "一般": 900.0})},
         ("时限·在线会话·按紧急程度·一般：10 分钟 → 15 分钟",
          "targets, chat, by urgency, Normal: 10 min → 15 min")),
        ({"targets": targets(by_urgency={"紧急": 60.0, "一般": 600.0}, hours="business")},
         ("时限·在线会话·计时方式：自然时间 → 营业时间",
          "targets, chat, counted in: natural time → business hours")),
        ({"overflow": {"domain:物流": "group:支援"}},
         ("溢出组·物流：无 → 支援", "overflow groups, Delivery: nothing → 支援")),
        ({"overflow": {"triage": "backup"}},
         ("溢出组·triage：无 → backup", "overflow groups, triage: nothing → backup")),
        ({"relax_at": (0.25,)},
         ("放宽的时点：25 %、50 % → 25 %", "when needs are relaxed: 25 %, 50 % → 25 %")),
        ({"interrupting": ("一般",)},
         ("可打断他人的紧急程度：无 → 一般", "urgencies that interrupt: nothing → Normal")),
        ({"interruptible": ("mail",)},
         ("可被打断的通道：无 → 邮件", "lanes that are interrupted: nothing → mail")),
    ],
)  # fmt: skip
def test_what_changes_is_called_as_people_call_it(
    made: dict[str, Any], told: tuple[str, str]
) -> None:
    called = {
        "domain": Text("领域", "Domain"),
        "type": Text("类型", "type"),
        "domain:物流": Text("物流", "Delivery"),
        "urgency:一般": Text("一般", "Normal"),
    }
    assert [change.text for change in changes(rules(), rules(**made), called)] == [told]


def test_a_department_that_takes_its_complaints_is_told_in_words() -> None:
    whole = department(domains=("物流",))
    before, after = rules(**whole), rules(**department(domains=(), takes=True))
    told = {change.where: change.text for change in changes(before, after)}
    assert told == {
        "departments.甲.domains": (
            "责任部门·甲·业务域：物流 → 无",
            "departments, 甲, domains: 物流 → nothing",
        ),
        "departments.甲.takes": (
            "责任部门·甲·直接受理投诉：否 → 是",
            "departments, 甲, takes complaints straight: no → yes",
        ),
    }


def test_equal_rules_differ_in_nothing() -> None:
    assert changes(rules(), rules(version="2")) == []


def test_every_setting_of_the_rules_has_a_name_for_people() -> None:
    assert set(Rules.model_fields) - {"version"} <= set(NAMES)
