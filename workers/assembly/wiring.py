"""The composition root: the only place that knows both what is wanted and who does it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from channels import registry
from config.origins import Origins
from config.problems import ConfigurationError, Problem, keys_of
from config.settings import Settings, load_rules
from desk.rating import Links
from models.errors import StorageFull, Temporary
from models.event_tail import EVENTS
from models.follow_up import Plan
from models.migrations import check
from models.ports import Bus, Channel, Doorbell
from models.store import Store, open_store
from models.store.ground.database import Event
from models.store.ground.failures import Unfit
from models.store.ground.sealing import Vault, check_key
from models.training import Taxonomy
from workers.assembly.channel_options import anchored, wrong_options
from workers.dialogue.quiet_hours import after_quiet
from workers.learning.watch_report import Limits, WatchReport
from workers.processes.home import DATABASE, SetupError, home, master_key
from workers.rules.active_rules import ActiveRules
from workers.rules.hours import calendars
from workers.rules.publishing import Publishing
from workers.waking.broker import RedisDoorbell
from workers.waking.bus import RedisBus

_log = structlog.stdlib.get_logger(__name__)

_HOUR, _DAY = 3600.0, 86_400.0

_LOOK_SECONDS = 1.0
"""Between two looks for a database that is away."""


@dataclass(frozen=True, slots=True)
class Base:
    """What every role has: settings, store, bus and doorbell."""

    settings: Settings
    store: Store
    bus: Bus
    doorbell: Doorbell


def make_store(settings: Settings, *, new: bool = False) -> Store:
    """The store that the settings name; open it on the loop that uses it.

    Raises:
        SetupError: it is a file that is not there, unless it may be a ``new`` one. Who looks from
            the wrong folder is told so, and leaves no empty database behind.
    """
    if settings.database_url is None:
        file = settings.data_dir.absolute() / DATABASE
        if not new and not file.exists():
            raise SetupError(
                f"没有数据库 {file}：data_dir 对吗、目录对吗？"
                "还没有就先 shouli run 或 shouli migrate。"
                f" / There is no database {file}: is data_dir right, and this folder? If it is "
                "yet to be made, run “shouli run” or “shouli migrate” first."
            )
        url = f"sqlite+aiosqlite:///{home(settings).resolve() / DATABASE}"
        blob_dir: Path | None = settings.data_dir / "blobs"
    else:
        url, blob_dir = settings.database_url.get_secret_value(), None
    return open_store(
        url,
        master_key=master_key(settings),
        blob_dir=blob_dir,
        zone=ZoneInfo(settings.hours.time_zone),
        hold=settings.pipeline.greeting_hold_seconds,
        reopen=settings.life.reopen_days * _DAY,
        keep_complaints=settings.privacy.keep_complaints_days,
    )


@asynccontextmanager
async def opened(
    settings: Settings, stopping: Callable[[], bool] = lambda: False
) -> AsyncIterator[Base]:
    """Store, bus and doorbell, on the running loop; closed at the end.

    A database that is away is waited for, until this process is ``stopping``.

    Raises:
        SetupError: no Redis is named (``shouli run`` brings its own).
        Permanent: the schema is not this program's, or the master key not the database's.
        StorageFull, Unfit: no waiting mends that.
        Temporary: it is stopping, and the database still away.
    """
    if settings.redis_url is None:
        raise SetupError(
            "没有 Redis：请设置 SHOULI_REDIS_URL，或用 shouli run（自带 Valkey）。"
            " / There is no Redis: set SHOULI_REDIS_URL, or use “shouli run”, which brings one."
        )
    url = settings.redis_url.get_secret_value()
    store, bus, doorbell = make_store(settings), RedisBus(url), RedisDoorbell(url)
    store.db.on_commit = Announcer(bus).tell
    try:
        await _until_there(store, stopping)
        yield Base(settings, store, bus, doorbell)
    finally:
        doorbell.close()
        await bus.close()
        await store.close()


async def _until_there(store: Store, stopping: Callable[[], bool]) -> None:
    while True:
        try:
            await check(store.db)
            await check_key(store.db, store.vault)
        except (StorageFull, Unfit):
            raise
        except Temporary as error:
            if stopping():
                raise
            _log.warning("waiting for the database", error=str(error))
        else:
            return
        await asyncio.sleep(_LOOK_SECONDS)


class Announcer:
    """Tells the bus of new events without making the writer wait, one call at a time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._again = False
        self._task: asyncio.Task[None] | None = None

    async def tell(self, _events: Sequence[Event]) -> None:
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._publish())

    async def _publish(self) -> None:
        while self._again:
            self._again = False
            await self._bus.publish(EVENTS)


