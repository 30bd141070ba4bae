"""``shouli keys …``: another master key, while everything runs."""

import base64
import os
from typing import Annotated

import typer

from config.settings import Settings
from models.errors import Rejected
from models.store import Store
from models.store.privacy.rekeying import Standing
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store
from workers.processes.home import KEY_BYTES, change_key, key_file

keys_app = typer.Typer(
    cls=Group,
    help="主密钥轮换，见 docs/security.md / Rotation of the master key.",
    no_args_is_help=True,
)
out = Terminal()

_PASSES = 20
"""Of re-sealing, for rows that others hold at the moment: they hold them for milliseconds."""


@keys_app.callback()
def keys_group() -> None:
    """主密钥 / The master key."""


@keys_app.command("status")
def status(config: ConfigOption = None) -> None:
    """第几把主密钥，还有多少由旧的封存 / Which master key it is, and what older ones sealed."""

    async def look(_: Settings, store: Store) -> tuple[Standing, dict[str, int]]:
        standing = await store.rekeying.standing()
        moving = store.vault.moving and standing.activated_at is not None
        return standing, await store.rekeying.left() if moving else {}

    standing, left = with_store(config, look)
    out.print(f"主密钥 master key: {standing.generation + 1}")
    if standing.activated_at is None:
        out.print("已准备，未启用 / prepared; not in use yet: restart, then shouli keys reseal")
    elif standing.finished_at is None:
        told = ", ".join(f"{name} {count}" for name, count in left.items())
        out.print(f"轮换中，还剩 / being rotated, left: {told}", markup=False)
    else:
        out.print("旧的都不再需要 / No older one is needed")


@keys_app.command("new")
def new(
    leaked: Annotated[
        bool,
        typer.Option(
            "--leaked",
            help="旧的可能已泄露：它签过的回信地址、聊天令牌和链接不再算数 / The old one may be "
            "known: reply addresses, chat tokens and links that it signed count no longer.",
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """第一步：生成新的主密钥，再重启各角色 / First: make a new one, then restart the roles."""
    key = os.urandom(KEY_BYTES)

    async def prepare(settings: Settings, store: Store) -> None:
        await store.rekeying.prepare(key, renew_signatures=leaked)
        if settings.master_key is None:
            kept = change_key(key_file(settings), key)
            out.print(f"旧的在 / The old one is in {kept}", markup=False)
            return
        out.print("新的主密钥，只显示这一次 / The new master key, shown once:")
        out.print(f"SHOULI_MASTER_KEY={base64.b64encode(key).decode()}", markup=False)

    with_store(config, prepare)
    out.print("用新的重启各角色，再运行 / Restart the roles with it, then: shouli keys reseal")


@keys_app.command("reseal")
def reseal(config: ConfigOption = None) -> None:
    """第二步：启用新的，重新封存旧的封存过的 / Second: use it, and seal everything anew.

    随时可以中断，再运行就接着做；各角色照常工作。

    It may be interrupted at any moment, and goes on when it is run again; the roles work on.
    """

    async def go_on(_: Settings, store: Store) -> bool:
        standing = await store.rekeying.standing()
        if standing.finished_at is not None:
            return False
        await store.rekeying.activate()
        for _pass in range(_PASSES):
            done: dict[str, int] = {}
            async for name, changed in store.rekeying.reseal():
                done[name] = done.get(name, 0) + changed
            told = ", ".join(f"{name} {count}" for name, count in done.items() if count)
            out.print(f"已重新封存 / sealed anew: {told or 0}", markup=False)
            if await store.rekeying.finish():
                return True
        raise Rejected(
            "还有行被别人占着，再运行一次 / some rows are still held by others; run it once more"
        )

    if with_store(config, go_on):
        out.print(
            "完成：旧的主密钥只有恢复以前的备份时才用得到"
            " / Done: the old master key is needed for older backups only"
        )
    else:
        out.print("没有要做的 / There is nothing to do")
