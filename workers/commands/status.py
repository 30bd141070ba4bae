"""``shouli status``: at a glance, how the running system stands."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from models.migrations import ready
from models.store import Store
from workers.commands.json_lines import print_json
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store
from workers.monitoring.status import LIMITS, NAMES, Standing, problems, span, standing
from workers.processes.heartbeat import ROLES

out = Terminal()


def show(config: Path | None, *, as_json: bool) -> bool:
    """Prints how the system stands; whether all is well.

    Raises:
        ShouliError: the database is out of reach, takes no writes, or is not of this program.
    """

    async def look(settings: Settings, store: Store) -> Standing:
        await ready(store.db)
        return await standing(settings, store)

    found = with_store(config, look)
    wrong = problems(found)
    if as_json:
        print_json(_as_json(found, wrong))
    else:
        _tell(found, wrong)
    return not wrong


def _as_json(found: Standing, wrong: list[str]) -> Mapping[str, Any]:
    return {
        "problems": wrong,
        "roles": {role: found.alive(role) for role in ROLES},
        "processes": [asdict(each) | {"alive": each.alive} for each in found.processes],
        "waiting": [asdict(each) for each in found.overdue],
        "followers_lag": found.lag.seconds,
        "followers_behind": found.lag.names,
        "clock_ticked": found.ticked,
        "parked": found.parked,
        "answers": found.answers,
        "disk_free_mb": found.room_mb,
        "redis": found.redis,
    }


def _tell(found: Standing, wrong: list[str]) -> None:
    out.show(_roles(found))
    out.show(_waiting(found))
    if found.ticked is not None:
        out.print(f"时钟上次走 the clock last ticked: {span(found.ticked)}", markup=False)
    if found.room_mb is not None:
        out.print(f"磁盘剩余 disk free: {found.room_mb / 1000:.1f} GB", markup=False)
    for each in wrong:
        out.print(f"✗ {each}", markup=False)
    if not wrong:
        out.print("✓ 一切正常 / All is well")


def _roles(found: Standing) -> Table:
    columns = (
        "角色 role",
        "状态 state",
        "运行 up",
        "最后应答 seen",
        "版本 version",
        "主机:进程 host:pid",
    )
    table = Table(*columns)
    for role in ROLES:
        if not any(process.role == role for process in found.processes):
            table.add_row(role, "✗ 没有 none", "", "", "", "")
        for each in (process for process in found.processes if process.role == role):
            state = "✓ 在 alive" if each.alive else "✗ 失联 silent"
            where = escape(f"{each.host} pid {each.pid}")
            table.add_row(role, state, span(each.age), span(each.silent), each.version, where)
    return table


def _waiting(found: Standing) -> Table:
    table = Table("待办 waiting", "数量 count", "最久 oldest", "限度 limit")
    for each in found.overdue:
        oldest = span(each.oldest) if each.count else ""
        limit = LIMITS[each.kind]
        table.add_row(" ".join(NAMES[each.kind]), str(each.count), oldest, span(limit))
    table.add_row(
        " ".join(NAMES["followers"]), "", span(found.lag.seconds) if found.lag.seconds else "",
        span(LIMITS["followers"]),
    )  # fmt: skip
    table.add_row("停放的来件 parked", str(found.parked), "", "")
    return table
