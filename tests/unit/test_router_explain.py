"""Each decision and each wait is told in both languages, and is true."""

import json
from dataclasses import replace

import pytest

from models.routing import TRIAGE, AgentView, Needs, Rules, Waiting
from router.eligibility import eligibility
from router.explain import Explanation, Text, explain, why_not_yet
from router.policy import assign, in_question, standing
from router.roster import Roster

NOW = 1_000.0
RULES = Rules(version="7", required_facets=("domain",), targets={}, units={})
NEEDS = Needs(required=(("domain:物流", 1),), preferred=(("type:投诉", 2),))
TICKET = Waiting("t1", 4, NEEDS, NOW, 300.0, False, 2)
LI_LEI = AgentView("a1", {"domain:物流": 3, "type:投诉": 2}, 6, 0, True, 10.0)
HAN_MEIMEI = replace(LI_LEI, agent_id="a2", idle_since=20.0)
LUCY = replace(LI_LEI, agent_id="a3", used=6)
NAMES = {"a1": "李雷", "a2": "韩梅梅", "a3": "Lucy"}


def wait(
    ticket: Waiting, agents: list[AgentView], now: float = NOW, offline: dict | None = None
) -> Explanation:
    stands = standing(ticket, agents, now, RULES)
    there = in_question(ticket, Roster(agents), now, RULES)
    kept = eligibility(ticket, stands, there, offline or {}, len(RULES.relax_at))
    return why_not_yet(ticket, stands, now, kept, NAMES)


def test_a_decision_in_full() -> None:
    novice = AgentView("a4", {"domain:物流": 1}, 6, 0, True, 0.0)
    away = replace(LI_LEI, agent_id="a5", ready=False)
    declined = replace(LI_LEI, agent_id="a6")
    low = replace(LI_LEI, agent_id="a7", skills={"domain:物流": 3, "type:投诉": 1})
    ticket = replace(TICKET, excluded=frozenset({"a6"}))
    agents = [LI_LEI, HAN_MEIMEI, LUCY, novice, away, declined, low]
    told = explain(assign([ticket], agents, NOW, RULES)[0], ticket, NAMES)
    assert told.text.zh == (
        "因为需要技能 物流，优先 投诉（2 级以上）；5 名在线坐席符合；1 名已满负荷；1 名未就绪；"
        "1 名已拒接或未应答；1 名技能等级不足；1 名缺少所需技能；李雷空闲最久。"
    )
    assert told.text.en == (
        "It needs the skill 物流, 投诉 (level 2 or more) preferred; 5 online agents match;"
        " 1 at full capacity; 1 not ready; 1 declined or did not answer;"
        " 1 with too low a level; 1 without the skills; 李雷 has been idle the longest."
    )
    facts = json.loads(json.dumps(told.facts))
    assert (facts["agent_id"], facts["reason"], facts["matching"]) == ("a1", "idle", 5)
    assert facts["candidates"][0] == {
        "agent_id": "a1",
        "outcome": "chosen",
        "detail": "level=5 used=0/6 flexibility=0.0 idle_since=10.0",
    }


@pytest.mark.parametrize(
    ("reason", "ticket", "agents"),
    [
        ("only", TICKET, [LI_LEI, LUCY]),
        ("sticky", replace(TICKET, sticky_agent="a2"), [LI_LEI, HAN_MEIMEI]),
        ("level", TICKET, [replace(LI_LEI, skills={**LI_LEI.skills, "type:投诉": 5}), HAN_MEIMEI]),
        ("load", TICKET, [LI_LEI, replace(HAN_MEIMEI, used=1)]),
        ("flexibility", TICKET, [LI_LEI, replace(HAN_MEIMEI, flexibility=0.5)]),
        ("idle", TICKET, [LI_LEI, HAN_MEIMEI]),
        ("id", TICKET, [LI_LEI, replace(HAN_MEIMEI, idle_since=10.0)]),
    ],
)
def test_what_decided_between_the_best_two(
    reason: str, ticket: Waiting, agents: list[AgentView]
) -> None:
    decision = assign([ticket], agents, NOW, RULES)[0]
    told = explain(decision, ticket, NAMES)
    assert told.facts["reason"] == reason
    name = NAMES[decision.agent_id]
    assert name in told.text.zh
    assert name in told.text.en


