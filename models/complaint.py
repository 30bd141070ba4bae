"""A complaint (投诉): what is known of it, when two are of one matter, and what closes one."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from models.ticket import FILED, Label, Labels, Reason

FACET, KIND = "type", "投诉"
"""The label that makes a ticket a complaint."""

SKILL_PREFIX = "dept:"
"""A department (责任部门) is the skill “dept:<its key>” of the people who work in it."""


def department_skill(department: str) -> str:
    """The skill that the people of a department have."""
    return SKILL_PREFIX + department


class Word(StrEnum):
    """What the customer said of the outcome. Silence is none of these."""

    SATISFIED = "satisfied"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


WORD_NAMES: dict[Word, tuple[str, str]] = {
    Word.SATISFIED: ("满意", "Satisfied"),
    Word.ACCEPTED: ("接受", "Accepted"),
    Word.REJECTED: ("不认可", "Rejected"),
}


class Gap(StrEnum):
    """What a complaint still lacks before it may be closed."""

    DEPARTMENT = "department"
    OUTCOME = "outcome"
    RESPONSIBILITY = "responsibility"
    TASKS = "tasks"
    CUSTOMER_WORD = "customer_word"
    CALL_BACK = "call_back"
    REVIEW = "review"


GAP_NAMES: dict[Gap, tuple[str, str]] = {
    Gap.DEPARTMENT: ("责任部门", "the responsible department"),
    Gap.OUTCOME: ("处理结果", "the outcome"),
    Gap.RESPONSIBILITY: ("责任认定", "who is responsible"),
    Gap.TASKS: ("未完成的子任务", "sub-tasks that are still open"),
    Gap.CUSTOMER_WORD: ("客户意见", "the customer's word"),
    Gap.CALL_BACK: ("他人回访", "a call-back by another person than the handler"),
    Gap.REVIEW: ("班长复核", "the supervisor's review"),
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """What has been done about a complaint, as far as closing it asks.

    ``review_passed`` is None before a supervisor has looked. Names are ids of people.
    """

    department: str = ""
    outcome: str = ""
    responsibility: str = ""
    customer_word: Word | None = None
    reviewed_by: str | None = None
    review_passed: bool | None = None
    called_back_by: str | None = None
    reached: bool = False
    open_tasks: int = 0


def gaps(settled: Settlement, handlers: Collection[str]) -> tuple[Gap, ...]:
    """What is missing before the complaint may be closed; nothing missing is nothing here.

    ``handlers`` are all who have had the ticket: none of them can call back about their own
    work, or review it. Time is no argument: silence never closes a complaint.
    """
    called_back = settled.reached and settled.called_back_by not in {None, *handlers}
    reviewed = settled.review_passed is True and settled.reviewed_by not in {None, *handlers}
    done = {
        Gap.DEPARTMENT: bool(settled.department),
        Gap.OUTCOME: bool(settled.outcome.strip()),
        Gap.RESPONSIBILITY: bool(settled.responsibility.strip()),
        Gap.TASKS: settled.open_tasks == 0,
        Gap.CUSTOMER_WORD: settled.customer_word is not None,
        Gap.CALL_BACK: called_back,
        Gap.REVIEW: reviewed,
    }
    return tuple(gap for gap in Gap if not done[gap])


@dataclass(frozen=True, slots=True)
class Matter:
    """What a complaint is about, for telling whether another one is about the same."""

    domain: str
    text: str


@dataclass(frozen=True, slots=True)
class Filing:
    """What makes a ticket a complaint at once, before anybody has it.

    ``department`` is “” where no rule names one. ``text`` are the customer's own words, “” for
    all that they have written so far. A complaint of the same customer about the same matter
    within ``repeat_seconds`` is what this one repeats (重复投诉).
    """

    domain: str
    department: str
    text: str
    repeat_seconds: float


def filing(labels: Labels, department: str, repeat_days: float, text: str = "") -> Filing | None:
    """What is filed of a ticket with these labels; None where they call it no complaint.

    A guess that was not accepted makes none: a person decides.
    """
    kind, domain = labels.facets.get(FACET), labels.facets.get("domain")
    if kind is None or kind.value != KIND or not kind.accepted:
        return None
    known = domain.value if domain is not None and domain.accepted else ""
    return Filing(known, department, text, repeat_days * 86400.0)


def doubted(labels: Labels) -> Labels:
    """A machine's labels for what only machines have written: that it complains is a guess.

    A newsletter may have all the words of a complaint; a complaint has clocks, and nobody closes
    it in silence. What floors and declared sources say stands: authorities hand complaints on by
    mail that their programs send.
    """
    said = labels.facets.get(FACET)
    if said is None or said.value != KIND or said.by != "model":
        return labels
    guess = said.model_copy(update={"accepted": False})
    return labels.model_copy(update={"facets": {**labels.facets, FACET: guess}})


def standing(labels: Labels) -> Labels:
    """A machine's labels for a ticket whose complaint is filed: its type stays a complaint.

    The customer was told, the ledger has it and its clocks run, so only a person takes it back
    (decision 0028). What the machine would say now is the label's first alternative.
    """
    said = labels.facets.get(FACET)
    if said is not None and said.value == KIND and said.accepted:
        return labels
    label = Label(
        value=KIND,
        confidence=1.0,
        accepted=True,
        alternatives=((said.value, said.confidence),) if said and said.value != KIND else (),
        reasons=(Reason(kind=FILED, text=KIND, weight=1.0),),
        by=FILED,
    )
    return labels.model_copy(update={"facets": labels.facets | {FACET: label}})


MATTER_LENGTH = 500
"""Characters of the customer's words that stand for the matter until a person writes it."""


_ALIKE = 0.5
"""Of the pairs of characters that either text has, the share that both have (Jaccard)."""

_NUMBER = re.compile(r"[0-9]{8,}")
"""An order, a waybill, an account: what two matters can be told apart by."""


def same_matter(one: Matter, other: Matter) -> bool:
    """Whether two complaints of one customer are about the same thing.

    Texts that name different orders are not; else the same domain or like words are.
    """
    ours, theirs = set(_NUMBER.findall(one.text)), set(_NUMBER.findall(other.text))
    if ours and theirs:
        return bool(ours & theirs)
    if one.domain and one.domain == other.domain:
        return True
    return alike(one.text, other.text) >= _ALIKE


def alike(one: str, other: str) -> float:
    """How far two texts consist of the same pairs of characters, 0 to 1 (Jaccard)."""
    ours, theirs = _pairs(one), _pairs(other)
    return len(ours & theirs) / len(ours | theirs) if ours and theirs else 0.0


def _pairs(text: str) -> set[str]:
    letters = "".join(c for c in text.casefold() if c.isalnum())
    return {letters[i : i + 2] for i in range(len(letters) - 1)}
