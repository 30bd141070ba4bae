"""What breaks out and what comes afterwards, through the real doors and real processes."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.flow.clients import (
    Agent,
    Relay,
    at_the_desk,
    letter,
    post_until_stored,
    relay_settings,
    until,
)
from tests.flow.conftest import PROVEN, running
from tests.flow.system import Prepared, System, embedded

_AT_ONCE = {
    # Days in seconds: an hour of the plan is 0.36 s.
    "SHOULI_FOLLOW_UPS__WITHIN_HOURS": "{}",
    "SHOULI_FOLLOW_UPS__COMPLAINTS_WITHIN_HOURS": "0.0003",
    "SHOULI_FOLLOW_UPS__BEGIN_SHARE": "0.0",
    "SHOULI_FOLLOW_UPS__AGAIN_HOURS": "[0.0001]",
    "SHOULI_ACKNOWLEDGEMENT__LANES__MAIL": "false",
}

METRO = [
    "三号线今天早上一直停在人民广场站不动，等了四十分钟，上班迟到了，必须给个说法！",
    "地铁3号线又故障了？我在人民广场等了快一个小时，我要投诉！",
    "你们三号线怎么回事，停运也不通知，害我迟到扣钱，投诉你们",
    "投诉三号线早高峰停运，站台挤死人了没人管",
    "三号线人民广场站列车故障，广播什么都不说，太差劲了，我要投诉",
    "今天三号线停了半个多小时，迟到要你们赔，投诉",
    "三号线坏了也没有接驳车，站台上几千人没人疏导，投诉",
    "投诉！人民广场三号线列车停运，客服电话打不通，气死了",
    "三号线早上停运了一小时，我面试都错过了，谁来负责？投诉",
    "地铁三号线停运，退票窗口排长队，投诉，要求退票并道歉",
    "三号线故障也不提前通知，害几千人迟到，太不负责了，投诉你们",
    "三号线人民广场站停车太久，老人都晕倒了，没人管，我要投诉",
]
TEXT = "三号线信号故障正在抢修，预计 10:30 恢复，给您添麻烦了。"


@pytest.fixture(scope="module")
def centre(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared, relay: Relay
) -> Iterator[System]:
    """``shouli run`` in which days pass in seconds."""
    home: Path = tmp_path_factory.mktemp("centre")
    far = (datetime.now(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
    quiet = {"SHOULI_QUIET__PERIOD": f"{far:02}:00-{far:02}:01"}
    settings = {**PROVEN, **relay_settings(relay.port), **_AT_ONCE, **quiet}
    yield from running(embedded(home, prepared, settings))


async def _incident(agent: Agent, **wanted: Any) -> dict[str, Any]:
    async def there() -> Any:
        found = (await agent.must("GET", "incidents"))["incidents"]
        fit = [i for i in found if all(i[name] == value for name, value in wanted.items())]
        return fit[0] if fit else None

    return await until(f"an incident with {wanted}", there)


async def test_twelve_similar_complaints_are_one_incident_and_a_drill_is_none_of_theirs(
    centre: System, relay: Relay
) -> None:
    async with at_the_desk(centre, "lilei", "chen") as (lilei, chen):
        customers = [f"c{n}@qq.example" for n in range(len(METRO))]
        for customer, text in zip(customers, METRO, strict=True):
            raw = letter(customer, text, subject="投诉")
            await post_until_stored(centre.smtp_port, customer, raw)
        found = await _incident(chen, members=12)
        assert not found["drill"]
        assert len((await chen.must("GET", "incidents"))["incidents"]) == 1

        # One text, by one person, approved by another, to each on its own way, once.
        path = f"incidents/{found['id']}"
        draft = await lilei.must("POST", f"{path}/texts", {"zh": TEXT})
        await chen.must("POST", f"{path}/texts/{draft['id']}/approve")
        await until("everybody has it", lambda: all(relay.to(c) for c in customers))
        late = "late@qq.example"
        raw = letter(late, "三号线停运一上午了，人民广场站没人管，投诉！", subject="投诉")
        await post_until_stored(centre.smtp_port, late, raw)
        await until("who came later has it, too", lambda: relay.to(late))

        # A drill meanwhile: the same way, and nobody hears of it.
        drill = await chen.must("POST", "incidents/drills", {"title": "演练", "members": 12})
        practice = await lilei.must("POST", f"incidents/{drill['id']}/texts", {"zh": "演练文字"})
        await chen.must("POST", f"incidents/{drill['id']}/texts/{practice['id']}/approve")
        await _incident(chen, id=drill["id"], told=12)
        await chen.must("POST", f"{path}/close", {"summary": "信号故障，已恢复"})
        assert [len(relay.to(c)) for c in [*customers, late]] == [1] * 13
        assert all(TEXT in relay.to(c)[0].text for c in [*customers, late])
        assert not any("演练" in one.text for one in relay.letters)


async def test_a_complaint_is_called_back_until_somebody_answers(
    centre: System, relay: Relay
) -> None:
    zhao = "zhao@qq.example"
    async with at_the_desk(centre, "chen", "lilei") as (chen, lilei):
        text = "包裹一直没有送到，物流信息停了五天，我要投诉快递员！"
        await post_until_stored(centre.smtp_port, zhao, letter(zhao, text, subject="投诉快递"))
        ticket = await lilei.mine("the complaint", lambda t: text in str(t["messages"]))
        ticket_id = ticket["ticket"]["id"]
        await lilei.reply(ticket_id, "赵先生您好，包裹今天送达。", "resolved")
        follow_up = await _follow_up(chen, ticket_id, "waiting", "active")
        # Li Lei has skills and room, and is not asked: it was his.
        refused = await lilei.ask("POST", f"follow-ups/{follow_up['id']}/take")
        assert refused.status in {404, 409}
        for n, reached in enumerate((False, False, True)):
            await _in_hand(chen, ticket_id)
            said = {"client_id": f"attempt-{n}", "reached": reached, "content": "已收到" * reached}
            said |= {"score": 4, "solved": True} if reached else {}
            await chen.must("POST", f"follow-ups/{follow_up['id']}/record", said)
        done = await _follow_up(chen, ticket_id, "done")
        assert (done["attempts"], done["score"], done["review"]) == (3, 4, None)
        shown = await chen.must("GET", f"follow-ups/{follow_up['id']}")
        assert [tried["reached"] for tried in shown["attempts"]] == [False, False, True]


async def _follow_up(agent: Agent, ticket_id: str, *states: str) -> dict[str, Any]:
    async def there() -> Any:
        answer = await agent.must("GET", f"follow-ups?which=all&ticket={ticket_id}")
        return next((one for one in answer["follow_ups"] if one["state"] in states), None)

    return dict(await until(f"a follow-up that is {states}", there))


async def _in_hand(agent: Agent, ticket_id: str) -> None:
    """Given by the router, or else taken by a supervisor's word."""

    async def mine() -> bool:
        one = await _follow_up(agent, ticket_id, "waiting", "active")
        if "record" not in one["actions"]:
            await agent.ask("POST", f"follow-ups/{one['id']}/take", {"agent": agent.id})
        return "record" in one["actions"]

    await until("the follow-up is theirs", mine)
