"""The services of a process of the role ``work``, each made of the store and the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from config.settings import load_taxonomy, load_texts
from models.ports import Channel
from models.training import Taxonomy
from workers.assembly.wiring import (
    Base,
    declared,
    follow_up_plan,
    make_active_rules,
    make_channels,
    secrets,
)
from workers.dialogue.acknowledging import Acknowledging
from workers.dialogue.rating import Rates
from workers.dialogue.self_service import SelfService
from workers.dialogue.wording import Wording
from workers.effects.calling_back import CallingBack
from workers.effects.webhooks import Announcing
from workers.learning.fingerprinting import Fingerprinting
from workers.learning.retrain import Options, Retrainer
from workers.learning.serving import Serving
from workers.learning.shadowing import Shadowing
from workers.learning.watching import Watching
from workers.messages.deliver import Deliverer
from workers.messages.dispatch import Dispatcher
from workers.messages.fetching import Fetcher
from workers.messages.labelling import Labelling
from workers.messages.parser import Parser
from workers.messages.pipeline import Limits, Pipeline
from workers.rules.active_rules import ActiveRules


@dataclass(frozen=True, slots=True)
class Reloadable:
    """What admins change while the process runs: each is refreshed from the store."""

    taxonomy: Taxonomy
    active_rules: ActiveRules
    wording: Wording
    serving: Serving
    shadowing: Shadowing
    watching: Watching


@dataclass(frozen=True, slots=True)
class WorkServices:
    """One of each; only ``parser`` (a process) and ``announcing`` (connections) must be closed."""

    reloadable: Reloadable
    parser: Parser
    pipeline: Pipeline
    dispatcher: Dispatcher
    calling_back: CallingBack
    deliverer: Deliverer
    fetcher: Fetcher
    retrainer: Retrainer
    announcing: Announcing


def make_work_services(base: Base, stopping: Callable[[], bool]) -> WorkServices:
    """They begin nothing new once ``stopping`` says so. Refresh ``reloadable`` before first use.

    Raises:
        ConfigurationError: something in the settings is wrong.
    """
    settings, store = base.settings, base.store
    reloadable = _make_reloadable(base)
    channels = make_channels(settings, store.vault)
    parser = _make_parser(base, channels)
    dispatcher = Dispatcher(store, reloadable.active_rules)
    fetcher = Fetcher(store, channels, stopping)
    return WorkServices(
        reloadable=reloadable,
        parser=parser,
        pipeline=_make_pipeline(base, reloadable, channels, parser, dispatcher, fetcher, stopping),
        dispatcher=dispatcher,
        calling_back=CallingBack(store, reloadable.active_rules, follow_up_plan(settings)),
        deliverer=Deliverer(store, channels, stopping=stopping),
        fetcher=fetcher,
        retrainer=Retrainer(
            store,
            settings.data_dir,
            reloadable.taxonomy,
            Options(settings.retraining.least_recall, settings.retraining.memory_mb),
            stopping,
        ),
        announcing=Announcing(store, stopping, allowed=settings.desk.webhook_networks),
    )


def _make_reloadable(base: Base) -> Reloadable:
    settings, store = base.settings, base.store
    taxonomy, cache = load_taxonomy(settings), settings.data_dir / "bundles"
    seen, zone = settings.watching, ZoneInfo(settings.hours.time_zone)
    serving = Serving(store, cache, taxonomy)
    shadowing = Shadowing(store, cache, taxonomy, seen.shadow_share, seen.shadow_tickets)
    return Reloadable(
        taxonomy,
        make_active_rules(settings, store),
        Wording(load_texts(settings)),
        serving,
        shadowing,
        Watching(store, serving, shadowing, zone, seen.texts_a_second),
    )


def _make_parser(base: Base, channels: Mapping[str, Channel]) -> Parser:
    settings = base.settings
    return Parser(
        {name: settings.channels[name] for name, ch in channels.items() if ch.isolated},
        secrets(settings, base.store.vault),
        seconds=settings.pipeline.parse_seconds,
        memory_mb=settings.pipeline.parse_memory_mb,
    )


def _make_pipeline(
    base: Base,
    reloadable: Reloadable,
    channels: Mapping[str, Channel],
    parser: Parser,
    dispatcher: Dispatcher,
    fetcher: Fetcher,
    stopping: Callable[[], bool],
) -> Pipeline:
    settings, limits = base.settings, base.settings.pipeline

    async def after_routing() -> None:
        await dispatcher.run()
        await base.doorbell.ring("deliver")
        if fetcher.wanted:
            await base.doorbell.ring("fetch")

    return Pipeline(
        base.store,
        channels,
        parser,
        _make_labelling(base, reloadable),
        SelfService(
            reloadable.wording,
            Rates(reloadable.wording, settings.satisfaction),
            settings.progress,
            ZoneInfo(settings.hours.time_zone),
        ),
        reloadable.active_rules.position_of,
        Limits(limits.batch, limits.lease_seconds, limits.attempts),
        after_routing=after_routing,
        after_answering=lambda: base.doorbell.ring("deliver"),
        stopping=stopping,
    )


def _make_labelling(base: Base, reloadable: Reloadable) -> Labelling:
    settings, active_rules = base.settings, reloadable.active_rules
    acknowledging = Acknowledging(
        base.store,
        settings.acknowledgement,
        active_rules.calendars,
        reloadable.taxonomy.facets.get("type"),
        reloadable.wording,
        [floor for floor in reloadable.taxonomy.floors.values() if floor.danger],
    )
    return Labelling(
        base.store,
        reloadable.serving.classify,
        active_rules,
        acknowledging,
        declared(settings, reloadable.taxonomy),
        reloadable.watching.note,
        Fingerprinting(reloadable.serving.fingerprints, settings.incidents.compared),
    )
