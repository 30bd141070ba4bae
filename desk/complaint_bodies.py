"""What requests about complaints, helpers, sub-tasks and notes may carry."""

from typing import Annotated, Literal

from pydantic import Field

from desk.bodies import Body, Id, Line, Month, Repeatable, Why, Wordy
from models.complaint import Word

Moment = Annotated[float, Field(ge=0, le=1e11)]
"""Seconds since the epoch."""

Short = Annotated[Line, Field(max_length=64)]
Long = Annotated[Line, Field(max_length=4000)]
Said = Annotated[Wordy, Field(min_length=1, max_length=4000)]


class ChangeComplaint(Body):
    """What is known of a complaint; what is absent stays as it is."""

    complained_at: Moment | None = None
    complainant: Annotated[Line, Field(max_length=200)] | None = None
    """“” is the sender."""

    matter: Long | None = None
    department: Short | None = None
    cause: Short | None = None
    product: Short | None = None
    outcome: Long | None = None
    responsibility: Long | None = None


class NewSubtask(Body):
    """For a person, or for whoever takes it in a department; the deadline is its, if absent."""

    title: Said
    department: Short = ""
    agent: Id | None = None
    due_at: Moment | None = None


class OpenSubtask(NewSubtask, Repeatable):
    """One by itself, not together with others."""


class SetMajor(Body):
    """With ``tasks`` by department; without any, one for the responsible department."""

    major: bool
    why: Why
    tasks: Annotated[tuple[NewSubtask, ...], Field(max_length=20)] = ()


class LinkComplaint(Body):
    first: Id | None
    """The ticket of the complaint that it repeats, or null for none."""


class CustomersWord(Body):
    word: Word
    said: Long = ""


class ReviewComplaint(Body):
    passed: bool
    words: Long = ""


class CallBack(Body):
    reached: bool
    words: Long = ""


class SendComplaint(Body):
    department: Annotated[Line, Field(min_length=1, max_length=64)]


class NewImprovement(Repeatable):
    text: Said
    owner: Id
    due_at: Moment


class Proof(Body):
    proof: Said


class Reason(Body):
    why: Why


class AskHelper(Body):
    agent: Id


class Result(Body):
    result: Said


class NewNote(Repeatable):
    text: Said


class LedgerQuery(Body):
    """The query of the ledger; a filter that is absent does not restrict."""

    month: Month
    format: Literal["json", "csv", "xlsx"] = "json"
    cause: Short | None = None
    department: Short | None = None
    product: Short | None = None
