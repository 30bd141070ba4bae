"""Load with a ledger: customers who write down what was acknowledged, agents who work it off.

Every message carries a marker of its own, by which it is found again in the database.
"""

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store import Store
from models.tables import agent, assignment, audit, envelope, message, ticket
from models.ticket import LOADED_STATES
from tests.flow.clients import Agent, Visitor, letter, post_until_stored
from tests.flow.system import System

MARKER = re.compile(r"〔[a-z]+\d+〕")

PATIENT_SECONDS = 150.0
"""A sender gives up after this; real mail servers go on for days."""

_THEMES = (
    "包裹一直没有送到，物流停了五天，我要投诉快递员！",
    "请问电子发票在哪里开？需要增值税专用发票。",
    "发票抬头开错了，能重开吗？",
    "账号登录不上，一直提示密码错误。",
    "退款三天了还没到账，请尽快处理。",
    "Where can I download the invoice for my order?",
    "商品有质量问题，申请换货。",
)

UNLIMITED = {
    "SHOULI_CHANNELS__WEBCHAT__MESSAGES_PER_MINUTE": "100000",
    "SHOULI_CHANNELS__WEBCHAT__MESSAGE_BURST": "100000",
    "SHOULI_CHANNELS__WEBCHAT__REQUESTS_PER_MINUTE": "1000000",
    "SHOULI_CHANNELS__WEBCHAT__REQUEST_BURST": "1000000",
}
"""All our customers have one address; the limits are not what is tested here."""


@dataclass
class Ledger:
    """What the outside knows: which messages were sent, and which acknowledged, as what."""

    sent: set[str] = field(default_factory=set)
    acknowledged: dict[str, str] = field(default_factory=dict)

    def new(self, kind: str) -> str:
        marker = f"〔{kind}{len(self.sent)}〕"
        self.sent.add(marker)
        return marker


class Load:
    """Customers by mail and chat, and agents, until ``finish``."""

    def __init__(self, system: System, seed: int, *, mails: float, chats: float) -> None:
        """``mails`` and ``chats`` are messages a second, each spread over a few customers."""
        self.ledger = Ledger()
        self.visitors: list[Visitor] = []
        self.agents: list[Agent] = []
        self._system = system
        self._random = random.Random(seed)
        self._rates = {"mail": mails, "chat": chats}
        self._stopping = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()
        self._working: list[asyncio.Task[None]] = []

    async def start(self, agents: list[Agent], http: aiohttp.ClientSession) -> None:
        self.agents = agents
        self.visitors = [Visitor(self._system, http) for _ in range(6)]
        for visitor in self.visitors:
            await visitor.__aenter__()
        self._working = [asyncio.create_task(self._work(agent)) for agent in agents]
        self._working += [
            asyncio.create_task(self._arrive("mail")),
            asyncio.create_task(self._arrive("chat")),
        ]

    async def finish(self) -> None:
        """No new messages; returns when every one that was begun is acknowledged."""
        self._stopping.set()
        await asyncio.gather(*self._working)
        await asyncio.gather(*self._writing)

    async def leave(self) -> None:
        for task in [*self._working, *self._writing]:
            task.cancel()
        await asyncio.gather(*self._working, *self._writing, return_exceptions=True)
        for visitor in self.visitors:
            await visitor.__aexit__()

    async def _arrive(self, kind: str) -> None:
        """Customers who do not wait for each other: an open loop, as the world is."""
        while not self._stopping.is_set():
            await asyncio.sleep(self._random.expovariate(self._rates[kind]))
            task = asyncio.create_task(self._mail() if kind == "mail" else self._chat())
            self._writing.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._writing.discard(task)  # a failure is kept for ``finish`` to raise

    async def _mail(self) -> None:
        marker = self.ledger.new("mail")
        sender = f"customer{self._random.randrange(40)}@qq.example"
        raw = letter(sender, f"{self._random.choice(_THEMES)}{marker}", subject="来信")
        self.ledger.acknowledged[marker] = await post_until_stored(
            self._system.smtp_port,
            sender,
            raw,
            seconds=PATIENT_SECONDS,
            impatience=self._impatience,
        )

    def _impatience(self) -> float:
        """One in five hangs up within moments of its final dot, and sends again."""
        return self._random.uniform(0.0, 0.03) if self._random.random() < 0.2 else 10.0

    async def _chat(self) -> None:
        marker = self.ledger.new("chat")
        visitor = self._random.choice(self.visitors)
        self.ledger.acknowledged[marker] = await visitor.say(
            f"{self._random.choice(_THEMES)}{marker}",
            seconds=PATIENT_SECONDS,
            stutter=self._random.uniform(0.001, 0.03) if self._random.random() < 0.2 else 0.0,
        )

    async def _work(self, agent: Agent) -> None:
        """Answers and resolves what is in the queue, so that capacity comes and goes."""
        begun: defaultdict[str, str] = defaultdict(lambda: uuid4().hex)
        while not self._stopping.is_set():
            if (await agent.must("GET", "me", seconds=PATIENT_SECONDS))["presence"] != "ready":
                # After half a minute without contact people have to say that they are back.
                await agent.must("PUT", "me/presence", {"presence": "ready"}, PATIENT_SECONDS)
            found = await agent.must("GET", "queue", seconds=PATIENT_SECONDS)
            for listed in found["tickets"]:
                path = f"tickets/{listed['id']}/reply"
                body = {"text": "已为您处理。", "then": "resolved"}
                # The same id until its fate is known, so that no answer is said twice.
                if await _tried(agent, path, {**body, "client_id": begun[listed["id"]]}):
                    del begun[listed["id"]]
            await asyncio.sleep(0.2)


