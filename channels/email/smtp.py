"""The SMTP server: takes mail for our mailboxes, and says 250 only when it is stored.

Replies are English and ASCII, as SMTP demands (RFC 5321 §4.2); each refusal says what to do.
"""

import asyncio
import hashlib
import logging
import os
import ssl
from collections import Counter
from collections.abc import Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any

from channels.email.authenticate import Authenticator
from channels.email.fast import FastSMTP
from channels.email.headers import clean_line
from channels.email.options import Options
from channels.email.thread import plain_mailbox
from channels.email.throttle import Throttle
from channels.email.tls import Certificate
from models.addresses import client_address
from models.errors import Permanent, StorageFull, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.ports import Accept, Clock
from models.rate_limit import whole_seconds

_log = logging.getLogger(__name__)

_BACKLOG = 256
_DRAIN_FACTOR = 2
"""A mail over the limit is read, unkept, up to this many limits, so that its sender sees the
552; beyond it the connection is closed."""


class Server:
    """Listens, and turns each mail into envelopes that are committed before the 250."""

    def __init__(
        self,
        options: Options,
        accept: Accept,
        clock: Clock,
        throttle: Throttle,
        authenticator: Authenticator | None = None,
    ) -> None:
        """``authenticator`` is asked about senders whom nobody else has checked."""
        self.options = options
        self.throttle = throttle
        self._authenticator = authenticator
        # Asked for each mail, and the same for all of a peer's.
        self._unproven = lru_cache(maxsize=1024)(options.unproven)
        self.connections: set[_Connection] = set()
        self._accept = accept
        self._clock = clock
        self._storing = 0
        self._stored = asyncio.Event()
        self._peers: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._certificate: Certificate | None = None
        self._accounts = {mailbox.address: mailbox.name for mailbox in options.mailboxes}
        postmaster = options.mailboxes[0].name
        for domain in {address.rpartition("@")[2] for address in self._accounts}:
            # Every domain must have one, and may not tell it apart by case (RFC 5321 §4.5.1).
            self._accounts.setdefault(f"postmaster@{domain}", postmaster)
        self._accounts.setdefault("postmaster", postmaster)

    async def start(self) -> None:
        """Listens.

        Raises:
            Permanent: the certificate cannot be read, or the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        options = self.options
        if options.certificate is not None and options.key is not None:
            self._certificate = Certificate(options.certificate, options.key)
        factory = partial(self._connection, loop)
        host, port = self.options.host, self.options.port
        try:
            self._server = await loop.create_server(factory, host, port, backlog=_BACKLOG)
        except OSError as error:
            # The event loop words it anew, and at length.
            why = os.strerror(error.errno) if error.errno else error.strerror
            raise Permanent(
                f"SMTP 无法监听 {host}:{port}（{why}）："
                "请停掉占用它的程序，或更改邮件渠道的 host 或 port"
                f" / SMTP cannot listen on {host}:{port} ({why}): stop the program that has it, "
                "or change host or port of the e-mail channel",
                code="smtp_cannot_listen",
            ) from error

    def _connection(self, loop: asyncio.AbstractEventLoop) -> "_Connection":
        certificate = self._certificate
        return _Connection(self, loop, None if certificate is None else certificate.context())

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        if self._server is None or not self._server.sockets:
            return self.options.port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stops listening, lets commits under way finish and answer, closes connections."""
        if self._server is not None:
            self._server.close()
        while self._storing:
            self._stored.clear()
            await self._stored.wait()
        for connection in [*self.connections]:
            connection.say_goodbye("421 4.3.2 Shutting down, try again in a minute")
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        self.throttle.close()
        if self._authenticator is not None:
            self._authenticator.close()

    def account_of(self, address: str) -> str | None:
        """The account that a recipient belongs to; plus-addresses belong to the plain one."""
        address = address.lower()
        return self._accounts.get(address) or self._accounts.get(plain_mailbox(address))

    def admit(self, connection: "_Connection", peer: str) -> bool:
        """Counts a new connection; False when there are too many."""
        host = client_address(peer, (), ())
        if (
            len(self.connections) >= self.options.max_connections
            or self._peers[host] >= self.options.max_connections_per_peer
        ):
            return False
        self.connections.add(connection)
        self._peers[host] += 1
        return True

    def release(self, connection: "_Connection", peer: str) -> None:
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        host = client_address(peer, (), ())
        self._peers[host] -= 1
        if not self._peers[host]:
            del self._peers[host]

    def envelopes(
        self, facts: dict[str, Any], recipients: Sequence[str], raw: bytes
    ) -> list[Envelope]:
        """One for each account among the recipients."""
        now = self._clock()
        digest = hashlib.sha256(raw).hexdigest()
        by_account: dict[str, list[str]] = {}
        for address in recipients:
            by_account.setdefault(self.account_of(address) or "", []).append(address)
        return [
            Envelope(
                id=uuid7(now),
                channel="email",
                account=account,
                dedupe_key=digest,
                body=raw,
                received_at=now,
                lane=Lane.MAIL,
                transport={**facts, "rcpt_tos": own},
                sha256=digest,
            )
            for account, own in by_account.items()
        ]

    async def receive(self, facts: dict[str, Any], recipients: Sequence[str], raw: bytes) -> str:
        """Asks who it is from where that is open, commits, and returns the reply."""
        if self._authenticator is not None and self._unproven(facts["peer"]):
            verdict = await self._authenticator.verdict(
                raw, facts["peer"], facts["helo"], facts["mail_from"]
            )
            facts |= {"authentication": verdict.facts()}
        return await self.store(self.envelopes(facts, recipients, raw))

    async def store(self, envelopes: list[Envelope]) -> str:
        """Commits, and returns the reply. Goes on when the connection does not.

        Whoever hung up did not see the 250 and sends again, which is then known.
        """
        self._storing += 1
        try:
            return await self._commit(envelopes)
        finally:
            self._storing -= 1
            self._stored.set()

    async def _commit(self, envelopes: list[Envelope]) -> str:
        try:
            receipts = await self._accept(envelopes)
        except StorageFull:
            return "452 4.3.1 No room to store mail, try again later"
        except Temporary:
            return "451 4.3.0 Mail cannot be stored just now, try again in a few minutes"
        except Exception:  # noqa: BLE001 - the sender keeps the mail and tries again: nothing is lost
            _log.exception("mail was not stored")
            return "451 4.3.0 Internal error, try again in a few minutes"
        return f"250 2.0.0 Stored as {receipts[0].envelope_id}"


