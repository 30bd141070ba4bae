"""Two transactions at once, interleaved on purpose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from models.errors import Conflict, NotFound
from models.store import Store
from models.store.ground.database import Tx

Move = Callable[[], Awaitable[object]]
_REFUSED = (Conflict, NotFound)


async def meeting(
    store: Store, monkeypatch: pytest.MonkeyPatch, first: Move, second: Move
) -> list[object]:
    """``first`` has done everything but commit when ``second`` begins; what each came to.

    The second goes on as far as the database lets it (on SQLite not far), then the first commits.
    """
    write, seconds = store.db.write, []

    @asynccontextmanager
    async def held() -> AsyncIterator[Tx]:
        async with write() as tx:
            yield tx
            if not seconds:
                monkeypatch.setattr(store.db, "write", write)
                seconds.append(asyncio.ensure_future(_come_to(second)))
                await asyncio.wait(seconds, timeout=0.3)

    monkeypatch.setattr(store.db, "write", held)
    done = [await _come_to(first)]
    return done + await asyncio.gather(*seconds)


def before_the_next_write(store: Store, monkeypatch: pytest.MonkeyPatch, happens: Move) -> None:
    """What was looked at is looked at; then this happens; then the move's transaction begins."""
    write, still = store.db.write, [happens]

    @asynccontextmanager
    async def late() -> AsyncIterator[Tx]:
        if still:
            await still.pop()()
        async with write() as tx:
            yield tx

    monkeypatch.setattr(store.db, "write", late)


async def _come_to(move: Move) -> object:
    try:
        return await move()
    except _REFUSED as error:
        return error
