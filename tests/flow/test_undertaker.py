"""Tests that are killed leave no system behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.flow import undertaker
from tests.flow.system import MARK, until

_ROOT = Path(__file__).parents[2]

_TESTS = """
import sys
from pathlib import Path
from tests.flow.system import System

# One that ignores what an operator says, with a child of its own.
stubborn = "trap '' TERM HUP INT; sleep 600 & sleep 600"
system = System(Path(sys.argv[1]), {"stubborn": ["sh", "-c", stubborn]}, {}, {})
system.start(wait=False)
print("started", flush=True)
sys.stdin.read()
"""


def test_a_killed_test_run_leaves_nothing_behind(tmp_path: Path) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", _TESTS, str(tmp_path)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert tests.stdout is not None
    assert tests.stdout.readline() == b"started\n"
    until("both sleep", lambda: len(undertaker.marked(MARK, str(tmp_path))) == 3)
    os.kill(tests.pid, signal.SIGKILL)
    tests.communicate()
    until("nothing is left", lambda: not undertaker.marked(MARK, str(tmp_path)), 10.0)
