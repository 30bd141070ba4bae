"""Role: brings about what time alone brings about."""

import asyncio
import time

import structlog

from config.settings import Settings
from models.store.ground.sealing import Vault
from models.store.learning.bundles import Keep
from workers.assembly.automation import make_effects, make_followers
from workers.assembly.wiring import make_active_rules, make_channels, opened
from workers.effects.clock import ClockOptions, Ticker
from workers.processes.heartbeat import heartbeat
from workers.roles.door import until_told
from workers.rules.hours import warn

_log = structlog.stdlib.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Ticks until it is told to stop; of several clocks one ticks."""
    async with opened(settings) as base, heartbeat(base.store.processes, "clock"):
        ticker = Ticker(
            base.store,
            base.doorbell,
            make_active_rules(settings, base.store),
            _options(settings, base.store.vault),
            make_effects(settings, base.store.vault),
            make_followers(settings),
        )
        ticking = asyncio.create_task(ticker.run())
        stopping = asyncio.create_task(until_told())
        _log.info("clock open")
        warn(settings.hours, time.time())
        done, pending = await asyncio.wait(
            {ticking, stopping}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await ticker.leave()
        for task in done:
            task.result()


def _options(settings: Settings, vault: Vault) -> ClockOptions:
    bundles, channels = settings.retraining, make_channels(settings, vault)
    return ClockOptions(
        attempts=settings.pipeline.attempts,
        presence_seconds=settings.desk.presence_seconds,
        back_to_ready=settings.desk.back_to_ready,
        repeatable=[name for name, one in channels.items() if one.repeatable],
        keep=Keep(bundles.kept_days * 86400.0, bundles.kept_challengers, bundles.kept_steps),
    )
