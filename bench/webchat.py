"""A thousand visitors: memory of each, time to the ack, and all of them coming back at once.

    python -m bench.webchat [--visitors 1000] [--json FILE]

Against the processes of ``shouli run``, on two cores, which ``bench.visitors`` shares from a
process of its own. All come from one address here, and few visitors write often, so what an
address and a visitor may ask is raised; nothing else is. Nobody answers: a visitor's own messages
come back through the pipeline, and are what it is shown. Exit status 1 if a bar is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench import durable
from bench.systems import CORES, ROOT, Shouli, shouli, use_cores

MEMORY_BAR = 25.0
"""KB of the intake process for each visitor who is connected and says nothing."""

ACK_BAR_MS = 200.0
"""Of p95, from the moment that a message was due."""

STORM_BAR = 10.0
"""Seconds from the cut until all are welcomed and all that was in flight is acknowledged."""

RATE = 200.0
SECONDS = 15.0

_SETTLE_SECONDS = 3.0

_MANY = str(10**6)
SETTINGS = {
    f"SHOULI_CHANNELS__WEBCHAT__{name}": _MANY
    for name in (
        "REQUESTS_PER_MINUTE",
        "REQUEST_BURST",
        "CONNECTIONS_PER_ADDRESS",
        "MESSAGES_PER_MINUTE",
        "MESSAGE_BURST",
        "VISITORS_PER_HOUR",
    )
}


def measure(system: Shouli, visitors: int) -> dict[str, Any]:
    """What ``bench.visitors`` found by phase, and the memory of a visitor, in KB."""
    intake = _intake(system)
    words = ["--url", system.chat_url, "--visitors", str(visitors)]
    pace = ["--rate", str(RATE), "--seconds", str(SECONDS)]
    line = [sys.executable, "-m", "bench.visitors", *words, *pace]
    found: dict[str, Any] = {}
    with subprocess.Popen(
        line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crowd:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        memory = {}
        for told in map(json.loads, crowd.stdout):
            phase = told.pop("phase")
            found[phase] = told
            if phase in {"warm", "connected"}:
                time.sleep(_SETTLE_SECONDS)
            memory[phase] = intake.memory_info().rss / 1024
            if phase in {"warm", "connected"}:
                crowd.stdin.write("\n")
                crowd.stdin.flush()
    if crowd.returncode or "judged" not in found:
        raise RuntimeError(f"the visitors' process ended with {crowd.returncode}")
    return found | {
        "memory": {phase: (rss - memory["warm"]) / visitors for phase, rss in memory.items()}
    }


def _intake(system: Shouli) -> psutil.Process:
    """The process that holds the sockets."""
    family = [child for top in system.processes for child in top.children(recursive=True)]
    return next(process for process in family if "intake" in process.cmdline())


def met(found: dict[str, Any]) -> dict[str, bool]:
    """Each bar, and whether it was met."""
    judged = found["judged"]
    faults = ("lost", "doubled", "gaps", "unacknowledged")
    return {
        "memory": found["memory"]["connected"] <= MEMORY_BAR,
        "ack": found["wrote"]["p95"] * 1000 <= ACK_BAR_MS and not found["wrote"]["missing"],
        "storm": found["back"]["recovered"] <= STORM_BAR,
        "whole": not any(judged[fault] for fault in faults)
        and judged["acknowledged"] == judged["said"],
    }


def report(found: dict[str, Any], visitors: int) -> None:
    memory, wrote, back, judged = (found[name] for name in ("memory", "wrote", "back", "judged"))
    print(
        f"memory: {memory['connected']:.1f} KB a visitor of {visitors} (bar {MEMORY_BAR:g}), "
        f"{memory['judged']:.1f} KB after all that follows"
    )
    print(
        f"ack: p50 {wrote['p50'] * 1000:.0f} ms, p95 {wrote['p95'] * 1000:.0f} ms "
        f"(bar {ACK_BAR_MS:g}), worst {wrote['worst'] * 1000:.0f} ms; {wrote['count']} messages "
        f"at {wrote['rate']:.0f}/s, {wrote['missing']} missing"
    )
    print(
        f"storm: all welcomed after {back['welcomed']:.1f} s, all acknowledged after "
        f"{back['recovered']:.1f} s (bar {STORM_BAR:g}); {back['in_flight']} messages in flight "
        f"at the cut, {back['failures']} failed attempts"
    )
    print(
        f"log: {judged['said']} said, {judged['acknowledged']} acknowledged, "
        f"{judged['lost']} lost, {judged['doubled']} doubled, {judged['gaps']} gaps; refused "
        f"{judged['refused'] or 'none'}; all shown {judged['settled']:.1f} s after the storm"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--visitors", type=int, default=1000)
    parser.add_argument("--home", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--json", type=Path, help="also writes everything to this file")
    asked = parser.parse_args()
    use_cores(CORES)
    asked.home.mkdir(parents=True, exist_ok=True)
    sync = durable.fdatasync(asked.home)
    with shouli(asked.home, {"triage": 1}, capacity=1, settings=SETTINGS) as system:
        found = measure(system, asked.visitors)
    bars = met(found)
    report(found, asked.visitors)
    print(f"{sync}; load {os.getloadavg()[0]:.1f}")
    missed = [name for name, is_met in bars.items() if not is_met]
    print(f"BARS MISSED: {', '.join(missed)}" if missed else "bars met")
    if asked.json:
        found |= {"fdatasync": sync._asdict(), "load": os.getloadavg()[0], "met": bars}
        asked.json.write_text(json.dumps(found, indent=2))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
