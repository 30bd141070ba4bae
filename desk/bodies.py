"""What a request may carry, checked before anything is done with it."""

from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from desk.errors import Refusal
from desk.services import Words
from models.agent import LOGIN, SHORTEST_PASSWORD, Role
from models.remedies import remedy
from models.store.tickets.moves import Seen
from models.training import no_words

MOST_BYTES = 256 * 1024
"""Of a request's body; the longest answer is far below it."""


def _printable(text: str) -> str:
    # PostgreSQL stores no NUL in text.
    if "\0" in text:
        raise ValueError("不能含 NUL 字符 / must not contain NUL characters")
    return text


def _wordy(text: str) -> str:
    if not text.strip():
        raise ValueError("不能为空白 / must not be blank")
    return text


def _http_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError(
            "应为不带用户名的 http(s) 地址 / must be an http(s) address without a user name"
        )
    return text


def _word(text: str) -> str:
    if no_words([text]):
        raise ValueError("应为 2 到 20 个汉字 / must be 2 to 20 Chinese characters")
    return text


Line = Annotated[str, AfterValidator(_printable)]
Wordy = Annotated[Line, AfterValidator(_wordy)]
"""Words, not only spaces."""

Name = Annotated[Wordy, Field(min_length=1, max_length=64)]
Id = Annotated[Line, Field(min_length=1, max_length=36)]
Code = Annotated[str, Field(min_length=1, max_length=64)]
ClientId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{8,64}$")]
"""By what a request of a client is known when it comes again."""

Why = Annotated[Wordy, Field(min_length=1, max_length=500)]
Skills = dict[
    Annotated[Line, Field(min_length=1, max_length=64)], Annotated[int, Field(ge=1, le=5)]
]
Password = Annotated[str, Field(min_length=SHORTEST_PASSWORD, max_length=1024)]
Capacity = Annotated[int, Field(ge=0, le=100)]
Seq = Annotated[int, Field(ge=0, lt=2**31)]
"""Of a message in its conversation."""

InCopy = Annotated[int, Field(ge=1, lt=2**31)]
"""Of somebody whom a customer put in copy, in their conversation."""

Month = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]


class Body(BaseModel):
    """The base of all: an unknown field is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Repeatable(Body):
    """Makes something that people would see twice; the same ``client_id`` again makes no other.

    Made by the client for one request; a retry has the same.
    """

    client_id: ClientId | None = None


class Login(Body):
    login: Annotated[Line, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]
    code: Code | None = None
    """Of the app, or one to fall back on, where there is a second factor."""


class Prove(Body):
    """That one is who is signed in."""

    password: Annotated[str, Field(min_length=1, max_length=1024)]
    code: Code


class ChangePassword(Body):
    current: Annotated[str, Field(min_length=1, max_length=1024)]
    password: Password


class SetPresence(Body):
    presence: Literal["ready", "busy", "break", "meal", "training", "wrap_up", "offline"]


class SetShift(Body):
    ends_at: Annotated[float, Field(ge=0, le=1e11)]
    """Seconds since the epoch; 0 for no end."""


class NewToken(Body):
    name: Name
    days: Annotated[int, Field(ge=1, le=365)] = 90
    role: Role | None = Role.AGENT
    """The most that it may do; null: all that its owner may, whatever that will be."""
    read_only: bool = False


class Decline(Body):
    reason: Annotated[Wordy, Field(min_length=1, max_length=500)]


class Take(Body):
    agent: Id | None = None
    """Somebody else than the caller: a supervisor's word."""


class SetDown(Body):
    """Before a ticket is set down: up to which message it was read, as far as that is known."""

    seen: Seq | None = None
    seen_parts: Annotated[dict[Id, Seq], Field(max_length=1000)] | None = None
    """The same of those that were merged into it, by their ids."""

    @property
    def read(self) -> Seen:
        return Seen(self.seen, self.seen_parts)


