"""In a flood of mail the clock lets routing go first, and not for long."""

from collections.abc import Sequence

from models.message import Lane
from models.routing import Rules
from models.store import Store
from models.store.effects.followers import Follower
from models.store.ground.database import Event, Tx
from models.store.tickets.search_index import INDEXING
from router.sla import Calendars
from tests.contract.store.makers import ALWAYS, envelope, follow, rules_content, waiting
from tests.contract.workers.system import CLOCK
from tests.fakes import FakeClock, FakeDoorbell
from workers.effects.clock import Ticker
from workers.rules.active_rules import ActiveRules

FLOOD = 128
PATIENCE = 10.0


class Listener:
    def __init__(self) -> None:
        self.heard: list[int] = []

    async def __call__(self, _tx: Tx, events: Sequence[Event]) -> None:
        self.heard += [event.seq for event in events]


def _ticker(store: Store, listener: Listener) -> Ticker:
    active_rules = ActiveRules(store, Rules.model_validate(rules_content()), Calendars(ALWAYS))
    follower = Follower("listener", frozenset({"said"}), listener)
    return Ticker(store, FakeDoorbell(), active_rules, CLOCK, {}, (follower,))


async def _say(store: Store) -> None:
    async with store.db.write() as tx:
        tx.emit("said")


async def _mails(store: Store, count: int, *, salt: str = "") -> None:
    await store.envelopes.accept(
        [envelope(f"{salt}{n}", channel="email", lane=Lane.MAIL) for n in range(count)]
    )


async def test_followers_wait_while_mail_floods_in(store: Store, clock: FakeClock) -> None:
    listener = Listener()
    ticker = _ticker(store, listener)
    await _mails(store, FLOOD)
    await _say(store)
    await ticker.tick()
    assert listener.heard == []
    clock.pass_(PATIENCE - 1)
    await ticker.tick()
    assert listener.heard == []
    clock.pass_(1)
    await ticker.tick()
    assert listener.heard == [1], "a flood that does not end"
    await _say(store)
    await ticker.tick()
    assert listener.heard == [1], "and from there anew"


async def test_they_act_at_once_when_the_mail_is_read(store: Store, clock: FakeClock) -> None:
    listener = Listener()
    ticker = _ticker(store, listener)
    await _mails(store, FLOOD)
    await _say(store)
    await ticker.tick()
    assert listener.heard == []
    assert await store.envelopes.lease(Lane.MAIL, FLOOD, 30.0)
    await ticker.tick()
    assert listener.heard == [], "in somebody's hands is not read yet"
    async with store.db.write() as tx:
        await tx.conn.exec_driver_sql("UPDATE envelope SET state = 'done'")
    await ticker.tick()
    assert listener.heard == [1]


async def test_a_little_mail_makes_nobody_wait(store: Store, clock: FakeClock) -> None:
    listener = Listener()
    await _mails(store, FLOOD - 1)
    await _say(store)
    await _ticker(store, listener).tick()
    assert listener.heard == [1]


async def test_what_is_found_is_worked_out_when_there_is_time(
    store: Store, clock: FakeClock
) -> None:
    ticker = _ticker(store, Listener())

    async def said(key: str) -> None:
        await waiting(store, key, text="电视机坏了")
        await follow(store, INDEXING)

    await said("k1")
    await ticker.tick()
    assert await store.search_index.due() == 0
    await said("k2")
    await _mails(store, FLOOD)
    for _ in range(9):
        await ticker.tick()
        assert await store.search_index.due() == 1
    await ticker.tick()
    assert await store.search_index.due() == 0, "a flood that does not end"
