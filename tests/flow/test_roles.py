"""Growing past one machine: every role of the compose file twice, and what a role refuses."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import yaml

from config.settings import load as load_settings
from models.errors import Permanent
from models.message import Envelope, Lane
from models.tables import lease
from tests.flow.clients import (
    Relay,
    Visitor,
    at_the_desk,
    letter,
    post,
    post_until_stored,
    relay_settings,
    texts,
    until,
)
from tests.flow.conftest import running
from tests.flow.system import SHOULI, Prepared, System, clean_environ, distributed
from tests.services import PostgresServer, free_port, valkey_server
from workers.assembly.wiring import make_store
from workers.messages.parser import Parser

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose.yaml"

CLOCK_LEASE_SECONDS = 10.0

SECOND = {"intake_port": free_port(), "desk_port": free_port(), "smtp_port": free_port()}
"""The doors of the second intake and the second desk."""


def _roles() -> list[list[str]]:
    """The commands of our long-lived services, as the compose file words them."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    ours = [s for s in services.values() if str(s["image"]).startswith("shouli")]
    return [s["command"] for s in ours if s["command"] != ["migrate"]]


@pytest.fixture(scope="module")
def doubled(
    prepared: Prepared,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
    relay: Relay,
) -> Iterator[System]:
    home = tmp_path_factory.mktemp("doubled")
    elsewhere = [
        "/usr/bin/env",
        f"SHOULI_DATA_DIR={home / 'another-host'}",
        f"SHOULI_INTAKE__PORT={SECOND['intake_port']}",
        f"SHOULI_DESK__PORT={SECOND['desk_port']}",
        f"SHOULI_CHANNELS__EMAIL__PORT={SECOND['smtp_port']}",
    ]
    commands = {f"{role[0]}-1": [SHOULI, *role] for role in _roles()}
    commands |= {f"{role[0]}-2": [*elsewhere, SHOULI, *role] for role in _roles()}
    with valkey_server() as valkey:
        database = postgres.create_database()
        services = {
            "SHOULI_DATABASE_URL": postgres.url(database),
            "SHOULI_REDIS_URL": valkey.url,
        }
        settings = relay_settings(relay.port)
        yield from running(distributed(home, prepared, services, settings, commands))
        postgres.drop_database(database)


async def test_customers_and_agents_meet_whichever_door_they_take(
    doubled: System, relay: Relay, http: aiohttp.ClientSession
) -> None:
    second = doubled.through(**SECOND)
    wang = "wang@qq.example"
    async with at_the_desk(second, "lilei", "hanmeimei") as (lilei, han):
        async with Visitor(doubled, http) as visitor:
            await visitor.say("发票抬头开错了，能重开吗？")
            ticket = await han.mine("the chat", lambda t: "抬头开错" in texts(t))
            await han.heard("ticket.assigned", ticket["ticket"]["id"])
            await han.reply(ticket["ticket"]["id"], "可以重开。")
            await until("the answer", lambda: "可以重开。" in visitor.answers())
        async with Visitor(second, http) as elsewhere:
            elsewhere.token = visitor.token
            await until("the whole chat", lambda: elsewhere.lines.keys() == visitor.lines.keys())

        raw = letter(wang, "包裹一直没有送到，物流信息停了五天！", subject="快递")
        envelope = await post_until_stored(doubled.smtp_port, wang, raw)
        # The same mail at the other door is the same mail.
        reply = await post(second.smtp_port, wang, raw)
        assert reply == (250, f"2.0.0 Stored as {envelope}")
        ticket = await lilei.mine("the mail", lambda t: "停了五天" in texts(t))
        assert len(ticket["messages"]) == 1
        await lilei.reply(ticket["ticket"]["id"], "今天送达。", then="resolved")
        await until("the answer by mail", lambda: relay.to(wang))


async def test_one_of_two_clocks_ticks_and_the_other_takes_over(doubled: System) -> None:
    store = make_store(load_settings(environ=doubled.environ))

    async def held() -> Any:
        async with store.db.read() as conn:
            query = lease.select().where(lease.c.name == "clock")
            return (await conn.execute(query)).one()

    async def ticked_since(moment: float) -> bool:
        # A lease of 10 s that ends later than this was taken after the moment.
        return bool((await held()).until > moment + CLOCK_LEASE_SECONDS)

    try:
        first = await held()
        # Which of them ticks cannot be seen from outside: one of these two kills meets it.
        for clock in ("clock-1", "clock-2"):
            await asyncio.to_thread(doubled.kill, clock)
            moment = await store.db.now()
            await until("the other ticks", partial(ticked_since, moment))
            await asyncio.to_thread(doubled.start)
        last = await held()
        assert last.holder != first.holder
        assert last.fence > first.fence
    finally:
        await store.close()


@pytest.mark.parametrize("role", ["intake", "work", "desk", "clock"])
def test_a_role_refuses_a_database_that_nobody_migrated(
    role: str, postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    services = {"SHOULI_DATABASE_URL": postgres_url, "SHOULI_REDIS_URL": redis_url}
    said = _refusal(role, services, tmp_path)
    assert "shouli migrate" in said


def test_a_role_without_redis_says_what_to_set(tmp_path: Path) -> None:
    said = _refusal("work", {}, tmp_path)
    assert "SHOULI_REDIS_URL" in said
    assert "shouli run" in said


def _refusal(role: str, services: dict[str, str], folder: Path) -> str:
    """What a role says on standard error when it ends at once; a sentence, no traceback."""
    environ = clean_environ({"SHOULI_DATA_DIR": str(folder / "data"), **services})
    done = subprocess.run(
        [SHOULI, role], env=environ, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_meant_for_all_breaks_no_mail_that_is_being_read(
    number: signal.Signals,
) -> None:
    """Ctrl-C and systemd stop the parser beside its worker, which still waits for it."""
    parser = Parser({"email": {}}, {"email": b"k" * 32}, seconds=20, memory_mb=512)

    def mail(name: str) -> Envelope:
        body = letter("wang@qq.example", name)
        return Envelope(name, "email", "support", name, body, 1_800_000_000.0, Lane.MAIL)

    try:
        await parser.parse([mail("before")], patience=20)
        (child,) = [
            p for p in psutil.Process().children() if "workers.messages.parser" in p.cmdline()
        ]
        child.send_signal(number)
        (found,) = await parser.parse([mail("after")], patience=20)
        assert child.is_running(), "whatever it had been reading would count as unreadable"
        assert not isinstance(found, Permanent)
        assert [message.text for message, _ in found] == ["after"]
    finally:
        await parser.close()
