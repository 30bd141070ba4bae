"""Role: processes, routes and delivers."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import structlog

from config.settings import Settings
from models.errors import Temporary
from models.event_tail import EVENTS
from models.message import Lane
from workers.assembly.wiring import Base, opened
from workers.assembly.work_services import WorkServices, make_work_services
from workers.effects.webhooks import Announcing
from workers.learning.serving import RELOAD_SECONDS
from workers.learning.watching import FLUSH_SECONDS
from workers.processes import heap
from workers.processes.heartbeat import heartbeat
from workers.waking.broker import Actor, WorkerPool

_log = structlog.stdlib.get_logger(__name__)

_ANNOUNCE_PAUSE = 0.25
"""Seconds: a flood's events are told to webhooks by hundreds, not one by one."""

_RULES_SECONDS = 2.0
"""Between two looks for other rules: they are in force within five, whatever else is to do."""

_SETTLE_SECONDS = 3.0
"""What answers on their way get to arrive when the process stops, of its ten seconds."""

_NICE = 5
"""The doors go first: a flood is taken in at once, and then sorted in full batches."""

_SWITCH_SECONDS = 0.001
"""How long a thread may compute while another wants to: a batch that is being labelled would
keep a chat waiting for 5 ms, the default, at each of its steps."""


def run(settings: Settings) -> None:
    """Processes, routes and delivers until it is told to stop."""
    if settings.redis_url is None:
        asyncio.run(_refuse(settings))
        return
    sys.setswitchinterval(_SWITCH_SECONDS)
    os.nice(_NICE)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pool = WorkerPool(
        settings.redis_url.get_secret_value(),
        lambda: _worker(settings, stop.is_set),
    )
    try:
        pool.start()
    except Temporary:
        if stop.is_set():  # while it waited for the database
            return
        raise
    _log.info("work open")
    stop.wait()
    pool.stop()


async def _refuse(settings: Settings) -> None:
    async with opened(settings):
        pass


@asynccontextmanager
async def _worker(
    settings: Settings, stopping: Callable[[], bool]
) -> AsyncIterator[Mapping[str, Actor]]:
    """The actors of one process with all that they need, and their sweep."""
    async with (
        opened(settings, stopping) as base,
        heartbeat(base.store.processes, "work"),
    ):
        services = make_work_services(base, stopping)
        await _get_ready(base, services)
        actors = _actors(services)
        sweeps = [
            asyncio.create_task(_sweep(actor, seconds))
            for actor, seconds in _sweeps(base, services, actors)
        ]
        sweeps.append(asyncio.create_task(_announce(base, services.announcing)))
        try:
            yield actors
        finally:
            await services.deliverer.settle(_SETTLE_SECONDS)
            for sweep in sweeps:
                sweep.cancel()
            await asyncio.gather(*sweeps, return_exceptions=True)
            await _forgiving(services.reloadable.watching.flush)()
            await services.announcing.close()
            await services.parser.close()


async def _get_ready(base: Base, services: WorkServices) -> None:
    await services.reloadable.serving.refresh()
    await services.reloadable.active_rules.refresh()
    await services.reloadable.wording.refresh(base.store)
    await _forgiving(services.parser.warm)()
    heap.settle()


def _actors(services: WorkServices) -> dict[str, Actor]:
    """By what a doorbell is rung for: ``models.ports.WORK``."""

    async def dispatch() -> None:
        # Who publishes rules rings for this.
        await services.reloadable.active_rules.refresh()
        await services.dispatcher.run()
        await services.calling_back.run()

    return {
        "drain.live": _forgiving(lambda: services.pipeline.drain(Lane.LIVE)),
        "drain.mail": _forgiving(lambda: services.pipeline.drain(Lane.MAIL)),
        "dispatch": _forgiving(dispatch),
        "deliver": _forgiving(services.deliverer.run),
        "fetch": _forgiving(services.fetcher.run),
        "retrain": _forgiving(services.retrainer.run),
    }


def _sweeps(
    base: Base, services: WorkServices, actors: Mapping[str, Actor]
) -> Iterator[tuple[Actor, float]]:
    """What is done without a ring, and after how many seconds again.

    Each by itself: a flood of mail must not keep a greeting waiting for its labels.
    """
    for actor in (_forgiving(services.pipeline.label_left), *actors.values()):
        yield actor, base.settings.pipeline.sweep_seconds
    reloadable = services.reloadable
    yield _forgiving(reloadable.active_rules.refresh), _RULES_SECONDS
    yield _forgiving(lambda: reloadable.wording.refresh(base.store)), _RULES_SECONDS
    yield _forgiving(reloadable.serving.refresh), RELOAD_SECONDS
    yield _forgiving(reloadable.shadowing.refresh), RELOAD_SECONDS
    yield _forgiving(reloadable.watching.flush), FLUSH_SECONDS


def _forgiving(act: Callable[[], Awaitable[object]]) -> Actor:
    """An actor that leaves a database that is away to the next sweep."""

    async def actor() -> None:
        try:
            await act()
        except Temporary as error:
            _log.warning("put off", error=str(error))

    return actor


async def _announce(base: Base, announcing: Announcing) -> None:
    """Tells webhooks of events as they come, or within a sweep; at most a few times a second."""
    tell = _forgiving(announcing.run)
    async with base.bus.subscribe(EVENTS) as topics:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(base.settings.pipeline.sweep_seconds):
                    await anext(topics)
            try:
                await tell()
            except Exception:  # noqa: BLE001  the next event, or the next sweep, tries again
                _log.exception("webhooks failed")
            await asyncio.sleep(_ANNOUNCE_PAUSE)


async def _sweep(actor: Actor, seconds: float) -> None:
    """Looks for work that no ring announced; needs neither Redis nor the clock."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await actor()
        except Exception:  # noqa: BLE001  it makes up for everything else: it goes on
            _log.exception("sweep failed")
