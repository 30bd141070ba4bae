"""Where a ticket belongs: its needs, and when its clock begins and runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypedDict, Unpack

from models.complaint import Filing, filing
from models.routing import Department, Needs, Rulebook, Rules
from models.ticket import Labels
from router.needs import department, needs, sent_to, target, targets_of
from router.sla import Calendar, Calendars


class Facts(TypedDict):
    """What is known of a ticket besides its labels; ``queued_at`` in seconds."""

    lang: str
    channel: str
    account: str
    lane: str
    tier: str
    queued_at: float


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at. ``labels`` maps facets to values; times in seconds.

    ``accepted`` is False where the classifier abstained on what decides the queue.
    """

    labels: Mapping[str, str]
    accepted: bool
    lang: str
    channel: str
    account: str
    lane: str
    tier: str
    queued_at: float

    @classmethod
    def of(cls, labels: Labels, rules: Rules, **facts: Unpack[Facts]) -> "Case":
        """A case of labels; a facet that is required and abstained leaves it to people."""
        values = {name: label.value for name, label in labels.facets.items()}
        routable = [labels.facets[f] for f in rules.required_facets if f in labels.facets]
        return cls(values, all(label.accepted for label in routable), **facts)


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


def placed(labels: Labels, book: Rulebook, calendars: Calendars, **facts: Unpack[Facts]) -> Place:
    """Where a ticket belongs by the rules of its line and the hours of its team."""
    domain = labels.facets["domain"].value if "domain" in labels.facets else ""
    line = facts["channel"], facts["account"], domain
    rules = book.of(*line)
    return place(Case.of(labels, rules, **facts), rules, calendars.of(*line))


def place(case: Case, rules: Rules, calendar: Calendar) -> Place:
    """What the rules make of a case.

    Business targets are counted in the hours of the ticket's team. Closed hours move the
    beginning of the clock instead of making the target longer: relaxation and lateness are
    fractions and multiples of it, and must not grow by a night or a holiday.
    """
    urgency = case.labels.get("urgency", "")
    laid_at = department(case.labels, rules)
    takes = _taking(laid_at, case, rules)
    seconds = target(urgency, case.lane, case.tier, rules, channel=case.channel)
    seconds = takes.seconds if takes else seconds
    due = case.queued_at + seconds
    if not takes and targets_of(case.channel, case.lane, rules).hours == "business":
        opened = calendar.add_business_seconds(case.queued_at, seconds)
        due = due if opened is None else opened
    due = min(due, case.queued_at + _limit(case.labels, rules, due - case.queued_at))
    asked = needs(case.labels, case.accepted, case.lang, rules)
    return Place(
        needs=sent_to(asked, laid_at) if takes else asked,
        clock_at=max(due - seconds, case.queued_at),
        target=min(seconds, due - case.queued_at),
        units=rules.units[case.lane],
        rules_version=rules.version,
        first=rules.tier_first.get(case.tier, ()),
        interrupts=urgency in rules.interrupting,
        department=laid_at,
    )


def filed(labels: Labels, rules: Rules) -> Filing | None:
    """What is filed of a ticket with these labels; None where they call it no complaint."""
    values = {name: label.value for name, label in labels.facets.items()}
    return filing(labels, department(values, rules), rules.repeat_days)


def _taking(name: str, case: Case, rules: Rules) -> Department | None:
    """The department that a complaint goes straight to, if there is one that takes them."""
    found = rules.departments.get(name)
    return found if found and found.takes and case.accepted else None


def _limit(labels: Mapping[str, str], rules: Rules, otherwise: float) -> float:
    limits = [
        seconds
        for name, seconds in rules.natural_limit.items()
        if labels.get(name.partition(":")[0]) == name.partition(":")[2]
    ]
    return min(limits, default=otherwise)
