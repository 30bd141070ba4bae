"""Role: serves the desk of agents."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from zoneinfo import ZoneInfo

import structlog

from classifier.spans import spans
from config.settings import Settings, load_taxonomy, load_texts
from desk.app import create_app
from desk.services import DeskOptions, DeskServices, Route
from models.ports import Channel, Counts, Doubts, NamesOriginals
from models.routing import Rules
from models.store import Store
from models.store.tickets.handling import Ticket
from models.ticket import Labels
from router.keys import rekeyed
from router.place import Facts, filed
from workers.assembly.automation import follower_names
from workers.assembly.wiring import (
    Base,
    follow_up_plan,
    make_active_rules,
    make_channels,
    make_publishing,
    make_watch,
    opened,
)
from workers.effects.webhooks import tried
from workers.learning.bundle_work import BundleWork
from workers.learning.suggesting import Suggesting, SuggestOptions
from workers.messages.deliver import NO_ADDRESS
from workers.messages.preview import Previews
from workers.monitoring.metrics import metrics_handler
from workers.processes.heartbeat import heartbeat
from workers.roles.door import allow_many_files, serving, until_told
from workers.rules.active_rules import ActiveRules
from workers.rules.explaining import Explaining, called, explained
from workers.rules.hours import openings
from workers.rules.rehearsing import Rehearsing

_log = structlog.stdlib.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Serves the desk until it is told to stop."""
    allow_many_files()
    async with opened(settings) as base:
        app = create_app(_services(settings, base))
        async with (
            serving(app, "desk", settings.desk.host, settings.desk.port),
            heartbeat(base.store.processes, "desk"),
        ):
            _log.info("desk open", port=settings.desk.port)
            await until_told()


def _services(settings: Settings, base: Base) -> DeskServices:
    active_rules, taxonomy = make_active_rules(settings, base.store), load_taxonomy(settings)
    channels = make_channels(settings, base.store.vault)

    async def in_force() -> Rules:
        await active_rules.refresh()
        return active_rules.book.general

    watch = make_watch(settings, base.store, taxonomy)
    known = called(taxonomy)
    metrics = metrics_handler(base.store, settings.hours, watch, follower_names(settings))
    return DeskServices(
        store=base.store,
        bus=base.bus,
        doorbell=base.doorbell,
        clock=time.time,
        taxonomy=taxonomy,
        placing=partial(_placing, base.store, active_rules),
        explain=partial(explained, called=known),
        waiting=Explaining(base.store, active_rules, known).waiting,
        rules=make_publishing(base.store, active_rules, taxonomy, channels),
        rehearse=Rehearsing(base.store, active_rules),
        watch=watch,
        try_webhook=partial(tried, allowed=settings.desk.webhook_networks),
        spans=spans,
        suggest=_suggesting(settings, base).suggest,
        bundle_work=BundleWork(base.store, settings.data_dir / "bundles", taxonomy),
        preview=Previews(),
        plan=follow_up_plan(settings),
        texts=load_texts(settings),
        delivery_problem=lambda name: _problem(channels, name),
        doubt=lambda name, address: _doubt(channels, name, address),
        ending=lambda name: _ending(channels, name),
        takes=lambda name, text, files: _takes(channels, name, text, files),
        repeatable=frozenset(name for name, channel in channels.items() if channel.repeatable),
        position_of=active_rules.position_of,
        in_force=in_force,
        openings=partial(openings, settings.hours),
        receipts={
            name: settings.acknowledgement.wanted(channel.lane, name)
            for name, channel in channels.items()
        },
        filing=filed,
        zone=ZoneInfo(settings.hours.time_zone),
        options=_options(settings),
        metrics=metrics if settings.metrics.enabled else None,
    )


async def _placing(
    store: Store, active_rules: ActiveRules, ticket: Ticket
) -> Callable[[Labels, float], Route]:
    """Tells where a ticket belongs by labels that it may get, queued since a time."""
    await active_rules.refresh()
    account = await store.conversations.account(ticket.conversation_id)
    tier = await store.people.tier(ticket.customer_id)

    def place(labels: Labels, queued_at: float) -> Route:
        facts = Facts(
            lang=ticket.lang,
            channel=ticket.channel,
            account=account,
            lane=ticket.lane,
            tier=tier,
            queued_at=queued_at,
        )
        where = active_rules.place(labels, facts)
        rekey = partial(rekeyed, rules=active_rules.book.general)
        return Route(where.needs, where.target, where.clock_at, rekey)

    return place


def _options(settings: Settings) -> DeskOptions:
    return DeskOptions(
        version=version("shouli"),
        session_hours=settings.desk.session_hours,
        second_factor=settings.desk.second_factor,
        secure_cookie=settings.desk.secure_cookie,
        proxies=settings.desk.proxies,
        webhook_networks=settings.desk.webhook_networks,
        second_person=settings.incidents.second_person,
        incident_alert=settings.incidents.alert,
        transfer_seconds=settings.life.transfer_minutes * 60.0,
        survey_seconds=settings.satisfaction.valid_days * 86400.0,
        survey_change_seconds=settings.satisfaction.change_hours * 3600.0,
    )


def _suggesting(settings: Settings, base: Base) -> Suggesting:
    wanted = settings.suggesting
    options = SuggestOptions(wanted.tickets, wanted.offered, wanted.least)
    return Suggesting(base.store, settings.data_dir / "bundles", time.monotonic, options)


def _problem(channels: Mapping[str, Channel], name: str) -> str | None:
    channel = channels.get(name)
    if channel is None:
        return f"渠道 {name} 未启用 / Channel {name} is not open"
    return channel.ready()


def _doubt(channels: Mapping[str, Channel], name: str, address: str) -> str | None:
    channel = channels.get(name)
    if not address:
        return NO_ADDRESS
    return channel.doubt(address) if isinstance(channel, Doubts) else None


def _ending(channels: Mapping[str, Channel], name: str) -> str:
    channel = channels.get(name)
    return channel.original_ending if isinstance(channel, NamesOriginals) else "bin"


def _takes(channels: Mapping[str, Channel], name: str, text: str, files: int) -> int:
    channel = channels.get(name)
    return channel.takes(text, files) if isinstance(channel, Counts) else 1
