"""Which conversation a mail belongs to, proven by a signature and never by its subject.

Our answers carry a token in the plus-address of Reply-To and in their Message-ID. A token is a
conversation's key and a MAC over it. Both are lower-case base 32, because mail servers change
the case of addresses, and 80 bits long, so that the local part keeps within 64 octets
(RFC 5321 §4.5.3.1.1).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from models.message import OutboundMessage

_BITS = 80
_KEY = re.compile(r"[a-z2-7]{16}")
_TOKEN = re.compile(r"([a-z2-7]{16})\.([a-z2-7]{16})")
_OUR_ID = re.compile(r"([a-z2-7]{16})\.(\d{1,12})\.([a-z2-7]{16})@[^@\s<>]{1,255}")


class Threads:
    """Makes and checks the tokens of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._loop_mark = self._mac("loop")

    def new_key(self, account: str, digest: str) -> str:
        """The conversation of a mail that continues none; ``digest`` is of its raw bytes."""
        return self._mac("conversation", account, digest)

    def reply_address(self, mailbox: str, key: str) -> str:
        """Our address that leads back into the conversation (the mailbox itself if none can)."""
        local, _, domain = mailbox.rpartition("@")
        if not _KEY.fullmatch(key):
            return mailbox
        return f"{local}+{key}.{self._mac('reply', key)}@{domain}"

    def message_id(self, outbound: OutboundMessage, domain: str) -> str:
        """The answer's Message-ID, without brackets; the same for every attempt to send it."""
        key, seq = outbound.conversation_key, str(outbound.seq)
        if not _KEY.fullmatch(key):
            key = self._mac("key", key)
        return f"{key}.{seq}.{self._mac('message', key, seq)}@{domain}"

    def key_of_address(self, address: str) -> str | None:
        """The conversation that a recipient address proves."""
        local = address.rpartition("@")[0].lower()
        token = _TOKEN.fullmatch(local.rpartition("+")[2]) if "+" in local else None
        if token is None or not self._genuine(token[2], "reply", token[1]):
            return None
        return token[1]

    def key_of_message_id(self, message_id: str) -> str | None:
        """The conversation that one of our own Message-IDs proves."""
        ours = _OUR_ID.fullmatch(message_id.lower())
        if ours is None or not self._genuine(ours[3], "message", ours[1], ours[2]):
            return None
        return ours[1]

    def find(self, recipients: Iterable[str], references: Iterable[str]) -> tuple[str, str] | None:
        """The conversation and what proved it: “address” or “reference”."""
        for address in recipients:
            if key := self.key_of_address(address):
                return key, "address"
        for message_id in references:
            if key := self.key_of_message_id(message_id):
                return key, "reference"
        return None

    def loop_mark(self) -> str:
        """The value of the header by which we know our own automatic mail."""
        return self._loop_mark

    def _genuine(self, mac: str, *parts: str) -> bool:
        return hmac.compare_digest(mac, self._mac(*parts))

    def _mac(self, *parts: str) -> str:
        digest = hmac.digest(self._secret, "\0".join(parts).encode(), hashlib.sha256)
        return base64.b32encode(digest[: _BITS // 8]).decode("ascii").lower()


def plain_mailbox(address: str) -> str:
    """The address in lower case without what follows a plus sign in its local part."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"
