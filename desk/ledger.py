"""The ledger of complaints, by month, cause, department and product."""

import asyncio
from dataclasses import asdict, replace

from aiohttp import web

from desk import queries
from desk.auth import API, who
from desk.complaint_bodies import LedgerQuery
from desk.ledger_file import as_csv, as_xlsx
from desk.masking import FindSpans, hidden
from desk.services import SERVICES
from desk.sheets import MIMES, month_span
from models.agent import Role
from models.store.complaints.ledger import Entry

_WRITERS = {"csv": as_csv, "xlsx": as_xlsx}


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
    asked = queries.read(request, LedgerQuery)
    since, until = month_span(asked.month, services.zone)
    entries = await services.store.ledger.entries(
        since, until, cause=asked.cause, department=asked.department, product=asked.product
    )
    entries = [covered(entry, services.spans) for entry in entries]
    if asked.format == "json":
        return web.json_response({"complaints": [asdict(entry) for entry in entries]})
    async with services.store.db.write() as tx:
        await tx.audit(person.id, "complaint.ledger", asked.month, format=asked.format)
    content = await asyncio.to_thread(_WRITERS[asked.format], entries, services.zone)
    name = f"complaints-{asked.month}.{asked.format}"
    return web.Response(
        body=content,
        content_type=MIMES[asked.format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}complaints/ledger", ledger)]
