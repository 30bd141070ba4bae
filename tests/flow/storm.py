"""A storm: customers who all come at once, and agents who are not always reliable.

Agents accept, decline, let offers pass, lose their line, and sign out and in again, all at
random. What a person does who is told “not responding” they do as well: they press Ready.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import aiohttp
import psutil
from sqlalchemy import select

from models.routing import Rules
from models.store import Store
from models.store.ground.database import Event
from models.tables import ticket
from models.ticket import LOADED_STATES
from router.policy import standing
from router.roster import Roster
from tests.flow.load import Ledger
from tests.flow.system import System

CAPACITY = 4

_PASSES, _DECLINES = 0.03, 0.08
_LINE_LASTS = 5.0
"""Mean time until a line is lost, in times that a ticket takes."""

_AGAIN = 0.2
_SESSION_SECONDS = 3600.0

_THEMES = (
    "包裹一直没有送到，物流停了五天，我要投诉快递员！",
    "请问电子发票在哪里开？需要增值税专用发票。",
    "账号登录不上，一直提示密码错误。",
    "退款三天了还没到账，请尽快处理。",
    "商品有质量问题，申请换货。",
)


@dataclass
class Person:
    """Somebody at the desk, on a live line of their own; a ticket takes them about ``seconds``."""

    id: str
    system: System
    store: Store
    http: aiohttp.ClientSession
    chance: random.Random
    seconds: float
    seen: Counter[str]
    _token: str = ""
    _last_seq: int = 0
    _serving: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _answers: dict[str, str] = field(default_factory=lambda: defaultdict(lambda: uuid4().hex))

    async def work(self) -> None:
        """From one loss of the line to the next, until it is cancelled."""
        await self._sign_in()
        while True:
            try:
                lasts = self.chance.expovariate(1 / (_LINE_LASTS * self.seconds))
                async with asyncio.timeout(lasts):
                    await self._session()
            except* (aiohttp.ClientError, OSError):  # TimeoutError is one
                pass
            self.seen["lines lost"] += 1
            if self.chance.random() < 0.5:
                await self._ask("PUT", "me/presence", {"presence": "offline"})
                await self._sign_in()
            await asyncio.sleep(self.chance.uniform(0.0, 1.5))

    async def _sign_in(self) -> None:
        if self._token:
            self.seen["signed in again"] += 1
            await self.store.agents.revoke(self._token)
        self._token, self._last_seq = f"shouli_{uuid4().hex}", 0
        await self.store.agents.grant(self.id, "token", self._token, _SESSION_SECONDS, "storm")

    async def _session(self) -> None:
        url = f"{self.system.desk}/api/v1/ws"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            self.http.ws_connect(url, headers=headers) as line,
            asyncio.TaskGroup() as tasks,
        ):
            await line.send_json({"type": "hello", "last_seq": self._last_seq})
            self._hear((await line.receive_json()), tasks)
            await self._ask("PUT", "me/presence", {"presence": "ready"})
            for listed in (await self._ask("GET", "queue"))["tickets"]:
                self._begin(tasks, listed["id"], listed["state"])
            async for frame in line:
                self._hear(frame.json(), tasks)

    def _hear(self, frame: Mapping[str, Any], tasks: asyncio.TaskGroup) -> None:
        for event in frame.get("events", ()):
            assert event["seq"] > self._last_seq, "the live line told an event twice"
            self._last_seq = event["seq"]
            if event["agent_id"] != self.id:
                continue
            if event["kind"] == "ticket.assigned":
                self._begin(tasks, event["ticket_id"], event["data"]["state"])
            elif event["data"].get("presence") == "not_responding":
                tasks.create_task(self._wake_up())
        self._last_seq = max(self._last_seq, frame.get("last_seq", 0))

    async def _wake_up(self) -> None:
        self.seen["not responding"] += 1
        await asyncio.sleep(self.chance.uniform(0.2, 1.0))
        await self._ask("PUT", "me/presence", {"presence": "ready"})

    def _begin(self, tasks: asyncio.TaskGroup, ticket_id: str, state: str) -> None:
        begun = self._serving.get(ticket_id)
        if state in LOADED_STATES and (begun is None or begun.done()):
            serving = self._serve(ticket_id, offered=state == "offered")
            self._serving[ticket_id] = tasks.create_task(serving)

    async def _serve(self, ticket_id: str, *, offered: bool) -> None:
        path = f"tickets/{ticket_id}"
        if offered:
            chance = self.chance.random()
            if chance < _PASSES:
                self.seen["passed"] += 1
                return
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
            if chance < _PASSES + _DECLINES:
                await self._ask("POST", f"{path}/decline", {"reason": "忙"})
                self.seen["declined"] += 1
                return
            await self._ask("POST", f"{path}/accept")
        await asyncio.sleep(self.seconds * self.chance.uniform(0.2, 1.8))
        # Of an offer that was told again after a lost line, only the answer shows whose it is.
        body = {"text": "已处理。", "client_id": self._answers[ticket_id], "then": "resolved"}
        await self._ask("POST", f"{path}/reply", body)
        self.seen["answers"] += 1

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Asks until there is a clear answer; that a ticket has moved on is one."""
        url = f"{self.system.desk}/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async with self.http.request(method, url, json=body, headers=headers) as got:
                    if got.status != 503:
                        assert got.status in {200, 201, 404, 409}, await got.text()
                        return await got.json()
            await asyncio.sleep(_AGAIN)


