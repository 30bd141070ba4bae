"""Keeps for figures what the event log forgets after some days: a ticket's steps, presence."""

from collections.abc import Sequence

from sqlalchemy import update

from models.events import STATE_CHANGES
from models.store.effects.followers import Follower
from models.store.ground.database import Event, Tx
from models.tables import presence_span, ticket_step

_PRESENCE = "agent.presence"

_KNOWN = frozenset({"ticket.created", "ticket.queued"})
"""The ticket itself has when these were."""


async def _keep(tx: Tx, events: Sequence[Event]) -> None:
    moves = (event for event in events if event.kind != _PRESENCE)
    # Without this step the end is counted once, by the next one, and nothing was reopened.
    steps = [_step(event) for event in moves if not event.data.get("retaken")]
    await tx.insert(ticket_step, steps)
    for event in events:
        if event.kind == _PRESENCE:
            await _present(tx, event)


def _step(event: Event) -> dict[str, object]:
    return {
        "seq": event.seq,
        "ticket_id": event.ticket_id,
        "at": event.at,
        "before": event.data["before"],
        "state": event.data["state"],
        "agent_id": event.agent_id,
    }


async def _present(tx: Tx, event: Event) -> None:
    s = presence_span.c
    last = (s.agent_id == event.agent_id) & s.ended_at.is_(None)
    await tx.conn.execute(update(presence_span).where(last).values(ended_at=event.at))
    span = {"id": tx.new_id(), "agent_id": event.agent_id, "presence": event.data["presence"]}
    await tx.insert(presence_span, [span | {"started_at": event.at, "ended_at": None}])


KEEPING = Follower("figures", frozenset(STATE_CHANGES) - _KNOWN | {_PRESENCE}, _keep)
