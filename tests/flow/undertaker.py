"""Ends what a test system leaves behind when the tests themselves are killed.

``python -m tests.flow.undertaker NAME VALUE`` waits until its standard input ends, which happens
however whoever holds the other end dies, and then kills every process with ``NAME=VALUE`` in its
environment. A death signal would not do: it watches the thread that started a process, and tests
start systems from threads that come and go.
"""

import contextlib
import os
import signal
import sys

import psutil


def marked(name: str, value: str) -> dict[int, str]:
    """Running processes with this in their environment, with their commands."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get(name) == value
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
    return found


def bury(name: str, value: str) -> None:
    """Kills them, and those that they start meanwhile."""
    while left := marked(name, value):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdin.read()
    bury(sys.argv[1], sys.argv[2])
