"""Kills the intake process at a chosen moment: ``tests/flow/test_crash_cells.py`` says when.

Put this folder on PYTHONPATH and name a file in CRASH_CELL. While that file holds a JSON object
like ``{"cell": "a", "count": 6}``, envelopes are held until so many different ones are in hand,
and then the process kills itself: in cell “a” before any of them is stored, in cell “b” when all
of them are, before anybody is told.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def _hurry() -> None:
    """Leases of the dead are short here: a successor that waits for one is not what is tested."""
    from channels.telegram import polling

    polling._LEASE_SECONDS, polling._RENEW_SECONDS = 2.0, 0.5


def _plant(file: Path) -> None:
    from models.message import Envelope, Receipt
    from workers.messages.intake import Intake

    stored = Intake.accept
    held: set[tuple[str, str]] = set()

    async def accept(self: Intake, envelopes: Sequence[Envelope]) -> list[Receipt]:
        try:
            order: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError):
            return await stored(self, envelopes)
        receipts = await stored(self, envelopes) if order["cell"] == "b" else []
        held.update((envelope.channel, envelope.dedupe_key) for envelope in envelopes)
        if len(held) >= order["count"]:
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()  # until the last one comes
        return receipts

    Intake.accept = accept  # type: ignore[method-assign]


if "intake" in sys.orig_argv and "tether.py" not in " ".join(sys.orig_argv):
    _hurry()
    _plant(Path(os.environ["CRASH_CELL"]))