async def _tried(agent: Agent, path: str, body: Mapping[str, Any]) -> bool:
    """Whether the desk gave a clear answer: done, or the ticket has moved on."""
    try:
        answer = await agent.ask("POST", path, body)
    except (OSError, aiohttp.ClientError):
        return False
    assert answer.status in {201, 404, 409, 503}, answer
    return answer.status != 503


# -- the inspection --------------------------------------------------------------------


async def unprocessed(store: Store) -> int:
    """Envelopes that are neither done nor parked, and tickets that want labels."""
    async with store.db.read() as conn:
        waiting = select(func.count()).where(envelope.c.state == "new")
        unlabelled = select(func.count()).where(ticket.c.label_due)
        counts = [(await conn.execute(query)).scalar_one() for query in (waiting, unlabelled)]
    return int(sum(counts))


async def findings(store: Store, ledger: Ledger) -> dict[str, Any]:
    """Everything that is wrong in the database; empty when all is well.

    As of one moment: tickets may be given to agents while it looks.
    """
    async with store.db.read(steady=True) as conn:
        wrong = {
            **_of_messages(await _rows(conn, message.c.ticket_id, message.c.text), ledger),
            **await _of_capacity(conn),
            "parked": await _rows(
                conn, envelope.c.id, envelope.c.error, where=envelope.c.state == "parked"
            ),
            "in no queue": await _rows(
                conn,
                ticket.c.id,
                ticket.c.state,
                where=ticket.c.state.in_(["new", "waiting"]) & ticket.c.skill_class.is_(None),
            ),
        }
    return {name: found for name, found in wrong.items() if found}


def _of_messages(said: Sequence[tuple[Any, ...]], ledger: Ledger) -> dict[str, Any]:
    copies = Counter(marker for _, text in said for marker in MARKER.findall(text))
    return {
        "acknowledged and lost": sorted(ledger.acknowledged.keys() - copies.keys()),
        "never sent": sorted(copies.keys() - ledger.sent),
        "more than once": sorted(marker for marker, times in copies.items() if times > 1),
    }


async def _of_capacity(conn: AsyncConnection) -> dict[str, Any]:
    """The clock's own alarms, and a recount of what it would find next."""
    t, s = ticket.c, assignment.c
    loaded = t.state.in_(sorted(LOADED_STATES))
    owned = await _rows(conn, t.id, t.owner_id, t.units, where=loaded)
    live = await _rows(conn, s.ticket_id, s.agent_id, where=s.ended_at.is_(None))
    used = dict(await _rows(conn, agent.c.id, agent.c.used))
    load: Counter[str] = Counter()
    for _, owner, units in owned:
        load[owner] += units
    times = Counter(ticket_id for ticket_id, _ in live)
    return {
        "capacity drifted": await _rows(
            conn, audit.c.at, audit.c.detail, where=audit.c.action == "alarm.capacity"
        ),
        "load is not what is owned": {a: (used[a], load[a]) for a in used if used[a] != load[a]},
        "owners and assignments differ": sorted(
            {(ticket_id, owner) for ticket_id, owner, _ in owned} ^ set(live)
        ),
        "two live assignments": [ticket_id for ticket_id, n in times.items() if n > 1],
    }


async def _rows(
    conn: AsyncConnection, *columns: Any, where: ColumnElement[bool] | None = None
) -> list[tuple[Any, ...]]:
    query = select(*columns) if where is None else select(*columns).where(where)
    return [tuple(row) for row in await conn.execute(query)]
