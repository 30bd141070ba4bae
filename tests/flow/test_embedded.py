"""The data folder of one ``shouli run``: nobody else's, with a Valkey in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from config.settings import ConfigurationError
from workers.processes import embedded


@contextmanager
def _served(data_dir: Path) -> Iterator[tuple[embedded.Valkey, "redis.Redis"]]:
    valkey = embedded.valkey(data_dir)
    process = subprocess.Popen(valkey.command.line, stdin=subprocess.DEVNULL)
    client = redis.Redis.from_url(valkey.url, decode_responses=True)
    try:
        deadline = time.monotonic() + 5
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        yield valkey, client
    finally:
        client.close()
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_valkey_listens_on_a_private_socket_in_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    with _served(tmp_path) as (valkey, client):
        assert valkey.command.service
        assert (tmp_path / "valkey" / "valkey.sock").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "valkey").stat().st_mode & 0o777 == 0o700
        server = psutil.Process(client.info("server")["process_id"])
        assert [c for c in server.net_connections() if c.status == "LISTEN"] == []
        wanted = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"}
        for key, value in wanted.items():
            assert client.config_get(key) == {key: value}


def test_it_starts_again_over_the_socket_of_a_killed_one(tmp_path: Path) -> None:
    for _ in range(2):
        with _served(tmp_path) as (_, client):
            assert client.dbsize() == 0
            client.set("lost", "gladly")


def test_a_folder_with_spaces_and_chinese_works(tmp_path: Path) -> None:
    with _served(tmp_path / "受理 数据") as (_, client):
        assert client.ping()


def test_where_the_path_is_too_long_it_is_loopback_with_a_password(tmp_path: Path) -> None:
    deep = tmp_path / ("长" * 40)
    with _served(deep) as (valkey, client):
        assert valkey.url.startswith("redis://:")
        password = valkey.url.split(":")[2].partition("@")[0]
        assert not any(password in word for word in valkey.command.line)
        assert (deep / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        stranger = redis.Redis.from_url(valkey.url.replace(password, "wrong"))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_a_machine_without_a_server_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match="SHOULI_REDIS_URL"):
        embedded.valkey(tmp_path)


HOLDER = """
import sys, time
from pathlib import Path
from workers.processes.embedded import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(embedded.InUse) as caught, embedded.locked(tmp_path / "data"):
            pass
        assert str(holder.pid) in str(caught.value)
        assert "SHOULI_DATA_DIR" in str(caught.value)
    finally:
        holder.kill()
        holder.communicate()
    with embedded.locked(tmp_path / "data"):
        assert (tmp_path / "data" / embedded.LOCK_NAME).read_text() == str(os.getpid())
