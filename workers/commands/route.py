"""``shouli route``: why a ticket went where it went, on a terminal."""

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from rich.markup import escape
from rich.table import Table

from config.settings import Settings, load_taxonomy
from desk.services import Explain
from desk.shapes import words_of
from models.store import Store
from models.ticket import STATE_NAMES
from router.policy import REST
from workers.assembly.wiring import make_active_rules, make_store
from workers.commands.terminal import Terminal, moment
from workers.rules.explaining import Explaining, called, explained, needs_of
from workers.rules.picture import short

_OUTCOMES = {
    "chosen": "选中 chosen",
    "ranked": "也可接 could take it",
    "capacity": "已满负荷 full",
    "presence": "未就绪 not ready",
    "excluded": "已拒接或未应答 declined",
    "level": "等级不足 level too low",
    "skill": "缺少技能 skill missing",
}

_MISSING = re.compile(r"(.+) (\d+)<(\d+)")

_ENDS = {
    "declined": "已拒接 declined",
    "timeout": "未应答 not answered",
    "disconnected": "断线退回 disconnected",
    "disabled": "离岗交接 handed over on leaving",
    "helping": "协办 with helpers",
    "returned": "已退回 sent back",
    "merged": "已合并 merged",
    "transferred": "已转出 transferred",
    "pending": "转待客户回复 pended",
    "snoozed": "挂起 snoozed",
    "interrupted": "为紧急工单暂时放下 set aside for an urgent one",
    "taken": "由班长转走 taken by a supervisor",
    "resolved": "已解决 resolved",
    "invalid": "标为无效 junk",
}


async def explain_ticket(settings: Settings, number: str, out: Terminal) -> None:
    """Prints every decision on a ticket with its candidates, and why it waits if it does.

    Raises:
        NotFound: no such ticket.
    """
    known = called(load_taxonomy(settings))
    explain = partial(explained, called=known)
    store = make_store(settings)
    try:
        ticket = await store.tickets.get(number)
        names = await store.agents.names()
        state = " ".join(STATE_NAMES[ticket.state])
        out.print(f"[bold]工单 ticket {ticket.number}[/bold] · {state}")
        for row in await store.tickets.decisions(ticket.id):
            await _show(row, ticket.skill_class, store, names, settings, explain, out)
        told = await Explaining(store, make_active_rules(settings, store), known).waiting(
            ticket.id
        )
        if told is not None:
            out.print("[bold]为何还在等 why it waits[/bold]")
            out.print(escape(f"{told.text.zh}{os.linesep}{told.text.en}"))
            _facts(told.facts, settings, out)
    finally:
        await store.close()


async def _show(
    row: Mapping[str, Any],
    skill_class: str | None,
    store: Store,
    names: Mapping[str, str],
    settings: Settings,
    explain: Explain,
    out: Terminal,
) -> None:
    decision = row["decision"]
    name, ended = names.get(row["agent_id"], row["agent_id"]), row["outcome"]
    end = f" · {_ENDS.get(ended, ended)}" if ended else ""
    if row["end_words"]:
        end += f"：{row['end_words']}"
    out.print(f"[bold]{moment(row['at'], settings)} → {escape(name)}[/bold]{escape(end)}")
    needs = await needs_of(store, decision.get("skill_class") or skill_class)
    words = os.linesep.join(words_of(row, needs, names, explain))
    out.print(escape(words))
    if "candidates" not in decision:
        return
    _facts(decision, settings, out)
    table = Table("坐席 agent", "结果 outcome")
    table.add_column("依据 detail", overflow="fold")
    for c in decision["candidates"]:
        rest = c["agent_id"] == REST
        who = "其余 others" if rest else names.get(c["agent_id"], c["agent_id"])
        detail = f"{c['detail']} 人 agents" if rest else _particulars(c["detail"], row["at"])
        table.add_row(escape(who), _OUTCOMES[c["outcome"]], escape(detail))
    out.show(table)


def _particulars(detail: str, at: float) -> str:
    """The scores of one candidate, or what removed them, as the policy writes it, for people."""
    if missing := _MISSING.fullmatch(detail):
        skill, held, level = missing.groups()
        return f"{short(skill)} {held} 级，需 {level} 级 · level {held}, {level} needed"
    told = []
    for part in detail.split():
        name, sign, value = part.partition("=")
        match name if sign else "":
            case "level":
                told.append(f"等级合计 levels {value}")
            case "used":
                told.append(f"占用 load {value}")
            case "flexibility":
                told.append(f"均摊近期工单 even share of work {float(value):.2%}")
            case "idle_since":
                told.append(f"空闲 idle {max(at - float(value), 0.0):.0f} s")
            case _:
                told.append(part)
    return " · ".join(told) if "=" in detail else detail


def _facts(found: Mapping[str, Any], settings: Settings, out: Terminal) -> None:
    """What the rule went by: how far it gave way, its version, and the place in the queue."""
    told = [
        f"要求放宽步数 needs relaxed by {found['relax_step']}",
        f"规则 rules {found['rules_version']}",
        f"排序时刻（早者先）order (earliest first) {moment(found['key'], settings)}",
    ]
    if "ahead" in found:
        told.insert(0, f"前面还有 ahead {found['ahead']}")
    out.print(escape(" · ".join(told)), style="dim")
