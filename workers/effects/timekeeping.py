"""The clocks of tickets, moved by what has happened and by time alone."""

from collections.abc import Mapping, Sequence, Set

from models.clocks import Case
from models.store.effects.followers import Follower
from models.store.effects.timers import Timer, set_timer
from models.store.ground.database import Event, Tx
from models.store.tickets.clocks import (
    FOLLOWER,
    TIMER,
    behind,
    load_cases,
    save_cases,
    widen,
    with_labels,
)
from router.clocks import Timekeeper

_STATES = {
    "ticket.requeued": "waiting",
    "ticket.returned": "waiting",
    "ticket.woken": "waiting",
    "ticket.moved": "",
    "ticket.assigned": "active",
}
"""Changes of state, and which state follows where the event does not say."""

_LABELLING = frozenset({"ticket.queued", "ticket.labelled"})

_REROUTING = frozenset({"ticket.rerouted", "ticket.labelled"})
"""Into another queue, perhaps: who may take an escalated ticket has to be said again."""

KINDS = frozenset(
    {
        "ticket.created", "ticket.corrected", "message.in", "message.out",
        *_LABELLING, *_REROUTING, *_STATES,
    }
)  # fmt: skip


class Timekeeping:
    """Acts on events and timers; the arithmetic is the timekeeper's."""

    def __init__(self, keeper: Timekeeper) -> None:
        self._keeper = keeper
        self._acts = {
            "ticket.created": self._created,
            "ticket.corrected": self._corrected,
            "message.in": self._asked,
            "message.out": self._told,
            "ticket.rerouted": lambda _case, _event: None,
            **dict.fromkeys(_LABELLING, self._labelled),
            **dict.fromkeys(_STATES, self._moved),
        }

    def follower(self) -> Follower:
        return Follower(FOLLOWER, KINDS, self.act)

    async def act(self, tx: Tx, events: Sequence[Event]) -> None:
        """Moves the clocks by a batch of events."""
        of_tickets = [event for event in events if event.ticket_id is not None]
        ids = {str(event.ticket_id) for event in of_tickets}
        first = {e.ticket_id for e in of_tickets if e.kind in {"ticket.created", "ticket.queued"}}
        # Of a new one there are no labels to be read yet, or its next event brings them.
        labelled = {e.ticket_id for e in of_tickets if e.kind in _LABELLING or _is_new(e)}
        cases = await load_cases(
            tx, ids, fresh=[i for i in first if i], labelled=[i for i in labelled if i]
        )
        before = {id_: self._due(case) for id_, case in cases.items()}
        for event in of_tickets:
            case = cases.get(str(event.ticket_id))
            if case is not None:
                self._acts[event.kind](case, event)
        rerouted = {str(e.ticket_id) for e in of_tickets if e.kind in _REROUTING}
        await self._keep(tx, cases, before, rerouted)

    async def fire(self, tx: Tx, timer: Timer) -> None:
        """Lets a ticket's clocks run until now: what fell due is marked, told and escalated."""
        cases = await load_cases(tx, [timer.subject])
        if await behind(tx, timer.subject, KINDS):
            # An answer may have stopped the clock in time: that has to be known first.
            await set_timer(tx, TIMER, timer.subject, tx.now)
            return
        for case in cases.values():
            self._keeper.advance(case, tx.now)
        await self._keep(tx, cases, {}, set())

    async def _keep(
        self,
        tx: Tx,
        cases: Mapping[str, Case],
        before: Mapping[str, float | None],
        rerouted: Set[str],
    ) -> None:
        for case in cases.values():
            for run in case.runs:
                if run.new or run.changed:
                    run.due_at = self._keeper.due_at(run)
        due = {id_: self._due(case) for id_, case in cases.items()}
        moved = {id_: at for id_, at in due.items() if id_ not in before or at != before[id_]}
        await save_cases(tx, list(cases.values()), moved)
        if self._keeper.widen_to:
            again = {id_ for id_ in rerouted if id_ in cases and cases[id_].escalation > 0}
            for ticket_id in sorted(again | {c.ticket_id for c in cases.values() if _raised(c)}):
                await widen(tx, ticket_id, self._keeper.widen_to)

    def _due(self, case: Case) -> float | None:
        return self._keeper.next_moment(case)

    # -- events ------------------------------------------------------------------------

    def _created(self, case: Case, event: Event) -> None:
        """One that is split off has its labels; every other gets them first."""
        if not _is_new(event):
            self._keeper.placed(case, event.at, case.facts)

    def _labelled(self, case: Case, event: Event) -> None:
        values = {facet: str(label[0]) for facet, label in event.data["labels"].items()}
        self._keeper.placed(case, event.at, with_labels(case.facts, values))

    def _corrected(self, case: Case, event: Event) -> None:
        if not case.runs:
            return
        known = {
            "domain": case.facts.domain,
            "type": case.facts.type,
            "urgency": case.facts.urgency,
        }
        values = known | {str(event.data["facet"]): str(event.data["after"])}
        self._keeper.placed(case, event.at, with_labels(case.facts, values))

    def _asked(self, case: Case, event: Event) -> None:
        if event.data.get("asks"):
            received = float(event.data.get("received_at", event.at))
            pressing = bool(event.data.get("pressing"))
            self._keeper.asked(case, event.at, received, pressing=pressing)

    def _told(self, case: Case, event: Event) -> None:
        by_person = event.agent_id if event.data.get("kind") == "reply" else None
        self._keeper.told(case, event.at, by_person)

    def _moved(self, case: Case, event: Event) -> None:
        state = str(event.data.get("state") or _STATES[event.kind])
        self._keeper.moved(case, event.at, state, event.agent_id)


def _raised(case: Case) -> bool:
    return any(mark.what == "escalated" for mark in case.marks)


def _is_new(event: Event) -> bool:
    """Whether a ticket has just come, and waits for its labels."""
    return event.kind == "ticket.created" and event.data.get("state") in {"new", "invalid"}
