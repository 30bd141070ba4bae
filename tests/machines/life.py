"""The lives of tickets over the real store: people, customers and the clock at random.

After every step, of every ticket of this walk: it has a way out (L1), it is no orphan (L2), it
has one owner or none (L3), it is no closed complaint without its conditions (L4), and its events
tell its life move by move (L5). Now and then several things happen at once, of which one may
die at one of its awaits. At the end each is driven to “closed” by moves that exist: a way out that
nobody can take is none.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import select, update

from models.errors import Conflict, NotFound, Rejected
from models.events import STATE_CHANGES
from models.store import Store
from models.store.tickets import ending, helping, offering, transfers
from models.store.tickets.moves import locked
from models.tables import agent as agents
from models.tables import assignment, complaint, event, message, ticket, transfer
from models.ticket import LOADED_STATES, OPEN_STATES, WAYS, TicketState
from tests.contract.store import makers
from tests.fakes import FakeClock
from tests.machines.waits import at_each_wait

DAY = 86400.0
FOLLOWERS = (helping.HELPERS, ending.closing(7 * DAY))
EFFECTS = {
    ending.TIMER: ending.close_due,
    offering.TIMER: transfers.expire,
    helping.DUE: helping.subtask_due,
}
STEPS = 50
_S = TicketState
_HAD = {_S.OFFERED, _S.ACTIVE, _S.PENDING, _S.SNOOZED, _S.HELPING}


class Life(RuleBasedStateMachine):
    """``store`` is real; ``run`` runs on its loop; ``taken`` counts moves over all walks."""

    store: Store
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    clock: FakeClock
    broken: list[str]
    taken: Counter[tuple[str, str]]
    serial = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).serial += 1
        self.walk = self.serial
        self.said = 0
        self.settled: set[str] = set()
        self.complaints: set[str] = set()
        self.beside: list[Coroutine[Any, Any, Any]] | None = None
        self.mouth = asyncio.Lock()
        self.since = self.run(self.store.events.last())
        self.boss, self.caller = [self._hire(f"b{self.walk}{n}") for n in "xy"]
        self.people = [self._hire(f"p{self.walk}{n}") for n in "abc"]

    def _hire(self, login: str) -> str:
        return str(self.run(makers.agent(self.store, login, capacity=4)))

    # -- what happens ------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32))
    def wander(self, seed: int) -> None:
        """A whole walk, so that none is shorter than ``STEPS``."""
        # Few examples are much alike: those of no two walks must be.
        random = Random(f"{seed} {self.walk}")
        for _ in range(STEPS):
            self._something(random)

    def _something(self, random: Random) -> None:
        """People work more often than anything else happens."""
        acts = {
            self.customer: 4, self.claim: 5, self.works: 8, self.passes: 4, self.oversees: 2,
            self.joins: 2, self.complains: 3, self.helps: 3, self.leaves: 2, self.time: 2,
        }  # fmt: skip
        if random.random() < 0.3:
            self.at_once(random, acts)
        else:
            random.choices(list(acts), list(acts.values()))[0](random)

    def at_once(self, random: Random, acts: dict[Callable[[Random], None], int]) -> None:
        """Several of these, in whatever order the database makes of them."""
        self.beside = []
        for act in random.choices(list(acts), list(acts.values()), k=random.randint(2, 5)):
            # Of these two the next one already sees what the one before has brought about.
            if act not in {self.leaves, self.time}:
                act(random)
        moves, self.beside = self.beside, None
        if moves and random.random() < 0.3:
            moves[-1] = self._cut_short(moves[-1], random.randint(1, 25))
        self._do(self._together(moves))

    async def _together(self, moves: list[Coroutine[Any, Any, Any]]) -> None:
        for found in await asyncio.gather(*moves, return_exceptions=True):
            refused = isinstance(found, Conflict | NotFound | Rejected | asyncio.CancelledError)
            if isinstance(found, BaseException) and not refused:
                self.broken.append(f"L6: neither done nor refused: {found!r}")
                raise found

    @staticmethod
    async def _cut_short(move: Coroutine[Any, Any, Any], waits: int) -> None:
        """It dies at one of its awaits, as its process may."""
        left, task = count(1), asyncio.current_task()
        assert task is not None

        def die() -> None:
            if next(left) == waits:
                task.cancel()

        await at_each_wait(move, die)

    def customer(self, random: Random) -> None:
        """A word of the customer; now and then only thanks."""
        hollow, talk = random.random() < 0.2, random.randint(0, 2)
        self.said += 1
        key = f"w{self.walk}-{self.said}"
        said = makers.thread(
            self.store,
            makers.envelope(key, now=self.clock()),
            conversation_key=f"talk-{self.walk}-{talk}",
            text="谢谢" if hollow else f"第{self.said}件事",
            hollow=hollow,
        )
        self._do(self._heard(said))

    async def _heard(self, said: Coroutine[Any, Any, Any]) -> None:
        # Threaded wholly or not at all: who dies over it is tests/flow/test_crash.py's.
        await asyncio.shield(self._threaded(said))
        await self._route()

    async def _threaded(self, said: Coroutine[Any, Any, Any]) -> None:
        async with self.mouth:  # one intake, which takes whatever has come
            await said

    async def _route(self) -> None:
        for due in await self.store.queue.unlabelled(50):
            await self.store.queue.route([makers.routed(due)])

    def claim(self, random: Random) -> None:
        if one := self._some(random, {_S.WAITING}):
            offer = random.choice([None, 20.0])
            self._do(self._claim(one, random.choice(self.people), offer))

    async def _claim(self, one: Any, person: str, offer: float | None) -> None:
        await self.store.queue.claim(await makers.decision(self.store, one.id, person), offer)

    def works(self, random: Random) -> None:
        """The owner of a ticket does something with it."""
        one = self._some(random, _HAD)
        if one is None or one.owner_id is None:
            return
        me, store = one.owner_id, self.store.tickets
        self.said += 1
        then = random.choice([_S.ACTIVE, _S.PENDING, _S.RESOLVED])
        again = [lambda: store.take(one.id, me), lambda: store.move(one.id, me, _S.RESOLVED)]
        moves: dict[str, list[Callable[[], Coroutine[Any, Any, Any]]]] = {
            _S.OFFERED: [
                lambda: store.accept(one.id, me),
                lambda: store.decline(one.id, me, "忙"),
            ],
            _S.ACTIVE: [
                lambda: store.move(one.id, me, _S.PENDING),
                lambda: store.move(one.id, me, _S.RESOLVED),
                lambda: store.snooze(one.id, me, 600.0),
                lambda: store.ask_help(one.id, me, ""),
                lambda: store.release(one.id, me, random.choice([None, makers.NEEDS]), ""),
                lambda: store.reply(one.id, me, "好", f"c{self.walk}-{self.said}", then),
                lambda: self.store.ending.send_back(one.id, me, "不归我们"),
            ],
            _S.PENDING: again,
            _S.SNOOZED: again,
            _S.HELPING: [
                lambda: store.resume(one.id, me),
                lambda: store.move(one.id, me, _S.RESOLVED),
                lambda: store.release(one.id, me, None, ""),
            ],
        }
        self._do(random.choice(moves[one.state])())

    def passes(self, random: Random) -> None:
        """Transfers: offered, accepted, declined, withdrawn."""
        store = self.store.transfers
        held = {one.id: one for one in self.run(self._mine()) if one.state in LOADED_STATES}
        offers = list(self.run(store.of(held)).values())
        if offers and random.random() < 0.7:
            offer = random.choice(offers)
            to = offer.to_id or random.choice(self.people)
            answer = random.choice([store.accept, store.accept, store.withdraw, None])
            if answer is None:
                self._do(store.decline(offer.ticket_id, to, "忙"))
            else:
                self._do(
                    answer(offer.ticket_id, offer.from_id if answer == store.withdraw else to)
                )
        elif held:
            one = random.choice(list(held.values()))
            skill = {"skill": "domain:物流", "needs": makers.NEEDS}
            to_whom = random.choice([skill, {"to": random.choice(self.people)}])
            self._do(store.offer(one.id, one.owner_id, 600.0, **to_whom))

    def oversees(self, random: Random) -> None:
        """A supervisor's moves, on whatever there is."""
        one = self._some(random, set(TicketState) - {_S.CLOSED})
        if one is None:
            return
        tickets, ends = self.store.tickets, self.store.ending
        to = random.choice(self.people)
        moves: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: tickets.take(one.id, to, forced=True, by=self.boss),
            lambda: tickets.mark_junk(one.id, self.boss),
            lambda: tickets.unmark_junk(one.id, self.boss),
            lambda: ends.send_back(one.id, self.boss, "x"),
            lambda: ends.settle(one.id, self.boss),
            lambda: ends.close(one.id, self.boss),
            lambda: ends.reopen(one.id, self.boss, "x"),
            lambda: ends.retake(one.id, one.owner_id or self.boss),
            lambda: self.store.merging.undo(one.id, self.boss),
        ]
        self._do(random.choice(moves)())

    def joins(self, random: Random) -> None:
        """Two tickets become one, or one two."""
        one, other = (self._some(random, set(TicketState)) for _ in "12")
        if one is None or other is None:
            return
        if random.random() < 0.6:
            self._do(self.store.merging.merge(one.id, other.id, self.boss))
        else:
            self._do(self._split(one.id, random))

    async def _split(self, ticket_id: str, random: Random) -> None:
        query = select(message.c.id).where(message.c.ticket_id == ticket_id)
        async with self.store.db.read() as conn:
            ids = list((await conn.execute(query.order_by(message.c.seq))).scalars())
        if ids:
            await self.store.merging.split(ticket_id, [random.choice(ids)], self.boss)
            await self._route()

    def complains(self, random: Random) -> None:
        settle = random.random() < 0.3
        if one := self._some(random, set(TicketState) - {_S.CLOSED, _S.MERGED}):
            self._do(self._settle(one.id) if settle else self._complain(one.id))

    async def _complain(self, ticket_id: str) -> None:
        if ticket_id in self.complaints:
            return
        async with self.store.db.write() as tx:
            if (await locked(tx, ticket_id))["state"] in {_S.CLOSED, _S.MERGED}:
                return
            row = {"ticket_id": ticket_id, "opened_at": tx.now, "updated_at": tx.now}
            # By hand: a new label does not take it back.
            row |= {"complained_at": tx.now, "by_hand": True}
            await tx.insert(complaint, [row], new_only=True)
            self.complaints.add(ticket_id)

    async def _settle(self, ticket_id: str) -> None:
        done = {
            "department": "物流", "outcome": "已补发", "responsibility": "承运商",
            "customer_word": "accepted", "reviewed_by": self.boss, "review_passed": True,
            "called_back_by": self.caller, "reached": True,
        }  # fmt: skip
        async with self.store.db.write() as tx:
            await locked(tx, ticket_id)
            change = update(complaint).where(complaint.c.ticket_id == ticket_id)
            if (await tx.conn.execute(change.values(**done))).rowcount:
                self.settled.add(ticket_id)

    def helps(self, random: Random) -> None:
        """Others are asked for something, do it, or are asked no more."""
        one = self._some(random, _HAD)
        if one is None or one.owner_id is None:
            return
        store, who = self.store.helping, random.choice(self.people)
        ask = {"title": "查件", "due_at": self.clock() + 600.0, "assignee_id": who}
        self._do(
            random.choice(
                [
                    lambda: store.ask(one.id, one.owner_id, who, 0),
                    lambda: store.open(one.id, one.owner_id, **ask),
                    lambda: self._ends_task(one.id, who, "done"),
                    lambda: self._ends_task(one.id, who, "cancelled"),
                ]
            )()
        )

    async def _ends_task(self, ticket_id: str, by: str, how: str) -> None:
        store = self.store.helping
        for task in await store.tasks(ticket_id):
            if task.state == "open":
                await (store.finish if how == "done" else store.cancel)(task.id, by, "好")
                return

    def leaves(self, random: Random) -> None:
        """Somebody has their last day, and somebody new their first."""
        n = random.randrange(len(self.people))
        to = random.choice([p for i, p in enumerate(self.people) if i != n] + [None])
        gone = self.people[n]
        self._do(self.store.offboarding.leave(gone, self.boss, to))
        self.people[n] = self._hire(f"n{self.walk}-{len(self.people)}-{self.said}-{gone[-6:]}")

    def time(self, random: Random) -> None:
        self.clock.pass_(random.choice([1.0, 30.0, 700.0, DAY, 8 * DAY]))
        self._do(self._tick())

    async def _tick(self) -> None:
        await self.store.maintenance.expire_offers()
        await self.store.maintenance.wake()
        await self.store.followers.catch_up(FOLLOWERS, await self.store.events.last())
        assert await self.store.timers.fire_due(EFFECTS) == []
        for person in self.people:
            await self.store.agents.beat([person])

    # -- how it is done and judged -----------------------------------------------------

    def _some(self, random: Random, states: set[TicketState]) -> Any:
        found = [one for one in self.run(self._mine()) if one.state in states]
        return random.choice(found) if found else None

    async def _mine(self) -> list[Any]:
        """(id, state, owner_id) of this walk's tickets, oldest first."""
        e, t = event.c, ticket.c
        query = select(t.id, t.state, t.owner_id).join(event, e.ticket_id == t.id)
        query = query.where(e.seq > self.since, e.kind == "ticket.created").order_by(e.seq)
        async with self.store.db.read() as conn:
            return list((await conn.execute(query)).all())

    def _do(self, move: Coroutine[Any, Any, Any]) -> None:
        """A move, refused or not; then everything holds. Or it is kept for ``at_once``."""
        if self.beside is not None:
            self.beside.append(move)
            return
        with suppress(Conflict, NotFound, Rejected):
            self.run(move)
        try:
            self.run(self._check())
        except AssertionError as error:
            self.broken.append(str(error))
            raise

    async def _check(self) -> None:
        async with self.store.db.read() as conn:
            known = select(event.c.ticket_id).where(
                event.c.seq > self.since, event.c.kind == "ticket.created"
            )
            rows = (
                (await conn.execute(select(ticket).where(ticket.c.id.in_(known)))).mappings().all()
            )
            live = select(assignment.c.ticket_id, assignment.c.agent_id)
            held = (await conn.execute(live.where(assignment.c.ended_at.is_(None)))).all()
            offers = select(transfer).where(transfer.c.ended_at.is_(None))
            offered = (await conn.execute(offers)).mappings().all()
            team = agents.c.id.in_([*self.people, self.boss, self.caller])
            staff = (await conn.execute(select(agents).where(team))).mappings().all()
            told = select(event).where(
                event.c.seq > self.since, event.c.kind.in_(sorted(STATE_CHANGES))
            )
            events = (await conn.execute(told.order_by(event.c.seq))).mappings().all()
        here = {row["id"] for row in staff if row["disabled_at"] is None}
        for row in rows:
            self._judge(row, here)
        self._one_owner(rows, held, offered, staff)
        self._one_open(rows)
        self._history(rows, events)

    def _judge(self, row: Any, here: set[str]) -> None:
        state = _S(row["state"])
        out = state == _S.CLOSED or any(at == state for at, _ in WAYS)
        assert out, f"L1: {state} has no way out"
        if state in _HAD:
            assert row["owner_id"] in here, f"L2: {state}, and its owner is not there"
        if state == _S.WAITING:
            assert row["owner_id"] is None, "L3: somebody has what waits"
            placed = row["skill_class"] is not None and row["target"] is not None
            assert placed or row["label_due"], "L2: it waits where nobody looks"
        if state == _S.MERGED:
            assert row["merged_into"] is not None, "L2: merged into nothing"
        if state == _S.CLOSED and row["id"] in self.complaints:
            assert row["id"] in self.settled, "L4: a complaint was closed without its conditions"

    def _one_owner(self, rows: Any, held: Any, offered: Any, staff: Any) -> None:
        by_id = {row["id"]: row for row in rows}
        owners = {row["id"]: row["owner_id"] for row in rows if row["state"] in LOADED_STATES}
        mine = [(t, a) for t, a in held if t in by_id]
        assert Counter(t for t, _ in mine) == Counter(owners.keys()), "L3: one live entry each"
        assert dict(mine) == owners, "L3: the entry is its owner's"
        for offer in offered:
            if offer["ticket_id"] in by_id:
                owner = owners.get(offer["ticket_id"])
                assert offer["from_id"] == owner, "L3: on offer by who does not have it"
        load: Counter[str] = Counter()
        for ticket_id, owner in owners.items():
            load[owner] += by_id[ticket_id]["units"]
        for row in staff:
            if row["id"] in self.people:
                assert row["used"] == load[row["id"]], "L3: units are what one has"

    def _one_open(self, rows: Any) -> None:
        main = [row for row in rows if row["state"] in OPEN_STATES and row["split_from"] is None]
        talks = Counter(row["conversation_id"] for row in main)
        assert not [n for n in talks.values() if n > 1], "L3: two main tickets of one talk"

    def _history(self, rows: Any, events: Any) -> None:
        now: dict[str, tuple[str | None, str | None]] = {}
        for one in events:
            data = one["data"]
            before, owner = now.get(one["ticket_id"], (None, None))
            assert data["before"] == before, f"L5: {one['kind']} tells of another state"
            step = (before, data["state"])
            if before is not None and before != data["state"]:
                assert step in WAYS, f"L5: {step} is no move"
                self.taken[step] += 1
            elif before is not None:
                assert data["owner"] != owner, f"L5: {one['kind']} tells of no change"
            now[one["ticket_id"]] = data["state"], data["owner"]
        for row in rows:
            expected = (row["state"], row["owner_id"])
            assert now[row["id"]] == expected, f"L5: untold: {now[row['id']]} is {expected}"

    # -- the end -----------------------------------------------------------------------

    def teardown(self) -> None:
        """Every ticket is brought to its end."""
        for _ in range(8):
            left = [one for one in self.run(self._mine()) if one.state != _S.CLOSED]
            if not left:
                break
            self.clock.pass_(30.0)  # a mere greeting is held for a while
            for one in left:
                self._do(self._onward(one))
        states = {one.state for one in self.run(self._mine())} - {_S.CLOSED}
        if states:
            self.broken.append(f"L1: no way out of {states}")
        assert not states, f"L1: no way out of {states}"

    async def _onward(self, one: Any) -> None:
        """One step nearer to the end."""
        await self._route()
        ends, me = self.store.ending, one.owner_id or ""
        match one.state:
            case _S.WAITING:
                await ends.settle(one.id, self.boss)
            case _S.OFFERED:
                await self.store.tickets.accept(one.id, me)
            case _S.ACTIVE | _S.PENDING | _S.SNOOZED | _S.HELPING:
                await self.store.tickets.move(one.id, me, _S.RESOLVED)
            case _S.MERGED:
                await self.store.merging.undo(one.id, self.boss)
            case _S.RESOLVED | _S.RETURNED | _S.INVALID:
                try:
                    await ends.close(one.id, self.boss)
                except ending.Unsettled:
                    await self._settle(one.id)
                    for _ in await self.store.helping.tasks(one.id):
                        await self._ends_task(one.id, self.boss, "done")
