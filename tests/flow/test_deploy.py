"""The roles as separate processes, exactly as the compose file names them, on PostgreSQL."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flow.system import Prepared
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
OURS = {k: v for k, v in COMPOSE["services"].items() if str(v["image"]).startswith("shouli")}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\?|:-([^}]*))?\}")


def _environ(service: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """A service's environment with the variables of ``given`` filled in, as compose does it."""
    return {
        name: _VARIABLE.sub(lambda found: given.get(found[1], found[2] or ""), str(value))
        for name, value in service["environment"].items()
    }


@pytest.fixture
def roles(
    prepared: Prepared, tmp_path: Path, postgres_url: str, redis_url: str
) -> Iterator[dict[str, str]]:
    """Every service of ours, migrated and running; yields the environment they share."""
    given = {
        "SHOULI_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
        "SHOULI_DESK__SECURE_COOKIE": "false",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SHOULI_")}
    # What differs from the containers: where the services are, and one network for all.
    here = {
        "SHOULI_DATABASE_URL": postgres_url.replace("+asyncpg", ""),
        "SHOULI_REDIS_URL": redis_url,
        "SHOULI_DATA_DIR": str(tmp_path / "data"),
        "SHOULI_INTAKE__PORT": str(free_port()),
        "SHOULI_DESK__PORT": str(free_port()),
        "SHOULI_CHANNELS__EMAIL__PORT": str(free_port()),
    }
    environ = kept | prepared.learnt() | _environ(OURS["intake"], given) | here
    processes: list[subprocess.Popen[bytes]] = []
    log = tmp_path / "log.txt"
    with log.open("ab") as output:

        def start(name: str) -> subprocess.Popen[bytes]:
            assert _environ(OURS[name], given) == _environ(OURS["intake"], given)
            return subprocess.Popen(
                [sys.executable, "-m", "workers", *OURS[name]["command"]],
                cwd=tmp_path, env=environ, stdout=output, stderr=output,
            )  # fmt: skip

        assert start("migrate").wait(120) == 0, log.read_text()
        try:
            for name in OURS.keys() - {"migrate"}:
                wanted = OURS[name].get("deploy", {}).get("replicas", 1)
                processes += [start(name) for _ in range(wanted)]
            _until_ready(here["SHOULI_INTAKE__PORT"], log)
            _until_ready(here["SHOULI_DESK__PORT"], log)
            yield environ
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            ended = [process.wait(20) for process in processes]
    assert ended == [0] * len(processes), log.read_text()


def _until_ready(port: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        else:
            return


def test_the_compose_file_runs_each_role_and_more_than_one_worker() -> None:
    commands = {name: service["command"] for name, service in OURS.items()}
    assert commands == {role: [role] for role in ("migrate", "intake", "work", "desk", "clock")}
    assert OURS["work"]["deploy"]["replicas"] >= 2


def test_three_customers_through_the_roles_of_the_compose_file(roles: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "workers", "demo"],
        env=roles, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("已分派 routed") == 3
    assert result.stdout.count("已送达 delivered") == 1
