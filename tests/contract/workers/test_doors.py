"""Whether a door of another process is open, and whether its port is free at all."""

import asyncio
import socket
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from models.errors import ShouliError
from models.store import open_store
from workers.monitoring.metrics import health_routes
from workers.roles.door import make_sure_of, until_open


def test_a_port_that_another_program_has_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ShouliError, match=f"Cannot listen on 127.0.0.1:{port}") as refused:
            make_sure_of("desk", "127.0.0.1", port)
    assert "更改 desk 的 host 或 port" in str(refused.value)
    assert "(SHOULI_DESK__PORT)" in str(refused.value)
    make_sure_of("desk", "127.0.0.1", port)


async def test_a_door_is_open_when_somebody_listens() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        opened = asyncio.create_task(until_open("127.0.0.1", port))
        done, _ = await asyncio.wait({opened}, timeout=0.02)
        assert not done
        door.listen()
        await asyncio.wait_for(opened, 2.0)


async def test_strangers_do_not_learn_why_a_door_is_not_ready(tmp_path: Path) -> None:
    store = open_store(
        f"sqlite+aiosqlite:///{tmp_path}/empty.db",
        master_key=b"m" * 32,
        blob_dir=None,
        zone=ZoneInfo("UTC"),
    )
    app = web.Application()
    app.add_routes(health_routes(store, lambda: None))
    try:
        async with TestClient(TestServer(app)) as client:
            answer = await client.get("/readyz")
            assert answer.status == 503
            assert (await answer.json()).keys() == {"status", "code"}
    finally:
        await store.db.close()
