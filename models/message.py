"""A customer's message, from raw bytes to the one schema, and the answer that goes back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PARSER_VERSION = 1


class Lane(StrEnum):
    """Which envelopes are read first: someone who waits in a chat, or a mailbox."""

    LIVE = "live"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a channel received, uninterpreted, so that no parser bug can lose it.

    ``dedupe_key`` is unique within (channel, account): the same key again is the same
    message. ``transport`` holds JSON-serialisable facts of the transport (peer, recipients,
    verified signatures); where it names an address, ``transport["sender"]`` is who wrote, for a
    body that cannot be read. ``received_at`` is in seconds since the epoch. ``sha256`` is the
    body's, in hex, where the channel has computed it: it is not computed twice. ``name``, where
    the sender names its messages apart from the key, is unique within (channel, account), too:
    what comes later under it would never be shown.
    """

    id: str
    channel: str
    account: str
    dedupe_key: str
    body: bytes
    received_at: float
    lane: Lane
    transport: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    name: str = ""


class Receipt(NamedTuple):
    """The durable answer to one envelope: stored now, stored before, or key or name reused."""

    envelope_id: str
    outcome: Literal["new", "known", "conflict", "taken"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_MISLEADING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)
"""Control characters, and marks that turn the order of what stands beside them (UAX #9)."""


def one_line(text: str) -> str:
    """``text`` without what would break a line or turn its order."""
    return text if text.isprintable() else _MISLEADING.sub(" ", text).strip()


OneLine = Annotated[str, AfterValidator(one_line)]
"""What somebody else chose and people read beside other things: a name, a subject.

With a right-to-left override in it, “invoice-gpj.exe” would look like a picture.
"""


class Sender(_Value):
    """Who wrote, in the words of the channel; nothing here is proven (see ``Trust``)."""

    external_id: str = Field(description="The channel's own stable identifier of the sender.")
    name: OneLine = ""
    email: str | None = None
    phone: str | None = None
    is_bot: bool = False


class Trust(_Value):
    """How far the sender's identity is proven, by what, and the evidence."""

    level: Literal["verified", "platform", "claimed", "failed", "unknown"] = "unknown"
    method: str = ""
    evidence: str = ""
    proves: tuple[Literal["email", "phone"], ...] = Field(
        (), description="Which addresses of the sender are proven, not only claimed."
    )


class Attachment(_Value):
    """A file of a message, stored by the SHA-256 of its content."""

    id: str
    name: OneLine
    mime: str
    size: int = Field(ge=0, description="Bytes.")
    sha256: str | None = Field(None, description="Of the content; null until it is fetched.")
    state: Literal["stored", "pending", "refused"] = "stored"
    inline_cid: str | None = Field(None, description="Content-ID that the HTML refers to.")


class Recipient(_Value):
    """Somebody besides us to whom a message was sent."""

    address: str
    name: OneLine = ""


class ReplyRoute(_Value):
    """Where an answer to this message goes, and how long that road is open."""

    adapter: str
    address: str
    expires_at: datetime | None = None
    quota_left: int | None = Field(None, ge=0)


class InboundMessage(_Value):
    """One message in the one schema, version 1, whatever the channel."""

    schema_version: Literal[1] = 1
    id: str = Field(description="UUIDv7.")
    kind: Literal["message", "edit", "delete", "status", "event"] = "message"
    channel: str
    account: str = Field(description="Which of our mailboxes, bots or sites received it.")
    external_id: str = Field(description="The channel's identifier of the message.")
    revision: int = Field(0, ge=0, description="0 for the original, then each edit.")
    dedupe_key: str
    conversation_key: str = Field(description="Messages with the same key belong together.")
    reply_to_external_id: str | None = None
    sender: Sender
    trust: Trust = Trust()
    subject: OneLine = ""
    text: str = Field(description="The new part, quotation and signature cut off.")
    text_full: str = Field(description="All text, with what was quoted.")
    html: str | None = Field(None, description="Sanitised.")
    attachments: tuple[Attachment, ...] = ()
    lang: str = Field("und", description="BCP 47, or “und”.")
    sent_at: datetime | None = None
    received_at: datetime
    order_key: str = Field("", description="Sorts messages of one conversation.")
    auto: Literal["none", "auto_reply", "bounce", "list", "self"] = "none"
    reply_route: ReplyRoute | None = None
    cc: tuple[Recipient, ...] = Field(
        (), description="Others who may get the answer, too; kept sealed with the conversation."
    )
    raw_ref: str = Field(description="The envelope that holds the raw bytes.")
    parser_version: int = PARSER_VERSION
    meta: dict[str, Any] = Field(default_factory=dict)


class Normalized(NamedTuple):
    """A message and the files it brought: SHA-256 (hex) to content."""

    message: InboundMessage
    files: Mapping[str, bytes]


class Choice(_Value):
    """One of the answers that a text of ours offers; it is its label that people see."""

    value: str = Field(max_length=64, description="What comes back when this one is chosen.")
    label: str


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """An answer on its way to a customer. ``id`` is the idempotency key for platforms.

    ``files`` holds the contents of ``attachments`` by SHA-256, for the attempt to send only.
    ``created_at`` is in seconds since the epoch; ``attempts`` counts this one too. ``choices``
    are answers that a channel may offer as buttons (see ``ports.OffersChoices``). ``cc`` are the
    addresses of others who get it, too.
    """

    id: str
    conversation_id: str
    conversation_key: str
    channel: str
    account: str
    seq: int
    kind: Literal["reply", "ack", "notice"]
    text: str
    route: ReplyRoute
    subject: str = ""
    in_reply_to: str | None = None
    references: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    created_at: float = 0.0
    attempts: int = 1
    choices: Sequence[Choice] = ()
    cc: Sequence[str] = ()

    @property
    def automatic(self) -> bool:
        """Whether no person wrote it: loop guards apply."""
        return self.kind != "reply"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one attempt to send.

    ``sent``: handed over (``provider_id`` is the platform's name for it); ``error`` then says who
    of ``OutboundMessage.cc`` was refused. ``waiting``: the
    channel's own reader takes it up later. ``retry``: certainly not sent, try again after
    ``retry_after`` seconds. ``failed``: certainly not sent, never will be. ``unknown``: it may
    have been sent; a person decides, nothing is resent blindly.
    """

    state: Literal["sent", "waiting", "retry", "failed", "unknown"]
    provider_id: str | None = None
    error: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class File:
    """A file that was fetched; ``mime`` and ``name`` are what its platform says, if it does."""

    content: bytes
    mime: str = ""
    name: str = ""
