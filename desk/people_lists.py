"""The list of people as a file: taken out, looked at, and brought in."""

import asyncio
from datetime import datetime

from aiohttp import web

from desk import people_file, queries
from desk.auth import API, Person, in_person
from desk.errors import Refusal
from desk.passwords import PASSWORDS
from desk.people_plan import VERDICTS, Plan, PlanLine, carry_out, newcomers, plan
from desk.services import SERVICES, Words
from desk.shapes import Json
from desk.sheets import MIMES
from models.agent import Role
from models.errors import Conflict, Rejected

_MOST_NEW = 500
"""Newcomers of a file: each password takes 50 ms of a core to hash, and somebody waits for it."""


async def export(request: web.Request) -> web.Response:
    """Logins are half a key: for admins, and taking the list out is written down."""
    person, services = in_person(request, Role.ADMIN), request.app[SERVICES]
    people = await services.store.agents.all()
    async with services.store.db.write() as tx:
        await tx.audit(person.id, "agent.export", "", people=len(people))
    day = datetime.fromtimestamp(tx.now, services.zone)
    return web.Response(
        body=people_file.written(people),
        content_type=MIMES["csv"],
        headers={"Content-Disposition": f'attachment; filename="people-{day:%Y-%m-%d}.csv"'},
    )


async def preview(request: web.Request) -> web.Response:
    person = in_person(request, Role.ADMIN)
    return web.json_response(_plan_json(await _planned(request, person)))


async def bring_in(request: web.Request) -> web.Response:
    """All of what was looked at, or nothing."""
    person, services = in_person(request, Role.ADMIN), request.app[SERVICES]
    asked = queries.read(request, queries.PeopleSeen)
    wanted = await _planned(request, person)
    if wanted.seen != asked.seen:
        raise _moved()
    if wanted.of("refused"):
        words = Words("文件里有不行的行。", "Some lines of the file cannot be done.")
        raise Refusal(422, "lines_refused", words)
    made, hashed = newcomers(wanted), request.app[PASSWORDS].hash
    try:
        await carry_out(services.store, wanted, made, person.id, hashed)
    except Conflict:
        raise _moved() from None
    await services.doorbell.ring("dispatch")
    passwords = [one._asdict() for one in made]
    changed = len(wanted.of("change"))
    return web.json_response({"added": len(made), "changed": changed, "passwords": passwords})


async def _planned(request: web.Request, person: Person) -> Plan:
    """Raises ``Refusal`` 413, 422: the file is too large, or no list of people."""
    services, content = request.app[SERVICES], await request.read()
    try:
        rows = await asyncio.to_thread(people_file.read, content)
    except Rejected as error:
        zh, _, en = str(error).partition(" / ")
        raise Refusal(422, "no_list", Words(zh, en)) from error
    found = await plan(services.store, services.taxonomy, rows, person.id)
    if len(found.of("add")) > _MOST_NEW:
        words = Words(
            f"一次最多新建 {_MOST_NEW} 人，请分成几个文件，或用命令行导入。",
            f"A file may add {_MOST_NEW} people at most: split it, or use the command line.",
        )
        raise Refusal(422, "no_list", words)
    return found


def _moved() -> Refusal:
    words = Words(
        "您看的时候有人动过坐席，请再看一遍。",
        "Somebody changed people while you looked: look again.",
    )
    return Refusal(409, "people_moved", words)


def _plan_json(found: Plan) -> Json:
    counts = {verdict: len(found.of(verdict)) for verdict in VERDICTS}
    lines = [_line_json(one) for one in found.lines]
    return {"seen": found.seen, "counts": counts, "lines": lines}


def _line_json(line: PlanLine) -> Json:
    return {
        "line": line.number,
        "login": line.login,
        "name": line.name,
        "verdict": line.verdict,
        "changes": [
            {"field": field, "before": line.before.get(field), "after": value}
            for field, value in line.values.items()
            if field != "login"
        ],
        "reasons": [words._asdict() for words in line.reasons],
    }


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}agents/export", export),
        web.post(f"{API}agents/import/preview", preview),
        web.post(f"{API}agents/import", bring_in),
    ]
