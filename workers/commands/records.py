"""``shouli deliveries …`` and ``shouli calls …``: what became of answers and of calls."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from models.store import Store
from models.store.intake.calls import AnswerRate
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal, moment
from workers.commands.with_store import with_store

deliveries_app = typer.Typer(
    cls=Group,
    help="答复的发送记录与重发 / What became of each attempt to send an answer; sending again.",
    no_args_is_help=True,
)
calls_app = typer.Typer(cls=Group, help="电话 / Telephone calls.", no_args_is_help=True)

out = Terminal()

_COLUMNS = (
    "编号 id",
    "渠道 channel",
    "种类 kind",
    "状态 state",
    "次数 attempts",
    "时间 created",
    "原因 error",
)
_TRIED = ("第几次 attempt", "时间 at", "状态 state", "对方编号 provider id", "原因 error")


@deliveries_app.command("list")
def deliveries_list(
    channel: Annotated[str | None, typer.Option(help="只看一个渠道 / Of one channel.")] = None,
    state: Annotated[str | None, typer.Option(help="只看一种状态 / In one state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多几条 / At most.")] = 50,
    config: ConfigOption = None,
) -> None:
    """列出答复，最新的在前 / List answers, newest first."""

    async def read(settings: Settings, store: Store) -> Table:
        table = Table(*_COLUMNS)
        for one in await store.outbound.page(channel=channel, state=state, limit=limit):
            row = [one.id, one.channel, one.kind, one.state, str(one.attempts)]
            row += [moment(one.created_at, settings), one.error or ""]
            table.add_row(*(escape(cell) for cell in row))
        return table

    out.show(with_store(config, read))


@deliveries_app.command("show")
def deliveries_show(outbound_id: str, config: ConfigOption = None) -> None:
    """一条答复的每次尝试 / Every attempt to send one answer."""

    async def read(settings: Settings, store: Store) -> Table:
        await store.outbound.one(outbound_id)  # or there is none of that id
        table = Table(*_TRIED)
        # Counted here: who sends an answer again begins anew, and the store counts from there.
        for number, one in enumerate(await store.outbound.deliveries(outbound_id), start=1):
            row = [str(number), moment(one.at, settings), one.state]
            row += [one.provider_id or "", one.error or ""]
            table.add_row(*(escape(cell) for cell in row))
        return table

    out.show(with_store(config, read))


@deliveries_app.command("again")
def deliveries_again(outbound_id: str, config: ConfigOption = None) -> None:
    """马上再发一条没送成的答复，不等下一次重试 / Send an answer again, now.

    收件方会按编号去重的渠道，已送出的也可以。

    What was sent goes out again only where the receiver knows it.
    """

    async def again(settings: Settings, store: Store) -> None:
        from workers.assembly.wiring import make_channels

        channels = make_channels(settings, store.vault)
        repeatable = [name for name, channel in channels.items() if channel.repeatable]
        await store.outbound.again(outbound_id, repeatable)

    with_store(config, again)
    out.print("已排队重发 / Queued; the next sweep sends it")


@calls_app.command("rate")
def calls_rate(
    hours: Annotated[float, typer.Option(min=0, help="最近几小时 / The last hours.")] = 24.0,
    rings: Annotated[int, typer.Option(min=1, help="几声之内 / Within so many rings.")] = 4,
    seconds: Annotated[
        float | None,
        typer.Option(help="没有铃声数的电话：几秒之内 / Seconds, where no rings were counted."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="只看一个来源 / Of one source.")] = None,
    config: ConfigOption = None,
) -> None:
    """4 声接听率 / Share of the calls that were answered within four rings."""

    async def read(_: Settings, store: Store) -> AnswerRate:
        now = await store.db.now()
        return await store.calls.answer_rate(
            now - hours * 3600, now, rings=rings, seconds=seconds, account=account
        )

    rate = with_store(config, read)
    share = "–" if rate.share is None else f"{rate.share:.1%}"
    out.print(f"{rings} 声接听率 answered within {rings} rings: {share}")
    out.print(
        f"电话 calls {rate.calls}，接听 answered {rate.answered}，其中及时 in time "
        f"{rate.in_time}，未接 missed {rate.missed}，还在响 open {rate.open}"
    )
