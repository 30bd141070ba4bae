"""What a request says: the published schema, version 1."""

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from models.errors import Rejected
from models.remedies import remedy

_Name = Annotated[str, Field(min_length=1, max_length=255)]
_MAX_REVISION = 2**31 - 2


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Writer(_Part):
    """The customer, as the sending system knows them."""

    id: _Name = Field(description="The system's own stable identifier: a number, an account.")
    name: str = Field("", max_length=255)
    email: str | None = Field(None, max_length=255)
    phone: str | None = Field(None, max_length=64)
    verified: tuple[Literal["email", "phone"], ...] = Field(
        (), description="What the sending system has proven, not what the customer claims."
    )


class File(_Part):
    """A file, with its content in the request."""

    name: _Name
    type: str = Field("application/octet-stream", max_length=255, description="MIME type.")
    content: str = Field(description="Base64 (RFC 4648 §4).")

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.content, validate=True)

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        try:
            _ = self.data
        except (binascii.Error, ValueError) as error:
            raise ValueError("附件应为 base64 / attachment is not base64") from error
        return self


class Turn(_Part):
    """One thing that was said in a call."""

    speaker: Literal["customer", "agent"]
    text: str


class Call(_Part):
    """Something that happened to a telephone call; all events of a call carry its id."""

    id: _Name
    event: Literal["ring", "answered", "missed", "transcript"]
    at: AwareDatetime = Field(description="When it happened.")
    rings: int | None = Field(
        None, ge=0, le=1000, description="How often it rang until it was answered or given up."
    )
    turns: tuple[Turn, ...] = Field((), description="Of a transcript, in order.")


class Body(_Part):
    """A message of a customer, a change of one, or an event of a telephone call."""

    kind: Literal["message", "edit", "delete", "call"] = "message"
    id: _Name | None = Field(
        None, description="The sender's own name of the message; else the Idempotency-Key."
    )
    revision: int = Field(
        0, ge=0, le=_MAX_REVISION, description="Of an edit: 1, 2, … in their order."
    )
    conversation: _Name | None = Field(
        None, description="Messages with the same one belong together; else all of a sender do."
    )
    sender: Writer
    subject: str = Field("", max_length=998)
    text: str = ""
    fields: dict[str, str] = Field(
        default_factory=dict, max_length=100, description="Of a form: label to value, in order."
    )
    sent_at: AwareDatetime | None = None
    reply_to: _Name | None = Field(None, description="The id of the message it answers.")
    attachments: tuple[File, ...] = Field((), max_length=50)
    call: Call | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.kind == "call") != (self.call is not None):
            raise ValueError(
                "kind 为 call 时要有 call，别的不能有"
                " / “call” belongs to kind “call”, and must be there"
            )
        if self.kind == "edit" and (self.id is None or self.revision < 1):
            raise ValueError(
                "修改要写 id 和不小于 1 的 revision"
                " / an edit names “id” and a “revision” of 1 or more"
            )
        if self.kind == "delete" and self.id is None:
            raise ValueError("撤回要写 id / a delete names “id”")
        if self.kind == "message" and not (self.text.strip() or self.fields or self.attachments):
            raise ValueError(
                "要有 text、fields 或 attachments"
                " / a message has “text”, “fields” or “attachments”"
            )
        return self


def parse(raw: bytes) -> Body:
    """The request's body.

    Raises:
        Rejected: ``malformed`` (no JSON) or ``invalid`` (a field is wrong, named in the text).
    """
    try:
        return Body.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Rejected(first["msg"], code="malformed") from None
        where = ".".join(str(part) for part in first["loc"]) or "body"
        zh, en = remedy(first)
        raise Rejected(f"{where}：{zh} / {where}: {en}", code="invalid") from None
