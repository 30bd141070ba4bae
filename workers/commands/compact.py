"""``shouli compact``: gives back the room of what was deleted from SQLite."""

import os
import shutil
import time
from pathlib import Path

from config.settings import Settings
from models.errors import Rejected, StorageFull
from models.store import Store
from models.store.ground.compacting import compact as write_anew
from workers.commands.options import ConfigOption
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

out = Terminal()

_COPIES = 2
"""Of the file, for a while: a temporary one, and the log beside it."""


def compact(config: ConfigOption = None) -> None:
    """停机时缩小 SQLite 的文件 / Make SQLite's file smaller, while nothing runs."""
    file = with_store(config, _standing_still)
    before = file.stat().st_size
    if shutil.disk_usage(file.parent).free < _COPIES * before:
        need = _megabytes(_COPIES * before)
        raise StorageFull(
            f"磁盘上要有 {need} MB 空闲（数据库的两倍），腾出来再试"
            f" / it needs {need} MB of free disk, twice the database: make room and try again"
        )
    # Not in the system's folder: it may be small, and customers' words are no business of it.
    os.environ["SQLITE_TMPDIR"] = str(file.parent)
    began = time.monotonic()
    write_anew(file)
    out.print(
        f"{file}: {_megabytes(before)} → {_megabytes(file.stat().st_size)} MB, "
        f"{time.monotonic() - began:.1f} s",
        markup=False,
    )


async def _standing_still(_settings: Settings, store: Store) -> Path:
    """The file of a store that nobody uses.

    Raises:
        Rejected: it has no file, or processes of ours live.
        Temporary: it is no database of ours.
    """
    if store.db.dialect != "sqlite":
        raise Rejected(
            "PostgreSQL 自己回收（autovacuum），不用这条命令"
            " / PostgreSQL does this by itself (autovacuum)"
        )
    living = sorted({one.role for one in await store.processes.all() if one.alive})
    if living:
        names = ", ".join(living)
        raise Rejected(
            f"还在运行：{names}。重写文件时谁都不能写，先停下；被杀掉的进程半分钟后不再算"
            f" / these still run: {names}. Nobody can write while the file is made anew: stop them"
            " first; one that was killed counts for half a minute"
        )
    return Path(str(store.db.url.database))


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f}"