def test_who_is_interrupted_is_not_said_to_have_room() -> None:
    full = replace(LI_LEI, used=6, interruptible=2)
    ticket = replace(TICKET, interrupts=True)
    told = explain(assign([ticket], [full], NOW, RULES)[0], ticket, NAMES)
    assert "没有人空着，只有李雷手上有可打断的工单；为此暂时放下一张" in told.text.zh
    assert "现在有空" not in told.text.zh
    assert "nobody has room, and only 李雷" in told.text.en


def test_a_crowd_is_counted_whole() -> None:
    agents = [replace(LI_LEI, agent_id=f"b{i:02}") for i in range(40)]
    decision = assign([TICKET], agents, NOW, RULES)[0]
    assert "40 名在线坐席符合" in explain(decision, TICKET, NAMES).text.zh


def test_relaxed_needs_are_told() -> None:
    novice = AgentView("a1", {"domain:物流": 1}, 6, 0, True, 0.0)
    told = explain(assign([TICKET], [novice], NOW, RULES)[0], TICKET, NAMES)
    assert "要求已放宽 1 步" in told.text.zh
    assert "relaxed by 1" in told.text.en


@pytest.mark.parametrize(
    ("reason", "ticket", "agents"),
    [
        ("turn", TICKET, [LI_LEI]),
        ("nobody", TICKET, [replace(LI_LEI, skills={"domain:财务": 5})]),
        ("nobody", TICKET, []),
        ("declined", replace(TICKET, excluded=frozenset({"a1"})), [LI_LEI]),
        ("capacity", TICKET, [LUCY, replace(LI_LEI, ready=False)]),
        ("presence", TICKET, [replace(LI_LEI, ready=False)]),
    ],
)
def test_what_a_ticket_waits_for(reason: str, ticket: Waiting, agents: list[AgentView]) -> None:
    told = wait(ticket, agents)
    assert told.facts["reason"] == reason
    assert json.loads(json.dumps(told.facts))["ticket_id"] == "t1"


def test_a_wait_in_full() -> None:
    novice = AgentView("a4", {"domain:物流": 1}, 6, 6, True, 0.0)
    told = wait(TICKET, [LUCY, novice], NOW + 10)
    assert told.text.zh == (
        "因为需要技能 物流，优先 投诉（2 级以上）；已等待 10 秒；距响应时限还有 4 分 50 秒；"
        "1 名在线坐席符合；1 名已满负荷（Lucy）；有人结束一张工单即可分配；"
        "1 分 5 秒后放宽要求，届时 2 名在线坐席符合。"
    )
    assert told.text.en == (
        "It needs the skill 物流, 投诉 (level 2 or more) preferred; it has waited 10 s;"
        " its answer is due in 4 min 50 s; 1 online agent matches; 1 at full capacity (Lucy);"
        " it is given as soon as one of them finishes a ticket;"
        " in 1 min 5 s its needs are relaxed; then 2 online agents match."
    )


def test_what_is_due_after_closed_hours_has_waited_for_nothing_yet() -> None:
    """That the centre is closed now is not said: it may be open, and close before it is due."""
    told = wait(TICKET, [LUCY], NOW - 7931)
    assert "；非营业时间不计，时限顺延到 2 小时 12 分后起算；距响应时限还有" in told.text.zh
    assert (
        "closed hours do not count, so its time runs from 2 h 12 min from now on;" in told.text.en
    )
    assert "已等待" not in told.text.zh


def test_who_is_away_and_could_take_it_is_named() -> None:
    """A rung without anybody is skipped at once, so the preferred skill keeps nobody out."""
    told = wait(TICKET, [], offline={"a1": {"domain:物流": 1}, "a2": {"domain:支付": 5}})
    assert (
        "没有在线坐席符合；需要有此技能的坐席上线，或由班长指派；有此技能但不在线的：李雷。"
        in told.text.zh
    )
    assert told.text.en.endswith("a supervisor assigns it; who has them and is offline: 李雷.")
    assert told.facts["agents"] == {"offline": ["a1"]}


def test_a_class_that_no_account_can_serve_is_told() -> None:
    told = wait(TICKET, [], offline={"a2": {"domain:支付": 5}})
    assert "没有任何账号有此技能" in told.text.zh
    assert "nobody with an account has them" in told.text.en


