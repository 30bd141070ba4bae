"""A database that is away, full or another one: told apart by what to do next."""

import asyncio
import errno
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from models import migrations
from models.errors import Permanent, StorageFull, Temporary
from models.store import Store
from models.store.effects.events import Events
from models.store.ground import database
from models.store.ground.blobs import FileBlobs
from models.store.ground.sealing import check_key
from tests.contract.store.makers import opened
from tests.fakes import FakeClock
from tests.mute import Proxy
from tests.services import PostgresServer


async def test_a_server_without_a_free_connection_is_tried_again(
    postgres: PostgresServer, postgres_url: str
) -> None:
    with ThreadPoolExecutor(1) as outside:
        limited = "CREATE ROLE full_house LOGIN PASSWORD 'x' CONNECTION LIMIT 0"
        outside.submit(postgres.execute, limited).result()
    try:
        crowded = opened(postgres_url.replace(f"postgres:{postgres.password}", "full_house:x"))
        with pytest.raises(Temporary, match="too many connections"):
            await crowded.events.last()
        with pytest.raises(Temporary):
            await crowded.bundles.promote("b", None)
        await crowded.close()
    finally:
        with ThreadPoolExecutor(1) as outside:
            outside.submit(postgres.execute, "DROP ROLE full_house").result()


async def test_a_wrong_password_is_said_to_be_one(
    postgres: PostgresServer, postgres_url: str
) -> None:
    nobody = opened(postgres_url.replace(postgres.password, "wrong"))
    with pytest.raises(Temporary, match="check its URL"):
        await nobody.events.last()
    await nobody.close()


@pytest.mark.parametrize(
    "refuse",
    [
        "ALTER ROLE guest NOLOGIN",
        'ALTER DATABASE "{}" ALLOW_CONNECTIONS false',
        'REVOKE CONNECT ON DATABASE "{}" FROM PUBLIC',
    ],
)
async def test_who_is_not_let_in_tries_again(
    postgres: PostgresServer, postgres_url: str, refuse: str
) -> None:
    """For an error that stays, a message would be parked and the clock would end."""
    name = postgres_url.rpartition("/")[2]
    async with postgres.connected() as admin:
        await admin.execute("CREATE ROLE guest LOGIN PASSWORD 'x'")
        try:
            await admin.execute(refuse.format(name))
            guest = opened(postgres_url.replace(f"postgres:{postgres.password}", "guest:x"))
            with pytest.raises(Temporary, match=r"not available|check its URL and rights"):
                await guest.events.last()
            await guest.close()
        finally:
            await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            await admin.execute("DROP ROLE guest")


async def test_a_connection_that_ends_while_it_is_made_is_made_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = asyncpg.Connection.set_type_codec

    async def ended(line: asyncpg.Connection, *told: object, **more: object) -> None:
        line.terminate()  # as the server does when an administrator ends every session
        await set_up(line, *told, **more)

    monkeypatch.setattr(asyncpg.Connection, "set_type_codec", ended)
    store = opened(postgres_url)
    with pytest.raises(Temporary, match="connection is closed"):
        await store.events.last()
    await store.close()


async def test_a_server_that_does_not_listen_is_tried_again() -> None:
    nowhere = opened("postgresql+asyncpg://u:p@127.0.0.1:1/d")
    with pytest.raises(Temporary):
        await nowhere.events.last()
    await nowhere.close()


def _reading_only(url: str) -> tuple[str, str]:
    """What makes new connections of a database only read, and what lets them write again."""
    alter = f'ALTER DATABASE "{url.rpartition("/")[2]}"'
    name = "default_transaction_read_only"
    return f"{alter} SET {name} = on", f"{alter} RESET {name}"


async def test_after_a_failover_no_connection_stays_with_who_may_only_read(
    postgres: PostgresServer, migrated_postgres_url: str
) -> None:
    only_reads, may_write = _reading_only(migrated_postgres_url)
    with ThreadPoolExecutor(1) as outside:
        outside.submit(postgres.execute, only_reads).result()
        store = opened(migrated_postgres_url)
        try:
            with pytest.raises(Temporary, match="read-only"):
                await store.leases.take("clock", "me", 10.0)
            assert await store.events.last() == 0
            # From here on new connections may write; those that are open still may not.
            outside.submit(postgres.execute, may_write).result()
            with pytest.raises(Temporary, match="read-only"):
                await store.leases.take("clock", "me", 10.0)
            assert await store.leases.take("clock", "me", 10.0) is not None
        finally:
            await store.close()


async def test_who_may_only_read_is_not_ready_and_once_more_who_may_write_is(
    postgres: PostgresServer, migrated_postgres_url: str
) -> None:
    only_reads, may_write = _reading_only(migrated_postgres_url)
    with ThreadPoolExecutor(1) as outside:
        outside.submit(postgres.execute, only_reads).result()
        store = opened(migrated_postgres_url)
        try:
            with pytest.raises(Temporary, match="read-only"):
                await migrations.ready(store.db)
            outside.submit(postgres.execute, may_write).result()
            # Nobody but the probe asks: it must not keep to a connection that is of yesterday.
            await migrations.ready(store.db)
        finally:
            await store.close()


