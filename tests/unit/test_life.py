"""The table of moves and the kinds of events: complete, and what the code does."""

import re
from pathlib import Path

from models import store
from models.events import KINDS
from models.ticket import (
    LOADED_STATES,
    MOVES,
    OPEN_STATES,
    STATE_NAMES,
    WAYS,
    Label,
    Labels,
    TicketState,
)

S = TicketState

SOURCES = [path.read_text("utf-8") for path in Path(store.__file__).parent.rglob("*.py")]


def reached(start: TicketState) -> set[TicketState]:
    found, edge = {start}, {start}
    while edge:
        edge = {to for at in edge for to in MOVES[at]} - found
        found |= edge
    return found


def test_every_state_is_reached_and_leads_to_the_end() -> None:
    assert reached(TicketState.NEW) == set(TicketState)
    for state in TicketState:
        assert TicketState.CLOSED in reached(state), f"{state} has no way out"
    assert MOVES[TicketState.CLOSED] == frozenset()


def test_every_move_says_what_brings_it_about() -> None:
    for move, (zh, en) in WAYS.items():
        assert re.search(r"[\u4e00-\u9fff]", zh), move
        assert en.isascii(), move


def test_every_open_ticket_may_be_found_to_be_junk() -> None:
    assert all(TicketState.INVALID in MOVES[state] for state in OPEN_STATES)


def before(state: TicketState) -> set[TicketState]:
    return {at for at in TicketState if state in MOVES[at]}


def test_who_may_become_what() -> None:
    """Offered from the queue alone, put aside by its agent alone, closed once it has ended."""
    assert before(S.NEW) == set()
    assert MOVES[S.NEW] == {S.WAITING, S.INVALID}, "without labels it can go nowhere else"
    assert before(S.OFFERED) == {S.WAITING}
    for aside in (S.PENDING, S.SNOOZED, S.HELPING):
        assert before(aside) == {S.ACTIVE}
    assert before(S.RETURNED) == {S.ACTIVE, S.WAITING}
    assert before(S.CLOSED) == {S.RESOLVED, S.RETURNED, S.INVALID}
    assert before(S.INVALID) == OPEN_STATES
    assert before(S.MERGED) == OPEN_STATES - {S.NEW, S.OFFERED} | {S.RESOLVED}
    assert MOVES[S.MERGED] == {S.WAITING, S.RESOLVED}, "undone: what it was, or the queue"
    assert before(S.RESOLVED) == OPEN_STATES - {S.NEW, S.OFFERED} | {S.MERGED}
    assert before(S.WAITING) == set(TicketState) - {S.WAITING, S.CLOSED}, "always back to a queue"
    assert before(S.ACTIVE) == set(TicketState) - {S.NEW, S.ACTIVE, S.INVALID, S.MERGED, S.CLOSED}


def test_what_is_open_and_who_is_loaded() -> None:
    ended = {S.RESOLVED, S.CLOSED, S.RETURNED, S.INVALID, S.MERGED}
    assert set(TicketState) - ended == OPEN_STATES
    assert {S.OFFERED, S.ACTIVE, S.HELPING} == LOADED_STATES, "put aside it is no load"


def test_every_state_is_named_once_in_each_language() -> None:
    assert list(STATE_NAMES) == list(TicketState)
    assert [state.value for state in S] == [state.name.lower() for state in S], "as it is stored"
    for names in zip(*STATE_NAMES.values(), strict=True):
        assert len({*names}) == len(TicketState)


def test_a_facet_that_is_left_open_leaves_the_ticket_to_a_person() -> None:
    def abstained(*accepted: bool) -> bool:
        facets = {
            f"f{n}": Label(value="x", confidence=0.5, accepted=one)
            for n, one in enumerate(accepted)
        }
        return Labels(facets=facets, bundle="b").abstained

    assert not abstained()
    assert not abstained(True, True)
    assert abstained(True, False)
    assert abstained(False, False)


def test_every_kind_of_event_is_listed_and_only_those_that_are_emitted() -> None:
    told = set()
    for source in SOURCES:
        told |= set(re.findall(r'\bemit\(\s*"([a-z_.]+)"', source))
        told |= set(re.findall(r'\b_?tell\(\s*\S+, "([a-z_.]+)"', source))
        # Of these, what is audited is told under the same name.
        told |= set(re.findall(r'"((?:complaint|improvement|subtask)\.[a-z_]+)"', source))
    assert told == KINDS.keys()
