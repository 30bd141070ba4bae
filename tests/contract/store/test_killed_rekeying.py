"""A rotation of the master key is killed (SIGKILL) again and again, at any of its waits.

Beside it people write. ``REKEYING_KILLS`` asks for more (make campaign: 200).
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from random import Random

import pytest
from sqlalchemy import func, select

from models.message import Sender
from models.store import Store
from models.tables import customer, identity, message, proof, search_entry, webhook
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope, owned, thread
from tests.contract.store.rekeyed import CHAT, MAIL, NEW, OLD, rotate, rows, with_key, write
from tests.contract.store.searching import find, index

KILLS = int(os.environ.get("REKEYING_KILLS", "4"))
PEOPLE = 6
LONGEST_LIFE = 40
"""Waits: some batches of three rows. The last life is as long as it takes."""

_FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def nursery() -> None:
    """Children are forked from a process that has imported what they need."""
    _FORKS.set_forkserver_preload(["tests.contract.store.rekeyed", "asyncpg", "aiosqlite"])


@pytest.fixture
async def new(url: str) -> AsyncIterator[Store]:
    """As another process opens it, in a house that is lived in."""
    old = await with_key(url, OLD)
    ticket_id, owner = await owned(old, "gone", "gone", sender=Sender(external_id="gone"))
    await old.tickets.move(ticket_id, owner, TicketState.RESOLVED)
    customer_id = (await old.tickets.get(ticket_id)).customer_id
    await old.erasure.erase(customer_id, None, "asked for it", "a test")
    for n in range(PEOPLE):
        await write(old, f"k{n}", sender=Sender(external_id=f"v{n}"), text=f"破壁机漏水 {n}")
    await write(old, "m", "email", **MAIL)
    await write(old, "c", **CHAT)
    await old.webhooks.add("https://example.com/", [], b"w" * 32, await agent(old))
    await index(old)
    await old.rekeying.prepare(NEW)
    await old.close()
    made = await with_key(url, NEW)
    yield made
    await made.close()


async def _life(url: str, last_wait: int) -> int | None:
    """How it ended."""
    process = _FORKS.Process(target=rotate, args=(url, last_wait))
    process.start()
    await asyncio.to_thread(process.join, 60.0)
    return process.exitcode


async def _people(store: Store, serial: str) -> list[str]:
    """Everybody writes once more."""
    return [
        await write(store, f"k{n}+{serial}", talk=f"k{n}", sender=Sender(external_id=f"v{n}"))
        for n in range(PEOPLE)
    ]


async def test_however_often_it_is_killed_everybody_stays_one(new: Store, url: str) -> None:
    random = Random(20261127)
    who = await _people(new, "before")
    killed = 0
    for serial in range(KILLS):
        ended, meanwhile = await asyncio.gather(
            _life(url, random.randint(1, LONGEST_LIFE)), _people(new, f"{serial}")
        )
        assert ended in {-signal.SIGKILL, 0}
        assert meanwhile == who
        assert len(await find(new, "漏水")) == PEOPLE
        killed += ended == -signal.SIGKILL
    assert killed >= KILLS // 2
    assert await _life(url, 0) == 0
    assert not any((await new.rekeying.left()).values())
    alone = await with_key(url, NEW)
    assert not alone.vault.moving
    assert await _people(alone, "after") == who
    assert len(await find(alone, "漏水")) == PEOPLE
    async with alone.db.read() as conn:
        people = (await conn.execute(select(func.count()).select_from(customer))).scalar_one()
    assert people == PEOPLE + 3  # by mail, in the chat, and who was erased
    for column in (identity.c.lookup, proof.c.lookup):  # of the erased nothing is hashed
        assert all(one.startswith(("1:", "erased:")) for (one,) in await rows(alone, column))
    assert all(terms.endswith(" g1") for (terms,) in await rows(alone, search_entry.c.terms))
    ((secret,),) = await rows(alone, webhook.c.secret)
    assert alone.vault.open("webhooks", secret)
    before = len(await rows(alone, message.c.id))
    await thread(
        alone, envelope("gone again"), external_id="gone", sender=Sender(external_id="gone")
    )
    assert len(await rows(alone, message.c.id)) == before
    await alone.close()
    print(f"killed {killed} times")