def test_who_is_full_and_who_is_not_ready_are_told_apart() -> None:
    """Neither “everyone is full” nor “nobody is ready” would be true of both together."""
    away = replace(LI_LEI, ready=False)
    told = wait(TICKET, [away, LUCY])
    assert (
        "1 名已满负荷（Lucy）；1 名未就绪（李雷）；有人结束一张工单或就绪即可分配" in told.text.zh
    )
    assert "finishes a ticket, or is ready" in told.text.en


def test_who_could_not_hold_it_with_nothing_else_to_do_is_not_waited_for() -> None:
    told = wait(TICKET, [replace(LI_LEI, capacity=0)])
    assert "容量小于这张工单所占的 2" in told.text.zh
    assert "less than the 2 it takes" in told.text.en


def test_the_names_are_those_that_the_policy_counts() -> None:
    novice = AgentView("a4", {"domain:物流": 1}, 6, 0, True, 0.0)
    crowd = [replace(LUCY, agent_id=f"b{i}") for i in range(7)]
    ticket = replace(TICKET, excluded=frozenset({"a2"}))
    agents = [replace(LI_LEI, ready=False), HAN_MEIMEI, novice, *crowd]
    told = wait(ticket, agents)
    counted = {k: len(v) for k, v in told.facts["agents"].items()}
    assert counted | {"skill": 1} == told.facts["removed"]
    assert "7 名已满负荷（b0、b1、b2、b3、b4 等 7 人）" in told.text.zh
    assert "(b0, b1, b2, b3, b4 and 2 more)" in told.text.en


def test_a_late_ticket_and_one_for_triage_say_so() -> None:
    ticket = replace(TICKET, needs=Needs(required=((TRIAGE, 1), ("lang:en", 1))))
    told = wait(ticket, [], NOW + 4000)
    assert told.text.zh.startswith("因为分类不确定，由人工判断，需要技能 英语；")
    assert "已超时 1 小时 1 分" in told.text.zh
    assert "1 h 1 min late" in told.text.en


def test_a_skill_is_called_what_each_language_calls_it() -> None:
    called = {"domain:物流": Text("物流", "Delivery")}
    told = explain(assign([TICKET], [LI_LEI], NOW, RULES)[0], TICKET, NAMES, called)
    assert told.text.zh.startswith("因为需要技能 物流，优先 投诉（2 级以上）")
    assert told.text.en.startswith("It needs the skill Delivery, 投诉 (level 2 or more) preferred")


def test_a_ticket_that_needs_nothing_says_so() -> None:
    ticket = replace(TICKET, needs=Needs())
    told = explain(assign([ticket], [LI_LEI], NOW, RULES)[0], ticket, {})
    assert told.text.zh == "因为不需要特别的技能；1 名在线坐席符合；只有a1现在有空。"


@pytest.mark.parametrize(
    ("there", "waited", "away"),
    [
        # Somebody is there for the first rung: of those away, too, only who meets it.
        ([LUCY], 0.0, ["able"]),
        # A quarter of the target later the preferred skill is no longer asked for.
        ([LUCY], 74.9, ["able"]),
        ([LUCY], 75.0, ["able", "low", "novice"]),
        # Where nobody is there each rung is skipped at once.
        ([], 0.0, ["able", "low", "novice"]),
    ],
)
def test_who_is_away_is_asked_for_what_those_are_who_are_there(
    there: list[AgentView], waited: float, away: list[str]
) -> None:
    accounts = {
        "able": {"domain:物流": 1, "type:投诉": 2},
        "low": {"domain:物流": 5, "type:投诉": 1},
        "novice": {"domain:物流": 1},
        "other": {"type:投诉": 5, "domain:支付": 5},
        "none": {},
    }
    told = wait(TICKET, there, NOW + waited, accounts)
    assert told.facts["agents"].get("offline", []) == away


def test_who_is_full_may_have_room_later_or_never() -> None:
    sizes = [replace(LUCY, agent_id=f"c{n}", capacity=n, used=n) for n in range(4)]
    there = in_question(TICKET, Roster(sizes), NOW, RULES)
    stands = standing(TICKET, sizes, NOW, RULES)
    kept = eligibility(TICKET, stands, there, {}, len(RULES.relax_at))
    assert (kept.free, kept.removed["capacity"]) == ([], ["c0", "c1", "c2", "c3"])
    assert kept.too_small == 2, "it takes two units"
