"""The ledger of complaints, by month, cause, department and product."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, tzinfo

from aiohttp import web

from desk import bodies
from desk.auth import API, who
from desk.complaint_bodies import LedgerQuery
from desk.masking import FindSpans, hidden
from desk.services import SERVICES
from models.agent import Role
from models.store.ledger import Entry

_MIME = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def month_span(month: str, zone: tzinfo) -> tuple[float, float]:
    """From when to when a month “2026-11” is, in seconds since the epoch."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first.timestamp(), after.timestamp()


def covered(entry: Entry, find: FindSpans) -> Entry:
    """As it is passed around: telephone numbers in what the customer wrote are masked."""
    return replace(
        entry,
        matter=hidden(entry.matter, find),
        customer_said=hidden(entry.customer_said, find),
    )


async def ledger(request: web.Request) -> web.Response:
    """For supervisors; taking it out is written down."""
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = bodies.query(request, LedgerQuery)
    since, until = month_span(asked.month, services.zone)
    entries = await services.store.ledger.entries(
        since, until, cause=asked.cause, department=asked.department, product=asked.product
    )
    entries = [covered(entry, services.spans) for entry in entries]
    if asked.format == "json":
        return web.json_response({"complaints": [asdict(entry) for entry in entries]})
    async with services.store.db.write() as tx:
        await tx.audit(person.id, "complaint.ledger", asked.month, format=asked.format)
    content = await asyncio.to_thread(_written, asked.format, entries, services.zone)
    name = f"complaints-{asked.month}.{asked.format}"
    return web.Response(
        body=content,
        content_type=_MIME[asked.format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(form: str, entries: Sequence[Entry], zone: tzinfo) -> bytes:
    # Here, because the library brings NumPy along, which no desk needs otherwise.
    from desk.sheets import as_csv, as_xlsx

    return (as_csv if form == "csv" else as_xlsx)(entries, zone)


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}complaints/ledger", ledger)]