class _Handler:
    """What the protocol asks about recipients and mails."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, smtp: "_Connection", _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address != "<>" and not _transmittable(address):
            return "553 5.1.7 The sender address cannot be read, correct it and send again"
        if wait := self._server.throttle.wait(smtp.peer):
            seconds = whole_seconds(wait)
            return f"450 4.7.1 Too many mails from your host, try again in {seconds} seconds"
        smtp.begin_mail()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _smtp: "_Connection", _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if not _transmittable(address) or self._server.account_of(address) is None:
            return "550 5.1.1 No such mailbox here, check the address and send again"
        if len(envelope.rcpt_tos) >= self._server.options.max_recipients:
            return "452 4.5.3 Too many recipients, send the rest in another mail"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, smtp: "_Connection", _session: Any, envelope: Any
    ) -> str:
        work = self._server.receive(smtp.facts(), envelope.rcpt_tos, envelope.content)
        return await smtp.while_storing(work)

    async def handle_exception(self, error: Exception) -> str:
        _log.error("SMTP command failed", exc_info=error)
        return "451 4.3.0 Internal error, try again in a few minutes"


class _Connection(FastSMTP):
    """One client: the protocol, with limits on time, bytes and patience.

    Two deadlines: ``idle_seconds`` without a byte, and ``absolute_seconds`` for one mail, so
    that neither silence nor a byte a minute holds a connection. Time spent on the commit is
    ours and not the client's.
    """

    too_much_data = "552 5.3.4 The mail is too large, send it without large files"

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None
    ) -> None:
        options = server.options
        super().__init__(
            _Handler(server),
            hostname=options.own_domain,
            loop=loop,
            ident="ESMTP Shouli",
            data_size_limit=options.max_bytes,
            enable_SMTPUTF8=True,
            tls_context=tls,
            timeout=options.idle_seconds,
        )
        for command in ("AUTH", "EXPN", "VRFY", "HELP"):
            self._smtp_methods[command] = self._not_offered
        if options.lmtp:
            # RFC 2033 §4.1: LHLO stands for both, which must not be there.
            self._smtp_methods["LHLO"] = self._smtp_methods.pop("EHLO")
            del self._smtp_methods["HELO"]
        self._owner = server
        self.peer = ""
        self.storing = False

    # Connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.begin_mail()
        super().connection_made(transport)

    def begin(self) -> None:
        peer = self.session.peer
        self.peer = str(peer[0]) if peer else ""
        if self._owner.admit(self, self.peer):
            super().begin()
        else:
            self.say_goodbye("421 4.3.2 Too many connections, try again in a minute")

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.release(self, self.peer)
        super().connection_lost(error)

    def say_goodbye(self, reply: str) -> None:
        """Sends a last reply and closes, whatever the client is doing."""
        if self.transport is None:
            return
        if self._tls_protocol is not None and self.session.ssl is None:
            # Between STARTTLS and the end of its handshake nothing can be said, and asyncio tells
            # nobody that a connection is lost.
            self._original_transport.abort()
            self.connection_lost(None)
            return
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        self._writer.write(bytes(self._output) + reply.encode("ascii") + b"\r\n")
        self._output.clear()
        self._writer.close()
        if self.transport.get_write_buffer_size():
            # Who reads nothing would keep a closed connection open, and its place, for ever.
            self.transport.abort()

    # Deadlines

    def begin_mail(self) -> None:
        """A new mail has its own time."""
        self.latest_deadline = self.loop.time() + self._owner.options.absolute_seconds

    def _timeout_cb(self) -> None:
        if self.storing:
            self._timeout_handle = None
            self.begin_mail()
            self._reset_timeout()
            return
        self.say_goodbye("421 4.4.2 Too slow, connect again and send the mail in one go")

    async def while_storing(self, work: Coroutine[Any, Any, str]) -> str:
        self.storing = self._handler_coroutine.shielded = True
        try:
            return await work
        finally:
            self.storing = self._handler_coroutine.shielded = False
            self.begin_mail()
            if self.transport is not None:
                self._reset_timeout()

    # Limits

    def data_dropped(self, received: int) -> None:
        if received > _DRAIN_FACTOR * self.data_size_limit:
            self.say_goodbye(self.too_much_data)

    async def _not_offered(self, _arg: str | None) -> None:
        # RFC 5321 §4.2.4: 500 is for commands that nobody knows.
        self.say("502 5.5.1 Command not implemented")

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - the command's name
        before = len(self._output)
        await super().smtp_EHLO(hostname)
        # There is no HELP here; pipelining there is (RFC 2920), answered in order.
        self._output[before:] = self._output[before:].replace(b"250 HELP", b"250 PIPELINING")

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        try:
            address, rest = super()._getaddr(arg)
        except Exception:  # noqa: BLE001 - IndexError, RecursionError, UnboundLocalError, …
            # The standard library's parser breaks on hostile addresses in ways of its own.
            return None, None
        return address, rest

    def say_outcome(self, status: str | bytes) -> None:
        # LMTP has a reply for each recipient (RFC 2033 §4.2). One commit holds them all.
        for _ in self.envelope.rcpt_tos if self._owner.options.lmtp else (None,):
            self.say(status)

    # Facts

    def facts(self) -> dict[str, Any]:
        """What the transport knows and the mail does not, as JSON holds it."""
        tls = (self.session.ssl or {}).get("ssl_object")
        sender = self.envelope.mail_from
        return {
            "peer": self.peer,
            "helo": clean_line(str(self.session.host_name), 255),
            "mail_from": "" if sender == "<>" else sender,
            "sender": "" if sender == "<>" else sender,
            "tls": tls.version() if tls is not None else None,
        }


def _transmittable(address: str) -> bool:
    """Whether an address can be stored as text (SMTP lets any bytes through)."""
    return address.isprintable()
