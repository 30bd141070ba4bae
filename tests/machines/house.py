"""Two routing workers over one database, driven at random beside people and the clock.

After every step I1, I2, I6 and I7 hold in SQL, and each decision is held against I4 and I6. At
rest I3 holds, and another sweep changes nothing (I8). A worker may be cancelled at any await, as
a killed one is. At the end everybody is served (I5).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import delete

from models.agent import Presence
from models.errors import Conflict, NotFound
from models.routing import Decision, Needs, Rules, Targets
from models.store import Store
from models.store.database import Tx
from models.tables import metadata
from models.ticket import LOADED_STATES, OPEN_STATES, TicketState
from router.policy import assign, position, rekeyed
from router.roster import Roster
from router.sla import Calendar, Calendars
from tests.contract.store import makers
from tests.contract.store.conftest import FakeClock
from tests.machines.invariants import Books, Relaxing, read_books
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
    """``stores`` are two programs' views of one database; ``run`` runs on their loop.

    ``decided`` holds what the dispatchers' router decided, ``steps`` those of all histories.
    """

    stores: tuple[Store, Store]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    clock: FakeClock
    broken: list[str]
    decided: deque[Decision]
    steps: list[int]
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
        self.relaxing = Relaxing()
        self.decided.clear()
        self.steps.append(0)
        for n in range(3):
            random = Random(n)
            skills = {s: random.randint(1, 5) for s in SKILLS if random.random() < 0.7}
            self.hire(skills, random.randint(2, 6))

    def hire(self, skills: dict[str, int], capacity: int) -> None:
        House.serial += 1
        made = makers.agent(self.store, f"p{House.serial}", skills, capacity=capacity)
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
        self.steps[-1] += 1
        self.clock.pass_(seconds)

    @rule(seed=st.integers(0, 10**6), n=st.integers(2, 6))
    def at_once(self, seed: int, n: int) -> None:
        """Several things happen together, in whatever order the database makes of them."""
        random = Random(seed)
        todo = [random.choice(self._moves())(random) for _ in range(n)]
        self._demand(self._together(todo))
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
            await self._together([dying, working])

        self._demand(die())
        self.check()

    @rule()
    def rest(self) -> None:
        """I3, I4, I8: when nobody moves, one sweep leaves nothing to do, whoever sweeps again."""

        async def sweep() -> None:
            await self._sweep(self.dispatchers[0])
            live = Roster(await self.store.agents.online())
            heads = await self.store.queue.heads(1000)
            now = await self.store.db.now()
            assert not assign(heads, live, now, RULES), "I3: somebody waits beside a free agent"
            before = await self._check()
            before.check_heads(await self.store.queue.heads(2), 2)
            assert await self._sweep(self.dispatchers[1]) == 0, "I8: a second round gives nothing"
            assert await read_books(self.store) == before, "I8: a second sweep changes nothing"

        self.steps[-1] += 1
        self._demand(sweep())

    async def _sweep(self, dispatcher: Dispatcher) -> int:
        await self.store.upkeep.expire_offers()
        await self.store.upkeep.step(partial(position, rules=RULES))
        return await dispatcher.run()

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
            self._late,
            lambda _: store.upkeep.expire_offers(),
            lambda _: store.upkeep.step(partial(position, rules=RULES)),
            lambda _: store.upkeep.lose_contact(30.0, 60.0),
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
            if asked.skill_class != one.skill_class:
                self.relaxing.forget(one.id)
            await self.store.tickets.reclass(one.id, asked, 60.0, rekey=rekey)

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

    def check(self) -> None:
        self.steps[-1] += 1
        self._demand(self._check())

    def _demand(self, work: Coroutine[Any, Any, Any]) -> None:
        """Keeps what was broken: a database is never twice in one state, for a replay."""
        try:
            self.run(work)
        except AssertionError as error:
            self.broken.append(str(error))
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
            self.run(self._empty())

    async def _serve(self) -> None:
        await self.store.upkeep.wake()
        unserved = await self._open()
        for _ in range(len(unserved) + 1):
            await self._sweep(self.dispatchers[0])
            await self._finish_all()
            if not await self._open():
                break
        await self._check()
        assert not await self._open(), "I5: somebody starves"

    async def _open(self) -> Sequence[Any]:
        return await self.store.tickets.page(states=sorted(OPEN_STATES), limit=500)

    async def _finish_all(self) -> None:
        for one in await self.store.tickets.page(states=sorted(LOADED_STATES), limit=500):
            assert one.owner_id is not None
            if one.state == TicketState.OFFERED:
                await self.store.tickets.accept(one.id, one.owner_id)
            await self.store.tickets.move(one.id, one.owner_id, TicketState.RESOLVED)

    async def _empty(self) -> None:
        async def gone(tx: Tx) -> None:
            for table in reversed(metadata.sorted_tables):
                await tx.conn.execute(delete(table))

        await self.store.db.transact(gone)


_PASSING = (Conflict, NotFound, asyncio.CancelledError)
"""What may become of a move that came too late, or of a worker that was killed."""
