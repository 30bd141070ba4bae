"""Helpers, sub-tasks and internal notes: others work on a ticket that stays its owner's."""

from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from desk import bodies
from desk import complaint_bodies as asking
from desk.agents import colleague
from desk.auth import API, ID, who
from desk.complaints import open_task
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.services import SERVICES, Words
from desk.shapes import Json, agent_json
from desk.visibility import departments_of, hands_off, seen, touched
from models.agent import Role
from models.errors import NotFound
from models.store.tickets.helping import Subtask


async def show(request: web.Request) -> web.Response:
    ticket = await seen(request)
    return await _shown(request, ticket.id)


async def _shown(request: web.Request, ticket_id: str, status: int = 200) -> web.Response:
    services = request.app[SERVICES]
    store, names = services.store, await services.store.agents.names()
    return web.json_response(
        {
            "helpers": [
                {"agent": agent_json(one.agent_id, names), "at": one.at}
                for one in await store.helping.helpers(ticket_id)
            ],
            "tasks": [task_json(task, names) for task in await store.helping.tasks(ticket_id)],
            "notes": [
                {
                    "id": note.id,
                    "agent": agent_json(note.agent_id, names),
                    "at": note.at,
                    "text": note.text,
                }
                for note in await store.notes.of(ticket_id)
            ],
        },
        status=status,
    )


def task_json(task: Subtask, names: Mapping[str, str]) -> Json:
    """A sub-task with the names of its people."""
    shown = asdict(task)
    shown["assignee"] = agent_json(shown.pop("assignee_id"), names)
    for key in ("created_by", "ended_by"):
        shown[key] = agent_json(shown[key], names)
    return shown


async def mine(request: web.Request) -> web.Response:
    """What the caller, or a department of theirs, is asked to do."""
    person, services = who(request), request.app[SERVICES]
    found = await services.store.helping.open_tasks(person.id, departments_of(person))
    names = await services.store.agents.names()
    return web.json_response({"tasks": [task_json(task, names) for task in found]})


async def ask(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.AskHelper), await touched(request)
    services = request.app[SERVICES]
    await colleague(services, asked.agent)
    units = (await services.in_force()).helper_units
    await services.store.helping.ask(
        ticket.id, who(request).id, asked.agent, units, hands_off=hands_off(request)
    )
    return await _shown(request, ticket.id, 201)


async def dismiss(request: web.Request) -> web.Response:
    """Its owner ends a helper's part, or the helper their own."""
    person, agent_id = who(request), request.match_info["agent"]
    ticket = await (seen(request) if agent_id == person.id else touched(request))
    await request.app[SERVICES].store.helping.dismiss(ticket.id, person.id, agent_id)
    return await _shown(request, ticket.id)


async def open_(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.OpenSubtask), await touched(request)
    await open_task(
        request.app[SERVICES],
        ticket.id,
        who(request).id,
        asked,
        key_of(request, asked),
        hands_off=hands_off(request),
    )
    return await _shown(request, ticket.id, 201)


async def _task(request: web.Request) -> Subtask:
    """The sub-task of the path, on a ticket that the caller sees."""
    ticket = await seen(request)
    task = await request.app[SERVICES].store.helping.task(request.match_info["task"])
    if task.ticket_id != ticket.id:
        raise NotFound("no such sub-task")
    return task


async def take(request: web.Request) -> web.Response:
    """Whoever is of the department that is asked may do it."""
    task, person, services = await _task(request), who(request), request.app[SERVICES]
    if task.department not in departments_of(person):
        words = Words("您不在这个部门。", "You are not of this department.")
        raise Refusal(403, "not_yours", words)
    units = (await services.in_force()).helper_units
    await services.store.helping.take(task.id, person.id, units)
    return await _shown(request, task.ticket_id)


async def finish(request: web.Request) -> web.Response:
    """By whoever does it, anybody of its department, or who answers for the ticket."""
    asked, task = await bodies.read(request, asking.Result), await _task(request)
    person, services = who(request), request.app[SERVICES]
    theirs = task.assignee_id == person.id or (
        task.assignee_id is None and task.department in departments_of(person)
    )
    if not theirs:
        await touched(request)
    await services.store.helping.finish(task.id, person.id, asked.result)
    return await _shown(request, task.ticket_id)


async def cancel(request: web.Request) -> web.Response:
    asked, task = await bodies.read(request, asking.Reason), await _task(request)
    person, ticket = who(request), await touched(request)
    if ticket.owner_id != person.id:
        who(request, Role.SUPERVISOR)
    await request.app[SERVICES].store.helping.cancel(task.id, person.id, asked.why)
    return await _shown(request, ticket.id)


async def write(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.NewNote), await seen(request)
    notes = request.app[SERVICES].store.notes
    await notes.write(ticket.id, who(request).id, asked.text, key_of(request, asked))
    return await _shown(request, ticket.id, 201)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    task = f"{one}/subtasks/{{task:{ID}}}"
    return [
        web.get(f"{API}subtasks", mine),
        web.get(f"{one}/helping", show),
        web.post(f"{one}/helpers", ask),
        web.delete(f"{one}/helpers/{{agent:{ID}}}", dismiss),
        web.post(f"{one}/subtasks", open_),
        web.post(f"{task}/take", take),
        web.post(f"{task}/done", finish),
        web.post(f"{task}/cancel", cancel),
        web.post(f"{one}/notes", write),
    ]
