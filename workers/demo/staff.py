"""The people of a running system, for the time of a demonstration.

Whoever has the data folder may let themselves in as anybody: tokens are granted in the store and
end with the demonstration. Everything else goes through the desk's own door.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from config.settings import Settings
from models.agent import Agent, Presence, Role
from models.errors import ShouliError
from models.store import Store
from workers.assembly.wiring import make_store

PATIENCE = 30.0
"""Seconds that any one step may take before it counts as failed."""

_TOKEN_SECONDS = 600.0
_API = "/api/v1/"

Json = dict[str, Any]


class DemoError(ShouliError):
    """A step did not happen, or there is nothing to play against; the sentence says which."""

    code = "demo"


class Line:
    """Everything that several people are told at their desks, in the order it comes."""

    def __init__(self) -> None:
        self._events: list[Json] = []
        self._more = asyncio.Condition()

    async def follow(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Listens to one person's line until it is closed."""
        async for frame in ws:
            told = json.loads(frame.data)
            if told["type"] == "events":
                async with self._more:
                    self._events += told["events"]
                    self._more.notify_all()

    async def until(self, kind: str, wanted: Callable[[Json], bool]) -> Json:
        """The first event of a kind that is ``wanted``, whether it came already or comes yet.

        Raises:
            DemoError: it does not come in time.
        """

        def found() -> Json | None:
            return next((e for e in self._events if e["kind"] == kind and wanted(e)), None)

        try:
            async with asyncio.timeout(PATIENCE), self._more:
                event = await self._more.wait_for(found)
        except TimeoutError:
            raise DemoError(
                f"等了 {PATIENCE:.0f} 秒没有等到事件 {kind}"
                f" / The event {kind} did not come within {PATIENCE:.0f} s"
            ) from None
        assert event is not None
        return event


@dataclass(slots=True)
class Staff:
    """Everybody's way into the desk, and what they are told there.

    ``tokens`` maps agent ids to tokens; ``overseer`` is one who may see every ticket.
    """

    http: aiohttp.ClientSession
    tokens: Mapping[str, str]
    overseer: str
    line: Line = field(default_factory=Line)

    async def ask(self, agent_id: str, method: str, path: str, body: Json | None = None) -> Json:
        """One request of one person.

        Raises:
            DemoError: it was refused; with the desk's own words.
        """
        headers = {"Authorization": f"Bearer {self.tokens[agent_id]}"}
        async with self.http.request(method, _API + path, json=body, headers=headers) as response:
            answer: Json = await response.json()
        if response.status >= 400:
            raise DemoError(f"{method} {path}: {response.status} {answer}")
        return answer

    async def ticket(self, ticket_id: str) -> Json:
        return await self.ask(self.overseer, "GET", f"tickets/{ticket_id}")

    async def held(self, agent_id: str) -> set[str]:
        """The tickets a person works on."""
        queue = await self.ask(agent_id, "GET", "queue")
        return {ticket["id"] for ticket in queue["tickets"] if ticket["state"] == "active"}


async def heard(ws: aiohttp.ClientWebSocketResponse) -> Json:
    """The next frame of a door.

    Raises:
        DemoError: the door was shut.
        TimeoutError: nothing came.
    """
    frame = await ws.receive(timeout=PATIENCE)
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise DemoError(f"连接被关闭（{ws.close_code}） / The door was shut ({ws.close_code})")
    told: Json = json.loads(frame.data)
    return told


@asynccontextmanager
async def sign_in(settings: Settings, url: str) -> AsyncIterator[Staff]:
    """Everybody who is offline comes to work at the desk at ``url``, and goes home at the end.

    Raises:
        DemoError: the desk is not that of these settings, or nobody may see every ticket.
    """
    if settings.database_url is None and not (settings.data_dir / "shouli.db").exists():
        raise _foreign(url, settings)
    async with AsyncExitStack() as stack:
        store = make_store(settings)
        stack.push_async_callback(store.close)
        people = await store.agents.all()
        tokens = await stack.enter_async_context(_tokens(store, people))
        http = await stack.enter_async_context(aiohttp.ClientSession(url))
        staff = Staff(http, tokens, _overseer(people))
        try:
            await staff.ask(staff.overseer, "GET", "me")
        except DemoError:
            raise _foreign(url, settings) from None
        woken = [p.id for p in people if p.presence == Presence.OFFLINE and p.role != Role.ADMIN]
        for agent_id in {staff.overseer, *woken}:
            await stack.enter_async_context(_listening(staff, agent_id))
        await stack.enter_async_context(_at_work(staff, woken))
        yield staff


def _overseer(people: Sequence[Agent]) -> str:
    for person in people:
        if person.role in {Role.ADMIN, Role.SUPERVISOR}:
            return person.id
    raise DemoError(
        "没有管理员或班长账号：shouli agents add LOGIN --name 姓名 --role admin"
        " / There is no admin or supervisor: shouli agents add LOGIN --name NAME --role admin"
    )


def _foreign(url: str, settings: Settings) -> DemoError:
    return DemoError(
        f"{url} 的系统用的不是数据目录 {settings.data_dir}：用它的 --config 和 SHOULI_ 变量，"
        "或停掉它，演示会自己启动一个。"
        f" / The system at {url} does not use {settings.data_dir}: give its --config and "
        "SHOULI_ variables, or stop it and the demo starts one of its own."
    )


@asynccontextmanager
async def _tokens(store: Store, people: Sequence[Agent]) -> AsyncIterator[Mapping[str, str]]:
    tokens = {person.id: f"shouli_{secrets.token_urlsafe(32)}" for person in people}
    try:
        for agent_id, token in tokens.items():
            await store.agents.grant(agent_id, "token", token, _TOKEN_SECONDS, "shouli demo")
        yield tokens
    finally:
        for token in tokens.values():
            await store.agents.revoke(token)


@asynccontextmanager
async def _listening(staff: Staff, agent_id: str) -> AsyncIterator[None]:
    """A person's open desk, which is also what keeps them online."""
    headers = {"Authorization": f"Bearer {staff.tokens[agent_id]}"}
    async with staff.http.ws_connect(_API + "ws", headers=headers) as ws:
        await ws.send_json({"type": "hello", "last_seq": 0})
        await heard(ws)
        following = asyncio.create_task(staff.line.follow(ws))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


@asynccontextmanager
async def _at_work(staff: Staff, agent_ids: Sequence[str]) -> AsyncIterator[None]:
    """Makes people ready, and sends them home without what came to them meanwhile."""
    before = {agent_id: await staff.held(agent_id) for agent_id in agent_ids}
    try:
        for agent_id in agent_ids:
            await staff.ask(agent_id, "PUT", "me/presence", {"presence": "ready"})
        yield
    finally:
        for agent_id in agent_ids:
            await staff.ask(agent_id, "PUT", "me/presence", {"presence": "offline"})
        for agent_id in agent_ids:
            for ticket_id in await staff.held(agent_id) - before[agent_id]:
                await staff.ask(agent_id, "POST", f"tickets/{ticket_id}/transfer", {})
