"""The ends of a ticket and the ways back: helpers, sent back, closed, reopened."""

from aiohttp import web

from desk import bodies
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.services import SERVICES, Words
from desk.tickets import moved
from desk.visibility import hands_off, seen, touched
from models.agent import Role
from models.complaint import GAP_NAMES
from models.store import Store
from models.store.tickets.ending import Unsettled
from models.ticket import TicketState


def _store(request: web.Request) -> Store:
    return request.app[SERVICES].store


async def ask_help(request: web.Request) -> web.Response:
    asked, ticket = await bodies.read(request, bodies.AskHelp), await seen(request)
    await _store(request).tickets.ask_help(ticket.id, who(request).id, asked.note)
    return await moved(request, ticket)


async def resume(request: web.Request) -> web.Response:
    ticket = await seen(request)
    await _store(request).tickets.resume(ticket.id, who(request).id)
    return await moved(request, ticket)


async def send_back(request: web.Request) -> web.Response:
    """Its owner's move; of what waits, a supervisor's."""
    asked, ticket = await bodies.read(request, bodies.SendBack), await touched(request)
    waits = ticket.state == TicketState.WAITING
    person = who(request, Role.SUPERVISOR if waits else Role.AGENT)
    await _store(request).ending.send_back(
        ticket.id, person.id, asked.reason, asked.read, theirs=hands_off(request)
    )
    return await moved(request, ticket, "dispatch")


async def close(request: web.Request) -> web.Response:
    person, ticket = who(request, Role.SUPERVISOR), await seen(request)
    try:
        await _store(request).ending.close(ticket.id, person.id)
    except Unsettled as error:
        raise _lacking(error) from error
    return await moved(request, ticket)


def _lacking(error: Unsettled) -> Refusal:
    zh, en = zip(*(GAP_NAMES[gap] for gap in error.gaps), strict=True)
    words = Words(
        f"投诉还不能关闭，缺少：{'、'.join(zh)}。", f"This complaint still lacks {', '.join(en)}."
    )
    return Refusal(409, error.code, words)


async def reopen(request: web.Request) -> web.Response:
    person, ticket = who(request, Role.SUPERVISOR), await seen(request)
    asked = await bodies.read(request, bodies.Because)
    await _store(request).ending.reopen(ticket.id, person.id, asked.reason)
    return await moved(request, ticket, "dispatch")


async def retake(request: web.Request) -> web.Response:
    """Its owner's second thought; what others ended is reopened by a supervisor, with a reason."""
    ticket = await seen(request)
    await _store(request).ending.retake(ticket.id, who(request).id)
    return await moved(request, ticket)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}"
    return [
        web.post(f"{one}/help", ask_help),
        web.post(f"{one}/resume", resume),
        web.post(f"{one}/return", send_back),
        web.post(f"{one}/close", close),
        web.post(f"{one}/reopen", reopen),
        web.post(f"{one}/retake", retake),
    ]
