"""Databases of older programs, and a process that upgrades one and may be killed there."""

import asyncio
import os
import signal
from itertools import count

from alembic import command
from sqlalchemy import Connection

from models import migrations
from models.store.ground.database import Database
from tests.machines.waits import at_each_wait

FIRST = "0001"


async def schema_at(db: Database, revision: str) -> None:
    """An empty database gets the schema of then."""

    def upgrade(connection: Connection) -> None:
        settings = migrations.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)

    async with db.write() as tx:
        await tx.conn.run_sync(upgrade)


def upgrade(url: str, last_wait: int) -> None:
    """To today's schema, in a process of its own, which ends itself (SIGKILL) at one wait."""
    waits = count(1)

    def meanwhile() -> None:
        if next(waits) == last_wait:
            os.kill(os.getpid(), signal.SIGKILL)

    async def migrate() -> None:
        db = Database(url)
        await at_each_wait(migrations.migrate(db), meanwhile)
        await db.close()

    asyncio.run(migrate())
