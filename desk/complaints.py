"""Complaints: their fields, what closes them, repeats, departments, and improvements."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from aiohttp import web

from desk import bodies
from desk import complaint_bodies as asking
from desk.agents import colleague
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.masking import FindSpans, hidden
from desk.reading import needs_of
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import Json, agent_json
from desk.visibility import seen, touched
from models.agent import Role
from models.complaint import GAP_NAMES, WORD_NAMES, Gap, department_skill
from models.errors import NotFound
from models.masking import masked
from models.routing import Department, Needs
from models.store.complaints.handling import Complaint
from models.store.complaints.improvements import Improvement
from models.store.ground.idempotency import Key
from models.store.tickets.helping import NewTask

_DAY_SECONDS = 86400.0


async def department(services: DeskServices, name: str) -> Department:
    """Raises ``Refusal`` 422 where there is no such department."""
    known = (await services.in_force()).departments
    if name not in known:
        listed = "、".join(known)
        words = Words(f"没有这个部门；有：{listed}。", f"No such department; there are: {listed}.")
        raise Refusal(422, "invalid_field", words, field="department")
    return known[name]


async def departments(request: web.Request) -> web.Response:
    who(request)
    known = (await request.app[SERVICES].in_force()).departments
    return web.json_response(
        {
            "departments": [
                {
                    "department": name,
                    "name": {"zh": name, "en": one.en},
                    "seconds": one.seconds,
                    "domains": list(one.domains),
                }
                for name, one in known.items()
            ]
        }
    )


async def show(request: web.Request) -> web.Response:
    ticket = await seen(request)
    return await _shown(request, ticket.id)


async def _shown(request: web.Request, ticket_id: str, status: int = 200) -> web.Response:
    services = request.app[SERVICES]
    store, names = services.store, await services.store.agents.names()
    found = await store.complaints.get(ticket_id)
    handlers = await store.complaints.handlers(ticket_id)
    return web.json_response(
        {
            "complaint": _complaint_json(found, names, services.spans),
            "gaps": [_gap_json(gap) for gap in await store.complaints.gaps(ticket_id)],
            "handled": who(request).id in handlers,
            "repeated": [
                {"id": id_, "number": number, "complained_at": at}
                for id_, number, at in await store.complaints.repeated(ticket_id)
            ],
            "improvements": [
                improvement_json(one, names) for one in await store.improvements.of(ticket_id)
            ],
        },
        status=status,
    )


def _gap_json(gap: Gap) -> Json:
    return {"gap": gap, "name": Words(*GAP_NAMES[gap])._asdict()}


def _complaint_json(found: Complaint, names: Mapping[str, str], find: FindSpans) -> Json:
    """As everybody sees it: what identifies a customer masked, people with their names."""
    shown = asdict(found)
    for key in ("matter", "customer_said"):
        shown[key] = hidden(shown[key], find)
    del shown["withdrawn_at"]
    shown["complainant"] = masked(found.complainant)
    for key in ("matter_by", "department_by", "repeat_by", "reviewed_by", "called_back_by"):
        shown[key] = agent_json(shown[key], names)
    word = found.customer_word
    shown["customer_word_name"] = None if word is None else Words(*WORD_NAMES[word])._asdict()
    return shown


def improvement_json(one: Improvement, names: Mapping[str, str]) -> Json:
    """A measure, with the names of its people."""
    shown = asdict(one)
    for key in ("created_by", "ended_by"):
        shown[key] = agent_json(shown[key], names)
    shown["owner"] = agent_json(shown.pop("owner_id"), names)
    return shown


# -- changes ---------------------------------------------------------------------------


async def change(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.ChangeComplaint), await touched(request)
    services = request.app[SERVICES]
    values = asked.model_dump(exclude_none=True)
    if asked.department:
        await department(services, asked.department)
    await services.store.complaints.change(ticket.id, who(request).id, values)
    return await _shown(request, ticket.id)


async def major(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.SetMajor), await touched(request)
    services, by = request.app[SERVICES], who(request)
    if not asked.major:
        who(request, Role.SUPERVISOR)
    complaint = await services.store.complaints.get(ticket.id)
    tasks: Sequence[asking.NewSubtask] = asked.tasks if asked.major else ()
    if asked.major and not tasks:
        tasks = _first_task(complaint)
    for task in tasks:  # before anything is written
        await _known(services, task)
    await services.store.complaints.set_major(
        ticket.id,
        by.id,
        major=asked.major,
        why=asked.why,
        tasks=[await _new_task(services, task) for task in tasks],
    )
    return await _shown(request, ticket.id)


def _first_task(complaint: Complaint) -> Sequence[asking.NewSubtask]:
    if not complaint.department:
        words = Words(
            "请先填责任部门，或列出子任务。", "Fill in the department, or list the sub-tasks."
        )
        raise Refusal(422, "missing_field", words, field="tasks")
    title = "重大投诉：查明原因，提出处理意见 / Major complaint: find the cause, propose a remedy"
    return [asking.NewSubtask(title=title, department=complaint.department)]


async def _known(services: DeskServices, task: asking.NewSubtask) -> None:
    """Raises ``Refusal`` 422 where a sub-task asks nobody that there is."""
    if task.department:
        await department(services, task.department)
    if task.agent is not None:
        await colleague(services, task.agent)
    if not task.department and task.agent is None:
        words = Words("请写明部门或坐席。", "Name a department or a person.")
        raise Refusal(422, "missing_field", words, field="department")


async def open_task(
    services: DeskServices,
    ticket_id: str,
    by: str,
    task: asking.NewSubtask,
    key: Key | None,
    *,
    hands_off: bool,
) -> str:
    """Opens a sub-task, due when its department has had its time; returns its id."""
    await _known(services, task)
    new = await _new_task(services, task)
    return await services.store.helping.open(
        ticket_id,
        by,
        title=new.title,
        department=new.department,
        assignee_id=new.assignee_id,
        due_at=new.due_at,
        units=new.units,
        hands_off=hands_off,
        key=key,
    )


async def _new_task(services: DeskServices, task: asking.NewSubtask) -> NewTask:
    rules = await services.in_force()
    found = rules.departments.get(task.department)
    due_in = found.seconds if found else _DAY_SECONDS
    due_at = services.clock() + due_in if task.due_at is None else task.due_at
    return NewTask(task.title, due_at, task.department, task.agent, rules.helper_units)


async def link(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.LinkComplaint), await touched(request)
    store = request.app[SERVICES].store
    first = None if asked.first is None else (await store.tickets.get(asked.first)).id
    await store.complaints.link(ticket.id, who(request).id, first)
    return await _shown(request, ticket.id)


async def hear(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.CustomersWord), await touched(request)
    complaints = request.app[SERVICES].store.complaints
    await complaints.hear(ticket.id, who(request).id, asked.word, asked.said)
    return await _shown(request, ticket.id)


async def review(request: web.Request) -> web.Response:
    person = who(request, Role.SUPERVISOR)
    asked, ticket = await bodies.read(request, asking.ReviewComplaint), await seen(request)
    complaints = request.app[SERVICES].store.complaints
    await complaints.review(ticket.id, person.id, passed=asked.passed, words=asked.words)
    return await _shown(request, ticket.id)


async def call_back(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.CallBack), await seen(request)
    complaints = request.app[SERVICES].store.complaints
    await complaints.call_back(
        ticket.id, who(request).id, reached=asked.reached, words=asked.words
    )
    return await _shown(request, ticket.id)


async def send(request: web.Request) -> web.Response:
    """Into the queue of a department, before anybody has it."""
    asked, ticket = await bodies.read(request, asking.SendComplaint), await touched(request)
    services = request.app[SERVICES]
    one = await department(services, asked.department)
    before = await needs_of(services, ticket.skill_class)
    kept = (need for need in before.required if need[0] in before.never_drop)
    required = tuple(sorted({(department_skill(asked.department), 1), *kept}))
    needs = Needs(required=required, never_drop=before.never_drop)
    await services.store.complaints.send(
        ticket.id, who(request).id, asked.department, needs, one.seconds, services.position_of
    )
    await services.doorbell.ring("dispatch")
    return await _shown(request, ticket.id)


async def reveal(request: web.Request) -> web.Response:
    """Who complains, unmasked; written down."""
    ticket, store = await touched(request), request.app[SERVICES].store
    found = await store.complaints.get(ticket.id)
    async with store.db.write() as tx:
        await tx.audit(who(request).id, "complaint.reveal", ticket.id)
    return web.json_response({"complainant": found.complainant})


# -- improvements ----------------------------------------------------------------------


async def improve(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, asking.NewImprovement), await touched(request)
    services = request.app[SERVICES]
    await colleague(services, asked.owner)
    await services.store.improvements.add(
        ticket.id,
        who(request).id,
        text=asked.text,
        owner_id=asked.owner,
        due_at=asked.due_at,
        key=key_of(request, asked),
    )
    return await _shown(request, ticket.id, 201)


async def improvements(request: web.Request) -> web.Response:
    """What is still to get better: of the caller, of everybody for supervisors."""
    person, services = who(request), request.app[SERVICES]
    whose = None if person.ranks(Role.SUPERVISOR) else person.id
    names = await services.store.agents.names()
    found = await services.store.improvements.open(whose)
    return web.json_response({"improvements": [improvement_json(one, names) for one in found]})


async def _theirs(request: web.Request) -> Improvement:
    person, services = who(request), request.app[SERVICES]
    one = await services.store.improvements.get(request.match_info["improvement"])
    if one.owner_id != person.id and not person.ranks(Role.SUPERVISOR):
        raise NotFound("no such improvement")
    return one


async def improved(request: web.Request) -> web.Response:
    asked, one = await bodies.read(request, asking.Proof), await _theirs(request)
    await request.app[SERVICES].store.improvements.finish(one.id, who(request).id, asked.proof)
    return await _improvement(request)


async def not_improved(request: web.Request) -> web.Response:
    who(request, Role.SUPERVISOR)
    asked, one = await bodies.read(request, asking.Reason), await _theirs(request)
    await request.app[SERVICES].store.improvements.cancel(one.id, who(request).id, asked.why)
    return await _improvement(request)


async def _improvement(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    one = await services.store.improvements.get(request.match_info["improvement"])
    return web.json_response(improvement_json(one, await services.store.agents.names()))


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}/complaint"
    measure = f"{API}improvements/{{improvement:{ID}}}"
    return [
        web.get(f"{API}departments", departments),
        web.get(one, show),
        web.patch(one, change),
        web.post(f"{one}/major", major),
        web.post(f"{one}/link", link),
        web.post(f"{one}/word", hear),
        web.post(f"{one}/review", review),
        web.post(f"{one}/call-back", call_back),
        web.post(f"{one}/send", send),
        web.post(f"{one}/reveal", reveal),
        web.post(f"{one}/improvements", improve),
        web.get(f"{API}improvements", improvements),
        web.post(f"{measure}/done", improved),
        web.post(f"{measure}/cancel", not_improved),
    ]
