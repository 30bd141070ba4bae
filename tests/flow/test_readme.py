"""Every command in the READMEs and in “getting started” runs, in the order in which it stands.

``make run`` runs for real in a folder of its own, with the Makefile of this one and free ports.
Commands that are long tests in themselves are only asked of make whether it knows them.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "README.zh-CN.md", "docs/getting-started.md", "docs/zh/getting-started.md")
LONG = {"make test", "make check", "make bench"}
RUN = "make run"
DEMO = "make demo"
PORTS = {"8080": "INTAKE__PORT", "8081": "DESK__PORT", "2525": "CHANNELS__EMAIL__PORT"}

_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL = re.compile(r"<(http://127\.0\.0\.1:[^>]+)>")
_ACCOUNT = re.compile(r"│ (\w+) +│[^│]+│[^│]+│ (\S+) +│")


def commands(page: str) -> list[str]:
    """The fenced commands of a page, one a block."""
    return [block.strip() for block in _FENCE.findall((ROOT / page).read_text("utf-8"))]


MAIL = next(command for command in commands("README.md") if "smtplib" in command)


def _set_up(command: str) -> str:
    """The same command of make, told that the environment which runs this test is set up."""
    done = " ".join(f"-o .venv/{name}" for name in ("run.stamp", "dev.stamp", "bin/python"))
    return re.sub(r"^make\b", f"make {done}", command)


@dataclass(frozen=True)
class Running:
    """A system that was started as the README says, on other ports."""

    folder: Path
    environ: dict[str, str]
    ports: dict[str, str]
    said: Path

    def moved(self, text: str) -> str:
        """A command or address of the pages, with the ports of this system."""
        return re.sub(r"\b(8080|8081|2525)\b", lambda found: self.ports[found[0]], text)

    def run(self, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _set_up(self.moved(command))],
            cwd=self.folder,
            env=self.environ | more,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy2(ROOT / "Makefile", folder)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    ports = {port: str(free_port()) for port in PORTS}
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("SHOULI_", "MAKE", "MFLAGS"))
    }
    environ |= {f"SHOULI_{PORTS[port]}": own for port, own in ports.items()}
    said = folder / "said.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(
            _set_up(RUN).split(), cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    system = Running(folder, environ, ports, said)
    try:
        _until_open(system, process)
        yield system
    finally:
        if process.poll() is None:
            # Ctrl-C goes to everything in the foreground of the terminal.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(40)
            finally:  # else it would be told of in whichever test comes next
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        left = [p for p in psutil.process_iter() if _works_in(p, folder)]
        assert not left


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.pid != os.getpid() and process.cwd() == str(folder)
    except psutil.Error:
        return False


def _until_open(system: Running, process: subprocess.Popen[bytes]) -> None:
    """“Getting started” names the line: whoever waits for it finds no door closed."""
    deadline = time.monotonic() + 180
    for words in (["Ctrl-C stops everything"], ["work open", "clock open"]):
        while not all(word in _said(system) for word in words):
            assert process.poll() is None, _said(system)
            assert time.monotonic() < deadline, _said(system)
            time.sleep(0.1)
        for port in system.ports.values():
            socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


def _said(system: Running) -> str:
    return system.said.read_text("utf-8", "replace")


def test_the_pages_have_commands_and_both_languages_have_the_same() -> None:
    assert {RUN, "make test", DEMO, MAIL} <= set(commands("README.md"))
    assert commands("README.md") == commands("README.zh-CN.md")
    assert commands("docs/getting-started.md") == commands("docs/zh/getting-started.md")


def test_make_alone_tells_every_target() -> None:
    told = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.search(r"^\.PHONY: help (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert targets is not None
    assert [t for t in targets[1].split() if f"  make {t} " not in told] == []


def test_nobody_else_may_read_what_is_kept(running: Running) -> None:
    kept = [running.folder / "data", *(running.folder / "data").rglob("*")]
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_the_accounts_are_printed_once_and_the_passwords_are_right(running: Running) -> None:
    accounts = dict(_ACCOUNT.findall(_said(running)))
    assert {"chen", "admin", "lilei"} <= accounts.keys()
    login = urllib.request.Request(
        running.moved("http://127.0.0.1:8081/api/v1/login"),
        json.dumps({"login": "chen", "password": accounts["chen"]}).encode(),
        {"Content-Type": "application/json", "X-Shouli-Desk": "1"},
    )
    with urllib.request.urlopen(login, timeout=10) as answer:
        assert json.load(answer)["name"] == "陈班长"


@pytest.mark.parametrize("page", PAGES)
def test_every_address_on_the_page_answers(running: Running, page: str) -> None:
    urls = _URL.findall((ROOT / page).read_text("utf-8"))
    assert urls
    for url in urls:
        with urllib.request.urlopen(running.moved(url), timeout=10) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "command", sorted({c for page in PAGES for c in commands(page)} - {RUN, DEMO, MAIL})
)
def test_every_command_runs(running: Running, command: str) -> None:
    asked = f"make -n {command.removeprefix('make ')}" if command in LONG else command
    result = running.run(asked)
    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_mail_of_each_page_becomes_a_ticket_of_its_own(running: Running, page: str) -> None:
    mail = next(command for command in commands(page) if "smtplib" in command)
    before = _tickets(running)
    assert running.run(mail).stdout.strip() == "accepted"
    deadline = time.monotonic() + 60
    while _tickets(running) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert _tickets(running) == before + 1


def _tickets(running: Running) -> float:
    with urllib.request.urlopen(
        running.moved("http://127.0.0.1:8080/metrics"), timeout=10
    ) as page:
        found = re.findall(rb"^shouli_tickets\{[^}]+\} (\S+)$", page.read(), re.MULTILINE)
    return sum(map(float, found))


def test_the_demonstration_plays_on_the_system_that_runs(running: Running) -> None:
    result = running.run(DEMO)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("已分派 routed") == 3
    assert result.stdout.count("已送达 delivered") == 1
    assert "2 份邮件答复等待发信服务器" in result.stdout
    listed = running.run(".venv/bin/shouli agents list").stdout
    assert "就绪" not in listed
