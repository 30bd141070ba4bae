"""The rules: versions, their review and comparison, publication and the way back."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, who
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.services import SERVICES, Change, Finding, Words
from desk.shapes import agent_json
from models.agent import Role
from models.errors import Rejected
from models.routing import Line
from models.store.routing.rules import Publication, Seen, Version

NUMBER = "[0-9]{1,9}"
UNFIT, UNPLAYED = "unfit_rules", "unplayed"

_LOOK_SECONDS = 0.5
"""How soon it is seen that nobody waits for a rehearsal any more."""


async def list_(request: web.Request) -> web.Response:
    """All versions, and every publication there was: who, when, why."""
    who(request, Role.SUPERVISOR)
    services = request.app[SERVICES]
    names = await services.store.agents.names()
    return web.json_response(
        {
            "versions": [_version_json(v, names) for v in await services.store.rules.all()],
            "publications": [
                _publication_json(p, names) for p in await services.store.rules.history()
            ],
            "channels": list(services.rules.channels),
        }
    )


async def show(request: web.Request) -> web.Response:
    """One version whole: its content, its review as of now, its last rehearsal."""
    who(request, Role.SUPERVISOR)
    services = request.app[SERVICES]
    version = await services.store.rules.get(_number(request))
    found = await services.rules.findings(version.content, Line())
    return web.json_response(
        {
            **_version_json(version, await services.store.agents.names()),
            "content": version.content,
            "findings": _findings_json(found),
            "rehearsal": version.rehearsal,
        }
    )


async def draft(request: web.Request) -> web.Response:
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = await bodies.read(request, bodies.NewRules)
    try:
        number = await services.rules.draft(
            asked.content,
            person.id,
            asked.why,
            asked.based_on,
            key_of(request, asked),
            _seen(asked.seen),
        )
    except Rejected as error:
        raise _refused(error, "content") from error
    version = await services.store.rules.get(number)
    found = await services.rules.findings(version.content, Line())
    answer = {
        **_version_json(version, await services.store.agents.names()),
        "content": version.content,
        "findings": _findings_json(found),
        "rehearsal": None,
    }
    return web.json_response(answer, status=201)


async def diff(request: web.Request) -> web.Response:
    who(request, Role.SUPERVISOR)
    against = queries.read(request, queries.Against).against
    try:
        changes = await request.app[SERVICES].rules.changes(against, _number(request))
    except Rejected as error:
        raise _refused(error, None) from error
    return web.json_response({"changes": _changes_json(changes)})


async def review(request: web.Request) -> web.Response:
    """What would be said of content as a version, and what it changes; nothing is kept."""
    who(request, Role.SUPERVISOR)
    asked = await bodies.read(request, bodies.ReviewRules)
    found = await request.app[SERVICES].rules.preview(asked.content, _line(asked.line))
    return web.json_response(
        {
            "content": found.content,
            "findings": _findings_json(found.findings),
            "against": found.against,
            "changes": _changes_json(found.changes),
        }
    )


async def rehearse(request: web.Request) -> web.Response:
    """What a version would have done with the last tickets; kept with it.

    It takes seconds, and ends when whoever asked goes away.
    """
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = await bodies.read(request, bodies.RehearseRules)
    number = _number(request)
    playing = services.rehearse(number, _line(asked.line), asked.tickets)
    try:
        report = await _while_wanted(request, playing)
    except Rejected as error:
        raise _refused(error, None) from error
    await services.store.rules.rehearsed(number, report, person.id)
    return web.json_response({"rehearsal": report})


async def _while_wanted(
    request: web.Request, work: Coroutine[Any, Any, dict[str, Any]]
) -> dict[str, Any]:
    """The result of work that is cancelled when its client has gone.

    Raises:
        Refusal: 409, for nobody to read.
    """
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            if request.transport is None:
                words = Words("已取消。", "It was cancelled.")
                raise Refusal(409, "cancelled", words)
        return task.result()
    finally:
        task.cancel()


async def publish(request: web.Request) -> web.Response:
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.PublishRules)
    try:
        made = await services.rules.publish(
            _number(request), _line(asked.line), person.id, asked.why, despite=asked.despite
        )
    except Rejected as error:
        raise _refused(error, None) from error
    await services.doorbell.ring("dispatch")
    return web.json_response(_publication_json(made, await services.store.agents.names()))


async def roll_back(request: web.Request) -> web.Response:
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.RollBackRules)
    key = key_of(request, asked)
    back = await services.store.rules.rollback(_line(asked.line), person.id, asked.why, key)
    await services.doorbell.ring("dispatch")
    names = await services.store.agents.names()
    return web.json_response({"publications": [_publication_json(p, names) for p in back]})


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])


def _line(asked: bodies.RulesLine) -> Line:
    return Line(**asked.model_dump())


def _seen(asked: bodies.RulesSeen | None) -> Seen | None:
    return None if asked is None else Seen(asked.version, frozenset(asked.in_force))


def _refused(error: Rejected, field: str | None) -> Exception:
    """What is against rules or a rehearsal of them, as the office says it in one text."""
    if error.code not in {UNFIT, UNPLAYED}:
        return error
    zh, _, en = str(error).partition(" / ")
    status = 422 if error.code == UNFIT else 409
    return Refusal(status, error.code, Words(zh, en or zh), field=field)


def _findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "level": f.level,
            "where": f.where,
            "setting": Words(*f.setting)._asdict(),
            "text": Words(*f.text)._asdict(),
        }
        for f in findings
    ]


def _changes_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [
        {
            "where": change.where,
            "before": change.before,
            "after": change.after,
            "text": Words(*change.text)._asdict(),
        }
        for change in changes
    ]


def _version_json(version: Version, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": version.number,
        "state": version.state,
        "based_on": version.based_on,
        "why": version.why,
        "created_at": version.created_at,
        "created_by": agent_json(version.created_by, names),
        "rehearsed": version.rehearsal is not None,
    }


def _publication_json(made: Publication, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": made.id,
        "number": made.number,
        "line": made.line.model_dump(mode="json"),
        "why": made.why,
        "at": made.at,
        "by": agent_json(made.by, names),
        "rollback": made.rollback,
        "ended_at": made.ended_at,
        "ended_by": agent_json(made.ended_by, names),
    }


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}rules", list_),
        web.post(f"{API}rules", draft),
        web.post(f"{API}rules/review", review),
        web.post(f"{API}rules/rollback", roll_back),
        web.get(f"{API}rules/{{number:{NUMBER}}}", show),
        web.get(f"{API}rules/{{number:{NUMBER}}}/diff", diff),
        web.post(f"{API}rules/{{number:{NUMBER}}}/rehearse", rehearse),
        web.post(f"{API}rules/{{number:{NUMBER}}}/publish", publish),
    ]
