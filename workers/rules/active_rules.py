"""The rules and hours that hold now: published versions, taken over between two rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import structlog
from pydantic import ValidationError

from models.routing import LATE_TWICE_STEP, Position, Rulebook, Rules, Waiting
from models.store import Store
from models.store.routing.rules import Publication
from models.ticket import Labels
from router.keys import position, retargeted
from router.place import Facts, Place, placed
from router.sla import Calendars

_log = structlog.stdlib.get_logger(__name__)

_PAGE = 500

_FACTS = tuple(field.name for field in fields(Facts))


class ActiveRules:
    """Every worker has one, and refreshes it at least every five seconds."""

    def __init__(self, store: Store, first: Rules, calendars: Calendars) -> None:
        """``first`` holds where no version is published yet: the rules of the settings."""
        self._store = store
        self._first = first
        self._in_force: tuple[str, ...] = ()
        self.book = Rulebook(first)
        self.calendars = calendars

    async def refresh(self) -> bool:
        """Takes over what is published now; whether that is something else than before.

        A version that this program cannot read leaves the last good rules in force.

        Raises:
            Temporary: the database is out of reach.
        """
        published = await self._store.rules.published()
        in_force = tuple(p.id for p in published)
        if in_force == self._in_force:
            return False
        try:
            self.book = await self._read(published)
        except ValidationError as error:
            self._in_force = in_force  # refused once; what could not be read now is read again
            _log.error("rules refused", error=str(error))
            return False
        self._in_force = in_force
        _log.info("rules in force", versions=sorted({p.number for p in published}))
        return True

    async def _read(self, published: Sequence[Publication]) -> Rulebook:
        rules = {
            number: rules_of((await self._store.rules.get(number)).content)
            for number in {p.number for p in published}
        }
        general = [rules[p.number] for p in published if p.line.everything]
        lines = tuple((p.line, rules[p.number]) for p in published if not p.line.everything)
        return Rulebook(general[0] if general else self._first, lines)

    def position_of(self, ticket: Waiting, now: float) -> Position:
        """Where a ticket stands that waits; one key orders the tickets of all lines."""
        return position(ticket, now, self.book.general)

    def place(self, labels: Labels, facts: Facts) -> Place:
        """As ``router.place.placed`` has it, by the rules and hours in force."""
        return placed(labels, facts, self.book, self.calendars)

    async def rekey(self) -> int:
        """Looks at every waiting ticket with the rules in force now; returns how many changed.

        What a raise may not do is the policy's: see ``router.keys.retargeted``. Where a
        ticket's class changes its exclusions end: they were of another question.
        """
        after, changed = "", 0
        people = {agent.login: agent.id for agent in await self._store.agents.all()}
        while rows := await self._store.rules.waiting(after, _PAGE):
            after = rows[-1]["id"]
            now = await self._store.db.now()
            changes = [c for row in rows if (c := self._rekeyed(row, now, people)) is not None]
            changed += await self._store.rules.rekey(changes)
        if changed:
            _log.info("waiting tickets under new rules", tickets=changed)
        return changed

    def _rekeyed(
        self, row: Mapping[str, Any], now: float, people: Mapping[str, str]
    ) -> dict[str, Any] | None:
        facts = Facts(**{name: row[name] for name in _FACTS})
        where = self.place(Labels.model_validate(row["labels"]), facts)
        if where.rules_version == row["rules_version"]:
            return None
        first = [people[login] for login in where.first if login in people]
        return {**rekeyed(row, where, now, self.book.general), "first": first}


def rekeyed(row: Mapping[str, Any], where: Place, now: float, rules: Rules) -> dict[str, Any]:
    """The columns of a waiting ticket after a change of rules.

    Its clock begins where it began: only the due time moves, and never back by a raise.
    """
    ticket = Waiting(
        ticket_id=row["id"],
        epoch=row["epoch"],
        needs=where.needs,
        created_at=row["clock_at"],
        target=row["target"],
        late=row["late"],
        units=where.units,
        relax_step=row["relax_step"],
        twice_late=row["relax_step"] >= LATE_TWICE_STEP,
    )
    due_in = max(where.clock_at + where.target - row["clock_at"], 1.0)
    moved = retargeted(ticket, due_in, now, rules)
    name = row["skill_class"] if row["by_hand"] or row["trouble"] else where.needs.skill_class
    same = name == row["skill_class"]
    at = position(moved if same else replace(moved, relax_step=0), now, rules)
    return {
        "id": row["id"],
        "was": row["epoch"],
        "needs": where.needs,
        "epoch": moved.epoch,
        "target": moved.target,
        **at._asdict(),
        "interrupts": where.interrupts,
        "units": moved.units,
        "rules_version": where.rules_version,
        "skill_class": name,
        "excluded": row["excluded"] if same else [],
    }


def rules_of(content: Mapping[str, Any]) -> Rules:
    """Stored content as rules.

    Raises:
        ValidationError: this program does not understand it.
    """
    return Rules.model_validate(content)
