"""E-mail: in over SMTP and IMAP, out through a relay."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from channels.email import mime
from channels.email.options import Mailbox, Options, Relay
from channels.email.thread import Threads
from models.errors import Permanent
from models.message import Envelope, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.email import imap
    from channels.email.smtp import Server

__all__ = ["EmailChannel", "Mailbox", "Options", "Relay", "create"]


class EmailChannel:
    """The channel as the workers see it.

    The server and the client are imported when they are first used: the parser child, which
    only normalises, starts without them.
    """

    name = "email"
    lane = Lane.MAIL
    isolated = True
    original_ending = "eml"
    repeatable = False

    def __init__(self, options: Options, secret: bytes) -> None:
        self.options = options
        self._threads = Threads(secret)
        self._reader = mime.Reader(options, self._threads)
        self._server: Server | None = None
        self._readers: list[imap.Reader] = []

    def normalize(self, envelope: Envelope) -> list[Normalized]:
        """The one message of a mail.

        Raises:
            Permanent: it passes a limit; the original is the only thing to show.
        """
        return [self._reader.read(envelope)]

    async def open(self, door: Door) -> None:
        """Listens on the configured address."""
        from channels.email.authenticate import Authenticator
        from channels.email.smtp import Server
        from channels.email.throttle import Throttle
        from models.store.figures.measures import MAILS_PUT_OFF

        asking = None
        if self.options.verify_senders:
            servers = [str(server) for server in self.options.nameservers]
            asking = Authenticator(self.options.verify_seconds, servers)
        tell = partial(door.store.measures.count, MAILS_PUT_OFF)
        throttle = Throttle(self.options, door.clock, tell)
        self._server = Server(self.options, door.accept, door.clock, throttle, asking)
        await self._server.start()
        if self.options.imap:
            self._readers = self._read_mailboxes(door)

    def _read_mailboxes(self, door: Door) -> "list[imap.Reader]":
        from channels.email import imap

        first = self.options.mailboxes[0].name
        readers = [
            imap.Reader(box, box.account or first, self.options.max_bytes, door)
            for box in self.options.imap
        ]
        for reader in readers:
            reader.start()
        return readers

    async def close(self) -> None:
        for reader in self._readers:
            await reader.stop()
        self._readers = []
        if self._server is not None:
            await self._server.stop()
            self._server = None

    @property
    def trouble(self) -> str | None:
        """Which mailboxes elsewhere cannot be read, and why; None when all can."""
        return "; ".join(reader.trouble for reader in self._readers if reader.trouble) or None

    @property
    def port(self) -> int:
        """Where SMTP listens: known once open when the configured port is 0."""
        return self.options.port if self._server is None else self._server.port

    async def send(self, outbound: OutboundMessage) -> SendResult:
        """One attempt through the relay; without one the answer is certainly not sent."""
        from channels.email import outbound as voice

        if self.options.relay is None:
            return SendResult("retry", None, voice.NO_RELAY, voice.RETRY_SECONDS)
        try:
            letter = voice.write(outbound, self.options, self._threads)
        except Permanent as refusal:
            return SendResult("failed", None, str(refusal))
        own, attempt = self.options.own_domain, outbound.attempts
        return await voice.send(letter, self.options.relay, own, attempt)

    def ready(self) -> str | None:
        """Why answers wait, or None."""
        from channels.email.outbound import NO_RELAY

        return NO_RELAY if self.options.relay is None else None

    def doubt(self, address: str) -> str | None:
        """Why an answer to this address may not arrive, or None."""
        from channels.email.outbound import INTERNATIONAL

        return None if address.rpartition("@")[0].isascii() else INTERNATIONAL


def create(options: Mapping[str, Any], secret: bytes) -> EmailChannel:
    """The channel with these options; ``secret`` signs its tokens."""
    return EmailChannel(Options.model_validate(dict(options)), secret)