def secrets(settings: Settings, vault: Vault) -> dict[str, bytes]:
    """Each open channel's own secret, derived from the master key that signs."""
    return {name: vault.signing_key(f"channel:{name}") for name in settings.channels}


def survey_links(settings: Settings, vault: Vault) -> Links:
    """The addresses of the page for rating."""
    return Links(vault.signing_key("survey"), settings.satisfaction.link_base)


def make_channels(settings: Settings, vault: Vault) -> dict[str, Channel]:
    """The channels that are open by the settings.

    Raises:
        ConfigurationError: a section names no channel, or an option is wrong.
    """
    keys = secrets(settings, vault)
    if problems := wrong_options(settings):
        raise ConfigurationError(problems)
    return {
        name: registry.create(name, anchored(name, settings), keys[name])
        for name in settings.channels
    }


def declared(settings: Settings, taxonomy: Taxonomy) -> Mapping[str, Mapping[str, str]]:
    """Labels by source, made sure to be those of the taxonomy.

    Raises:
        ConfigurationError: a source's channel, facet or class does not exist.
    """
    problems = [
        problem
        for source, labels in settings.declared.items()
        for problem in _undeclarable(source, labels, taxonomy, settings.origins)
    ]
    if problems:
        raise ConfigurationError(problems)
    return settings.declared


def _undeclarable(
    source: str, labels: Mapping[str, str], taxonomy: Taxonomy, origins: Origins
) -> Iterator[Problem]:
    if source.partition("/")[0] not in registry.names() or "/" not in source:
        known = ", ".join(registry.names())
        yield Problem(
            f"declared.{source}",
            keys_of(labels),
            f"应写成 渠道/账号，渠道为：{known}。",
            f"Write channel/account; channels are: {known}.",
            origins.source(("declared", source)),
        )
    for facet, value in labels.items():
        classes = taxonomy.facets[facet].classes if facet in taxonomy.facets else {}
        if value not in classes:
            known = ", ".join(classes or taxonomy.facets)
            yield Problem(
                f"declared.{source}.{facet}",
                value,
                f"分类体系里没有；可用：{known}。",
                f"Not in the taxonomy; known: {known}.",
                origins.source(("declared", source, facet)),
            )


def make_active_rules(settings: Settings, store: Store) -> ActiveRules:
    """The rules in force, and until one is published those of the settings; refresh it."""
    return ActiveRules(store, load_rules(settings), calendars(settings.hours, time.time()))


def make_watch(settings: Settings, store: Store, taxonomy: Taxonomy) -> WatchReport:
    """Who tells what is seen of the classifier at work."""
    limits = Limits(settings.watching.drift_alarm, settings.watching.agreement_alarm)
    return WatchReport(store, taxonomy, ZoneInfo(settings.hours.time_zone), limits)


def make_publishing(
    store: Store, active_rules: ActiveRules, taxonomy: Taxonomy, channels: Mapping[str, Channel]
) -> Publishing:
    """Who drafts, reviews and publishes rules."""
    lanes = {name: channel.lane.value for name, channel in channels.items()}
    return Publishing(store, taxonomy, active_rules, lanes)


def follow_up_plan(settings: Settings) -> Plan:
    """When customers are called back, never in the quiet hours."""
    wanted, zone = settings.follow_ups, ZoneInfo(settings.hours.time_zone)
    return Plan(
        within={urgency: hours * _HOUR for urgency, hours in wanted.within_hours.items()},
        complaints_within=wanted.complaints_within_hours * _HOUR,
        begin_share=wanted.begin_share,
        units=wanted.units,
        attempts=wanted.attempts,
        again=tuple(hours * _HOUR for hours in wanted.again_hours),
        review=wanted.review,
        spare=partial(after_quiet, period=settings.quiet.period, zone=zone),
    )
