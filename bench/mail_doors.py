"""Every mail in a folder through the real door, one at a time: what became of each, and when.

    python -m bench.mail_doors FOLDER

Sends each to the SMTP port of ``shouli run`` with its defaults and waits for its ticket. Exit
status 1 if one is refused, has no ticket, waits over 3 s of wall time or costs over 2 s of CPU,
if the median is over 50 ms of CPU, or if a process died. ``bench.mail_corpus`` says what a
reader sees of them.
"""

import argparse
import smtplib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from bench.mail_corpus import mails
from bench.systems import ROOT, Shouli, shouli, use_cores

WALL_LIMIT = 3.0
CPU_LIMIT = 2.0
CPU_MEDIAN_LIMIT = 0.050
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.005


class Way(NamedTuple):
    """One mail's way. Seconds; CPU is of all of Shouli's processes together."""

    path: Path
    reply: str
    wall: float
    cpu: float
    ticket: bool


def send(system: Shouli, path: Path) -> Way:
    """Sends one mail and waits until its message stands in a ticket."""
    before = system.cpu_seconds()
    with smtplib.SMTP("127.0.0.1", system.smtp_port) as smtp:
        smtp.ehlo()
        smtp.mail("corpus@customer.example")
        smtp.rcpt("support@localhost")
        code, words = smtp.data(path.read_bytes())
    acknowledged = time.perf_counter()
    reply = f"{code} {words.decode(errors='replace')}"
    if code != 250:
        return Way(path, reply, 0.0, system.cpu_seconds() - before, ticket=False)
    envelope_id = reply.split()[-1]
    while not (found := bool(system.conversation(envelope_id))):
        if time.perf_counter() - acknowledged > _PATIENCE_SECONDS:
            break
        time.sleep(_LOOK_SECONDS)
    wall = time.perf_counter() - acknowledged
    return Way(path, reply, wall, system.cpu_seconds() - before, found)


def processes(system: Shouli) -> set[int]:
    """The ids of all that runs now."""
    return {
        process.pid
        for top in system.processes
        for process in (top, *top.children(recursive=True))
        if process.status() != psutil.STATUS_ZOMBIE
    }


def report(ways: Sequence[Way], died: set[int]) -> bool:
    faults = list(_faults(ways, died))
    for name, values in (("wall", [w.wall for w in ways]), ("CPU", [w.cpu for w in ways])):
        print(f"{name}: median {median(values) * 1e3:.0f} ms, max {max(values) * 1e3:.0f} ms")
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"{len(ways)} mails, {len(faults)} faults")
    return not faults


def _faults(ways: Sequence[Way], died: set[int]) -> Iterator[str]:
    for way in ways:
        name = way.path.name
        if not way.ticket:
            yield f"{name}: no ticket; the door said “{way.reply}”"
        if way.wall > WALL_LIMIT:
            yield f"{name}: {way.wall:.2f} s"
        if way.cpu > CPU_LIMIT:
            yield f"{name}: {way.cpu:.2f} s of CPU"
    if (middle := median(way.cpu for way in ways)) > CPU_MEDIAN_LIMIT:
        yield f"median {middle * 1e3:.0f} ms of CPU"
    if died:
        yield f"processes died: {sorted(died)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, default=ROOT / "build" / "bench")
    asked = parser.parse_args()
    letters = list(mails(asked.folder))
    if not letters:
        print(f"no mails in {asked.folder}")
        return 1
    use_cores(2)
    asked.home.mkdir(parents=True, exist_ok=True)
    with shouli(asked.home, {"triage": 5}, 1000) as system:
        send(system, letters[0])  # the parser's child is started by the first
        before = processes(system)
        ways = [send(system, letter) for letter in letters]
        died = before - processes(system)
    return 0 if report(ways, died) else 1


if __name__ == "__main__":
    sys.exit(main())