class Reply(SetDown):
    """Words, files, or both; how far was read counts where ``then`` sets the ticket down."""

    files: Annotated[tuple[Id, ...], Field(max_length=10)] = ()
    """Ids of uploads for this ticket."""

    text: Annotated[Line, Field(max_length=20_000)]
    client_id: ClientId
    then: Literal["active", "pending", "resolved"] = "active"
    part: Id | None = None
    """In the conversation of this ticket, which was merged into it."""

    cc: Annotated[tuple[InCopy, ...], Field(max_length=20)] = ()
    """Who gets it besides the customer: numbers from ``cc`` of the ticket."""

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str, info: ValidationInfo) -> str:
        return text if info.data.get("files") else _wordy(text)


class Snooze(SetDown):
    """Down for a time: from a minute to thirty days, in seconds."""

    seconds: Annotated[float, Field(ge=60, le=30 * 86400)]


class Transfer(Body):
    """To a person, to whoever has a skill (or is of a team), or (neither) back to its queue."""

    agent: Id | None = None
    skill: Annotated[Line, Field(min_length=1, max_length=64)] | None = None
    note: Annotated[Line, Field(max_length=500)] = ""


class AskHelp(Body):
    note: Annotated[Line, Field(max_length=500)] = ""


class Merge(Body):
    into: Id
    """The ticket that goes on, by its id or number."""


class Split(Body):
    messages: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)]


class Leave(Body):
    to: Id | None = None
    """Who gets what they have; without one it goes back to the queues."""


class Because(Body):
    reason: Why


class EraseCustomer(Body):
    """``confirm`` is the number of the ticket, typed; ``despite``: why a complaint may go, too."""

    why: Why
    confirm: Line
    despite: Annotated[Line, Field(max_length=500)] = ""


class SendBack(Because, SetDown):
    """Not for us."""


class Correct(Body):
    facet: Annotated[Line, Field(max_length=32)]
    value: Annotated[Line, Field(max_length=64)]


class Decide(Body):
    action: Literal["resend", "sent"]


class NewAgent(Body):
    login: Annotated[str, Field(pattern=f"^{LOGIN.pattern}$")]
    name: Name
    role: Role
    password: Password
    skills: Skills = {}
    capacity: Capacity = 6


class ChangeAgent(Body):
    name: Name | None = None
    role: Role | None = None
    password: Password | None = None
    skills: Skills | None = None
    capacity: Capacity | None = None
    team: Annotated[Line, Field(max_length=64)] | None = None
    alias: Annotated[Line, Field(max_length=32)] | None = None
    shift_ends_at: Annotated[float, Field(ge=0, le=1e11)] | None = None
    """Seconds since the epoch; 0 for no end."""

    disabled: bool | None = None


Number = Annotated[int, Field(ge=1, le=2_000_000_000)]


class RulesLine(Body):
    """A line of business; what is empty does not restrict, all empty is everything."""

    channels: tuple[Annotated[Line, Field(max_length=32)], ...] = ()
    accounts: tuple[Annotated[Line, Field(max_length=255)], ...] = ()
    domains: tuple[Annotated[Line, Field(max_length=64)], ...] = ()


class RulesSeen(Body):
    """What the one who drafts has looked at; a draft is refused where it is so no more."""

    version: Number
    in_force: tuple[Id, ...]
    """The publications."""


class NewRules(Repeatable):
    content: dict[str, Any]
    why: Why
    based_on: Number | None = None
    seen: RulesSeen | None = None


class ReviewRules(Body):
    """Content that is not kept, looked at as if it were for this line of business."""

    content: dict[str, Any]
    line: RulesLine = RulesLine()


class PublishRules(Body):
    why: Why
    line: RulesLine = RulesLine()
    despite: bool = False
    """Published although the review found errors; the reason says why."""


class RehearseRules(Body):
    """On how many of the last tickets, as if the version were published to this line."""

    line: RulesLine = RulesLine()
    tickets: Annotated[int, Field(ge=10, le=5000)] = 500


class RollBackRules(Repeatable):
    why: Why
    line: RulesLine = RulesLine()


class Replay(Body):
    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]


class NewWebhook(Repeatable):
    url: Annotated[Line, AfterValidator(_http_address), Field(max_length=2000)]
    kinds: tuple[Annotated[str, Field(pattern=r"^[a-z_.]{1,32}$")], ...] = ()
    """Event kinds; none means all."""


class ChangeWebhook(Body):
    disabled: bool


class Redeliver(Body):
    seq: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """One event; without it, all that failed."""


