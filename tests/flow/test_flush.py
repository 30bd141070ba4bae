"""Redis only wakes, carries and caches: FLUSHALL at any moment loses nothing."""

import asyncio
import random
from pathlib import Path

import aiohttp

from config.settings import load as load_settings
from tests.flow.clients import Relay, at_the_desk, relay_settings, until
from tests.flow.load import UNLIMITED, Load, findings, unprocessed
from tests.flow.system import Prepared, distributed
from tests.services import PostgresServer, valkey_server
from workers.assembly.wiring import make_store

FLUSHES = 12


async def test_flushing_under_load_loses_nothing(
    prepared: Prepared,
    postgres: PostgresServer,
    home: Path,
    relay: Relay,
    http: aiohttp.ClientSession,
) -> None:
    dice = random.Random(7)
    with valkey_server() as valkey:
        database = await asyncio.to_thread(postgres.create_database)
        services = {
            "SHOULI_DATABASE_URL": postgres.url(database),
            "SHOULI_REDIS_URL": valkey.url,
        }
        settings = {**UNLIMITED, **relay_settings(relay.port)}
        system = distributed(home, prepared, services, settings)
        store = make_store(load_settings(environ=system.environ))
        load = Load(system, 7, mails=15.0, chats=8.0)
        try:
            await asyncio.to_thread(system.start)
            async with at_the_desk(system, "lilei", "hanmeimei", "wangfang", "chen") as agents:
                await load.start(agents, http)
                for _ in range(FLUSHES):
                    await asyncio.sleep(dice.uniform(0.05, 0.8))
                    await asyncio.to_thread(valkey.flush)
                await load.finish()

                async def nothing_left() -> bool:
                    return not await unprocessed(store)

                await until("everything is processed", nothing_left)

            async def nothing_wrong() -> bool:
                return not await findings(store, load.ledger)

            # The last claims may still be on their way.
            await until("all is well", nothing_wrong, 10)
            assert load.ledger.acknowledged.keys() == load.ledger.sent
            assert [v.repeated for v in load.visitors if v.repeated] == []
            await asyncio.to_thread(system.stop)
        finally:
            await load.leave()
            await store.close()
            await asyncio.to_thread(system.destroy)
            await asyncio.to_thread(postgres.drop_database, database)
