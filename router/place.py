"""Where a ticket belongs: its needs, and when its clock begins and runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from models.complaint import Filing, filing
from models.routing import Department, Needs, Rulebook, Rules
from models.ticket import Labels
from router.needs import department, needs, sent_to, target, targets_of
from router.sla import Calendar, Calendars


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a ticket besides its labels.

    ``queued_at``: since when it waits, in seconds since the epoch.
    """

    lang: str
    channel: str
    account: str
    lane: str
    tier: str
    queued_at: float


class Place(NamedTuple):
    """``clock_at``: when its waiting counts from, ``clock_at + target``: when it is due.

    ``first``: logins of the tier's owner and backup. ``interrupts``: see ``Waiting``.
    ``department``: where a complaint is laid, whether or not it goes there.
    """

    needs: Needs
    clock_at: float
    target: float
    units: int
    rules_version: str
    first: tuple[str, ...]
    interrupts: bool
    department: str


def placed(labels: Labels, facts: Facts, book: Rulebook, calendars: Calendars) -> Place:
    """Where a ticket belongs by the rules of its line and the hours of its team.

    Where the classifier abstained on a facet that decides the queue, people decide.
    """
    values = {name: label.value for name, label in labels.facets.items()}
    line = facts.channel, facts.account, values.get("domain", "")
    rules = book.of(*line)
    accepted = all(
        labels.facets[facet].accepted for facet in rules.required_facets if facet in labels.facets
    )
    return place(values, facts, rules, calendars.of(*line), accepted=accepted)


def place(
    labels: Mapping[str, str], facts: Facts, rules: Rules, calendar: Calendar, *, accepted: bool
) -> Place:
    """What the rules make of a ticket; ``labels`` maps facets to values.

    ``accepted`` is False where the classifier abstained on what decides the queue.

    Business targets are counted in the hours of the ticket's team. Closed hours move the
    beginning of the clock instead of making the target longer: relaxation and lateness are
    fractions and multiples of it, and must not grow by a night or a holiday.
    """
    urgency = labels.get("urgency", "")
    laid_at = department(labels, rules)
    takes = _taking(laid_at, rules) if accepted else None
    seconds = target(urgency, facts.lane, facts.tier, rules, channel=facts.channel)
    seconds = takes.seconds if takes else seconds
    due = facts.queued_at + seconds
    if not takes and targets_of(facts.channel, facts.lane, rules).hours == "business":
        opened = calendar.add_business_seconds(facts.queued_at, seconds)
        due = due if opened is None else opened
    due = min(due, facts.queued_at + _limit(labels, rules, due - facts.queued_at))
    asked = needs(labels, accepted, facts.lang, rules)
    return Place(
        needs=sent_to(asked, laid_at) if takes else asked,
        clock_at=max(due - seconds, facts.queued_at),
        target=min(seconds, due - facts.queued_at),
        units=rules.units[facts.lane],
        rules_version=rules.version,
        first=rules.tier_first.get(facts.tier, ()),
        interrupts=urgency in rules.interrupting,
        department=laid_at,
    )


def filed(labels: Labels, rules: Rules) -> Filing | None:
    """What is filed of a ticket with these labels; None where they call it no complaint."""
    values = {name: label.value for name, label in labels.facets.items()}
    return filing(labels, department(values, rules), rules.repeat_days)


def _taking(name: str, rules: Rules) -> Department | None:
    """The department that a complaint goes straight to, if there is one that takes them."""
    found = rules.departments.get(name)
    return found if found and found.takes else None


def _limit(labels: Mapping[str, str], rules: Rules, otherwise: float) -> float:
    limits = [
        seconds
        for name, seconds in rules.natural_limit.items()
        if labels.get(name.partition(":")[0]) == name.partition(":")[2]
    ]
    return min(limits, default=otherwise)
