"""The supervisor with real processes: they come back, and none is left behind."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workers.processes.supervisor import MARK, Supervisor, reclaim

ROOT = Path(__file__).resolve().parents[2]

SUPERVISOR = """
    import asyncio, json, os, sys
    from pathlib import Path
    from workers.processes.supervisor import Command, Supervisor

    home, lines = Path(sys.argv[1]), json.loads(sys.argv[2])
    commands = [Command(n, [sys.executable, "-c", c], n == "service") for n, c in lines.items()]
    asyncio.run(
        Supervisor(commands, home, environ=os.environ, stop_seconds=float(sys.argv[3])).run()
    )
"""

# Each child appends "name pid" when it starts, and "name stopped" when SIGTERM reaches it.
CHILD = """
import os, pathlib, signal, subprocess, sys, time
def note(word):
    with open({ledger!r}, "a") as file:
        file.write("{name} " + str(word) + chr(10))
def stopped(*_):
    {on_term}
signal.signal(signal.SIGTERM, stopped)
{first}
note(os.getpid())
while True:
    time.sleep(60)
"""

GRANDCHILD = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
POLITE = "note('stopped'); sys.exit(0)"


class House:
    """A supervisor in a process of its own, and what its children wrote down."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ledger = home / "ledger"
        self.process: subprocess.Popen[bytes] | None = None

    def child(self, name: str, on_term: str = POLITE, first: str = "") -> str:
        return CHILD.format(ledger=str(self.ledger), name=name, on_term=on_term, first=first)

    def start(self, lines: dict[str, str], stop_seconds: float = 5) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-c", textwrap.dedent(SUPERVISOR)),
                *(str(self.home), json.dumps(lines), str(stop_seconds)),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            preexec_fn=_hear_hangups,
        )
        return self.process

    def noted(self, name: str) -> list[str]:
        if not self.ledger.exists():
            return []
        lines = (line.split() for line in self.ledger.read_text().splitlines())
        return [word for who, word in lines if who == name]

    def alive(self) -> list[int]:
        """Pids of everything that carries this folder's mark."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == str(self.home.resolve()):
                    found.append(process.pid)
        return found


def _hear_hangups() -> None:
    """Tests that run under ``nohup`` hand their deafness on."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    if house.process is not None:
        house.process.kill()
        house.process.wait()
    reclaim(tmp_path)


def _until(true: Callable[[], object], seconds: float = 10) -> float:
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, "too late"
        time.sleep(0.01)
    return time.monotonic() - started


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # left to a lazy init
    except psutil.NoSuchProcess:
        return True


def test_what_is_killed_comes_back_within_a_second(house: House) -> None:
    house.start({"work": house.child("work"), "desk": house.child("desk")})
    # On a busy machine, a start takes as long as it takes.
    start = _until(lambda: house.noted("work") and house.noted("desk"))
    os.kill(int(house.noted("work")[0]), signal.SIGKILL)
    assert _until(lambda: len(house.noted("work")) == 2) < 1 + start
    assert len(house.noted("desk")) == 1


def test_what_keeps_dying_is_restarted_ever_more_slowly(house: House) -> None:
    house.start({"work": house.child("work", first="note('died'); sys.exit(3)")})
    _until(lambda: len(house.noted("work")) == 4)
    time.sleep(1)
    assert len(house.noted("work")) <= 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_is_orderly_and_services_go_last(house: House, number: signal.Signals) -> None:
    slow = "time.sleep(0.3); note('stopped'); sys.exit(0)"
    supervisor = house.start(
        {"service": house.child("service"), "work": house.child("work", slow)}
    )
    _until(lambda: house.noted("work") and house.noted("service"))
    supervisor.send_signal(number)
    assert supervisor.wait(5) == 0
    lines = house.ledger.read_text().splitlines()
    assert lines[-2:] == ["work stopped", "service stopped"]
    assert house.alive() == []


def test_who_does_not_stop_in_time_is_killed_with_its_own_children(house: House) -> None:
    stubborn = house.child(
        "work",
        "pass",
        first="subprocess.Popen([sys.executable, '-c', 'import time;time.sleep(60)'])",
    )
    supervisor = house.start({"work": stubborn}, stop_seconds=0.3)
    _until(lambda: house.noted("work"))
    assert len(house.alive()) == 2
    supervisor.terminate()
    assert supervisor.wait(5) == 0
    _until(lambda: house.alive() == [])


def test_a_second_signal_does_not_wait(house: House) -> None:
    supervisor = house.start({"work": house.child("work", "pass")}, stop_seconds=60)
    _until(lambda: house.noted("work"))
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.2)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(5) == 0
    _until(lambda: house.alive() == [])


def test_a_dead_childs_own_children_do_not_outlive_it(house: House) -> None:
    house.start(
        {
            "work": house.child(
                "work",
                first=f"note({GRANDCHILD}.pid)",
            )
        }
    )
    _until(lambda: len(house.noted("work")) == 2)
    orphan, worker = map(int, house.noted("work"))
    os.kill(worker, signal.SIGKILL)
    _until(lambda: _gone(orphan))


def test_nothing_outlives_a_killed_supervisor(house: House) -> None:
    supervisor = house.start({n: house.child(n, "pass") for n in ("service", "work", "desk")})
    _until(lambda: all(house.noted(n) for n in ("service", "work", "desk")))
    assert len(house.alive()) == 3
    supervisor.kill()
    _until(lambda: house.alive() == [])


def test_the_next_start_reclaims_what_survived(house: House) -> None:
    mark = {**os.environ, MARK: str(house.home.resolve())}
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    stale = subprocess.Popen(sleep, env=mark, start_new_session=True)
    stranger = subprocess.Popen(sleep, env={**mark, MARK: "/elsewhere"}, start_new_session=True)
    try:
        house.start({"work": house.child("work")})
        assert stale.wait(5) == -signal.SIGKILL
        _until(lambda: house.noted("work"))
        assert stranger.poll() is None
    finally:
        for process in (stale, stranger):
            process.kill()
            process.wait()


async def test_a_process_that_has_just_ended_does_not_disturb_the_end_of_others(
    tmp_path: Path,
) -> None:
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    supervisor = Supervisor((), tmp_path, environ={})
    supervisor._running["work"] = ended
    await supervisor._end({"work": asyncio.create_task(asyncio.sleep(0))})