async def arrivals(
    system: System, http: aiohttp.ClientSession, ledger: Ledger, count: int, seconds: float
) -> None:
    """That many visitors with a question each, at any time within ``seconds``."""
    origin = {"Origin": system.intake}
    chance = random.Random("customers")

    async def visitor(after: float, words: str) -> None:
        await asyncio.sleep(after)
        url = f"{system.intake}/webchat"
        async with http.post(f"{url}/session", json={"type": "hello"}, headers=origin) as opened:
            token = (await opened.json())["token"]
        marker = ledger.new("chat")
        body = {"type": "msg", "client_id": str(uuid4()), "text": f"{words}{marker}"}
        headers = origin | {"Authorization": f"Bearer {token}"}
        async with http.post(f"{url}/messages", json=body, headers=headers) as sent:
            assert sent.status == 200, await sent.text()
            ledger.acknowledged[marker] = (await sent.json())["envelope_id"]

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(visitor(chance.uniform(0.0, seconds), chance.choice(_THEMES)))


class Watch:
    """Looks into SQL every second for tickets that wait beside somebody who may take them."""

    def __init__(self, store: Store, rules: Rules, limit: float) -> None:
        self.found: list[str] = []
        self.looks = 0
        self._store, self._rules, self._limit = store, rules, limit
        self._tickets: dict[tuple[str, int], float] = {}
        self._agents: dict[tuple[str, float, int], float] = {}

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(1.0)

    async def look(self) -> None:
        """One ticket and one agent must have been beside each other for all of the time."""
        heads = await self._store.queue.heads(100_000)
        agents = await self._store.agents.online()
        now = await self._store.db.now()
        # Who gives a ticket back or is given one is another pair: the clock starts again.
        free = {(a.agent_id, a.idle_since, a.used) for a in agents if a.ready}
        self._agents = {key: self._agents.get(key, now) for key in free}
        waiting = {(t.ticket_id, t.epoch) for t in heads}
        self._tickets = {key: self._tickets.get(key, now) for key in waiting}
        idle = {key[0] for key, at in self._agents.items() if now - at > self._limit}
        roster = Roster(replace(a, ready=a.agent_id in idle) for a in agents)
        for t in heads:
            waits = now - self._tickets[t.ticket_id, t.epoch]
            if waits > self._limit:
                place = standing(t, roster, now, self._rules)
                if place.free:
                    self.found.append(f"{waits:.1f} s beside {place.free} of {idle}: {t}")
        self.looks += 1


