"""``shouli run``: the data folder, its Valkey, and every role, kept alive together."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.settings import Settings
from models.errors import ShouliError
from models.migrations import check
from models.store.ground.sealing import Vault, check_key
from workers.assembly.wiring import make_channels, make_store
from workers.commands.terminal import Terminal
from workers.processes import embedded
from workers.processes.heartbeat import ROLES
from workers.processes.home import SetupError, master_key
from workers.processes.home import home as data_folder
from workers.processes.supervisor import Command, Supervisor, reclaim
from workers.roles.door import make_sure_of, until_open
from workers.rules.first_version import rules_are_known

_out = Terminal()
_SHOULI = (sys.executable, "-m", "workers")


def run(settings: Settings, config: Path | None) -> None:
    """Runs until Ctrl-C or SIGTERM; leaves no process behind.

    Raises:
        InUse: another ``shouli run`` has the data folder.
        ConfigurationError: something in the settings is wrong.
        SetupError: the data folder or the master key cannot be used.
        ShouliError: the port of a door is another program's.
    """
    make_channels(settings, Vault(master_key(settings)))
    home = data_folder(settings)
    with embedded.locked(home):
        reclaim(home)  # what a killed run left must not write while the schema changes
        for section, host, port in _doors(settings):
            make_sure_of(section, host, port)
        environ = {**os.environ, "SHOULI_DATA_DIR": str(home.resolve())}
        options = ["--config", str(config)] if config else []
        if not asyncio.run(is_prepared(settings)):
            _prepare([*_SHOULI, "migrate", *options], environ)
        commands: list[Command] = []
        if settings.redis_url is None:
            valkey = embedded.valkey(home)
            environ["SHOULI_REDIS_URL"] = valkey.url
            commands.append(valkey.command)
        commands += [
            Command(name, (*_SHOULI, role, *options))
            for name, role in roles(settings.pipeline.processes)
        ]
        asyncio.run(_run(Supervisor(commands, home, environ=environ), settings))


async def is_prepared(settings: Settings) -> bool:
    """Whether ``migrate`` would find everything done, as at most starts: it takes seconds.

    What stops a start is left to it to say: then this is false as well.
    """
    try:
        store = make_store(settings)
    except SetupError:
        return False
    try:
        await check(store.db)
        await check_key(store.db, store.vault)
        return (
            await store.bundles.champion() is not None
            and await rules_are_known(settings, store)
            and bool(await store.agents.all())
        )
    except ShouliError:
        return False
    finally:
        await store.close()


def _prepare(migrate: Sequence[str], environ: Mapping[str, str]) -> None:
    """In a process of its own: what training loads need not stay for life."""
    ended = subprocess.run(migrate, env=environ, check=False)  # noqa: S603  our own words
    if ended.returncode:
        raise SystemExit(ended.returncode)


async def _run(supervisor: Supervisor, settings: Settings) -> None:
    welcome = asyncio.create_task(_tell_when_open(settings))
    try:
        await supervisor.run()
    finally:
        welcome.cancel()


async def _tell_when_open(settings: Settings) -> None:
    """The channels' own doors open before that of web chat does."""
    await asyncio.gather(*(until_open(host, port) for _, host, port in _doors(settings)))
    _out.print(_welcome(settings), markup=False)


def _doors(settings: Settings) -> list[tuple[str, str, int]]:
    intake, desk = settings.intake, settings.desk
    return [("intake", intake.host, intake.port), ("desk", desk.host, desk.port)]


def roles(work: int) -> list[tuple[str, str]]:
    """What is kept running: names of processes and their roles, ``work`` times the role work."""
    more = [(f"work-{number}", "work") for number in range(2, work + 1)]
    return [(role, role) for role in ROLES] + more


def _welcome(settings: Settings) -> str:
    desk = f"http://{settings.desk.host}:{settings.desk.port}/desk"
    chat = f"http://{settings.intake.host}:{settings.intake.port}/"
    return (
        f"坐席台 desk      {desk}\n"
        f"网页聊天 chat    {chat}\n"
        "按 Ctrl-C 停止 / Ctrl-C stops everything"
    )
