"""Who works in a process of the role ``work``: each made of the store and the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from config.settings import Settings, load_taxonomy, load_texts
from models.ports import Channel
from models.training import Taxonomy
from workers.assembly.wiring import (
    Base,
    declared,
    follow_up_plan,
    make_channels,
    make_ruling,
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
from workers.rules.ruling import Ruling


@dataclass(frozen=True, slots=True)
class InForce:
    """What all of them go by; admins change it while they work, so it is looked up again."""

    taxonomy: Taxonomy
    ruling: Ruling
    wording: Wording
    serving: Serving
    shadowing: Shadowing
    watching: Watching


@dataclass(frozen=True, slots=True)
class Crew:
    """One of each; only ``parser`` (a process) and ``announcing`` (connections) must be closed."""

    in_force: InForce
    parser: Parser
    pipeline: Pipeline
    dispatcher: Dispatcher
    calling_back: CallingBack
    deliverer: Deliverer
    fetcher: Fetcher
    retrainer: Retrainer
    announcing: Announcing


def make_crew(base: Base, stopping: Callable[[], bool]) -> Crew:
    """They begin nothing new once ``stopping`` says so; refresh what is in force first.

    Raises:
        ConfigurationError: something in the settings is wrong.
    """
    settings, store = base.settings, base.store
    in_force = _make_in_force(base)
    channels = make_channels(settings)
    parser = _make_parser(settings, channels)
    dispatcher = Dispatcher(store, in_force.ruling)
    fetcher = Fetcher(store, channels, stopping)
    return Crew(
        in_force=in_force,
        parser=parser,
        pipeline=_make_pipeline(base, in_force, channels, parser, dispatcher, fetcher, stopping),
        dispatcher=dispatcher,
        calling_back=CallingBack(store, in_force.ruling, follow_up_plan(settings)),
        deliverer=Deliverer(store, channels, stopping=stopping),
        fetcher=fetcher,
        retrainer=Retrainer(
            store,
            settings.data_dir,
            in_force.taxonomy,
            Options(settings.retraining.least_recall, settings.retraining.memory_mb),
            stopping,
        ),
        announcing=Announcing(store, stopping, allowed=settings.desk.webhook_networks),
    )


def _make_in_force(base: Base) -> InForce:
    settings, store = base.settings, base.store
    taxonomy, cache = load_taxonomy(settings), settings.data_dir / "bundles"
    seen, zone = settings.watching, ZoneInfo(settings.hours.time_zone)
    serving = Serving(store, cache, taxonomy)
    shadowing = Shadowing(store, cache, taxonomy, seen.shadow_share, seen.shadow_tickets)
    return InForce(
        taxonomy,
        make_ruling(settings, store),
        Wording(load_texts(settings)),
        serving,
        shadowing,
        Watching(store, serving, shadowing, zone, seen.texts_a_second),
    )


def _make_parser(settings: Settings, channels: Mapping[str, Channel]) -> Parser:
    return Parser(
        {name: settings.channels[name] for name, ch in channels.items() if ch.isolated},
        secrets(settings),
        seconds=settings.pipeline.parse_seconds,
        memory_mb=settings.pipeline.parse_memory_mb,
    )


def _make_pipeline(
    base: Base,
    in_force: InForce,
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
        _make_labelling(base, in_force),
        SelfService(
            in_force.wording,
            Rates(in_force.wording, settings.satisfaction),
            settings.progress,
            ZoneInfo(settings.hours.time_zone),
        ),
        in_force.ruling.stands,
        Limits(limits.batch, limits.lease_seconds, limits.attempts),
        after_routing,
        lambda: base.doorbell.ring("deliver"),
        stopping,
    )


def _make_labelling(base: Base, in_force: InForce) -> Labelling:
    settings, ruling = base.settings, in_force.ruling
    acknowledging = Acknowledging(
        base.store,
        settings.acknowledgement,
        ruling.calendars,
        in_force.taxonomy.facets.get("type"),
        in_force.wording,
    )
    return Labelling(
        base.store,
        in_force.serving.classify,
        ruling,
        acknowledging,
        declared(settings, in_force.taxonomy),
        in_force.watching.note,
        Fingerprinting(in_force.serving.fingerprints, settings.incidents.compared),
    )
