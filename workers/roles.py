"""The four roles, each a process: intake, work, desk, clock."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from config.settings import Settings, load_rules, load_taxonomy
from desk.app import create_app
from desk.services import DeskOptions, DeskServices, Route
from models.errors import ShouliError, Temporary
from models.message import Lane
from models.ports import Channel, Door
from models.routing import Candidate, Decision, Needs, Waiting
from models.store import Store
from models.store.tickets import Ticket
from router.explain import explain
from workers.acknowledging import Acknowledging
from workers.broker import Actor, WorkerPool
from workers.clock import Ticker
from workers.deliver import Deliverer
from workers.dispatch import Dispatcher
from workers.intake import Intake, disk_watermark
from workers.labelling import Labelling, where
from workers.metrics import health_routes, metrics_handler
from workers.parser import Parser
from workers.pipeline import Limits, Pipeline
from workers.serving import Serving
from workers.wiring import Base, calendar, make_channels, opened, secrets

_log = structlog.stdlib.get_logger(__name__)


# -- intake ----------------------------------------------------------------------------


async def intake(settings: Settings) -> None:
    """Receives on every open channel until it is told to stop."""
    async with opened(settings) as base:
        accepting = Intake(
            base.store.envelopes,
            base.doorbell,
            group=settings.intake.commit_group,
            check_room=disk_watermark(settings.data_dir, settings.intake.disk_watermark_mb),
        )
        app = web.Application(client_max_size=1024 * 1024)
        door = Door(accepting.accept, app, base.store, base.bus, _now)
        channels = make_channels(settings)
        _add_health(app, settings, base.store)
        try:
            for channel in channels.values():
                await channel.open(door)
            async with _serving(app, settings.intake.host, settings.intake.port):
                _log.info("intake open", channels=sorted(channels), port=settings.intake.port)
                await _until_told()
        finally:
            for channel in channels.values():
                await channel.close()


def _now() -> float:
    import time

    return time.time()


# -- work ------------------------------------------------------------------------------


def work(settings: Settings) -> None:
    """Processes, routes and delivers until it is told to stop."""
    if settings.redis_url is None:
        asyncio.run(_refuse(settings))
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pool = WorkerPool(settings.redis_url.get_secret_value(), lambda: _worker(settings))
    pool.start()
    _log.info("work open")
    stop.wait()
    pool.stop()


async def _refuse(settings: Settings) -> None:
    async with opened(settings):
        pass


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[Mapping[str, Actor]]:
    """The actors of one process with all that they need, and their sweep."""
    async with opened(settings) as base:
        rules, taxonomy = load_rules(settings), load_taxonomy(settings)
        channels = make_channels(settings)
        keys = secrets(settings)
        parser = Parser(
            {name: settings.channels[name] for name, ch in channels.items() if ch.isolated},
            keys,
            seconds=settings.pipeline.parse_seconds,
            memory_mb=settings.pipeline.parse_memory_mb,
        )
        serving = Serving(base.store, settings.data_dir / "bundles", taxonomy)
        hours = calendar(settings)
        acknowledging = Acknowledging(
            base.store, settings.acknowledgement, hours, hours.zone, taxonomy.facets.get("type")
        )
        labelling = Labelling(base.store, serving.classify, rules, acknowledging)
        dispatcher = Dispatcher(base.store, rules)
        deliverer = Deliverer(base.store, channels)
        limits = Limits(
            settings.pipeline.batch, settings.pipeline.lease_seconds, settings.pipeline.attempts
        )

        async def after_routing() -> None:
            await dispatcher.run()
            await base.doorbell.ring("deliver")

        pipeline = Pipeline(base.store, channels, parser, labelling, limits, after_routing)
        await serving.refresh()
        actors: dict[str, Actor] = {
            "drain.live": _forgiving(lambda: pipeline.drain(Lane.LIVE)),
            "drain.mail": _forgiving(lambda: pipeline.drain(Lane.MAIL)),
            "dispatch": _forgiving(dispatcher.run),
            "deliver": _forgiving(deliverer.run),
        }

        async def look() -> None:
            await serving.refresh()
            await pipeline.label()

        sweeping = asyncio.create_task(
            _sweep([_forgiving(look), *actors.values()], settings.pipeline.sweep_seconds)
        )
        try:
            yield actors
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            await parser.close()


def _forgiving(act: Callable[[], Awaitable[object]]) -> Actor:
    """An actor that leaves a database that is away to the next sweep."""

    async def actor() -> None:
        try:
            await act()
        except Temporary as error:
            _log.warning("put off", error=str(error))

    return actor


async def _sweep(actors: list[Actor], seconds: float) -> None:
    """Looks for work that no ring announced; needs neither Redis nor the clock."""
    while True:
        await asyncio.sleep(seconds)
        for actor in actors:
            try:
                await actor()
            except Exception:  # noqa: BLE001  it makes up for everything else: it goes on
                _log.exception("sweep failed")


# -- clock -----------------------------------------------------------------------------


async def clock(settings: Settings) -> None:
    """Ticks until it is told to stop; of several clocks one ticks."""
    async with opened(settings) as base:
        deliverer = Deliverer(base.store, make_channels(settings))
        ticker = Ticker(
            base.store,
            deliverer,
            base.doorbell,
            load_rules(settings),
            settings.pipeline.attempts,
        )
        ticking = asyncio.create_task(ticker.run())
        stopping = asyncio.create_task(_until_told())
        _log.info("clock open")
        done, pending = await asyncio.wait(
            {ticking, stopping}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


# -- desk ------------------------------------------------------------------------------


async def desk(settings: Settings) -> None:
    """Serves the desk until it is told to stop."""
    async with opened(settings) as base:
        app = create_app(_desk_services(settings, base))
        async with _serving(app, settings.desk.host, settings.desk.port):
            _log.info("desk open", port=settings.desk.port)
            await _until_told()


def _desk_services(settings: Settings, base: Base) -> DeskServices:
    rules = load_rules(settings)
    channels = make_channels(settings)

    async def reroute(ticket: Ticket) -> Route:
        assert ticket.labels is not None
        return Route(*where(ticket.labels, ticket.lang, ticket.lane, "standard", rules))

    return DeskServices(
        store=base.store,
        bus=base.bus,
        doorbell=base.doorbell,
        clock=_now,
        taxonomy=load_taxonomy(settings),
        reroute=reroute,
        explain=explained,
        delivery_problem=lambda name: _problem(channels, name),
        options=DeskOptions(
            version=version("shouli"),
            session_hours=settings.desk.session_hours,
            secure_cookie=settings.desk.secure_cookie,
        ),
        metrics=metrics_handler(base.store) if settings.metrics.enabled else None,
    )


def _problem(channels: Mapping[str, Channel], name: str) -> str | None:
    channel = channels.get(name)
    if channel is None:
        return f"渠道 {name} 未启用 / Channel {name} is not open"
    return channel.ready()


def explained(
    decision: Mapping[str, Any], needs: Needs, names: Mapping[str, str]
) -> tuple[str, str]:
    """A stored decision in sentences (zh, en)."""
    values = dict(decision) | {"candidates": tuple(Candidate(**c) for c in decision["candidates"])}
    made = Decision(**values)
    ticket = Waiting(
        ticket_id=made.ticket_id,
        epoch=made.epoch,
        needs=needs,
        created_at=0.0,
        target=0.0,
        late=False,
        units=made.units,
    )
    text = explain(made, ticket, names).text
    return text.zh, text.en


# -- serving ---------------------------------------------------------------------------


def _add_health(app: web.Application, settings: Settings, store: Store) -> None:
    app.add_routes(health_routes(store))
    if settings.metrics.enabled:
        app.router.add_get("/metrics", metrics_handler(store))


@asynccontextmanager
async def _serving(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ShouliError(
            f"端口 {host}:{port} 无法监听（{error.strerror}）：换一个端口，或停掉占用它的程序。"
            f" / Cannot listen on {host}:{port} ({error.strerror}): choose another port, or stop "
            "the program that has it."
        ) from error
    try:
        yield
    finally:
        await runner.cleanup()


async def _until_told() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


Role = Callable[[Settings], AbstractAsyncContextManager[None]]
ROLES = ("intake", "work", "desk", "clock")
"""What ``shouli run`` keeps alive, and what a deployment starts as often as it wants."""


def bundle_cache(settings: Settings) -> Path:
    """Where this host unpacks bundles."""
    return settings.data_dir / "bundles"
