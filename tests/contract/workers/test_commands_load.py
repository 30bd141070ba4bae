"""What the processes of a deployment load when they start, which each user pays for."""

import signal
import subprocess
import sys


def test_a_role_that_labels_nothing_loads_no_numpy() -> None:
    asked = "import sys, workers.commands.app, workers.roles.clock, workers.roles.intake as _;"
    asked += "print(sorted({'numpy', 'scipy', 'sklearn'} & sys.modules.keys()))"
    told = subprocess.check_output([sys.executable, "-c", asked], text=True)
    assert told.strip() == "[]"


def test_ctrl_c_while_it_loads_ends_it_without_a_traceback() -> None:
    """On a busy machine that takes seconds, in which a person may think better of it."""
    # Whoever runs the tests in the background may have left Ctrl-C ignored.
    pressed = "import signal, sys, workers.__main__ as shouli;"
    pressed += "signal.signal(signal.SIGINT, signal.default_int_handler);"
    pressed += "sys.meta_path.insert(0, type('', (), {'find_spec': staticmethod("
    pressed += "lambda *_: signal.raise_signal(signal.SIGINT))}));"
    pressed += "shouli.main()"
    ended = subprocess.run([sys.executable, "-c", pressed], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")
