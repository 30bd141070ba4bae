"""From a visitor's frame to a stored envelope."""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from channels.webchat.limits import Buckets, Newcomers
from channels.webchat.options import Options
from channels.webchat.protocol import Contact, Hello, Msg, Refused
from channels.webchat.signed import Signer, Visitor, visitor
from models.ids import uuid7
from models.message import Envelope, Lane
from models.ports import Accept, Clock
from models.store.ground.blobs import Blobs

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
    account: str
    address: str
    origin: str
    lang: str = "zh"
    page: str | None = None
    visitor: Visitor | None = None


@dataclass(frozen=True, slots=True)
class From:
    """Where a request comes from; ``own`` is true of this server's own pages."""

    address: str
    origin: str
    own: bool = False


class Reception:
    """Takes visitors in, and stores what they write before anybody acknowledges it."""

    def __init__(
        self, options: Options, secret: bytes, accept: Accept, blobs: Blobs, clock: Clock
    ) -> None:
        self._options = options
        self._secret = secret
        self._accept = accept
        self._blobs = blobs
        self._clock = clock
        self._tokens = Tokens(secret)
        self._uploads = Signer(secret, "upload")
        self._messages = Buckets(clock, options.messages_per_minute, options.message_burst)
        self._newcomers = Newcomers(clock, options.visitors_per_hour)

    def enter(self, hello: Hello, at: From) -> tuple[str, Session]:
        """The visitor's token (made where there is none) and session.

        Raises:
            Refused: ``session``, when we did not make the token; ``site``, ``origin``,
                ``identity`` or ``expired``.
        """
        token = hello.token or self._tokens.make()
        page = re.split(r"[?#]", hello.page)[0] if hello.page else None
        key = self._tokens.open(token)
        session = self._session(key, hello.identity, hello.site, at)
        return token, replace(session, lang=hello.lang, page=page)

    def reenter(self, token: str, site: str | None, at: From, lang: str = "zh") -> Session:
        """The session of a session or identity token. Raises ``Refused`` as ``enter``."""
        identity = token if token.count(".") == 2 else None
        key = "" if identity else self._tokens.open(token)
        return replace(self._session(key, identity, site, at), lang=lang)

    def _session(self, key: str, identity: str | None, site: str | None, at: From) -> Session:
        found = self._options.site(site)
        if found is None:
            raise Refused("site")
        account, settings = found
        if at.origin and not at.own and at.origin not in settings.origins:
            raise Refused("origin")
        if identity is None:
            return Session(key, account, at.address, at.origin)
        if settings.identity_secret is None:
            raise Refused("identity", detail="identity_secret")
        secret = settings.identity_secret.get_secret_value()
        who = visitor(identity, secret, account, self._clock())
        # One conversation a person, on whatever device; nobody can guess its key.
        named = f"visitor\0{account}\0{who.sub}".encode()
        key = hmac.digest(self._secret, named, "sha256").hex()
        return Session(key, account, at.address, at.origin, visitor=who)

    def check_fresh(self, session: Session) -> None:
        """Raises ``Refused`` (``expired``) when the site's word on the visitor has run out."""
        if session.visitor is not None and self._clock() > session.visitor.expires + 60.0:
            raise Refused("expired")

    async def receive(self, session: Session, said: Msg | Contact) -> str:
        """Stores a message; the id of its envelope, once it is committed.

        Raises:
            Refused: ``empty``, ``too_long``, ``rate``, ``conflict``, ``file`` or ``contact``;
                nothing was stored.
            Temporary: nothing was stored, the same can be sent again.
        """
        try:
            self.check_fresh(session)
            facts = self._facts(session) | self._checked(session, said)
            await self._check_kept(facts.get("files", ()))
        except Refused as error:
            error.client_id = said.client_id
            raise
        now = self._clock()
        by_mail = "mail" in facts
        envelope = Envelope(
            id=uuid7(now),
            channel=CHANNEL,
            account=session.account,
            dedupe_key=message_key(session.key, said.client_id),
            body=said.body,
            received_at=now,
            lane=Lane.MAIL if by_mail else Lane.LIVE,
            transport=facts,
        )
        receipt = (await self._accept([envelope]))[0]
        if receipt.outcome == "conflict":
            raise Refused("conflict", client_id=said.client_id)
        return receipt.envelope_id

    def _checked(self, session: Session, said: Msg | Contact) -> dict[str, Any]:
        """Facts for the envelope that follow from what is said. Raises ``Refused``."""
        text = clean(said.text)
        if len(text) > self._options.max_text:
            raise Refused("too_long", detail=f"≤ {self._options.max_text}")
        facts: dict[str, Any] = {}
        if isinstance(said, Contact):
            facts = self._ways_back(said)
        elif said.files:
            facts = {"files": [self._uploaded(session, token) for token in said.files]}
        elif not text:
            raise Refused("empty")
        self.admit(session)
        self._messages.take(session.key)
        return facts

    def admit(self, session: Session) -> None:
        """Raises ``Refused`` (``rate``) where too many others began to write from the address."""
        if session.visitor is None:
            self._newcomers.admit(session.key, session.address)

    def _ways_back(self, said: Contact) -> dict[str, Any]:
        mail = self._options.mail_account
        if said.email and mail is not None:
            return {"mail": [self._options.mail_channel, mail]}
        if said.phone:
            return {}
        raise Refused("no_mail" if said.email else "contact")

    def _uploaded(self, session: Session, token: str) -> dict[str, Any]:
        facts = self._uploads.open(token)
        if facts is None or facts.pop("key") != session.key:
            raise Refused("file")
        return facts

    async def _check_kept(self, files: Sequence[Mapping[str, Any]]) -> None:
        """Raises ``Refused`` (``file``) where one was deleted; else they all stay for now."""
        hashes = {file["sha256"] for file in files}
        if hashes and await self._blobs.touch(hashes) != hashes:
            raise Refused("file")

    def file_id(self, session: Session, name: str, mime: str, content: bytes) -> dict[str, Any]:
        """What the visitor's message names a stored file by, and what it is."""
        sha256 = hashlib.sha256(content).hexdigest()
        facts = {"name": clean(name)[:150] or "file", "mime": mime, "size": len(content)}
        sealed = self._uploads.seal(facts | {"sha256": sha256, "key": session.key})
        return facts | {"id": sealed, "sha256": sha256}

    def _facts(self, session: Session) -> dict[str, Any]:
        # The address is personal data: kept only so that equal ones can be recognised.
        peer = hmac.new(self._secret, f"peer\0{session.address}".encode(), hashlib.sha256)
        facts: dict[str, Any] = {
            "conversation": session.key,
            "origin": session.origin,
            "peer": peer.hexdigest()[:16],
            "lang": session.lang,
        }
        if session.visitor is not None:
            facts["visitor"] = asdict(session.visitor)
        return facts | ({"page": session.page} if session.page else {})


def message_key(conversation_key: str, client_id: str) -> str:
    """What a message is deduplicated on, and known by: no visitor can hit another's."""
    return f"{conversation_key}:{client_id}"
