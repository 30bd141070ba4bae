"""Which of a conversation's tickets gets its next word, and what that word brings back."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select, union_all

from models.errors import Conflict
from models.store.dialogue.incoming import Slot
from models.store.dialogue.revisions import any_of
from models.store.ground.database import Fields, Tx, dicts
from models.store.ground.locks import lock
from models.store.tickets.ownership import load, start_assignment, tell
from models.tables import agent, conversation, ticket
from models.ticket import OPEN_STATES, TicketState

REOPENED = frozenset({TicketState.RESOLVED, TicketState.RETURNED})
"""What the customer's word reopens within the window."""


def next_word(case: Fields) -> tuple[bool, bool]:
    """The last of a conversation's tickets by this (then by age) gets its next word.

    An open one before one that has ended, the main one before a part: see
    ``models.store.tickets.merging``.
    """
    return case["state"] in OPEN_STATES, case["split_from"] is None


def reopened(case: Fields) -> dict[str, Any]:
    """What changes of a ticket that is not settled after all, apart from where it stands."""
    return {
        "state": TicketState.WAITING,
        "label_due": True,
        "sticky_id": case["owner_id"] or case["sticky_id"],
        "owner_id": None,
        "epoch": case["epoch"] + 1,
        "excluded": [],
        "resolved_at": None,
    }


_GONE, _KEPT = ticket.alias("gone"), ticket.alias("kept")
"""Made once: under another name a table has all its columns anew, which takes a millisecond."""


async def locked_talks(tx: Tx, slots: Collection[Slot]) -> list[dict[str, Any]]:
    """The conversations in these slots, locked, and those of what their tickets were merged into.

    A word in the one may bring back a ticket of the other: nobody else opens one there meanwhile.
    """
    c = conversation.c
    here = any_of(conversation, c.key, slots)
    query = select(conversation).where(here)
    if tx.dialect != "sqlite":  # there, the transaction itself keeps others out
        theirs = (
            select(_KEPT.c.conversation_id)
            .join(_GONE, _GONE.c.merged_into == _KEPT.c.id)
            .join(conversation, c.id == _GONE.c.conversation_id)
            .where(here)
        )
        both = union_all(select(c.id).where(here), theirs)
        query = select(conversation).where(c.id.in_(both))
    # Locked in one order everywhere, so that two batches cannot wait for each other.
    rows = dicts(await tx.conn.execute(query.order_by(c.id).with_for_update(key_share=True)))
    return [row for row in rows if (row["channel"], row["account"], row["key"]) in slots]


async def beside_open_ones(tx: Tx, survivors: Sequence[Fields]) -> set[str]:
    """Those of these ended tickets whose conversations have another open one, by id.

    The next word of what was merged into them cannot bring them back: a conversation has one open
    ticket at most.
    """
    ended = [case for case in survivors if case["state"] in REOPENED and not case["split_from"]]
    if not ended:
        return set()
    t = ticket.c
    talks = {case["conversation_id"] for case in ended}
    open_ones = select(t.conversation_id).where(
        t.conversation_id.in_(talks), t.state.in_(sorted(OPEN_STATES)), t.split_from.is_(None)
    )
    taken = set((await tx.conn.execute(open_ones)).scalars())
    return {case["id"] for case in ended if case["conversation_id"] in taken}


async def bring_back(
    tx: Tx, befores: Mapping[str, Fields], cases: Mapping[str, dict[str, Any]]
) -> None:
    """Gives what was ``reopened`` to whoever had it, if they are ready and have room for it.

    ``befores`` are the tickets before, ``cases`` what will be stored of them.
    """
    had = {before["owner_id"] for before in befores.values()} - {None}
    await lock(tx, agent, had)
    for ticket_id, before in befores.items():
        if await _taken_up(tx, cases[ticket_id], before["owner_id"]):
            tell(tx, "ticket.assigned", before, TicketState.ACTIVE, before["owner_id"])
        else:
            tell(tx, "ticket.returned", before, TicketState.WAITING, None)


async def _taken_up(tx: Tx, case: dict[str, Any], owner: str | None) -> bool:
    if owner is None:
        return False
    try:
        await load(tx, owner, case["units"])
    except Conflict:
        return False
    case.update(state=TicketState.ACTIVE, owner_id=owner)
    await start_assignment(
        tx, case["id"], owner, case["epoch"], case["units"], {"by": "reopened"}, accepted=True
    )
    return True
