"""Bugs that the crash test must find, planted into the roles of a system under test.

Put this folder on PYTHONPATH and name a bug in PLANTED_BUG. Python imports a module of this name
at its start; only the roles' own processes are changed, and only while a test asks for it:

``ack_before_commit``: mail and chat are acknowledged at once and stored a moment later.
``dedupe_off``: every envelope is new, and so is every message in it.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

_DELAY_SECONDS = 0.25


def _ack_before_commit() -> None:
    from models.message import Envelope, Receipt
    from workers.intake import Intake

    stored = Intake.accept
    pending: set[asyncio.Task[Any]] = set()

    async def accept(self: Intake, envelopes: Sequence[Envelope]) -> list[Receipt]:
        async def later() -> None:
            await asyncio.sleep(_DELAY_SECONDS)
            await stored(self, envelopes)

        task = asyncio.create_task(later())
        pending.add(task)
        task.add_done_callback(pending.discard)
        return [Receipt(envelope.id, "new") for envelope in envelopes]

    Intake.accept = accept  # type: ignore[method-assign]


def _dedupe_off() -> None:
    from dataclasses import replace

    from models.message import Envelope, Receipt
    from models.store.database import Tx
    from models.store.envelopes import Envelopes
    from models.store.incoming import Incoming
    from models.store.threads import Threads

    stored, threaded = Envelopes.accept, Threads.thread

    async def accept(self: Envelopes, envelopes: Sequence[Envelope]) -> list[Receipt]:
        return await stored(self, [replace(e, dedupe_key=uuid4().hex) for e in envelopes])

    async def thread(
        self: Threads,
        tx: Tx,
        token: str,
        envelope_ids: Sequence[str],
        incoming: Sequence[Incoming],
    ) -> list[str]:
        fresh = [
            replace(i, message=i.message.model_copy(update={"external_id": i.envelope_id}))
            for i in incoming
        ]
        return await threaded(self, tx, token, envelope_ids, fresh)

    Envelopes.accept = accept  # type: ignore[method-assign]
    Threads.thread = thread  # type: ignore[method-assign]


_BUGS = {"ack_before_commit": _ack_before_commit, "dedupe_off": _dedupe_off}

if {"intake", "work"} & set(sys.orig_argv) and "tether.py" not in " ".join(sys.orig_argv):
    _BUGS[os.environ["PLANTED_BUG"]]()
