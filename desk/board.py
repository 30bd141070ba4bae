"""The board: every queue as agents and wallboards see it, and who is there."""

import asyncio
from collections import Counter

from aiohttp import web

from desk.auth import API, who
from desk.services import SERVICES, DeskServices
from desk.shapes import Json
from models.store.routing.boards import First, QueueState

_FIRST = 5
"""Tickets of each queue that are told one by one."""

_FRESH_SECONDS = 2.0
"""However many look at it, it is read no more often."""


class Board:
    """The board of this process, read anew when somebody asks and it has grown old."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._read: tuple[float, Json] | None = None

    async def json(self, services: DeskServices) -> Json:
        """Raises ``Temporary``."""
        async with self._turn:
            now = services.clock()
            if self._read is None or not 0 <= now - self._read[0] < _FRESH_SECONDS:
                self._read = now, await _read(services)
            return self._read[1]


BOARD = web.AppKey("board", Board)


async def _read(services: DeskServices) -> Json:
    queues = await services.store.boards.queues(_FIRST)
    people = await services.store.agents.online()
    presences = Counter(a.presence for a in await services.store.agents.all())
    ready = [agent for agent in people if agent.ready]
    return {
        "now": services.clock(),
        "queues": [_queue(queue) for queue in queues],
        "people": dict(presences),
        "capacity": sum(agent.capacity for agent in ready),
        "free": sum(max(agent.capacity - agent.used, 0) for agent in ready),
    }


def _queue(queue: QueueState) -> Json:
    rate = queue.pace.rate
    return {
        "name": queue.name,
        "skills": [[skill, level] for skill, level in queue.needs.required],
        "preferred": [[skill, level] for skill, level in queue.needs.preferred],
        "waiting": queue.waiting,
        "late": queue.late,
        "oldest": queue.oldest,
        "by_urgency": dict(queue.by_urgency),
        "an_hour": None if rate is None else round(rate * 3600, 1),
        "wait": queue.pace.wait(queue.waiting + 1),
        "first": [_ticket(ticket, queue) for ticket in queue.first],
    }


def _ticket(ticket: First, queue: QueueState) -> Json:
    return {
        "id": ticket.ticket_id,
        "number": ticket.number,
        "urgency": ticket.urgency,
        "queued_at": ticket.queued_at,
        "due_at": ticket.due_at,
        "position": ticket.position,
        "wait": queue.pace.wait(ticket.position),
    }


async def board(request: web.Request) -> web.Response:
    who(request)
    return web.json_response(await request.app[BOARD].json(request.app[SERVICES]))


def routes() -> list[web.RouteDef]:
    return [web.get(f"{API}board", board)]
