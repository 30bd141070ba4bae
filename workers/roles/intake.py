"""Role: receives on every open channel."""

import time
from collections.abc import Callable
from functools import partial

import structlog
from aiohttp import web

from config.settings import Settings, load_taxonomy
from desk.rating import RatingPage
from models.bodies import Bodies
from models.errors import StorageFull
from models.ports import Door
from workers.assembly.automation import follower_names
from workers.assembly.openings import Openings
from workers.assembly.wiring import make_channels, make_watch, opened, survey_links
from workers.messages.intake import Intake, disk_watermark
from workers.monitoring.metrics import health_routes, metrics_handler
from workers.processes import heap
from workers.processes.heartbeat import heartbeat
from workers.processes.home import home
from workers.roles.door import allow_many_files, serving, until_told

_log = structlog.stdlib.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Receives on every open channel until it is told to stop."""
    allow_many_files()
    # A host that only receives has nothing in it, and yet its disk is watched there.
    home(settings)
    async with opened(settings) as base:
        check_room = disk_watermark(settings.data_dir, settings.intake.disk_watermark_mb)
        accepting = Intake(
            base.store.envelopes,
            base.doorbell,
            group=settings.intake.commit_group,
            check_room=check_room,
        )
        app = web.Application(client_max_size=1024 * 1024)
        bodies = Bodies(settings.intake.unproven_mb * 1024 * 1024)
        door = Door(accepting.accept, app, base.store, base.bus, time.time, check_room, bodies)
        openings = Openings(make_channels(settings, base.store.vault), door)
        app.add_routes(health_routes(base.store, check_room))
        links = survey_links(settings, base.store.vault)
        change = 3600.0 * settings.satisfaction.change_hours
        app.add_routes(RatingPage(base.store, links, time.time, change).routes())
        if settings.metrics.enabled:
            watch = make_watch(settings, base.store, load_taxonomy(settings))
            metrics = metrics_handler(base.store, settings.hours, watch, follower_names(settings))
            app.router.add_get("/metrics", metrics)
        try:
            opened_now = await openings.open()
            async with (
                serving(app, "intake", settings.intake.host, settings.intake.port),
                heartbeat(base.store.processes, "intake", partial(_trouble, openings, check_room)),
            ):
                heap.settle()
                _log.info("intake open", channels=opened_now, port=settings.intake.port)
                await until_told()
        finally:
            await openings.close()


def _trouble(openings: Openings, check_room: Callable[[], None]) -> str | None:
    """What it cannot do now: its own disk is seen by nobody else."""
    try:
        check_room()
    except StorageFull as error:
        return str(error)
    return openings.trouble
