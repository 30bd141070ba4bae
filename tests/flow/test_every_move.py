"""Every move of the table, in a running system: by people through the API, by customers and time.

What people do goes through the desk's door, what customers do through their mail and chat, and
what time does is left to the clock, with short settings. A new way in ``models.ticket.WAYS`` that
nobody takes here fails the test.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from models.events import STATE_CHANGES
from models.ticket import WAYS, TicketState
from tests.flow.clients import Agent, Relay, Visitor, at_the_desk, relay_settings, until
from tests.flow.conftest import PROVEN, running
from tests.flow.customers import Correspondent
from tests.flow.system import Prepared, System, embedded

_S = TicketState
Move = tuple[TicketState, TicketState]
Post = tuple[str, dict[str, Any] | None]

CLOSE_SECONDS = 20.0
"""From the end of a ticket until the clock closes it; what comes back does so sooner."""

OFFER_SECONDS = 6.0

_SETTINGS = {
    "SHOULI_LIFE__CLOSE_DAYS": str(CLOSE_SECONDS / 86400.0),
    "SHOULI_ACKNOWLEDGEMENT__LANES__MAIL": "false",
    "SHOULI_PROGRESS__TELL": "[]",
}

SAID = {"reason": "说明"}
TO: dict[TicketState, Post] = {
    _S.PENDING: ("pend", None),
    _S.SNOOZED: ("snooze", {"seconds": 600}),
    _S.HELPING: ("help", {}),
    _S.RESOLVED: ("resolve", None),
    _S.RETURNED: ("return", SAID),
    _S.INVALID: ("junk", None),
    _S.CLOSED: ("close", None),
}
"""What brings a ticket there, for who may do it."""

FROM: dict[Move, Post] = {
    (_S.WAITING, _S.ACTIVE): ("take", None),
    (_S.PENDING, _S.ACTIVE): ("take", None),
    (_S.SNOOZED, _S.ACTIVE): ("take", None),
    (_S.OFFERED, _S.ACTIVE): ("accept", None),
    (_S.OFFERED, _S.WAITING): ("decline", SAID),
    (_S.ACTIVE, _S.WAITING): ("transfer", {}),
    (_S.HELPING, _S.WAITING): ("transfer", {}),
    (_S.HELPING, _S.ACTIVE): ("resume", None),
    (_S.RESOLVED, _S.WAITING): ("reopen", SAID),
    (_S.RETURNED, _S.WAITING): ("reopen", SAID),
    (_S.INVALID, _S.WAITING): ("unjunk", None),
    (_S.MERGED, _S.WAITING): ("unmerge", None),
    (_S.MERGED, _S.RESOLVED): ("unmerge", None),
}
"""Where the way back, or on, has a name of its own."""

CUSTOMER = {
    (_S.PENDING, _S.WAITING),
    (_S.SNOOZED, _S.WAITING),
    (_S.RESOLVED, _S.ACTIVE),
    (_S.RETURNED, _S.ACTIVE),
}
"""What the customer's next word does."""

ITSELF = {(_S.NEW, _S.WAITING), (_S.WAITING, _S.OFFERED)}
"""What the workers do with whatever comes."""

TIMED = (
    (_S.RESOLVED, _S.CLOSED),
    (_S.RETURNED, _S.CLOSED),
    (_S.INVALID, _S.CLOSED),
    (_S.OFFERED, _S.WAITING),
)
"""What people can do, and the clock does when they do not. (How a snoozed one wakes by itself
takes a minute: see test_a_day.py.)"""

ALONE = {_S.WAITING, _S.RESOLVED, _S.RETURNED, _S.INVALID, _S.MERGED}
"""States from which a supervisor moves it on."""


@dataclass(frozen=True)
class Mail:
    """A customer's mail and its ticket; with it came another, of the same customer."""

    ticket: str
    customer: Correspondent
    other: str