async def test_whoever_can_be_written_to_is_ready(store: Store) -> None:
    await migrations.ready(store.db)


async def test_a_proxy_that_takes_everything_and_says_nothing_is_given_up(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(migrated_postgres_url)
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(migrations, "ANSWER_SECONDS", 0.1)
    async with asyncio.timeout(30.0), Proxy().before(url.port or 0) as proxy:
        at = url.set(port=proxy.port).render_as_string(hide_password=False)
        db = database.Database(at, answer_seconds=0.2)
        events = Events(db)
        try:
            assert await events.last() == 0
            proxy.mute = True
            for _ in range(2):
                with pytest.raises(Temporary):
                    await events.last()
            with pytest.raises(Temporary):
                await migrations.ready(db)
            proxy.mute = False
            assert await events.last() == 0
            with pytest.raises(Temporary):
                await _interrupted(db, proxy)
            proxy.mute = False
            assert await events.last() == 0
        finally:
            await db.close()


async def _interrupted(db: database.Database, proxy: Proxy) -> None:
    """A transaction that has begun before nobody answers any more."""
    async with db.write() as tx:
        tx.emit("x.y")
        proxy.mute = True


async def test_a_server_that_vanishes_is_given_up_within_half_a_minute(
    migrated_postgres_url: str,
) -> None:
    store = opened(migrated_postgres_url)
    try:
        async with store.db.read() as conn:
            driver = (await conn.get_raw_connection()).driver_connection
            assert driver is not None
            peer = driver._transport.get_extra_info("socket")
            assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            idle, every, most = (
                peer.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert idle + every * most <= 30
            unacknowledged = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert 0 < unacknowledged <= 30_000
    finally:
        await store.close()


async def test_an_address_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = opened(f"postgresql+asyncpg://u:p@127.0.0.1:{silent.getsockname()[1]}/d")
        async with asyncio.timeout(10):
            with pytest.raises(Temporary, match="cannot be reached: no answer"):
                await mute.events.last()
        await mute.close()


async def test_another_master_key_is_refused(store: Store, url: str) -> None:
    await check_key(store.db, store.vault)
    await check_key(store.db, store.vault)
    stranger = opened(url, master_key=b"s" * 32)
    with pytest.raises(Permanent, match="SHOULI_MASTER_KEY"):
        await check_key(stranger.db, stranger.vault)
    await stranger.close()


async def test_a_clock_that_was_set_back_locks_nobody_out(store: Store, clock: FakeClock) -> None:
    first = await store.leases.take("clock", "dead", 10.0)
    clock.pass_(-3600)
    second = await store.leases.take("clock", "alive", 10.0)
    assert first is not None
    assert second is not None
    assert second.fence > first.fence
    assert await store.leases.take("clock", "third", 10.0) is None


async def test_who_asked_a_moment_before_a_lease_was_renewed_does_not_get_it(
    store: Store, clock: FakeClock
) -> None:
    """They wait for its row, and read it as it is then, at the time of when they began."""
    assert await store.leases.take("clock", "holder", 10.0) is not None
    clock.pass_(-0.05)
    assert await store.leases.take("clock", "other", 10.0) is None


async def test_a_full_disk_leaves_no_half_blob_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs = FileBlobs(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("models.store.ground.blobs.os.fsync", full)
        with pytest.raises(StorageFull):
            await blobs.put({"ab" * 32: b"content"})
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    await asyncio.gather(*(blobs.put({"ab" * 32: b"content"}) for _ in range(3)))
    assert await blobs.get("ab" * 32) == b"content"


async def test_a_blob_that_cannot_be_read_now_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "ab" / ("ab" * 32)).mkdir(parents=True)
    with pytest.raises(Temporary):
        await FileBlobs(tmp_path).get("ab" * 32)


async def test_what_a_killed_writer_left_half_written_is_cleared_in_time(tmp_path: Path) -> None:
    clock = FakeClock()
    blobs = FileBlobs(tmp_path, clock)
    await blobs.put({"ab" * 32: b"content"})
    part = tmp_path / "ab" / f".{'ab' * 32}.{'0f' * 8}"
    part.write_bytes(b"cont")
    os.utime(part, (clock(), clock()))
    clock.pass_(899)
    assert await blobs.clear(900.0) == 0, "it may be being written"
    clock.pass_(1)
    assert await blobs.clear(900.0) == 1
    assert not part.exists()
    assert await blobs.get("ab" * 32) == b"content"
    assert await FileBlobs(tmp_path / "none").clear(900.0) == 0
