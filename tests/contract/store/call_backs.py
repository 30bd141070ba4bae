"""Call-backs on their way: due, waiting, and in somebody's hands."""

from typing import Any

from models.follow_up import Plan
from models.routing import Candidate, Decision
from models.store import Store
from models.store.complaints.calling_back import (
    AGAIN,
    BEGIN,
    beginning,
    following_up,
    trying_again,
)
from models.store.complaints.follow_ups import FollowUp
from models.ticket import TicketState
from tests.contract.store import makers
from tests.fakes import FakeClock

DAY, HOUR = 86400.0, 3600.0
QUIET_UNTIL: list[float] = []


def _spare(at: float) -> float:
    """Quiet until a time that the test sets."""
    return max([at, *QUIET_UNTIL])


PLAN = Plan(
    within={"重要": 3 * DAY},
    complaints_within=DAY,
    begin_share=0.5,
    units=2,
    attempts=3,
    again=(4 * HOUR, DAY),
    review=True,
    spare=_spare,
)
FOLLOWER = following_up(PLAN)
EFFECTS = {BEGIN: beginning(PLAN), AGAIN: trying_again(PLAN)}
INQUIRY = makers.labels(type="咨询")


async def tick(store: Store, clock: FakeClock | None = None, seconds: float = 0.0) -> None:
    """The clock's turn, ``seconds`` later."""
    if clock is not None:
        clock.pass_(seconds)
    await makers.follow(store, FOLLOWER)
    assert await store.timers.fire_due(EFFECTS) == []


async def resolved(store: Store, key: str = "k1", login: str = "li", **options: Any) -> str:
    options.setdefault("labels", INQUIRY)
    ticket_id, agent_id = await makers.owned(store, key, login, **options)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    await tick(store)
    return ticket_id


async def only(store: Store) -> FollowUp:
    (found,) = await store.follow_ups.page()
    return found


async def call_back(store: Store, agent_id: str) -> Decision:
    (head,) = await store.call_backs.heads()
    assert agent_id not in head.excluded
    return Decision(
        ticket_id=head.ticket_id, epoch=head.epoch, agent_id=agent_id, units=head.units, key=0.0,
        relax_step=0, rules_version="1", sticky=False,
        candidates=(Candidate(agent_id, "chosen"),),
    )  # fmt: skip


async def claim(store: Store, agent_id: str) -> bool:
    """What the router does with the one that waits."""
    return await store.call_backs.claim(await call_back(store, agent_id))


async def taken(store: Store, clock: FakeClock, **options: Any) -> tuple[str, str]:
    """A follow-up in somebody's hands; (its id, theirs)."""
    await resolved(store, **options)
    han = await makers.agent(store, "han")
    await tick(store, clock, 1.5 * DAY)
    assert await claim(store, han)
    return (await only(store)).id, han