@dataclass
class Floor:
    """An agent and a supervisor, and customers without end.

    The agent is ready, and lacks the skill for the mails: they wait until somebody acts. The
    chats are offered to the agent.
    """

    system: System
    relay: Relay
    http: aiohttp.ClientSession
    li: Agent
    boss: Agent
    waiting: list[Mail] = field(default_factory=list)
    mails: dict[str, Mail] = field(default_factory=dict)
    chats: list[Visitor] = field(default_factory=list)

    def moves(self, ticket: str) -> list[Move]:
        """What the supervisor's line has told of a ticket's states."""
        told = (e for e in self.boss.events if e["ticket_id"] == ticket)
        moves = (e["data"] for e in told if e["kind"] in STATE_CHANGES)
        return [(m["before"], m["state"]) for m in moves if m["before"]]

    async def letters(self, many: int) -> None:
        """So many customers write two mails each, and all of them wait in a queue."""
        names = [f"w{n}@qq.example" for n in range(many)]
        customers = [Correspondent(name, system=self.system, relay=self.relay) for name in names]
        await asyncio.gather(
            *(
                customer.write("请问电子发票在哪里下载？", f"{customer.name} {part}")
                for customer in customers
                for part in ("one", "other")
            )
        )

        def queued() -> bool:
            kinds = [event["kind"] for event in self.boss.events]
            return kinds.count("ticket.queued") >= 2 * many

        await until("all of them wait", queued)
        listed = await self.boss.must("GET", "tickets?limit=200&state=waiting")
        ids = {one["subject"]: one["id"] for one in listed["tickets"]}
        for one in customers:
            self.waiting.append(Mail(ids[f"{one.name} one"], one, ids[f"{one.name} other"]))

    def mail(self) -> str:
        """A mail that waits in a queue."""
        mail = self.waiting.pop()
        self.mails[mail.ticket] = mail
        return mail.ticket

    async def listed(self, asked: str, name: str, value: str) -> str:
        """A ticket of the supervisor's list, as soon as it is there."""

        async def there() -> str | None:
            found = await self.boss.must("GET", f"tickets?limit=200&{asked}")
            return next((one["id"] for one in found["tickets"] if one[name] == value), None)

        return str(await until(f"{name} {value} among {asked}", there))

    async def chats_up(self, text: str) -> Visitor:
        visitor = await Visitor(self.system, self.http).__aenter__()
        self.chats.append(visitor)
        await visitor.say(text)
        return visitor

    async def greeted(self) -> str:
        """A chat that is held until its content comes."""
        await self.chats_up("在吗")
        return await self.listed("state=new", "channel", "webchat")

    async def offered(self) -> str:
        """A chat that is offered; those before the rules said so are accepted at once."""
        while True:
            visitor = await self.chats_up("我的快递三天没动了，物流单号查不到")
            number = await until("its number", lambda v=visitor: v.ticket)
            found = await self.boss.must("POST", "search", {"text": str(number)})
            ticket = str(found["found"][0]["ticket"]["id"])
            told = await self.boss.heard("ticket.assigned", ticket)
            if told["data"]["state"] == _S.OFFERED:
                return ticket
            await self.post(self.li, ticket, "resolve", None)

    async def be(self, state: TicketState, then: TicketState) -> str:
        """A ticket in ``state``, come there in a way from which ``then`` may follow."""
        if (state, then) in ITSELF:
            return ""
        if state == _S.NEW:
            return await self.greeted()
        if state == _S.OFFERED:
            return await self.offered()
        ticket = self.mail()
        if state == _S.WAITING:
            return ticket
        await self.post(self.li, ticket, "take", None)
        if (state, then) in CUSTOMER:
            await self.li.reply(ticket, "请问还有别的吗？")
        if state == _S.MERGED:
            if then == _S.RESOLVED:
                await self.post(self.li, ticket, "resolve", None)
            await self.merge(ticket)
        elif state != _S.ACTIVE:
            await self.post(self.li, ticket, *TO[state])
        return ticket

    async def go(self, ticket: str, at: TicketState, to: TicketState) -> None:
        if (at, to) in CUSTOMER:
            await self.writes_again(ticket)
        elif to == _S.MERGED:
            await self.merge(ticket)
        else:
            alone = at in ALONE and (at, to) != (_S.WAITING, _S.ACTIVE)
            desk = self.boss if alone or to == _S.INVALID else self.li
            await self.post(desk, ticket, *FROM.get((at, to), TO.get(to)))

    async def writes_again(self, ticket: str) -> None:
        """Answers what the agent wrote: see ``be``."""
        customer = self.mails[ticket].customer
        await customer.gets("请问还有别的吗？")
        await customer.answer("还有一件事，税号也要改。")

    async def merge(self, ticket: str) -> None:
        await self.post(self.boss, ticket, "merge", {"into": self.mails[ticket].other})

    async def post(
        self, desk: Agent, ticket: str, action: str, body: dict[str, Any] | None
    ) -> None:
        view = await desk.ticket(ticket)
        # The page shows a button for it.
        assert action in view["actions"], (action, view["ticket"]["state"], view["actions"])
        await desk.must("POST", f"tickets/{ticket}/{action}", body)

    async def walk(self, at: TicketState, to: TicketState) -> None:
        """One way of the table, and no other event of the ticket's states."""
        ticket = await self.be(at, to)
        if (at, to) in ITSELF:
            return
        assert (await self.boss.ticket(ticket))["ticket"]["state"] == at
        if at != _S.NEW:
            await until(f"told of {at}", lambda: [to for _, to in self.moves(ticket)][-1:] == [at])
        before = self.moves(ticket)
        await self.go(ticket, at, to)
        await until(f"{at} to {to}", lambda: len(self.moves(ticket)) > len(before))
        assert self.moves(ticket) == [*before, (at, to)]


