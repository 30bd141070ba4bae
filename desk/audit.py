"""The audit: who did what, to what, when and why. For admins, who read it and change nothing."""

import re
from dataclasses import asdict
from typing import Any

from aiohttp import web

from desk import queries
from desk.auth import API, who
from desk.masking import FindSpans, hidden
from desk.services import SERVICES
from desk.sheets import month_span
from models.agent import Role
from models.store.figures.audits import Asked

_ID = re.compile(r"[0-9a-f-]{16,64}")
"""Of ours: its digits are nobody's telephone number."""


async def audit(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    services, asked = request.app[SERVICES], queries.read(request, queries.AuditFilter)
    since, until = month_span(asked.month, services.zone) if asked.month else (None, None)
    wanted = Asked(since, until, asked.action, asked.agent, asked.subject)
    audits = services.store.audits
    deeds = await audits.page(wanted, before=asked.before, limit=asked.limit)
    names = await audits.names(deeds)
    told = [asdict(deed) | {"detail": covered(deed.detail, services.spans)} for deed in deeds]
    return web.json_response(
        {"entries": told, "names": {key: one._asdict() for key, one in names.items()}}
    )


def covered(value: Any, find: FindSpans) -> Any:
    """A value of JSON with the numbers masked in the words of its strings."""
    if isinstance(value, str):
        return value if _ID.fullmatch(value) else hidden(value, find)
    if isinstance(value, dict):
        return {name: covered(part, find) for name, part in value.items()}
    if isinstance(value, list):
        return [covered(part, find) for part in value]
    return value


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}audit", audit)]
