"""``shouli route``: why a ticket went where it went, on a terminal."""

import os
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from models.store import Store
from workers.explaining import Explaining, explained, needs_of
from workers.wiring import make_ruling, make_store

_OUTCOMES = {
    "chosen": "选中 chosen",
    "ranked": "可选 ranked",
    "capacity": "满负荷 full",
    "presence": "未就绪 not ready",
    "excluded": "已拒接 declined",
    "level": "等级不足 level",
    "skill": "缺技能 skill",
}


async def explain_ticket(settings: Settings, number: str, out: Console) -> None:
    """Prints every decision on a ticket with its candidates, and why it waits if it does.

    Raises:
        NotFound: no such ticket.
    """
    store = make_store(settings)
    try:
        ticket = await store.tickets.get(number)
        names = {agent.id: agent.name for agent in await store.agents.all()}
        out.print(f"工单 ticket {ticket.number} · {ticket.state} · {ticket.skill_class or '–'}")
        for row in await store.tickets.decisions(ticket.id):
            await _show(row, ticket.skill_class, store, names, out)
        told = await Explaining(store, make_ruling(settings, store)).waiting(ticket.id)
        if told is not None:
            out.print(f"[bold]为何还在等 / Why it waits[/bold] {_facts(told.facts)}")
            out.print(escape(f"{told.text.zh}{os.linesep}{told.text.en}"))
    finally:
        await store.close()


async def _show(
    row: Mapping[str, Any],
    skill_class: str | None,
    store: Store,
    names: Mapping[str, str],
    out: Console,
) -> None:
    decision = row["decision"]
    name = names.get(row["agent_id"], row["agent_id"])
    out.print(f"[bold]{escape(name)}[/bold] epoch {row['epoch']} {row['outcome'] or ''}")
    if "candidates" not in decision:
        out.print(escape(f"由人决定 / by hand: {dict(decision)}"))
        return
    needs = await needs_of(store, decision.get("skill_class") or skill_class)
    out.print(escape(os.linesep.join(explained(decision, needs, names))))
    out.print(_facts(decision))
    table = Table("坐席 agent", "结果 outcome", "依据 detail")
    for c in decision["candidates"]:
        who = names.get(c["agent_id"], "其余 others" if c["agent_id"] == "*" else c["agent_id"])
        table.add_row(escape(who), _OUTCOMES[c["outcome"]], escape(c["detail"]))
    out.print(table)


def _facts(found: Mapping[str, Any]) -> str:
    kept = ("key", "relax_step", "rules_version", "ahead", "sticky", "named", "interrupts")
    return escape(" ".join(f"{name}={found[name]}" for name in kept if name in found))
