"""Labels for tickets, the queue each belongs to, and the first word to the customer."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

from models.complaint import Filing, doubted, filing, standing
from models.store import Store
from models.store.complaints.incident_detection import StoredFingerprint
from models.store.routing.entering import Routed
from models.store.routing.unlabelled import Unlabelled
from models.ticket import Label, Labels, Reason
from router.keys import rekeyed
from router.needs import needs
from router.place import Facts
from workers.dialogue.acknowledging import Acknowledging
from workers.rules.active_rules import ActiveRules

_PAGE = 128

Declared = Mapping[str, Mapping[str, str]]
"""“channel/account” to facet to class: a mailbox or form for complaints, say."""


class Classify(Protocol):
    """The serving classifier: labels for tickets, and the language each is in."""

    def __call__(self, tickets: Sequence[Unlabelled], /) -> list[tuple[Labels, str]]: ...


class Note(Protocol):
    """Hears of each batch that was labelled, once its tickets are in their queues."""

    def __call__(
        self, tickets: Sequence[Unlabelled], found: Sequence[tuple[Labels, str]], /
    ) -> None: ...


class FingerprintBatch(Protocol):
    """By ticket, what other complaints about the same matter are found by."""

    def __call__(
        self, tickets: Sequence[Unlabelled], labels: Sequence[Labels], /
    ) -> Mapping[str, StoredFingerprint]: ...


class Labelling:
    """Runs the classifier in a thread, and applies the routing rules to what it says."""

    def __init__(
        self,
        store: Store,
        classify: Classify,
        active_rules: ActiveRules,
        acknowledging: Acknowledging,
        declared: Declared = MappingProxyType({}),
        note: Note = lambda _tickets, _found: None,
        fingerprint: FingerprintBatch = lambda _tickets, _labels: {},
    ) -> None:
        """``declared``: labels that messages have because of where they came in."""
        self._note = note
        self._declared = declared
        self._fingerprint = fingerprint
        self._store = store
        self._classify = classify
        self._active_rules = active_rules
        self._acknowledging = acknowledging

    async def run(self, ticket_ids: Sequence[str] = (), *, untouched: float = 0.0) -> int:
        """Labels these tickets, or all that are due; returns how many wait now.

        ``untouched``: see ``Queue.unlabelled``.
        """
        pages = [ticket_ids[at : at + _PAGE] for at in range(0, len(ticket_ids), _PAGE)]
        return sum([await self._run(page, untouched) for page in pages or [()]])

    async def _run(self, ticket_ids: Sequence[str], untouched: float) -> int:
        routed = 0
        unlabelled = partial(self._store.queue.unlabelled, _PAGE, ticket_ids, untouched=untouched)
        while due := await unlabelled():
            found = await asyncio.to_thread(self._classify, due)
            labels = [self._with(own, ticket) for ticket, (own, _) in zip(due, found, strict=True)]
            fingerprints = await asyncio.to_thread(self._fingerprint, due, labels)
            batch = [
                await self._routed(ticket, own, lang, fingerprints.get(ticket.ticket_id))
                for ticket, own, (_, lang) in zip(due, labels, found, strict=True)
            ]
            rekey = partial(rekeyed, rules=self._active_rules.book.general)
            routed += len(await self._store.queue.route(batch, self._acknowledging.cap, rekey))
            self._note(due, found)
            if ticket_ids or len(due) < _PAGE:
                break
        return routed

    def _with(self, labels: Labels, ticket: Unlabelled) -> Labels:
        """The classifier's, over them those of the source, a filed complaint, a person's."""
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
        machines = labels.model_copy(update={"facets": {**labels.facets, **declared}})
        if ticket.automatic:
            machines = doubted(machines)
        if ticket.complaint:
            machines = standing(machines)
        return machines.model_copy(update={"facets": {**machines.facets, **ticket.corrected}})

    async def _routed(
        self, ticket: Unlabelled, labels: Labels, lang: str, fingerprint: StoredFingerprint | None
    ) -> Routed:
        facts = Facts(
            lang=lang,
            channel=ticket.channel,
            account=ticket.account,
            lane=ticket.lane,
            tier=ticket.tier,
            queued_at=ticket.queued_at,
        )
        place = self._active_rules.place(labels, facts)
        rules = self._active_rules.book.general
        wants = needs({}, False, lang, rules) if ticket.troubled else place.needs
        words = None
        if ticket.unheard:
            due = place.clock_at + place.target
            words = await self._acknowledging.words(ticket, labels, lang, due)
        return Routed(
            ticket=ticket,
            labels=labels,
            lang=lang,
            needs=wants,
            clock_at=place.clock_at,
            target=place.target,
            units=place.units,
            interrupts=place.interrupts,
            first=await self._first(place.first),
            acknowledgement=words,
            rules_version=place.rules_version,
            fingerprint=fingerprint,
            filing=self._filing(ticket, labels, place.department),
        )

    def _filing(self, ticket: Unlabelled, labels: Labels, department: str) -> Filing | None:
        words = "\n".join(filter(None, (ticket.subject, ticket.text)))
        return filing(labels, department, self._active_rules.book.general.repeat_days, words)

    async def _first(self, logins: Sequence[str]) -> tuple[str, ...]:
        """The owner and the backup of a tier, by id; whoever has left is left out."""
        found = [await self._store.agents.by_login(login) for login in logins]
        return tuple(person.id for person, _ in filter(None, found))
