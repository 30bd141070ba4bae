"""``shouli parked …``: messages that failed three times, to look at and to replay."""

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from models.errors import NotFound
from models.store import Store
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

parked_app = typer.Typer(
    cls=Group,
    help="停放的消息：三次处理失败，等人查看后重放 / Messages that failed three times by our own "
    "fault: look, mend, replay.",
    no_args_is_help=True,
)

out = Terminal()

_MOST = 1000


@parked_app.command("list")
def parked_list(config: ConfigOption = None) -> None:
    """列出停放的消息 / List what is parked."""

    async def read(_: Settings, store: Store) -> Table:
        table = Table("编号 id", "渠道 channel", "账号 account", "次数 attempts", "原因 error")
        for p in await store.envelopes.parked(_MOST):
            # What an error quotes may look like rich's markup.
            row = (p.id, p.channel, p.account, str(p.attempts), p.error)
            table.add_row(*(escape(cell) for cell in row))
        return table

    out.show(with_store(config, read))


@parked_app.command("show")
def parked_show(envelope_id: str, config: ConfigOption = None) -> None:
    """原样输出一条消息的原始内容 / Write the raw bytes of one message to standard output."""

    async def read(_: Settings, store: Store) -> bytes:
        return (await store.envelopes.get(envelope_id)).body

    sys.stdout.buffer.write(with_store(config, read))


@parked_app.command("replay")
def parked_replay(
    envelope_ids: Annotated[list[str] | None, typer.Argument()] = None,
    everything: Annotated[bool, typer.Option("--all", help="全部 / All of them.")] = False,
    config: ConfigOption = None,
) -> None:
    """重新处理停放的消息 / Process parked messages again."""
    if not (everything or envelope_ids):
        raise typer.BadParameter("写上编号，或 --all / name some, or --all")

    async def replay(_: Settings, store: Store) -> int:
        return await store.envelopes.replay(None if everything else envelope_ids or [])

    count = with_store(config, replay)
    if envelope_ids and not everything and not count:
        raise NotFound("no parked envelope " + ",".join(envelope_ids))
    out.print(f"已重放 {count} 条 / {count} replayed; the next sweep takes them up")
