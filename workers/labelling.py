"""Labels for tickets, the queue each belongs to, and the first word to the customer."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from models.routing import Needs, Rules
from models.store import Store
from models.store.queue import Routed, Unlabelled
from models.ticket import Label, Labels, Reason, TicketState
from router.needs import needs, target
from router.policy import relax_step_at
from workers.acknowledging import Acknowledging

_PAGE = 128

Declared = Mapping[str, Mapping[str, str]]
"""“channel/account” to facet to class: a mailbox or form for complaints, say."""


class Classify(Protocol):
    """The serving classifier: labels for tickets, and the language each is in."""

    def __call__(self, tickets: Sequence[Unlabelled], /) -> list[tuple[Labels, str]]: ...


class Labelling:
    """Runs the classifier in a thread, and applies the routing rules to what it says."""

    def __init__(
        self,
        store: Store,
        classify: Classify,
        rules: Rules,
        acknowledging: Acknowledging,
        declared: Declared = MappingProxyType({}),
    ) -> None:
        """``declared``: labels that messages have because of where they came in."""
        self._declared = declared
        self._store = store
        self._classify = classify
        self._rules = rules
        self._acknowledging = acknowledging

    async def run(self, ticket_ids: Sequence[str] = ()) -> int:
        """Labels these tickets, or all that are due; returns how many wait now."""
        routed = 0
        while due := await self._store.queue.unlabelled(_PAGE, ticket_ids):
            found = await asyncio.to_thread(self._classify, due)
            batch = [
                await self._routed(ticket, self._with(labels, ticket), lang)
                for ticket, (labels, lang) in zip(due, found, strict=True)
            ]
            routed += len(await self._store.queue.route(batch, self._acknowledging.cap))
            if ticket_ids or len(due) < _PAGE:
                break
        return routed

    def _with(self, labels: Labels, ticket: Unlabelled) -> Labels:
        """The classifier's labels, over them those of the source, over all a person's."""
        source = f"{ticket.channel}/{ticket.account}"
        declared = {
            facet: Label(
                value=value,
                confidence=1.0,
                accepted=True,
                by="declared",
                reasons=(Reason(kind="declared", text=source, weight=1.0),),
            )
            for facet, value in self._declared.get(source, {}).items()
        }
        facets = {**labels.facets, **declared, **ticket.corrected}
        return labels.model_copy(update={"facets": facets})

    async def _routed(self, ticket: Unlabelled, labels: Labels, lang: str) -> Routed:
        wants, seconds = where(labels, lang, ticket.lane, ticket.tier, self._rules)
        if ticket.troubled:
            wants = needs({}, False, lang, self._rules)
        words = None
        if ticket.state == TicketState.NEW:
            words = await self._acknowledging.words(ticket, labels, lang, seconds)
        # The first step of all, even where it has passed: the clock takes what is behind.
        _, first_at = next_step(ticket.queued_at, seconds, ticket.queued_at, self._rules)
        return Routed(
            ticket=ticket,
            labels=labels,
            lang=lang,
            needs=wants,
            target=seconds,
            units=self._rules.units[ticket.lane],
            next_step_at=first_at,
            acknowledgement=words,
        )


def where(labels: Labels, lang: str, lane: str, tier: str, rules: Rules) -> tuple[Needs, float]:
    """The needs of a ticket with these labels, and its target in seconds."""
    values = {name: label.value for name, label in labels.facets.items()}
    routable = [labels.facets[f] for f in rules.required_facets if f in labels.facets]
    accepted = all(label.accepted for label in routable)
    wants = needs(values, accepted, lang, rules)
    return wants, target(values.get("urgency", ""), lane, tier, rules)


def next_step(
    queued_at: float, target: float, now: float, rules: Rules
) -> tuple[int, float | None]:
    """The relaxation step of a waiting ticket, and when it changes or turns late."""
    step = relax_step_at(now - queued_at, target, rules)
    times = [queued_at + fraction * target for fraction in (*rules.relax_at, 1.0)]
    return step, min((at for at in times if at > now), default=None)
