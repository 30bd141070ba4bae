"""From a visitor's frame to a stored envelope, and from the envelope to a message."""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from channels.webchat.limits import Buckets
from channels.webchat.options import Options
from channels.webchat.protocol import Hello, Msg, Refused, parse
from models.errors import Permanent
from models.ids import uuid7
from models.message import (
    Envelope,
    InboundMessage,
    Lane,
    Normalized,
    ReplyRoute,
    Sender,
    Trust,
)
from models.ports import Accept, Clock

CHANNEL = "webchat"

_RANDOM = 32
_MAC = 16
_TOKEN_LENGTH = (_RANDOM + _MAC) * 4 // 3

_UNWANTED = re.compile(
    # C0 and C1 controls but tab and newline; marks that turn the order of the text around
    # them (UAX #9), with which a message can be made to show what it does not say.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def clean(text: str) -> str:
    """The text as people see it: no control characters, one kind of line end."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class Tokens:
    """Session tokens: 256 random bits, and a mark by which we know them for ours.

    The mark keeps clients from choosing a token that somebody else could guess. Tokens are
    stored nowhere; what is stored is derived from their SHA-256.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self) -> str:
        random = os.urandom(_RANDOM)
        return base64.urlsafe_b64encode(random + self._mac(random)).decode()

    def open(self, token: str) -> str:
        """The conversation key that a token stands for.

        Raises:
            Refused: ``session``, when we did not make this token.
        """
        try:
            raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raw = b""
        random, mac = raw[:_RANDOM], raw[_RANDOM:]
        if len(token) != _TOKEN_LENGTH or not hmac.compare_digest(mac, self._mac(random)):
            raise Refused("session")
        return hashlib.sha256(raw).hexdigest()

    def _mac(self, random: bytes) -> bytes:
        return hmac.digest(self._secret, b"webchat token\0" + random, "sha256")[:_MAC]


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor at our door: ``key`` names the conversation, the rest is for the record."""

    key: str
    address: str
    origin: str
    lang: str = "zh"
    page: str | None = None


class Reception:
    """Takes visitors in, and stores what they write before anybody acknowledges it."""

    def __init__(self, options: Options, secret: bytes, accept: Accept, clock: Clock) -> None:
        self._options = options
        self._secret = secret
        self._accept = accept
        self._clock = clock
        self._tokens = Tokens(secret)
        self._messages = Buckets(clock, options.messages_per_minute, options.message_burst)

    def enter(self, hello: Hello, address: str, origin: str) -> tuple[str, Session]:
        """The visitor's token (made where there is none) and session.

        Raises:
            Refused: ``session``, when we did not make the token.
        """
        token = hello.token or self._tokens.make()
        page = re.split(r"[?#]", hello.page)[0] if hello.page else None
        return token, Session(self._tokens.open(token), address, origin, hello.lang, page)

    def reenter(self, token: str, address: str, origin: str, lang: str = "zh") -> Session:
        """The session of a token. Raises ``Refused`` (``session``) for one that is not ours."""
        return Session(self._tokens.open(token), address, origin, lang)

    async def receive(self, session: Session, msg: Msg) -> str:
        """Stores a message; the id of its envelope, once it is committed.

        Raises:
            Refused: ``empty``, ``too_long``, ``rate`` or ``conflict``; nothing was stored.
            Temporary: nothing was stored, the same can be sent again.
        """
        self._check(session, msg)
        now = self._clock()
        envelope = Envelope(
            id=uuid7(now),
            channel=CHANNEL,
            account=self._options.account,
            dedupe_key=message_key(session.key, msg.client_id),
            body=msg.body,
            received_at=now,
            lane=Lane.LIVE,
            transport=self._facts(session),
        )
        receipt = (await self._accept([envelope]))[0]
        if receipt.outcome == "conflict":
            raise Refused("conflict", client_id=msg.client_id)
        return receipt.envelope_id

    def _check(self, session: Session, msg: Msg) -> None:
        text = clean(msg.text)
        if not text:
            raise Refused("empty", client_id=msg.client_id)
        if len(text) > self._options.max_text:
            limit = f"≤ {self._options.max_text}"
            raise Refused("too_long", detail=limit, client_id=msg.client_id)
        try:
            self._messages.take(session.key)
        except Refused as error:
            error.client_id = msg.client_id
            raise

    def _facts(self, session: Session) -> Mapping[str, Any]:
        # The address is personal data: kept only so that equal ones can be recognised.
        peer = hmac.new(self._secret, f"peer\0{session.address}".encode(), hashlib.sha256)
        facts = {
            "conversation": session.key,
            "origin": session.origin,
            "peer": peer.hexdigest()[:16],
            "lang": session.lang,
        }
        return facts | ({"page": session.page} if session.page else {})


def message_key(conversation_key: str, client_id: str) -> str:
    """What a message is deduplicated on, and known by: no visitor can hit another's."""
    return f"{conversation_key}:{client_id}"


def normalize(envelope: Envelope) -> list[Normalized]:
    """The one message of a webchat envelope.

    Raises:
        Permanent: the body is no webchat message.
    """
    try:
        frame = parse(envelope.body)
    except Refused as error:
        raise Permanent(str(error)) from error
    key = envelope.transport.get("conversation")
    if not isinstance(frame, Msg) or not isinstance(key, str):
        raise Permanent("the envelope holds no message of a webchat conversation")
    text = clean(frame.text)
    who = "Visitor" if str(envelope.transport.get("lang")).lower().startswith("en") else "访客"
    meta = {name: envelope.transport[name] for name in ("page",) if name in envelope.transport}
    message = InboundMessage(
        id=_message_id(envelope.id),
        channel=envelope.channel,
        account=envelope.account,
        external_id=message_key(key, frame.client_id),
        dedupe_key=envelope.dedupe_key,
        conversation_key=key,
        sender=Sender(external_id=key, name=f"{who} {key[:6]}"),
        trust=Trust(level="platform", method="session token"),
        text=text,
        text_full=text,
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        order_key=f"{envelope.received_at:017.6f}",
        reply_route=ReplyRoute(adapter=CHANNEL, address=key),
        raw_ref=envelope.id,
        meta=meta,
    )
    return [Normalized(message, {})]


def _message_id(envelope_id: str) -> str:
    """A UUIDv7 of its own with the envelope's time, the same at every run."""
    tail = hashlib.sha256(f"{CHANNEL}\0{envelope_id}".encode()).hexdigest()
    return f"{envelope_id[:14]}7{tail[:3]}-8{tail[3:6]}-{tail[6:18]}"
