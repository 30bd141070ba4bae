"""The table of moves and the kinds of events: complete, and what the code does."""

import re
from pathlib import Path

from models import store
from models.events import KINDS
from models.ticket import MOVES, OPEN_STATES, WAYS, TicketState

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


def test_every_kind_of_event_is_listed_and_only_those_that_are_emitted() -> None:
    told = set()
    for source in SOURCES:
        told |= set(re.findall(r'\bemit\(\s*"([a-z_.]+)"', source))
        told |= set(re.findall(r'\b_?tell\(\s*\S+, "([a-z_.]+)"', source))
        # Of these, what is audited is told under the same name.
        told |= set(re.findall(r'"((?:complaint|improvement|subtask)\.[a-z_]+)"', source))
    assert told == KINDS.keys()