@pytest.fixture(scope="module")
def floor_system(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared, relay: Relay
) -> Iterator[System]:
    home: Path = tmp_path_factory.mktemp("moves")
    settings = {**PROVEN, **relay_settings(relay.port), **_SETTINGS}
    yield from running(embedded(home, prepared, settings))


async def _staff(admin: Agent, li: Agent, boss: Agent) -> None:
    """Chats are offered to the agent, who has room for all; nobody has skills for the mails."""
    skills = {"capacity": 100, "skills": {"domain:物流": 4}}
    await admin.must("PATCH", f"agents/{li.id}", skills)
    await admin.must("PATCH", f"agents/{boss.id}", {"skills": {"domain:服务": 1}})
    first = await admin.must("GET", "rules/1")
    content = first["content"] | {"offer_seconds": {"live": OFFER_SECONDS}}
    draft = await admin.must("POST", "rules", {"content": content, "why": "先问再派"})
    publish = {"why": "先问再派", "despite": True}
    await admin.must("POST", f"rules/{draft['number']}/publish", publish)


async def test_every_move_of_the_table_is_taken(
    floor_system: System, relay: Relay, http: aiohttp.ClientSession
) -> None:
    system = floor_system
    async with at_the_desk(system, "lilei", "chen", "admin") as (li, boss, admin):
        await _staff(admin, li, boss)
        floor = Floor(system, relay, http, li, boss)
        try:
            await floor.letters(len(WAYS))
            # Begun first: the clock has until the end of the test.
            left = {way: await floor.be(*way) for way in TIMED if way[0] != _S.OFFERED}
            for way in WAYS:
                await floor.walk(*way)
            left[_S.OFFERED, _S.WAITING] = await floor.offered()
            for way, ticket in left.items():
                await until(f"{way} by itself", lambda w=way, t=ticket: w in floor.moves(t), 60.0)
            await _refuses_all(floor, left[_S.RESOLVED, _S.CLOSED])
        finally:
            for visitor in floor.chats:
                await visitor.__aexit__()
        _complete(boss)
    assert [line for line in system.log() if line.get("event") == "load recounted"] == []


async def _refuses_all(floor: Floor, closed: str) -> None:
    """A closed ticket offers no move, and refuses what is asked all the same."""
    assert (await floor.boss.ticket(closed))["actions"] == ["correct"]
    for action, body in dict([*TO.values(), *FROM.values()]).items():
        answer = await floor.boss.ask("POST", f"tickets/{closed}/{action}", body)
        assert answer.status == 409, (action, answer)
    assert (await floor.boss.ticket(closed))["ticket"]["state"] == _S.CLOSED


def _complete(boss: Agent) -> None:
    """The log holds every way of the table and no other; each begins where the last one led."""
    lives = defaultdict(list)
    for event in boss.events:
        if event["kind"] in STATE_CHANGES:
            lives[event["ticket_id"]].append((event["data"]["before"], event["data"]["state"]))
    for moves in lives.values():
        assert [before for before, _ in moves] == [None, *(state for _, state in moves[:-1])]
    taken = {(at, to) for moves in lives.values() for at, to in moves if at and at != to}
    assert taken == set(WAYS)
