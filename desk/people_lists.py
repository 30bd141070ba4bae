"""The list of people as a file: taken out, looked at, and brought in."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from desk import people_file, queries
from desk.auth import API, Person, in_person
from desk.errors import Refusal
from desk.passwords import PASSWORDS
from desk.people_file import Row
from desk.people_plan import VERDICTS, Made, Plan, PlanLine, carry_out, newcomers, plan
from desk.services import SERVICES, Words
from desk.shapes import Json
from desk.sheets import MIMES
from models.agent import Role, initial_password
from models.errors import Conflict, Rejected
from models.store.ground.idempotency import Key

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
    """All of what was looked at, or nothing; who asks again is told the same passwords again."""
    person, services = in_person(request, Role.ADMIN), request.app[SERVICES]
    asked = queries.read(request, queries.PeopleSeen)
    key = await _key(request, person, asked)
    done = await services.store.staffing.brought(key)
    if done is None:
        try:
            await _bring(request, person, asked.seen, key)
        except Refusal:
            # Or the same request was faster, and it was its answer that was lost.
            if await services.store.staffing.brought(key) is None:
                raise
        await services.doorbell.ring("dispatch")
        done = await services.store.staffing.brought(key)
    seed = services.store.staffing.seed(key)
    passwords = [
        Made(login, row.cells["name"], initial_password(login, seed))._asdict()
        for row in await _rows(request)
        if done and (login := row.cells["login"]) in done.added
    ]
    changed = done.changed if done else 0
    return web.json_response({"added": len(passwords), "changed": changed, "passwords": passwords})


async def _key(request: web.Request, person: Person, asked: queries.PeopleSeen) -> Key:
    """By which the request is known when it comes again; a new one where it was given none."""
    said = asked.seen.encode() + await request.read()
    client_id = asked.client_id or secrets.token_hex(16)
    return Key(client_id, person.id, hashlib.sha256(said).hexdigest())


async def _bring(request: web.Request, person: Person, seen: str, key: Key) -> None:
    """Raises ``Refusal``: somebody moved, or a line cannot be done."""
    store = request.app[SERVICES].store
    wanted = await _planned(request, person)
    if wanted.seen != seen:
        raise _moved()
    if wanted.of("refused"):
        words = Words("文件里有不行的行。", "Some lines of the file cannot be done.")
        raise Refusal(422, "lines_refused", words)
    made, hashed = newcomers(wanted, store.staffing.seed(key)), request.app[PASSWORDS].hash
    try:
        await carry_out(store, wanted, made, person.id, hashed, key)
    except Conflict:
        raise _moved() from None


async def _planned(request: web.Request, person: Person) -> Plan:
    """Raises ``Refusal`` 413, 422: the file is too large, or no list of people."""
    services, rows = request.app[SERVICES], await _rows(request)
    found = await plan(services.store, services.taxonomy, rows, person.id)
    if len(found.of("add")) > _MOST_NEW:
        words = Words(
            f"一次最多新建 {_MOST_NEW} 人，请分成几个文件，或用命令行导入。",
            f"A file may add {_MOST_NEW} people at most: split it, or use the command line.",
        )
        raise Refusal(422, "no_list", words)
    return found


async def _rows(request: web.Request) -> Sequence[Row]:
    """Raises ``Refusal`` 413, 422."""
    try:
        return await asyncio.to_thread(people_file.read, await request.read())
    except Rejected as error:
        zh, _, en = str(error).partition(" / ")
        raise Refusal(422, "no_list", Words(zh, en)) from error


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
