"""What most commands do: load the settings, open the store, do one thing with it, close it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from config.settings import Settings, load
from models.store import Store

_T = TypeVar("_T")


def with_store(config: Path | None, work: Callable[[Settings, Store], Awaitable[_T]]) -> _T:
    """What ``work`` returns.

    Raises:
        ConfigurationError: something in the settings is wrong.
        SetupError: there is no database yet. Whatever ``work`` raises.
        Permanent: the schema is not this program's, or the master key not the database's.
    """
    # 0.3 s, which --help need not take
    from models.migrations import check
    from models.store.ground.sealing import check_key
    from workers.assembly.wiring import make_store

    settings = load(config, environ=os.environ)

    async def run() -> _T:
        store = make_store(settings)
        try:
            await check(store.db)
            await check_key(store.db, store.vault)
            return await work(settings, store)
        finally:
            await store.close()

    return asyncio.run(run())
