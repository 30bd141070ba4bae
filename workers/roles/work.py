"""Role: processes, routes and delivers."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import structlog

from config.settings import Settings, load_taxonomy, load_texts
from models.errors import Temporary
from models.message import Lane
from models.store import Store
from models.tail import EVENTS
from models.training import Taxonomy
from workers import heap
from workers.acknowledging import Acknowledging
from workers.asides import Asides
from workers.broker import Actor, WorkerPool
from workers.calling_back import CallingBack
from workers.deliver import Deliverer
from workers.dispatch import Dispatcher
from workers.fetching import Fetcher
from workers.hours import warn
from workers.labelling import Labelling
from workers.living import living
from workers.parser import Parser
from workers.pipeline import Limits, Pipeline
from workers.planning import follow_up_plan
from workers.rating import Rates
from workers.retrain import Options, Retrainer
from workers.serving import RELOAD_SECONDS, Serving
from workers.shadowing import Shadowing
from workers.signing import Signing
from workers.watching import FLUSH_SECONDS, Watching
from workers.webhooks import Announcing
from workers.wiring import Base, declared, make_channels, make_ruling, opened, secrets
from workers.wording import Wording

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
    pool.start()
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
    async with opened(settings) as base, living(base.store.processes, "work"):
        taxonomy = load_taxonomy(settings)
        ruling = make_ruling(settings, base.store)
        warn(settings.hours, time.time())
        channels = make_channels(settings)
        keys = secrets(settings)
        parser = Parser(
            {name: settings.channels[name] for name, ch in channels.items() if ch.isolated},
            keys,
            seconds=settings.pipeline.parse_seconds,
            memory_mb=settings.pipeline.parse_memory_mb,
        )
        wording = Wording(load_texts(settings))
        classifier = Serving(base.store, settings.data_dir / "bundles", taxonomy)
        acknowledging = Acknowledging(
            base.store,
            settings.acknowledgement,
            ruling.calendars,
            taxonomy.facets.get("type"),
            wording,
        )
        shadowing, watching = _make_watching(settings, base.store, classifier, taxonomy)
        labelling = Labelling(
            base.store,
            classifier.classify,
            ruling,
            acknowledging,
            declared(settings, taxonomy),
            watching.note,
            Signing(classifier.sign, settings.incidents.compared),
        )
        dispatcher = Dispatcher(base.store, ruling)
        calling_back = CallingBack(base.store, ruling, follow_up_plan(settings))
        deliverer = Deliverer(base.store, channels, stopping=stopping)
        fetcher = Fetcher(base.store, channels, stopping)
        announcing = Announcing(base.store, stopping, allowed=settings.desk.webhook_networks)
        limits = Limits(
            settings.pipeline.batch, settings.pipeline.lease_seconds, settings.pipeline.attempts
        )

        async def after_routing() -> None:
            await dispatcher.run()
            await base.doorbell.ring("deliver")
            if fetcher.wanted:
                await base.doorbell.ring("fetch")

        rates = Rates(wording, settings.satisfaction)
        zone = ZoneInfo(settings.hours.time_zone)
        asides = Asides(wording, rates, settings.progress, zone)
        pipeline = Pipeline(
            base.store,
            channels,
            parser,
            labelling,
            asides,
            ruling.stands,
            limits,
            after_routing,
            lambda: base.doorbell.ring("deliver"),
            stopping,
        )
        retrainer = Retrainer(
            base.store,
            settings.data_dir,
            taxonomy,
            Options(settings.retraining.least_recall, settings.retraining.memory_mb),
            stopping,
        )
        await classifier.refresh()
        await ruling.refresh()
        await wording.refresh(base.store)
        await _forgiving(parser.warm)()
        heap.settle()

        async def dispatch() -> None:
            # Who publishes rules rings for this.
            await ruling.refresh()
            await dispatcher.run()
            await calling_back.run()

        actors: dict[str, Actor] = {
            "drain.live": _forgiving(lambda: pipeline.drain(Lane.LIVE)),
            "drain.mail": _forgiving(lambda: pipeline.drain(Lane.MAIL)),
            "dispatch": _forgiving(dispatch),
            "deliver": _forgiving(deliverer.run),
            "fetch": _forgiving(fetcher.run),
            "retrain": _forgiving(retrainer.run),
        }

        # Each by itself: a flood of mail must not keep a greeting waiting for its labels.
        sweeps = [
            asyncio.create_task(_sweep(actor, settings.pipeline.sweep_seconds))
            for actor in (_forgiving(pipeline.label_left), *actors.values())
        ]
        sweeps.append(asyncio.create_task(_sweep(_forgiving(ruling.refresh), _RULES_SECONDS)))
        reword = _forgiving(lambda: wording.refresh(base.store))
        sweeps.append(asyncio.create_task(_sweep(reword, _RULES_SECONDS)))
        sweeps.append(asyncio.create_task(_announce(base, announcing)))
        sweeps.append(asyncio.create_task(_sweep(_forgiving(classifier.refresh), RELOAD_SECONDS)))
        sweeps.append(asyncio.create_task(_sweep(_forgiving(shadowing.refresh), RELOAD_SECONDS)))
        sweeps.append(asyncio.create_task(_sweep(_forgiving(watching.flush), FLUSH_SECONDS)))
        try:
            yield actors
        finally:
            await deliverer.settle(_SETTLE_SECONDS)
            for sweep in sweeps:
                sweep.cancel()
            await asyncio.gather(*sweeps, return_exceptions=True)
            await _forgiving(watching.flush)()
            await announcing.close()
            await parser.close()


def _make_watching(
    settings: Settings, store: Store, serving: Serving, taxonomy: Taxonomy
) -> tuple[Shadowing, Watching]:
    watching, cache = settings.watching, settings.data_dir / "bundles"
    shadowing = Shadowing(store, cache, taxonomy, watching.shadow_share, watching.shadow_tickets)
    zone = ZoneInfo(settings.hours.time_zone)
    return shadowing, Watching(store, serving, shadowing, zone, watching.texts_a_second)


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
