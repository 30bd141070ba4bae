"""/metrics, /healthz and /readyz: what SQL says now, read when somebody asks."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from itertools import groupby

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from config.sections import Hours
from models.errors import ShouliError
from models.migrations import ready
from models.store import Store
from models.store.figures.measures import BOUNDS, MAILS_PUT_OFF, StageTime
from models.tables import agent
from workers.learning.watch_report import WatchReport
from workers.processes.heartbeat import ROLES
from workers.rules.hours import gaps

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def metrics_handler(
    store: Store, hours: Hours, watch: WatchReport, followers: Collection[str]
) -> Handler:
    """Serves the figures of the whole system, the same from every process.

    ``followers``: the names of those who act on events.
    """

    async def handle(_request: web.Request) -> web.StreamResponse:
        registry = CollectorRegistry()
        try:
            for collect in (_messages, _tickets, _alive, _queues, _stages, _invariants, _people):
                await collect(store, registry)
            await _events(store, followers, registry)
            _calendars(hours, registry)
            await _classifier(watch, registry)
        except ShouliError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return handle


def health_routes(store: Store, check_room: Callable[[], None]) -> list[web.RouteDef]:
    """/healthz: the process answers. /readyz: it can also work.

    ``check_room`` raises StorageFull where nothing is accepted for want of room.
    """

    async def healthz(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.StreamResponse:
        try:
            check_room()
            await ready(store.db)
        except ShouliError as error:
            # Anybody may ask: why is for the log, and for shouli status.
            return web.json_response({"status": "unavailable", "code": error.code}, status=503)
        return web.json_response({"status": "ok"})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def _messages(store: Store, registry: CollectorRegistry) -> None:
    envelopes = Gauge(
        "shouli_envelopes", "Unprocessed by lane, or parked", ["lane"], registry=registry
    )
    for lane, count in (await store.envelopes.backlog()).items():
        envelopes.labels(lane).set(count)
    answers = Gauge("shouli_answers", "Answers not settled", ["state"], registry=registry)
    for state, count in (await store.outbound.counts()).items():
        answers.labels(state).set(count)
    put_off = Gauge(
        "shouli_mails_put_off", "Mails whose host brought too many, ever", registry=registry
    )
    put_off.set(await store.measures.counted(MAILS_PUT_OFF))


async def _tickets(store: Store, registry: CollectorRegistry) -> None:
    tickets = Gauge("shouli_tickets", "Tickets by state", ["state"], registry=registry)
    for state, count in (await store.tickets.counts()).items():
        tickets.labels(state).set(count)
    clocks = Gauge(
        "shouli_clock_breaches", "Clocks past their target, ever", ["clock"], registry=registry
    )
    for kind, count in (await store.clocks.breaches()).items():
        clocks.labels(kind).set(count)
    escalated = Gauge(
        "shouli_tickets_escalated", "Open tickets by level", ["level"], registry=registry
    )
    for level, count in (await store.clocks.escalated()).items():
        escalated.labels(str(level)).set(count)
    unread = Gauge(
        "shouli_search_unread_tickets",
        "Tickets not found yet by what was said last",
        registry=registry,
    )
    unread.set(await store.search_index.due())


async def _events(store: Store, followers: Collection[str], registry: CollectorRegistry) -> None:
    """How many there have been, and how far behind are those who act on them or are told."""
    Gauge("shouli_events_last", "Number of the newest event", registry=registry).set(
        await store.events.last()
    )
    behind = Gauge(
        "shouli_followers_lag_seconds",
        "Since when an event waits for those who act on it",
        registry=registry,
    )
    behind.set((await store.followers.lag(followers)).seconds)
    webhooks = Gauge("shouli_webhook_events", "Owed or failed", ["state"], registry=registry)
    found = await store.webhooks.all()
    webhooks.labels("due").set(sum(one.due for one in found))
    webhooks.labels("failed").set(sum(one.failed for one in found))


async def _alive(store: Store, registry: CollectorRegistry) -> None:
    """A role of which nobody lives is 0 and not absent: alarms compare numbers."""
    living = Gauge("shouli_processes", "Processes that live", ["role"], registry=registry)
    troubled = Gauge(
        "shouli_processes_troubled", "Those that cannot do all they should", ["role"],
        registry=registry,
    )  # fmt: skip
    waiting = Gauge(
        "shouli_waiting", "What waits for a process of ours", ["kind"], registry=registry
    )
    oldest = Gauge(
        "shouli_waiting_oldest_seconds",
        "Since when the oldest of it waits",
        ["kind"],
        registry=registry,
    )
    processes = await store.processes.all()
    for role in ROLES:
        alive = [one for one in processes if one.role == role and one.alive]
        living.labels(role).set(len(alive))
        troubled.labels(role).set(sum(one.trouble is not None for one in alive))
    for each in await store.overdue.all():
        waiting.labels(each.kind).set(each.count)
        oldest.labels(each.kind).set(each.oldest)


async def _queues(store: Store, registry: CollectorRegistry) -> None:
    waiting = Gauge(
        "shouli_queue_waiting", "Waiting tickets by skill class", ["queue"], registry=registry
    )
    urgent = Gauge(
        "shouli_queue_waiting_by_urgency",
        "Waiting tickets by skill class and urgency",
        ["queue", "urgency"],
        registry=registry,
    )
    late = Gauge(
        "shouli_queue_late", "Waiting tickets past their target", ["queue"], registry=registry
    )
    oldest = Gauge(
        "shouli_queue_longest_wait_seconds", "Longest wait", ["queue"], registry=registry
    )
    expected = Gauge(
        "shouli_queue_expected_wait_seconds",
        "What a new ticket will wait by the measured pace; absent where that is unknown",
        ["queue"],
        registry=registry,
    )
    now = await store.db.now()
    for queue in await store.boards.queues():
        waiting.labels(queue.name).set(queue.waiting)
        late.labels(queue.name).set(queue.late)
        oldest.labels(queue.name).set(max(0.0, now - queue.oldest))
        for urgency, count in queue.by_urgency.items():
            urgent.labels(queue.name, urgency).set(count)
        wait = queue.pace.wait(queue.waiting + 1)
        if wait is not None:
            expected.labels(queue.name).set(wait)


async def _stages(store: Store, registry: CollectorRegistry) -> None:
    registry.register(_Stages(await store.measures.stage_times()))


class _Stages(Collector):
    """How long tickets took from stage to stage, as a histogram that SQL keeps."""

    def __init__(self, times: Sequence[StageTime]) -> None:
        self._times = times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "shouli_stage_seconds",
            "Seconds from stage to stage: threaded, classified, offered, accepted",
            labels=["queue", "stage"],
        )
        for (queue, stage), rows in groupby(self._times, lambda row: (row.queue, row.stage)):
            counts = {row.bound: row for row in rows}
            passed, buckets = 0, []
            for bound in BOUNDS:
                passed += counts[bound].tickets if bound in counts else 0
                buckets.append((str(bound), float(passed)))
            buckets.append(("+Inf", float(sum(row.tickets for row in counts.values()))))
            seconds = sum(row.seconds for row in counts.values())
            family.add_metric([queue, stage], buckets, seconds)
        yield family


async def _invariants(store: Store, registry: CollectorRegistry) -> None:
    broken = Gauge(
        "shouli_invariant_broken",
        "How often the clock's last look found it broken",
        ["invariant"],
        registry=registry,
    )
    looked = Gauge(
        "shouli_invariant_looked_timestamp_seconds", "When that look was", registry=registry
    )
    alarms = await store.measures.alarms()
    for alarm in alarms:
        broken.labels(alarm.name).set(alarm.broken)
    looked.set(max((alarm.looked_at for alarm in alarms), default=0.0))


def _calendars(hours: Hours, registry: CollectorRegistry) -> None:
    missing = Gauge(
        "shouli_holidays_missing",
        "Years whose public holidays nobody has told yet",
        ["team", "country", "year"],
        registry=registry,
    )
    for gap in gaps(hours, time.time()):
        missing.labels(gap.team, gap.country, gap.year).set(1)


async def _classifier(watch: WatchReport, registry: CollectorRegistry) -> None:
    """An empty ``channel`` is all channels together, an empty ``facet`` is the text itself."""
    of = ["measure", "facet", "channel"]
    drift = Gauge(
        "shouli_classifier_drift", "PSI of the newest day to the reference", of, registry=registry
    )
    limits = Gauge("shouli_classifier_limit", "Where alarms begin", ["kind"], registry=registry)
    alarm = Gauge(
        "shouli_classifier_alarm", "Beyond its limit now", ["kind", *of], registry=registry
    )
    told, alarms = await watch.alarms()
    for kind, limit in told["limits"].items():
        limits.labels(kind).set(limit)
    for each in told["series"]:
        known = [point["psi"] for point in each["points"] if point["psi"] is not None]
        if known:
            drift.labels(each["measure"], each["facet"], each["channel"]).set(known[-1])
    for found in alarms:
        alarm.labels(found.kind, found.measure, found.facet, found.channel).set(1)
    kept = Gauge(
        "shouli_classifier_agreement", "Labels of a week left alone", ["facet"], registry=registry
    )
    for facet, share in told["kept"].items():
        if share is not None:
            kept.labels(facet).set(share)
    await _shadow(watch, registry)


async def _shadow(watch: WatchReport, registry: CollectorRegistry) -> None:
    compared = Gauge(
        "shouli_classifier_shadow", "Compared with the champion", ["facet"], registry=registry
    )
    apart = Gauge(
        "shouli_classifier_shadow_disagreed", "Decided otherwise", ["facet"], registry=registry
    )
    told = await watch.shadow(limit=0)
    for each in told["facets"] if told else ():
        compared.labels(each["facet"]).set(each["compared"])
        apart.labels(each["facet"]).set(each["disagreed"])


async def _people(store: Store, registry: CollectorRegistry) -> None:
    agents = Gauge("shouli_agents", "Agents by presence", ["presence"], registry=registry)
    used = Gauge("shouli_capacity_used", "Units of capacity in use", registry=registry)
    alarms = Gauge("shouli_alarms", "Broken invariants found", ["kind"], registry=registry)
    a = agent.c
    async with store.db.read() as conn:
        by_presence = select(a.presence, func.count().label("n")).where(a.disabled_at.is_(None))
        for row in await conn.execute(by_presence.group_by(a.presence)):
            agents.labels(row.presence).set(row.n)
        total = await conn.execute(select(func.coalesce(func.sum(a.used), 0)))
        used.set(float(total.scalar_one()))
    for kind, times in (await store.measures.found_ever()).items():
        alarms.labels(kind).set(times)
