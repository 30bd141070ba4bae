"""Why a ticket went to whom it went, and why one still waits: from SQL alone, at any time."""

from collections.abc import Mapping
from typing import Any

from models.routing import Candidate, Decision, Needs, Waiting
from models.store import Store
from models.store.tickets.waiting import load_needs
from models.training import Taxonomy
from router.eligibility import eligibility
from router.explain import Called, Explanation, Text, explain, why_not_yet
from router.policy import in_question, standing
from router.roster import Roster
from workers.rules.active_rules import ActiveRules


class Explaining:
    """Explains waits with the production policy, by the rules that placed the ticket."""

    def __init__(self, store: Store, active_rules: ActiveRules, called: Called) -> None:
        self._store = store
        self._active_rules = active_rules
        self._called = called

    async def waiting(self, ticket_id: str) -> Explanation | None:
        """Why a ticket is not given to anybody yet; None for one that does not wait.

        Raises:
            Temporary: the database is out of reach.
        """
        ticket = await self._store.queue.waiting(ticket_id)
        if ticket is None:
            return None
        await self._active_rules.refresh()
        now = await self._store.db.now()
        # With the rules that the dispatcher decides with: only targets and needs are a line's.
        rules = self._active_rules.book.general
        online = await self._store.agents.online()
        roster = Roster(online)
        found = standing(ticket, roster, now, rules)
        people = await self._store.agents.all()
        there = {agent.agent_id for agent in online}
        away = {agent.id: agent.skills for agent in people if agent.id not in there}
        there_now = in_question(ticket, roster, now, rules)
        kept = eligibility(ticket, found, there_now, away, len(rules.relax_at))
        names = {agent.id: agent.name for agent in people}
        told = why_not_yet(ticket, found, now, kept, names, self._called)
        ahead = await self._store.boards.ahead(ticket_id)
        facts = dict(told.facts) | {"ahead": ahead, "rules_version": ticket.rules_version}
        return Explanation(facts, told.text)


async def needs_of(store: Store, name: str | None) -> Needs:
    """The needs of a skill class by its name; none where it is unknown."""
    stored = await store.tickets.needs(name) if name else None
    return Needs() if stored is None else load_needs(stored)


def called(taxonomy: Taxonomy) -> Called:
    """What the taxonomy calls the skills that are its classes."""
    return {
        f"{name}:{value}": Text(spec.zh, spec.en)
        for name, facet in taxonomy.facets.items()
        for value, spec in facet.classes.items()
    }


def explained(
    decision: Mapping[str, Any], needs: Needs, names: Mapping[str, str], called: Called
) -> tuple[str, str]:
    """A stored decision in sentences (zh, en)."""
    values = dict(decision) | {"candidates": tuple(Candidate(**c) for c in decision["candidates"])}
    made = Decision(**values)
    ticket = Waiting(
        ticket_id=made.ticket_id,
        epoch=made.epoch,
        needs=needs,
        created_at=0.0,
        target=0.0,
        late=False,
        units=made.units,
    )
    text = explain(made, ticket, names, called).text
    return text.zh, text.en
