"""A young centre beside one after two years of service: what is slower for all that is kept.

    python -m bench.years [--tickets 400000] [--customers 60000] [--json]
        [--databases YOUNG_URL OLD_URL]

Both have the same live work (3,000 tickets, of which 1,500 wait, and 60 agents); what differs is
what has ended: 4,000 tickets of a week, or ``--tickets`` of two years. Everything is measured in
turns, young and old, and medians are printed with their ratio. Filling takes some minutes and
6 GB. Without ``--databases`` both are SQLite and thrown away; those that are named (of
PostgreSQL, too) are filled where they are empty, and kept.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import make_url

from bench.filling import fill
from bench.history import ACCOUNT, History, Size, sender
from config.settings import load
from models.agent import Presence, Role
from models.ids import uuid7
from models.message import Envelope, InboundMessage, Lane, ReplyRoute
from models.migrations import migrate
from models.routing import Candidate, Decision
from models.store import Store, open_store
from models.store.dialogue.incoming import Incoming
from models.tables import ticket
from models.ticket import TicketState
from workers.assembly.automation import follower_names, make_effects

YOUNG = Size(4000, 4000, 7.0)
_ROUNDS = 9
_DAYS = 86400.0

Act = Callable[[], Awaitable[object]]


class House:
    """One store, and everything that is done with it often."""

    def __init__(self, store: Store, agent_id: str) -> None:
        self._store = store
        self._agent = agent_id
        self._serial = 0

    @classmethod
    async def opened(cls, store: Store) -> "House":
        """With one more agent, who has room for everything."""
        name, skills = f"bench-{time.time():.0f}", {"domain:支付": 3}
        agent_id = await store.agents.add(name, name, Role.AGENT, "!", skills, 1000)
        await store.agents.present(agent_id, Presence.READY)
        return cls(store, agent_id)

    def acts(self, now: float) -> Mapping[str, Act]:
        """By what people call it."""
        s, month = self._store, (now - 30 * _DAYS, now)
        effects = make_effects(load(environ={}), s.vault)
        ended = [TicketState.CLOSED, TicketState.RESOLVED]
        return {
            "收下一封 / accept a mail": self._accept,
            "新客户的信 / a mail of a new customer": lambda: self._mail(None),
            "老客户的信 / a mail of a known customer": lambda: self._mail(1002),
            "常客的信 / a mail of one who writes all the time": lambda: self._mail(7),
            "派单 / claim": self._claim,
            "队列头 / heads of the queues": lambda: s.queue.heads(5),
            "找要发的 / answers that are due": lambda: s.outbound.lease(10, 1.0),
            "断了的发送 / lost answers (clock, every second)": lambda: s.outbound.expire(["x"]),
            "到期的 / timers (clock)": lambda: s.timers.due(effects, 10),
            "失联、放宽、唤醒 / contact, steps, waking (clock)": self._upkeep,
            "不变式 / invariants (clock)": s.invariants.broken,
            "聊天续上 / a chat resumed": self._resume,
            "手上的 / my queue": lambda: s.tickets.of_owner(self._agent),
            "等待中的 / what waits": lambda: s.tickets.waiting(limit=100),
            "已结束的 / what has ended": lambda: s.tickets.page(states=ended, limit=100),
            "看板 / board": lambda: s.boards.queues(5),
            "工单计数 / tickets by state": s.tickets.counts,
            "超时计数 / breaches": s.clocks.breaches,
            "升级计数 / escalated": s.clocks.escalated,
            "答复计数 / answers by state": s.outbound.counts,
            "告警计数 / alarms": s.measures.found_ever,
            "失败的答复 / failed answers": lambda: s.outbound.page(state="failed"),
            "参考答复 / resolved examples": lambda: s.examples.resolved(5000),
            "30 天数字 / figures of 30 days": lambda: s.kpi.figures(month, "agent"),
            "30 天台账 / complaints of 30 days": lambda: s.ledger.entries(*month),
            "更正（训练用）/ corrections, to train": s.corrections.all,
        }

    def _envelope(self) -> Envelope:
        self._serial += 1
        now = time.time()
        key = uuid7(now)
        return Envelope(
            id=key, channel="email", account=ACCOUNT, dedupe_key=key, body=b"x" * 2000,
            received_at=now, lane=Lane.MAIL,
        )  # fmt: skip

    async def close(self) -> None:
        await self._store.close()

    async def _accept(self) -> None:
        await self._store.envelopes.accept([self._envelope()])

    async def _mail(self, customer: int | None) -> None:
        """From the acknowledged envelope to a ticket that has yet to be labelled."""
        e, s = self._envelope(), self._store
        who = sender(customer or 100_000_000 + self._serial)
        await s.envelopes.accept([e])
        leased = await s.envelopes.lease(Lane.MAIL, 128, 30.0)
        assert leased is not None
        items = [
            Incoming(one.id, _message(one, who.external_id), one.lane) for one in leased.envelopes
        ]
        async with s.db.write() as tx:
            await s.threads.thread(tx, leased.token, [i.envelope_id for i in items], items)

    async def _resume(self) -> None:
        """A visitor who has come back all these years, and has shown everything so far."""
        talk = await self._store.conversations.find("webchat", ACCOUNT, "c-1")
        assert talk is not None
        await self._store.conversations.log(talk.id, max(talk.last_seq - 10, 0), 50)

    async def _claim(self) -> None:
        s = self._store
        head = (await s.queue.heads(1))[0]
        decision = Decision(
            head.ticket_id, head.epoch, self._agent, head.units, 0.0, head.relax_step, "years",
            sticky=False, candidates=(Candidate(self._agent, "chosen"),),
        )  # fmt: skip
        assert await s.queue.claim(decision, None)

    async def _upkeep(self) -> None:
        maintenance = self._store.maintenance
        await maintenance.expire_offers()
        await maintenance.lose_contact(1e9, 60.0)
        await maintenance.wake()
        await maintenance.recount()


def _message(e: Envelope, address: str) -> InboundMessage:
    return InboundMessage.model_validate({
        "id": uuid7(e.received_at), "channel": e.channel, "account": e.account,
        "external_id": e.dedupe_key, "dedupe_key": e.dedupe_key, "conversation_key": e.dedupe_key,
        "sender": {"external_id": address, "email": address}, "text": "退款还没有到",
        "text_full": "退款还没有到", "received_at": e.received_at, "raw_ref": e.id,
        "reply_route": ReplyRoute(adapter="email", address=address),
    })  # fmt: skip


async def _opened(url: str, size: Size) -> House:
    """A filled store; one that was filled before is taken as it is."""
    store = open_store(url, master_key=b"m" * 32, blob_dir=None, zone=ZoneInfo("Asia/Shanghai"))
    await migrate(store.db)
    async with store.db.read() as conn:
        empty = (await conn.execute(select(ticket.c.id).limit(1))).first() is None
    if empty:
        history = History(store.vault, size, time.time(), follower_names(load(environ={})))
        await fill(make_url(url), history.batches())
    return await House.opened(store)


async def _measure(urls: Sequence[str], sizes: tuple[Size, Size]) -> dict[str, list[float]]:
    """Medians in milliseconds, by act: young, old."""
    houses = [await _opened(url, size) for url, size in zip(urls, sizes, strict=True)]
    acts = [house.acts(time.time()) for house in houses]
    found = {}
    for name in acts[0]:
        times: list[list[float]] = [[], []]
        for _ in range(_ROUNDS):
            for act, taken in zip((acts[0][name], acts[1][name]), times, strict=True):
                began = time.perf_counter()
                await act()
                taken.append((time.perf_counter() - began) * 1000)
        found[name] = [statistics.median(taken) for taken in times]
    for house in houses:
        await house.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tickets", type=int, default=400_000)
    parser.add_argument("--customers", type=int, default=60_000)
    parser.add_argument("--databases", nargs=2, metavar=("YOUNG_URL", "OLD_URL"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = YOUNG, Size(options.tickets, options.customers, 730.0)
    with tempfile.TemporaryDirectory() as folder:
        here = [f"sqlite+aiosqlite:///{folder}/{name}.db" for name in ("young", "old")]
        found = asyncio.run(_measure(options.databases or here, sizes))
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for name, (young, old) in found.items():
        print(f"{young:9.1f} {old:9.1f} ms  {old / max(young, 0.01):6.1f}×  {name}")


if __name__ == "__main__":
    main()
