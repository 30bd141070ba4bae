"""A routing worker in a process of its own, which kills itself (SIGKILL) at a given await.

It is light to import: the test forks one for each await.
"""

import asyncio
import dis
import gc
import json
import os
import random
import signal
import types
from collections.abc import Coroutine, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from models.routing import Rules, Targets
from models.store import Store, open_store
from models.store.ground import database
from models.store.ground.database import Event
from router.sla import Calendar, Calendars
from tests.machines.waits import at_each_wait
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules

_ROOT = Path(__file__).parents[3]
_OURS = {"models", "router", "workers", "config"}

RULES = Rules(
    version="doomed",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={}, default=300)},
    units={"live": 2, "mail": 1},
    offer_seconds={"live": 20.0},
    interruptible=("mail",),
)
HOURS = Calendars(Calendar.of("UTC", {}))


class Await(NamedTuple):
    """One await in our code, by its function and its line as it is written."""

    path: str
    function: str
    line: int
    text: str


class Rivals(NamedTuple):
    """Tickets that somebody else takes out of the queue between read and claim."""

    tickets: tuple[str, ...]
    by: str


Place = tuple[Await, ...]
"""Where a worker waits: the awaits of its functions, outermost first."""


async def _until(work: Coroutine[Any, Any, Any], at: Place | None, seen: list[Place]) -> Any:
    """Runs ``work`` and notes where it waits; the process dies when it waits at ``at``.

    By then what it waits for has been asked for, and nobody will hear the answer.
    """

    def note() -> None:
        seen.append(tuple(_chain(work)))
        if seen[-1] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    return await at_each_wait(work, note)


def _chain(work: Any) -> Iterator[Await]:
    at = work
    while at is not None:
        frame = getattr(at, "cr_frame", None) or getattr(at, "ag_frame", None)
        if frame is not None:
            code = frame.f_code
            path = Path(code.co_filename)
            if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS:
                name = str(path.relative_to(_ROOT))
                line = frame.f_lineno
                yield Await(name, code.co_qualname, line, _lines(name)[line - 1].strip())
        at = _awaited(at)


def _awaited(at: Any) -> Any:
    """What a suspended coroutine or asynchronous generator waits for."""
    for name in ("cr_await", "ag_await", "gi_yieldfrom"):
        if hasattr(at, name):
            return getattr(at, name)
    # “anext” tells nobody whose it is, except the collector.
    return next((x for x in gc.get_referents(at) if isinstance(x, types.AsyncGeneratorType)), None)


@cache
def _lines(path: str) -> Sequence[str]:
    return (_ROOT / path).read_text("utf-8").splitlines()


@cache
def awaits_of(path: str, function: str) -> frozenset[tuple[str, str]]:
    """Function and text of every line of a function that awaits, as the compiler sees it."""
    whole = compile("\n".join(_lines(path)), path, "exec")
    return frozenset(
        (function, _lines(path)[line - 1].strip())
        for code in _within(whole)
        if code.co_qualname == function
        for line in _awaiting(code)
    )


def _within(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _within(inner)


def _awaiting(code: types.CodeType) -> Iterator[int]:
    """Lines at which it may be left: a value is yielded to the loop after it was sent."""
    sending = False
    for step in dis.get_instructions(code):
        if sending and step.opname == "YIELD_VALUE":
            assert step.positions is not None
            assert step.positions.lineno is not None
            yield step.positions.lineno
        sending = step.opname == "SEND"


async def _live(url: str, folder: Path, at: Place | None, rivals: Rivals) -> list[Place]:
    """One round of a worker; after its first claim somebody else takes the ``rivals``."""
    own, other = stores = [_opened(url, folder) for _ in (1, 2)]
    snatched: set[str] = set()

    async def push(events: Sequence[Event]) -> None:
        await asyncio.sleep(0)  # as a bus does
        if any(event.data.get("before") == "waiting" for event in events) and not snatched:
            snatched.update(rivals.tickets)
            # In a task of its own: its awaits are not the worker's.
            await asyncio.create_task(_snatch(other, rivals))

    own.db.on_commit = push
    seen: list[Place] = []
    await _until(Dispatcher(own, ActiveRules(own, RULES, HOURS)).run(), at, seen)
    for store in stores:
        await store.close()
    return seen


async def _snatch(store: Store, rivals: Rivals) -> None:
    for ticket_id in rivals.tickets:
        await store.tickets.mark_junk(ticket_id, rivals.by)


def _opened(url: str, folder: Path) -> Store:
    return open_store(
        url, master_key=b"m" * 32, blob_dir=folder, zone=ZoneInfo("UTC"), pool_size=2
    )


def live(url: str, folder: Path, at: Place | None, rivals: Rivals) -> None:
    """The whole of the process; without ``at`` it writes down its awaits."""
    # The server's clock is asked each time, as after a pause: that is an await, too.
    database._ASK_SECONDS = 0.0
    random.seed(5)  # where it begins among its decisions
    seen = asyncio.run(_live(url, folder, at, rivals))
    (folder / "awaits.json").write_text(json.dumps(seen), "utf-8")
