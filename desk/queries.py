"""What the query of a request may carry, checked as bodies are."""

from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from desk.bodies import Body, ClientId, Id, Line, Month, Number, refused


class TicketFilter(Body):
    """Of the list of tickets.

    ``order``: the newest first, or, of what waits, what is due first.
    """

    state: Annotated[Line, Field(max_length=128)] = ""
    order: Literal["newest", "due"] = "newest"
    junk: bool | None = None
    skill_class: Annotated[Line, Field(max_length=512)] | None = None
    before: Id | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class After(Body):
    """Of a log that is read on."""

    after: Annotated[int, Field(ge=0, lt=2**31)] = 0


def _file_name(text: str) -> str:
    if not text.isprintable() or text.strip(" .") == "" or set(text) & set('/\\:*?"<>|'):
        raise ValueError("应为不带路径的文件名 / must be a file name without a path")
    return text


class NewUpload(Body):
    """Of an upload, whose body is the file."""

    name: Annotated[Line, AfterValidator(_file_name), Field(min_length=1, max_length=200)]


class AgentFilter(Body):
    """Of the list of people; ``left``: those who are disabled, for admins."""

    left: bool = False


class TokenFilter(Body):
    """Of the list of API tokens; ``everybody``: not only one's own, for admins."""

    everybody: bool = False


class PeopleSeen(Body):
    """Of a list of people that is brought in: what was looked at before."""

    seen: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    client_id: ClientId | None = None


class FollowUpFilter(Body):
    """Of the list of follow-ups."""

    which: Literal["mine", "open", "all", "review"] = "mine"
    ticket: Id | None = None


class IncidentFilter(Body):
    """Of the list of incidents."""

    state: Literal["open", "closed"] | None = None


class DeliveryFilter(Body):
    """Of the log of answers."""

    channel: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")] | None = None
    state: (
        Literal["queued", "sending", "waiting", "sent", "delivered", "failed", "unknown"] | None
    ) = None
    before: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class WebhookLog(Body):
    """Of a webhook's log."""

    state: Literal["due", "done", "failed"] | None = None
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditFilter(Body):
    """Of the audit; what is absent does not restrict.

    ``action``: one, “ticket.take”, or a family of them, “ticket”. ``subject``: an id, or the
    number of a ticket.
    """

    month: Month | None = None
    action: Annotated[str, Field(pattern=r"^[a-z_]{1,32}(\.[a-z_.]{1,63})?$")] | None = None
    agent: Id | None = None
    subject: Annotated[Line, Field(min_length=1, max_length=64)] | None = None
    before: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class ParkedPage(Body):
    """Of what is parked; ``after`` is the id of the last one that was seen."""

    after: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class WatchDays(Body):
    """Of what is seen of the classifier."""

    days: Annotated[int, Field(ge=1, le=120)] = 30


class Against(Body):
    """Of a comparison."""

    against: Number


_B = TypeVar("_B", bound=Body)


def read(request: web.Request, model: type[_B]) -> _B:
    """The request's query.

    Raises:
        Refusal: 422 a parameter is unknown or wrong.
    """
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise refused(error) from error
