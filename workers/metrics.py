"""/metrics, /healthz and /readyz: what SQL says now, read when somebody asks."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from config.sections import Hours
from models.errors import ShouliError
from models.migrations import check
from models.store import Store
from models.tables import agent, audit
from workers.hours import gaps

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def metrics_handler(store: Store, hours: Hours) -> Handler:
    """Serves the figures of the whole system, the same from every process."""

    async def handle(_request: web.Request) -> web.StreamResponse:
        registry = CollectorRegistry()
        try:
            await _collect(store, registry)
            _calendars(hours, registry)
        except ShouliError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    return handle


def health_routes(store: Store) -> list[web.RouteDef]:
    """/healthz: the process answers. /readyz: it can also work."""

    async def healthz(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.StreamResponse:
        try:
            await check(store.db)
        except ShouliError as error:
            return web.json_response({"status": "error", "message": str(error)}, status=503)
        return web.json_response({"status": "ok"})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def _collect(store: Store, registry: CollectorRegistry) -> None:
    envelopes = Gauge(
        "shouli_envelopes", "Unprocessed by lane, or parked", ["lane"], registry=registry
    )
    for lane, count in (await store.envelopes.backlog()).items():
        envelopes.labels(lane).set(count)
    tickets = Gauge("shouli_tickets", "Tickets by state", ["state"], registry=registry)
    for state, count in (await store.tickets.counts()).items():
        tickets.labels(state).set(count)
    answers = Gauge("shouli_answers", "Answers not settled", ["state"], registry=registry)
    for state, count in (await store.outbound.counts()).items():
        answers.labels(state).set(count)
    waiting = Gauge(
        "shouli_queue_waiting", "Waiting tickets by skill class", ["queue"], registry=registry
    )
    oldest = Gauge(
        "shouli_queue_longest_wait_seconds", "Longest wait", ["queue"], registry=registry
    )
    now = await store.db.now()
    for row in await store.boards.depth():
        waiting.labels(row["skill_class"]).set(row["waiting"])
        oldest.labels(row["skill_class"]).set(max(0.0, now - row["oldest"]))
    webhooks = Gauge("shouli_webhook_events", "Owed or failed", ["state"], registry=registry)
    found = await store.webhooks.all()
    webhooks.labels("due").set(sum(one.due for one in found))
    webhooks.labels("failed").set(sum(one.failed for one in found))
    Gauge("shouli_events_last", "Number of the newest event", registry=registry).set(
        await store.events.last()
    )
    await _people(store, registry)


def _calendars(hours: Hours, registry: CollectorRegistry) -> None:
    missing = Gauge(
        "shouli_holidays_missing",
        "Years whose public holidays nobody has told yet",
        ["team", "country", "year"],
        registry=registry,
    )
    for gap in gaps(hours, time.time()):
        missing.labels(gap.team, gap.country, gap.year).set(1)


async def _people(store: Store, registry: CollectorRegistry) -> None:
    agents = Gauge("shouli_agents", "Agents by presence", ["presence"], registry=registry)
    used = Gauge("shouli_capacity_used", "Units of capacity in use", registry=registry)
    alarms = Gauge("shouli_alarms", "Broken invariants found", ["kind"], registry=registry)
    a, u = agent.c, audit.c
    async with store.db.read() as conn:
        by_presence = select(a.presence, func.count().label("n")).where(a.disabled_at.is_(None))
        for row in await conn.execute(by_presence.group_by(a.presence)):
            agents.labels(row.presence).set(row.n)
        total = await conn.execute(select(func.coalesce(func.sum(a.used), 0)))
        used.set(float(total.scalar_one()))
        broken = select(u.action, func.count().label("n")).where(u.action.like("alarm.%"))
        for row in await conn.execute(broken.group_by(u.action)):
            alarms.labels(row.action.removeprefix("alarm.")).set(row.n)
