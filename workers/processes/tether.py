"""Runs a command that the kernel kills when the process that started it dies.

``python tether.py PARENT COMMAND…`` becomes COMMAND. It is a file of its own, without imports
from Shouli, because it is started with ``-I -S`` for speed (25 ms) and because setting the death
signal between fork and exec of a threaded process (``preexec_fn``) can deadlock.

PR_SET_PDEATHSIG (prctl(2)) exists on Linux only, survives exec, and watches the *thread* that
forked: the parent must start its children from a thread that lives as long as itself.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tie(parent: int) -> None:
    """Has the kernel kill this process when ``parent``, which started it, dies."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before its death could be watched
        os._exit(1)


if __name__ == "__main__":
    tie(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is the point
