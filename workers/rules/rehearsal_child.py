"""The process that plays a rehearsal: killable, nice to everybody else, reads no database.

Reads a pickled plan of ``workers.rules.rehearsing`` from standard input, writes the report as
JSON to standard output.
"""

import json
import os
import pickle
import resource
import sys

from workers.rules.rehearsal import Side, rehearse

_NICE = 10
_CPU_SECONDS = 120
"""Whoever started it waits for a shorter time; this is for a child that nobody waits for."""

_MEMORY_BYTES = 2 * 1024**3
"""Of address space, most of which the libraries only reserve."""


def main() -> None:
    """One rehearsal."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    plan = pickle.load(sys.stdin.buffer)  # noqa: S301  our parent's, through a pipe of our own
    traffic, live, draft, hours = plan
    report = rehearse(traffic, Side(live, traffic.shifts), Side(draft, traffic.shifts), hours)
    json.dump(report, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
