"""Two routing workers over one database, driven at random beside people and the clock.

After every step I1, I2, I6 and I7 hold in SQL, and each decision is held against I4 and I6. At
rest I3 holds, and another sweep changes nothing (I8). A worker may be cancelled at any await, as
a killed one is. At the end everybody is served (I5).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from itertools import count
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.routing import Decision, Needs, Rules, Targets
from models.store import Store
from models.store.ground.database import Tx
from models.tables import assignment, metadata
from models.ticket import OPEN_STATES, TicketState
from router.keys import position, rekeyed
from router.sla import Calendar, Calendars
from tests.contract.store import makers
from tests.fakes import FakeClock
from tests.machines.invariants import Books, Relaxing, check_rest, check_served, read_books
from tests.machines.waits import at_each_wait
from workers.messages.dispatch import Dispatcher
from workers.rules.active_rules import ActiveRules

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
    """``stores`` are two programs' views of one database; ``run`` runs on their loop.

    ``length`` is that of a history, in steps; ``decided`` holds what the dispatchers' router
    decided; ``steps`` and ``given`` count what was done and given in each history.
    """

    stores: tuple[Store, Store]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    clock: FakeClock
    broken: list[str]
    decided: deque[Decision]
    length: int
    steps: list[int]
    given: list[int]
    serial = 0

    def __init__(self) -> None:
        super().__init__()
        self.store = self.stores[0]
        self.dispatchers = [
            Dispatcher(store, ActiveRules(store, RULES, HOURS), monotonic=self.clock)
            for store in self.stores
        ]
        self.people: list[str] = []
        self.forced: set[str] = set()
        self.relaxing = Relaxing()
        self.decided.clear()
        self.steps.append(0)

    def hire(self, skills: dict[str, int], capacity: int) -> None:
        House.serial += 1
        made = makers.agent(self.store, f"p{House.serial}", skills, capacity=capacity)
        self.people.append(self.run(made))

    @rule(seed=st.integers(0, 2**32))
    def wander(self, seed: int) -> None:
        """A whole history, so that none is shorter than ``length``."""
        # Few examples are much alike: those of no two histories must be.
        random = Random(f"{seed} {len(self.steps)}")
        for _ in range(3):
            skills = {s: random.randint(1, 5) for s in SKILLS if random.random() < 0.7}
            self.hire(skills, random.randint(2, 6))
        acts = {
            self.arrive: 3, self.pass_time: 2, self.at_once: 6, self.killed: 2, self.rest: 2,
        }  # fmt: skip
        for _ in range(self.length):
            random.choices(list(acts), list(acts.values()))[0](random)
            self.steps[-1] += 1

    def arrive(self, random: Random) -> None:
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

    def pass_time(self, random: Random) -> None:
        """While the people are heard of, or nobody is."""
        self.clock.pass_(random.choice([1.0, 15.0, 31.0, 400.0]))
        if random.random() < 0.8:
            self.run(self.store.agents.beat(self.people))

    def at_once(self, random: Random) -> None:
        """Several things happen together, in whatever order the database makes of them."""
        todo = [random.choice(self._moves())(random) for _ in range(random.randint(2, 6))]
        self._demand(self._together(todo))
        self.check()

    def killed(self, random: Random) -> None:
        """A worker dies at one of its awaits while another works."""
        waits = random.randint(1, 30)

        async def die() -> None:
            await self._together([self._cut_short(waits), self.dispatchers[1].run()])

        self._demand(die())
        self.check("I8: a crash leaves this: ")

    def rest(self, _random: Random) -> None:
        """I3, I4, I8: when nobody moves, one sweep leaves nothing to do, whoever sweeps again."""

        async def sweep() -> None:
            await self._sweep(self.dispatchers[0])
            await check_rest(self.store, RULES)
            before = await self._check()
            assert await self._sweep(self.dispatchers[1]) == 0, "I8: a second round gives nothing"
            assert await read_books(self.store) == before, "I8: a second sweep changes nothing"

        self._demand(sweep())

    async def _cut_short(self, waits: int) -> None:
        left, task = count(1), asyncio.current_task()  # gather makes a task of each
        assert task is not None

        def die() -> None:
            if next(left) == waits:
                task.cancel()

        await at_each_wait(self.dispatchers[0].run(), die)

    async def _sweep(self, dispatcher: Dispatcher) -> int:
        await self.store.maintenance.expire_offers()
        await self.store.maintenance.step(partial(position, rules=RULES))
        return await dispatcher.run()

    def _moves(self) -> list[Callable[[Random], Awaitable[object]]]:
        store = self.store
        return [
            lambda _: self.dispatchers[0].run(),
            lambda _: self.dispatchers[1].run(),
            *[self._accept] * 3,
            self._decline,
            *[self._finish] * 2,
            self._force,
            self._rekey,
            self._presence,
            self._late,
            lambda _: store.maintenance.expire_offers(),
            lambda _: store.maintenance.wake(),
            lambda _: store.maintenance.step(partial(position, rules=RULES)),
            lambda _: store.maintenance.lose_contact(30.0, 60.0),
            lambda _: store.agents.beat(self.people),
        ]

    async def _together(self, todo: list[Awaitable[object]]) -> None:
        for found in await asyncio.gather(*todo, return_exceptions=True):
            if isinstance(found, BaseException) and not isinstance(found, _PASSING):
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
            if random.random() < 0.5:
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
            if asked.skill_class != one.skill_class:
                self.relaxing.forget(one.id)
            person = random.choice(self.people)
            await makers.corrected_to(self.store, one.id, person, asked, 60.0, rekey)

    async def _presence(self, random: Random) -> None:
        chosen = random.choice([Presence.READY, Presence.READY, Presence.BREAK, Presence.OFFLINE])
        await self.store.agents.present(random.choice(self.people), chosen)

    async def _late(self, random: Random) -> None:
        """A worker that slept since it decided claims only now."""
        if self.decided:
            decision = random.choice(self.decided)
            before = await self.store.tickets.get(decision.ticket_id)
            won = await self.store.queue.claim(decision, 20.0)
            assert not won or before.epoch == decision.epoch, "I1: a stale epoch"

    def check(self, after: str = "") -> None:
        self._demand(self._check(), after)

    def _demand(self, work: Coroutine[Any, Any, Any], after: str = "") -> None:
        """Keeps what was broken: a database is never twice in one state, for a replay."""
        try:
            self.run(work)
        except (AssertionError, IntegrityError) as error:
            self.broken.append(f"{after}{error}")
            raise

    async def _check(self) -> Books:
        books = await read_books(self.store)
        books.check(self.forced)
        self.relaxing.look(books)
        return books

    def teardown(self) -> None:
        """I5: with one who can do everything everybody is served; then the house is emptied."""
        try:
            self.hire(dict.fromkeys(SKILLS, 5), 4)
            self.clock.pass_(61.0)  # what was set down comes back
            self._demand(self._serve())
        finally:
            self.given.append(self.run(self._count_given()))
            self.run(self._empty())

    async def _serve(self) -> None:
        async def sweep() -> None:
            await self._sweep(self.dispatchers[0])
            await self._check()

        await self.store.maintenance.wake()
        await check_served(self.store, sweep)

    async def _count_given(self) -> int:
        entries = select(func.count()).select_from(assignment)
        async with self.store.db.read() as conn:
            return int((await conn.execute(entries)).scalar_one())

    async def _empty(self) -> None:
        async def gone(tx: Tx) -> None:
            for table in reversed(metadata.sorted_tables):
                await tx.conn.execute(delete(table))

        await self.store.db.transact(gone)


_PASSING = (Conflict, NotFound, asyncio.CancelledError)
"""What may become of a move that came too late, or of a worker that was killed."""