class RecordFollowUp(Body):
    """An attempt that a person made, and what came of it; ``score`` 5 is very satisfied."""

    client_id: ClientId
    reached: bool
    channel: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")] = "phone"
    content: Annotated[Line, Field(max_length=5000)] = ""
    score: Annotated[int, Field(ge=1, le=5)] | None = None
    solved: bool | None = None


class WriteFollowUp(Body):
    """A question to the customer, in one of their conversations."""

    client_id: ClientId
    conversation: Id
    text: Annotated[Wordy, Field(min_length=1, max_length=5000)]


class ReviewFollowUp(Body):
    reopen: bool
    note: Why


class DraftText(Repeatable):
    """A text for all members of an incident; one language at least."""

    zh: Annotated[Line, Field(max_length=5000)] = ""
    en: Annotated[Line, Field(max_length=5000)] = ""


class TextPreview(Body):
    """A template that somebody is writing."""

    text: Annotated[Line, Field(max_length=2000)]


class NewText(TextPreview, Repeatable):
    """A new version of what customers get by themselves."""

    why: Why


class PublishText(Body):
    number: Annotated[int, Field(ge=1, lt=2**31)]


class CloseIncident(Body):
    summary: Annotated[Wordy, Field(min_length=1, max_length=5000)]


class NewDrill(Repeatable):
    title: Annotated[Wordy, Field(min_length=1, max_length=200)]
    members: Annotated[int, Field(ge=1, le=500)] = 12


class Canned(Body):
    title: Annotated[Wordy, Field(min_length=1, max_length=120)]
    zh: Annotated[Line, Field(max_length=5000)] = ""
    en: Annotated[Line, Field(max_length=5000)] = ""


class NewCanned(Canned, Repeatable):
    """One more."""


class NewWords(Body):
    """Words of the trade: Chinese, 2 to 20 characters each."""

    words: Annotated[
        list[Annotated[Line, AfterValidator(_word)]], Field(min_length=1, max_length=500)
    ]


class Promote(Body):
    why: Why
    against_gate: bool = False
    """Promote although the gate did not pass, or compared it with another bundle."""


class Rollback(Body):
    why: Why
    champion: Annotated[str, Field(max_length=64)] | None = None
    """The bundle that is to go; where another serves by now, nothing is done."""


class Retrain(Body):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Exclude(Body):
    corrections: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1000)]
    excluded: bool = True
    why: Annotated[Line, Field(max_length=500)] = ""


class Wanted(Body):
    """What is looked for; ``before`` goes on where the last answer stopped."""

    text: Annotated[Wordy, Field(min_length=1, max_length=200)]
    before: Annotated[int, Field(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 30


class Saw(Body):
    """Up to which message an agent has read."""

    seq: Annotated[int, Field(ge=1, lt=2**31)]


_B = TypeVar("_B", bound=Body)


async def read(request: web.Request, model: type[_B]) -> _B:
    """The request's JSON body; an absent one counts as empty.

    Raises:
        Refusal: 400 not JSON, 413 too large, 415 another type, 422 a field is wrong.
    """
    raw = await request.read()
    if raw and request.content_type != "application/json":
        words = Words("请求体须为 application/json。", "Send the body as application/json.")
        raise Refusal(415, "unsupported_media_type", words)
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise refused(error) from error


def refused(error: ValidationError) -> Refusal:
    """The first thing that is wrong, as a refusal that names its field."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        words = Words("请求体不是合法的 JSON。", "The body is not valid JSON.")
        return Refusal(400, "malformed_json", words)
    field = ".".join(str(part) for part in first["loc"])
    return Refusal(422, _code(first), _words(first, field), field=field)


def _code(detail: ErrorDetails) -> str:
    known = {"extra_forbidden": "unknown_field", "missing": "missing_field"}
    return known.get(detail["type"], "invalid_field")


def _words(detail: ErrorDetails, field: str) -> Words:
    match _code(detail):
        case "unknown_field":
            return Words(f"未知字段 {field}，请删去。", f"Unknown field {field}; leave it out.")
        case "missing_field":
            return Words(f"缺少字段 {field}。", f"The field {field} is missing.")
    return Words(*remedy(detail))
