"""``shouli incidents list|drill``: what has broken out, and practising for it."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from models.store import Store
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal, moment
from workers.commands.with_store import with_store

incidents_app = typer.Typer(
    cls=Group,
    help="危机管理：相似的投诉成为一个事件 / Incidents: many similar complaints are one matter.",
    no_args_is_help=True,
)

out = Terminal()

_COLUMNS = (
    "编号 id",
    "状态 state",
    "演练 drill",
    "事由 about",
    "工单 members",
    "已告知 told",
    "开始 opened",
    "结束 closed",
)


@incidents_app.command("list")
def incidents_list(
    state: Annotated[str | None, typer.Option(help="open 或 closed / open or closed.")] = None,
    config: ConfigOption = None,
) -> None:
    """列出事件，未结的在前 / List incidents, open ones first."""

    async def read(settings: Settings, store: Store) -> Table:
        table = Table(*_COLUMNS)
        for one in await store.incidents.page(state=state):
            row = [one.id, one.state, "演练 drill" if one.drill else ""]
            row += [one.title or one.domain, str(one.members), str(one.told)]
            row += [moment(at, settings) for at in (one.opened_at, one.closed_at)]
            table.add_row(*(escape(cell) for cell in row))
        return table

    out.show(with_store(config, read))


@incidents_app.command("drill")
def incidents_drill(
    title: Annotated[str, typer.Argument(help="演练的名称 / The drill's name.")],
    members: Annotated[
        int, typer.Option(min=1, max=500, help="模拟几位客户 / Simulated customers.")
    ] = 12,
    config: ConfigOption = None,
) -> None:
    """开始演练，不联系任何客户 / Begin a drill; no customer is written to."""

    async def begin(settings: Settings, store: Store) -> str:
        return await store.incidents.drill(None, title, members, settings.incidents.alert)

    made = with_store(config, begin)
    out.print(f"演练已开始 / The drill has begun: {made}", markup=False)
