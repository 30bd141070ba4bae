"""Two routing workers over one database, driven at random beside people and the clock.

After every step I1, I2 and I7 hold in SQL; at rest I3 does, and another round changes nothing
(I8). A worker may be cancelled at any await, as a killed one is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import select

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.routing import Needs, Rules, Targets
from models.store import Store
from models.tables import agent as agents
from models.tables import assignment, ticket
from models.ticket import LOADED_STATES, OPEN_STATES, TicketState
from router.policy import assign, position, rekeyed
from router.roster import Roster
from router.sla import Calendar, Calendars
from tests.contract.store import makers
from tests.contract.store.conftest import FakeClock
from workers.dispatch import Dispatcher
from workers.ruling import Ruling

RULES = Rules(
    version="house",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={}, default=300)},
    units={"live": 2, "mail": 1},
    offer_seconds={"live": 20.0},
    interrupting=("紧急",),
    interruptible=("mail",),
)
CLASSES = (
    Needs(required=(("a", 1),)),
    Needs(required=(("b", 2),), preferred=(("x", 3),)),
    Needs(required=(("lang:en", 1),), never_drop=frozenset({"lang:en"})),
)
SKILLS = ("a", "b", "x", "lang:en")
HOURS = Calendars(Calendar.of("UTC", {}))


class House(RuleBasedStateMachine):
    """``stores`` are two programs' views of one database; ``run`` runs on their loop."""

    stores: tuple[Store, Store]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    clock: FakeClock
    broken: list[str]
    serial = 0

    def __init__(self) -> None:
        super().__init__()
        self.store = self.stores[0]
        self.dispatchers = [
            Dispatcher(store, Ruling(store, RULES, HOURS), monotonic=self.clock)
            for store in self.stores
        ]
        self.people: list[str] = []
        self.forced: set[str] = set()
        for n in range(3):
            self.hire(n)

    def hire(self, seed: int) -> None:
        random = Random(seed)
        House.serial += 1
        skills = {s: random.randint(1, 5) for s in SKILLS if random.random() < 0.7}
        login, capacity = f"p{House.serial}", random.randint(2, 6)
        made = makers.agent(self.store, login, skills, capacity=capacity)
        self.people.append(self.run(made))

    @rule(seed=st.integers(0, 10**6))
    def arrive(self, seed: int) -> None:
        random = Random(seed)
        for _ in range(random.randint(1, 3)):
            House.serial += 1
            made = makers.waiting(
                self.store,
                f"k{House.serial}",
                needs=random.choice(CLASSES),
                target=random.choice([60.0, 300.0, 1200.0]),
                units=random.choice([1, 2]),
            )
            self.run(made)
        self.check()

    @rule(seconds=st.sampled_from([1.0, 15.0, 31.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.pass_(seconds)

    @rule(seed=st.integers(0, 10**6), n=st.integers(2, 6))
    def at_once(self, seed: int, n: int) -> None:
        """Several things happen together, in whatever order the database makes of them."""
        random = Random(seed)
        todo = [random.choice(self._moves())(random) for _ in range(n)]
        self.run(self._together(todo))
        self.check()

    @rule(steps=st.integers(0, 25))
    def killed(self, steps: int) -> None:
        """A worker dies at one of its awaits while another works."""

        async def die() -> None:
            dying = asyncio.create_task(self.dispatchers[0].run())
            working = asyncio.create_task(self.dispatchers[1].run())
            for _ in range(steps):
                await asyncio.sleep(0)
            dying.cancel()
            await asyncio.gather(dying, working, return_exceptions=True)

        self.run(die())
        self.check()

    @rule()
    def rest(self) -> None:
        """I3 and I8: when nobody moves, one sweep leaves nothing to give, and again nothing."""

        async def sweep() -> None:
            await self.store.upkeep.expire_offers()
            await self.dispatchers[0].run()
            live = Roster(await self.store.agents.online())
            heads = await self.store.queue.heads(1000)
            now = await self.store.db.now()
            assert not assign(heads, live, now, RULES), "I3: somebody waits beside a free agent"
            assert await self.dispatchers[1].run() == 0, "I8: a second round changes nothing"

        self._demand(sweep())
        self.check()

    def _moves(self) -> list[Callable[[Random], Awaitable[object]]]:
        store = self.store
        return [
            lambda _: self.dispatchers[0].run(),
            lambda _: self.dispatchers[1].run(),
            self._accept,
            self._decline,
            self._finish,
            self._force,
            self._rekey,
            self._presence,
            lambda _: store.upkeep.expire_offers(),
            lambda _: store.upkeep.step(partial(position, rules=RULES)),
            lambda _: store.upkeep.lose_contact(30.0, 60.0),
            lambda _: store.agents.beat(self.people),
        ]

    async def _together(self, todo: list[Awaitable[object]]) -> None:
        for found in await asyncio.gather(*todo, return_exceptions=True):
            if isinstance(found, BaseException) and not isinstance(found, Conflict | NotFound):
                raise found

    async def _some(self, random: Random, states: set[TicketState]) -> Any:
        found = await self.store.tickets.page(states=sorted(states), limit=50)
        return random.choice(found) if found else None

    async def _accept(self, random: Random) -> None:
        if one := await self._some(random, {TicketState.OFFERED}):
            await self.store.tickets.accept(one.id, one.owner_id)

    async def _decline(self, random: Random) -> None:
        if one := await self._some(random, {TicketState.OFFERED}):
            await self.store.tickets.decline(one.id, one.owner_id, "busy")

    async def _finish(self, random: Random) -> None:
        if one := await self._some(random, {TicketState.ACTIVE}):
            if random.random() < 0.3:
                await self.store.tickets.snooze(one.id, one.owner_id, 60.0)
            else:
                await self.store.tickets.move(one.id, one.owner_id, TicketState.RESOLVED)

    async def _force(self, random: Random) -> None:
        one, person = await self._some(random, set(OPEN_STATES)), random.choice(self.people)
        if one and random.random() < 0.2:
            self.forced.add(person)
            await self.store.tickets.take(one.id, person, forced=True)

    async def _rekey(self, random: Random) -> None:
        if one := await self._some(random, {TicketState.WAITING}):
            asked, rekey = random.choice(CLASSES), partial(rekeyed, rules=RULES)
            await self.store.tickets.reclass(one.id, asked, 60.0, rekey=rekey)

    async def _presence(self, random: Random) -> None:
        chosen = random.choice([Presence.READY, Presence.READY, Presence.BREAK, Presence.OFFLINE])
        await self.store.agents.present(random.choice(self.people), chosen)

    def check(self) -> None:
        self._demand(self._check())

    def _demand(self, work: Coroutine[Any, Any, Any]) -> None:
        """Keeps what was broken: a database is never twice in one state, for a replay."""
        try:
            self.run(work)
        except AssertionError as error:
            self.broken.append(str(error))
            raise

    async def _check(self) -> None:
        async with self.store.db.read() as conn:
            tickets = (await conn.execute(select(ticket))).mappings().all()
            live = select(assignment).where(assignment.c.ended_at.is_(None))
            held = (await conn.execute(live)).mappings().all()
            people = (await conn.execute(select(agents))).mappings().all()
        owners = {row["id"]: row["owner_id"] for row in tickets if row["state"] in LOADED_STATES}
        assert Counter(row["ticket_id"] for row in held).keys() == owners.keys(), "I1: entries"
        for row in held:
            assert row["agent_id"] == owners[row["ticket_id"]], "I1: one owner, and that one"
        load: Counter[str] = Counter()
        for row in tickets:
            assert row["state"] in set(TicketState), "I7: one state"
            assert row["state"] != "waiting" or row["owner_id"] is None, "I1: nobody has it"
            if row["id"] in owners:
                load[row["owner_id"]] += row["units"]
        for row in people:
            assert row["used"] == load[row["id"]], "I7: units are live items"
            if row["id"] not in self.forced:
                assert row["used"] <= row["capacity"], "I2: over capacity"

    def teardown(self) -> None:
        """The next history finds an empty house."""

        async def clear() -> None:
            for one in await self.store.tickets.page(states=sorted(OPEN_STATES), limit=500):
                await self.store.tickets.mark_junk(one.id, self.people[0])
            for person in self.people:
                await self.store.agents.present(person, Presence.OFFLINE)

        self.run(clear())
