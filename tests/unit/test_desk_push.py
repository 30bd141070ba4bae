"""A line tells each event once, in order, to those whom it concerns."""

from typing import Any

from desk.auth import Person
from desk.push import Line
from models.agent import Agent, Presence, Role
from models.store.ground.database import Event


def line(role: Role = Role.AGENT) -> Line:
    agent = Agent("me", "li", "Li", role, Presence.READY, 6, 0)
    return Line(Person(agent, "token", "session"))


def event(seq: int, kind: str = "message.in", **options: Any) -> Event:
    values = {"ticket_id": "t1", "conversation_id": "c1", "agent_id": None, "data": {}} | options
    return Event(seq=seq, at=0.0, kind=kind, **values)


def seqs(events: list[Event]) -> list[int]:
    return [e.seq for e in events]


def test_an_event_is_told_once() -> None:
    mine = line()
    assert seqs(mine.fresh([event(1, agent_id="me"), event(2, agent_id="me")])) == [1, 2]
    assert seqs(mine.fresh([event(2, agent_id="me"), event(3, agent_id="me")])) == [3]


def test_agents_hear_only_of_what_is_theirs() -> None:
    mine = line()
    told = mine.fresh([event(1), event(2, agent_id="other"), event(3, agent_id="me")])
    assert seqs(told) == [3]
    assert mine.cursor == 3


def test_supervisors_hear_everything() -> None:
    assert seqs(line(Role.SUPERVISOR).fresh([event(1), event(2, agent_id="other")])) == [1, 2]


def test_a_ticket_is_followed_from_when_it_comes_until_it_goes() -> None:
    mine = line()
    told = mine.fresh(
        [
            event(1, "outbound.state"),
            event(2, "ticket.assigned", agent_id="me", data={"owner": "me"}),
            event(3, "outbound.state"),
            event(4, "ticket.requeued", agent_id="me", data={"owner": None}),
            event(5, "outbound.state"),
        ]
    )
    assert seqs(told) == [2, 3, 4]


def test_a_ticket_that_was_handed_on_is_followed_no_longer() -> None:
    mine = line()
    mine.tickets.add("t1")
    handed = event(1, "ticket.assigned", agent_id="other", data={"owner": "other", "former": "me"})
    assert seqs(mine.fresh([handed, event(2)])) == [1]


def test_who_lost_a_ticket_while_away_is_told_of_it() -> None:
    handed = event(1, "ticket.assigned", agent_id="other", data={"owner": "other", "former": "me"})
    assert seqs(line().fresh([handed, event(2)])) == [1]


async def test_a_line_that_is_not_read_overruns_instead_of_growing() -> None:
    mine = line()
    for seq in range(256):
        mine.offer([event(seq)])
    assert not mine.overrun
    mine.offer([event(256)])
    assert mine.overrun


async def test_a_live_line_keeps_only_what_is_fresh_and_wakes_for_nothing_else() -> None:
    mine = line()
    mine.offer([event(1, agent_id="me")])
    mine.offer([event(2, agent_id="me"), event(3)])
    mine.cursor = 1  # read from the log meanwhile
    mine.go_live()
    assert seqs(list((await mine.next(0))[0])) == [2]
    for seq in range(4, 400):
        mine.offer([event(seq)])
    assert not mine.overrun
    mine.offer([event(400, agent_id="me")])
    assert seqs(list((await mine.next(0))[0])) == [400]
    assert mine.talks == {}
    # A ping must not say of what still waits to be sent that it was told.
    assert mine.told == 400
    mine.offer([event(401, agent_id="me")])
    mine.offer([event(402)])
    assert mine.told == 400
    await mine.next(0)
    assert mine.told == 402


async def test_only_the_newest_figure_is_told() -> None:
    mine = line()
    for total in range(3):
        mine.tell_waiting({"total": total})
    assert await mine.next(0) == ((), {"total": 2})
    assert await mine.next(0) == ((), None)
