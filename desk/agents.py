"""The people at the desk: who is there, and what an admin says of them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, Person, in_person, who
from desk.errors import Refusal
from desk.passwords import PASSWORDS, refuse_guessable
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import colleague_json, person_json
from models.agent import Presence, Role
from models.errors import Conflict, NotFound


async def list_agents(request: web.Request) -> web.Response:
    left = queries.read(request, queries.AgentFilter).left
    person = who(request, Role.ADMIN if left else Role.AGENT)
    agents = request.app[SERVICES].store.agents
    form = person_json if person.ranks(Role.ADMIN) else colleague_json
    found = await (agents.left() if left else agents.all())
    return web.json_response({"agents": [form(agent) for agent in found]})


async def add(request: web.Request) -> web.Response:
    person = in_person(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.NewAgent)
    _check_skills(request, asked.skills)
    refuse_guessable(asked.password, asked.login)
    agents = request.app[SERVICES].store.agents
    hashed = await request.app[PASSWORDS].hash(asked.password)
    try:
        created = await agents.add(
            asked.login,
            asked.name,
            asked.role,
            hashed,
            asked.skills,
            asked.capacity,
            person.id,
            password_due=True,
        )
    except Conflict as error:
        words = Words("这个账号已经有人用了。", "This login is taken.")
        raise Refusal(409, "login_taken", words, field="login") from error
    return web.json_response(person_json(await agents.get(created)), status=201)


async def change(request: web.Request) -> web.Response:
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.ChangeAgent)
    if asked.password is not None or asked.role is not None or asked.disabled is False:
        in_person(request, Role.ADMIN)
    agent_id = request.match_info["agent"]
    _keep_a_way_in(person, agent_id, asked)
    values = await _values(request, asked)
    if asked.disabled:
        # First, so that nothing is given to somebody on the way out.
        await services.store.agents.present(agent_id, Presence.OFFLINE)
    await services.store.agents.change(agent_id, person.id, **values)
    await services.doorbell.ring("dispatch")
    if asked.disabled:
        return web.Response(status=204)
    return web.json_response(person_json(await services.store.agents.get(agent_id)))


async def _values(request: web.Request, asked: bodies.ChangeAgent) -> dict[str, Any]:
    given = asked.model_dump(exclude_none=True)
    _check_skills(request, asked.skills or {})
    if not given:
        words = Words("没有要修改的字段。", "There is nothing to change.")
        raise Refusal(422, "missing_field", words)
    if asked.password is not None:
        refuse_guessable(asked.password, await _login(request))
        given["password"] = await request.app[PASSWORDS].hash(asked.password)
    if "shift_ends_at" in given:
        given["shift_ends_at"] = asked.shift_ends_at or None
    if given.pop("disabled", None) is not None:
        given["disabled_at"] = await _now(request) if asked.disabled else None
    return given


def _check_skills(request: web.Request, skills: Mapping[str, int]) -> None:
    """Raises ``Refusal`` 422 for what no ticket could ever ask for."""
    taxonomy = request.app[SERVICES].taxonomy
    for skill in skills:
        if wrong := taxonomy.no_skill(skill):
            raise Refusal(
                422, "invalid_field", Words(f"{wrong[0]}。", f"{wrong[1]}."), field="skills"
            )


async def _login(request: web.Request) -> str:
    """Of the person in the path, who may have left: a new password may come before their return.

    Raises:
        NotFound: there is no such person.
    """
    agents, wanted = request.app[SERVICES].store.agents, request.match_info["agent"]
    for one in (*await agents.all(), *await agents.left()):
        if one.id == wanted:
            return one.login
    raise NotFound("no such agent")


async def _now(request: web.Request) -> float:
    return await request.app[SERVICES].store.db.now()


def _keep_a_way_in(person: Person, agent_id: str, asked: bodies.ChangeAgent) -> None:
    """The last admin must not lock the door from outside."""
    demoted = asked.role is not None and asked.role != Role.ADMIN
    if agent_id == person.id and (demoted or asked.disabled):
        words = Words(
            "不能停用自己或降低自己的权限，请让另一位管理员来做。",
            "Nobody disables or demotes themselves; ask another admin.",
        )
        raise Refusal(409, "yourself", words)
    if agent_id == person.id and asked.password is not None:
        # Or whoever has got hold of an admin's session would have the account as well.
        words = Words(
            "自己的密码请点自己的名字修改：要先输现在的密码。",
            "Change your own password by a click on your name: it asks for the one you have.",
        )
        raise Refusal(409, "yourself", words)


async def leave(request: web.Request) -> web.Response:
    """Their last day: what they have goes to one person, or back to the queues."""
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked, agent_id = await bodies.read(request, bodies.Leave), request.match_info["agent"]
    if agent_id == person.id:
        words = Words("不能给自己办离岗，请让另一位管理员来做。", "Ask another admin to do this.")
        raise Refusal(409, "yourself", words)
    handed = await services.store.offboarding.leave(agent_id, person.id, asked.to)
    await services.doorbell.ring("dispatch")
    return web.json_response({"handed": handed})


async def colleague(services: DeskServices, agent_id: str) -> None:
    """Raises ``Refusal`` 422 when there is no such person."""
    try:
        await services.store.agents.get(agent_id)
    except NotFound as error:
        words = Words("没有这位坐席。", "There is no such agent.")
        raise Refusal(422, "invalid_field", words, field="agent") from error


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}agents", list_agents),
        web.post(f"{API}agents", add),
        web.patch(f"{API}agents/{{agent:{ID}}}", change),
        web.post(f"{API}agents/{{agent:{ID}}}/leave", leave),
    ]
