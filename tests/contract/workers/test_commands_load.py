"""What the processes of a deployment load when they start, which each user pays for."""

import subprocess
import sys


def test_a_role_that_labels_nothing_loads_no_numpy() -> None:
    asked = "import sys, workers.commands.app, workers.roles.clock, workers.roles.intake as _;"
    asked += "print(sorted({'numpy', 'scipy', 'sklearn'} & sys.modules.keys()))"
    told = subprocess.check_output([sys.executable, "-c", asked], text=True)
    assert told.strip() == "[]"