@dataclass
class History:
    """What the numbered events say in the order of the commits; ``wrong`` is what must not be."""

    wrong: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds from freed capacity to the agent's next offer, of a ticket that waited by then."""

    _units: Mapping[str, int] = field(default_factory=dict)
    _owner: dict[str, str] = field(default_factory=dict)
    _used: Counter[str] = field(default_factory=Counter)
    _queued: dict[str, float] = field(default_factory=dict)
    _freed: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    @classmethod
    async def read(cls, store: Store) -> "History":
        async with store.db.read() as conn:
            rows = (await conn.execute(select(ticket.c.id, ticket.c.units))).all()
        history = cls(_units={row.id: row.units for row in rows})
        async for event in _events(store):
            history._follow(event)
        history.wrong += [f"{t} still has an owner" for t in history._owner]
        return history

    def _follow(self, event: Event) -> None:
        ticket_id, agent_id = event.ticket_id or "", event.agent_id or ""
        match event.kind:
            case "ticket.queued":
                self._queued[ticket_id] = event.at
            case "ticket.assigned":
                self._assigned(ticket_id, agent_id, event.at)
            case "ticket.requeued":
                self._ended(ticket_id, agent_id, event.at)
                self._queued[ticket_id] = event.at
            case "ticket.moved" if event.data["state"] not in LOADED_STATES:
                self._ended(ticket_id, agent_id, event.at)
            case "agent.presence" if event.data["presence"] != "ready":
                self._freed[agent_id].clear()

    def _assigned(self, ticket_id: str, agent_id: str, at: float) -> None:
        if ticket_id in self._owner:
            self.wrong.append(f"{ticket_id} has two owners")
        self._owner[ticket_id] = agent_id
        self._used[agent_id] += self._units[ticket_id]
        if self._used[agent_id] > CAPACITY:
            self.wrong.append(f"{agent_id} has {self._used[agent_id]} of {CAPACITY}")
        if self._freed[agent_id]:
            freed = self._freed[agent_id].popleft()
            if self._queued[ticket_id] <= freed:
                self.waits.append(at - freed)

    def _ended(self, ticket_id: str, agent_id: str, at: float) -> None:
        if self._owner.pop(ticket_id, None) != agent_id:
            self.wrong.append(f"{ticket_id} was not {agent_id}'s")
        self._used[agent_id] -= self._units[ticket_id]
        self._freed[agent_id].append(at)


async def _events(store: Store) -> AsyncIterator[Event]:
    seq = 0
    while page := await store.events.after(seq, 1000):
        for event in page:
            yield event
        seq = page[-1].seq


class Costs:
    """CPU time of each process while a storm lasts, and how late the simulator itself is.

    Two hundred agents are work, too: on few cores they take it from the system that they test,
    and what they do late looks like a slow system.
    """

    def __init__(self, commands: Mapping[str, int]) -> None:
        """``commands``: the system's process ids by name; their children count with them."""
        servers = (c for c in psutil.Process().children() if c.pid not in commands.values())
        self._pids = {**commands, **{server.name(): server.pid for server in servers}}
        self._before = self._now()
        self.lags: list[float] = []
        """Seconds by which the simulator's loop woke too late, twenty times a second."""

    async def run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + 0.05
            await asyncio.sleep(0.05)
            self.lags.append(clock() - due)

    def spent(self) -> dict[str, float]:
        """CPU seconds of each process since the beginning."""
        return {name: round(now - self._before[name], 1) for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        seconds = {name: _cpu_seconds(pid) for name, pid in self._pids.items()}
        return seconds | {"simulator": time.process_time()}


def _cpu_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest rank."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def resolved(store: Store, count: int, seconds: float) -> None:
    """Waits until that many tickets are resolved.

    Raises:
        AssertionError: they are not within ``seconds``; it says what there is instead.
    """
    deadline = time.monotonic() + seconds
    while (counts := await store.tickets.counts()).get("resolved", 0) < count:
        now = Counter(
            f"{a.used} ready" if a.ready else "away" for a in await store.agents.online()
        )
        assert time.monotonic() < deadline, (counts, await store.boards.depth(), now)
        await asyncio.sleep(0.5)
