"""aiosmtpd's protocol without its measured hot spots; the same bytes get the same replies.

Profiles of the stock class show its time in five places: each line of DATA is one ``readuntil``
and one log record, each connection walks through all members of the class, each reply is one
system call, each address goes through the header parser of the standard library, and each wait
for a line is a future, two callbacks and a turn of the loop. They are replaced here and nothing
is added; what makes the server safe is in ``smtp``.

A differential test runs this class beside the stock one. AUTH and PROXY are left out: a mail
exchanger offers neither.
"""

import asyncio
import math
import re
from collections import defaultdict
from functools import cache
from typing import Any

from aiosmtpd import smtp as stock

from channels.email.session import Session, next_input

_Stock: Any = stock.SMTP
"""As Any: this class is made of private parts, which have no types."""

_ADDRESS = (
    r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>"
)
_PLAIN_ADDRESS = re.compile(rf"{_ADDRESS}(?: ([A-Za-z0-9= ]*))?")
_PLAIN_MAIL = re.compile(rf"FROM:{_ADDRESS}")
_PLAIN_RCPT = re.compile(rf"TO:{_ADDRESS}")
"""Addresses that need no parser; every other goes to the stock method."""

_END = b"\r\n.\r\n"

_HIGH_WATER = 1 << 18
"""Unread bytes at which the transport is told to wait."""


@cache
def _names(kind: type, prefix: str) -> tuple[tuple[str, str], ...]:
    """Attributes of a class with a prefix, without and with it: the same for all connections."""
    return tuple(
        (name.removeprefix(prefix), name) for name in dir(kind) if name.startswith(prefix)
    )


class Ended(Exception):
    """The client has closed its side, and all that it sent has been read."""


class FastSMTP(_Stock):  # type: ignore[misc]
    """The stock protocol with its own buffer for reading and for replies.

    Replies are sent together when the next command is waited for (RFC 2920 §3.2).
    """

    too_much_data = "552 Error: Too much mail data"

    def __init__(  # the parent's is what costs, so that it is replaced, not called
        self,
        handler: Any,
        *,
        hostname: str,
        loop: asyncio.AbstractEventLoop,
        ident: str = "",
        data_size_limit: int = 2**25,
        enable_SMTPUTF8: bool = False,  # noqa: N803 - the parent's name
        tls_context: Any = None,
        timeout: float = 300,
    ) -> None:
        self.__ident__ = ident
        self.loop = loop
        asyncio.StreamReaderProtocol.__init__(
            self,
            asyncio.StreamReader(loop=loop, limit=self.line_length_limit),
            client_connected_cb=self._cb_client_connected,
            loop=loop,
        )
        self.event_handler = handler
        self.hostname = hostname
        self.data_size_limit = data_size_limit
        self.enable_SMTPUTF8 = enable_SMTPUTF8
        self.tls_context = tls_context
        self.require_starttls = False
        self.session: Any = None
        self.envelope: Any = None
        self.transport: Any = None
        # The stock class shares one table between all connections, and each EHLO raises it.
        self.command_size_limits: defaultdict[str, int] = defaultdict(
            lambda: self.command_size_limit
        )
        self._decode_data = False
        self._timeout_duration = timeout
        self._timeout_handle: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.latest_deadline = math.inf
        self._tls_handshake_okay = True
        self._tls_protocol = None
        self._original_transport = None
        self._handler_coroutine: Any = None
        self._proxy_timeout = None
        self._auth_require_tls = True
        self._auth_required = False
        self._auth_callback = None
        self._authenticator = None
        self._auth_methods: dict[str, Any] = {}
        self._enforce_call_limit = False
        self._ehlo_hook_ver = None
        self._handle_hooks = {
            name: getattr(handler, attribute)
            for name, attribute in _names(type(handler), "handle_")  # type: ignore[arg-type] # mypy: Any’s hash
        }
        self._smtp_methods = {
            name: getattr(self, attribute)
            for name, attribute in _names(type(self), "smtp_")  # type: ignore[arg-type] # mypy: Any’s hash
        }
        self._input = bytearray()
        self._output = bytearray()
        self._reply_at_once = False
        self._bogus_budget = stock.BOGUS_LIMIT
        self._input_ended = False
        self._reading_paused = False

    # Reading

    def data_received(self, data: bytes) -> None:
        self._reset_timeout()
        self._input += data
        session = self._handler_coroutine
        if session.wants_input:
            session.resume()
        if len(self._input) > _HIGH_WATER and not session.wants_input:
            self._pause_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Lets what was received be handled to its end: a half-closed client waits for it."""
        self._input_ended = True
        if self._handler_coroutine.wants_input:
            self._handler_coroutine.resume()
        # A TLS connection cannot stay half open.
        return self.session is not None and self.session.ssl is None

    async def _more_input(self) -> None:
        """Sends the replies so far and waits for bytes.

        Raises:
            Ended: there will be none.
        """
        await self._flush()
        if self._input_ended:
            raise Ended
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        await next_input()

    async def _command_line(self) -> bytes | None:
        """The next line, or None for one over the limit (which is read away)."""
        searched = 0
        too_long = False
        buffer = self._input
        while (end := buffer.find(b"\n", searched)) < 0:
            if len(buffer) > self.line_length_limit:
                too_long = True
                buffer.clear()
            searched = len(buffer)
            await self._more_input()
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        return None if too_long or end > self.line_length_limit else line

    async def _mail_data(self) -> bytes | None:
        """All of DATA up to CRLF.CRLF, still dot-stuffed; None when it is over the limit.

        Only this one sequence ends the data. Anything laxer lets a sender smuggle a second
        mail past the server before us (CVE-2023-51764).
        """
        buffer = self._input
        read = 0
        searched = 0
        while True:
            if not read and buffer.startswith(b".\r\n"):
                del buffer[:3]
                return b""
            end = buffer.find(_END, searched)
            if end >= 0:
                break
            if read + len(buffer) > self.data_size_limit + len(_END):
                dropped = len(buffer) - len(_END) + 1
                read += dropped
                del buffer[:dropped]
                self.data_dropped(read)
            searched = max(0, len(buffer) - len(_END) + 1)
            await self._more_input()
        data = bytes(buffer[: end + 2]) if read + end + 2 <= self.data_size_limit else None
        del buffer[: end + len(_END)]
        return data

    def data_dropped(self, received: int) -> None:
        """Called for each piece of a mail that is over the limit and not kept."""

    # Replying

    async def push(self, status: str | bytes) -> None:
        self.say(status)
        if self._reply_at_once:
            await self._flush()

    def say(self, status: str | bytes) -> None:
        """Adds a reply to those that are sent when the next command is waited for."""
        if isinstance(status, str):
            status = status.encode("utf-8" if self.enable_SMTPUTF8 else "ascii")
        self._output += status + b"\r\n"

    async def _flush(self) -> None:
        if self._output:
            output = bytes(self._output)
            self._output.clear()
            if self.transport is None:
                raise ConnectionResetError
            self.transport.write(output)
            if self._paused or self._connection_lost:
                # The base class's own way to wait for a slow reader; it raises for a lost one.
                await self._drain_helper()

    # Deadlines

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Moves the deadline; the one timer looks at it when it fires."""
        deadline = self.loop.time() + (duration or self._timeout_duration)
        self._deadline = min(deadline, self.latest_deadline)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        if self.loop.time() < self._deadline:
            self._timeout_handle = self.loop.call_at(self._deadline, self._on_timer)
        elif self.transport is not None:
            self._timeout_cb()

    # The session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # After STARTTLS nothing that came in plain text may count (RFC 3207 §6).
        self._input.clear()
        if self.transport is not None:
            super().connection_made(transport)
            return
        self._set_rset_state()
        self.session = self._create_session()
        self.session.peer = transport.get_extra_info("peername")
        self._reset_timeout()
        # Past the stock class, which would make a task.
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = transport
        self._handler_coroutine = Session(self._handle_client(), self.loop)
        self.begin()

    def begin(self) -> None:
        """Greets the client."""
        self._handler_coroutine.resume()

    async def _handle_client(self) -> None:
        await self.push(f"220 {self.hostname} {self.__ident__}")
        try:
            while self.transport is not None:
                line = await self._command_line()
                try:
                    await self._handle_line(line)
                except (ConnectionError, Ended):
                    raise
                except stock.TLSSetupException:
                    self.transport.close()
                    self.connection_lost(None)
                    return
                except Exception as error:  # noqa: BLE001 - one bad command, not the session
                    await self.push(await self.handle_exception(error))
        except (ConnectionError, Ended):
            self._writer.close()

    async def _handle_line(self, line: bytes | None) -> None:
        if line is None:
            self.say("500 Command line too long")
            return
        line = line.rstrip(b"\r\n")
        name, _, argument = line.partition(b" ")
        if not line or not name.isascii():
            self.say("500 Error: bad syntax")
            return
        command = name.upper().decode("ascii")
        try:
            arg = self._argument(argument)
        except UnicodeDecodeError:
            self.say("500 Error: strict ASCII mode")
            return
        refusal = self._refusal(command, len(line))
        if refusal:
            self.say(refusal)
            return
        method = self._smtp_methods.get(command)
        if method is None:
            await self._unknown(command)
            return
        await method(arg)

    async def _unknown(self, command: str) -> None:
        self._bogus_budget -= 1
        if self._bogus_budget > 0:
            await self.push(f'500 Error: command "{command}" not recognized')
            return
        await self.push("502 5.5.1 Too many unrecognized commands, goodbye.")
        await self._flush()
        raise Ended

    def _argument(self, argument: bytes) -> str | None:
        if not argument:
            return None
        if self.enable_SMTPUTF8:
            return argument.strip().decode("utf-8", "surrogateescape")
        return argument.strip().decode("ascii")

    def _refusal(self, command: str, length: int) -> str:
        """Why a command is not even looked at."""
        limit = self.command_size_limit
        if self.session.extended_smtp:
            limit = self.command_size_limits[command]
        if length > limit:
            return "500 Command line too long"
        if not self._tls_handshake_okay and command != "QUIT":
            return "554 Command refused due to lack of security"
        needs_tls = self.require_starttls and not self._tls_protocol
        if needs_tls and command not in stock.ALLOWED_BEFORE_STARTTLS:
            return "530 Must issue a STARTTLS command first"
        return ""

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN_ADDRESS.fullmatch(arg)
        if plain is None or self.local_part_limit:
            parsed: tuple[str | None, str | None] = super()._getaddr(arg)
            return parsed
        return plain[1], (plain[2] or "").lstrip()

    @stock.syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        plain = _PLAIN_MAIL.fullmatch(arg or "")
        if plain is None or self._is_special() or self.envelope.mail_from:
            await super().smtp_MAIL(arg)
            return
        self.envelope.smtp_utf8 = False
        status = await self._call_handler_hook("MAIL", plain[1], [])
        if status is stock.MISSING:
            self.envelope.mail_from = plain[1]
            status = "250 OK"
        self.say(status)

    @stock.syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        plain = _PLAIN_RCPT.fullmatch(arg or "")
        if plain is None or self._is_special() or not self.envelope.mail_from:
            await super().smtp_RCPT(arg)
            return
        status = await self._call_handler_hook("RCPT", plain[1], [])
        if status is stock.MISSING:
            self.envelope.rcpt_tos.append(plain[1])
            status = "250 OK"
        self.say(status)

    def _is_special(self) -> bool:
        """Whether even a plain address needs the stock method."""
        return not self.session.host_name or bool(self.local_part_limit)

    @stock.syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        if not self.session.host_name and await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            self.say("503 Error: need RCPT command")
            return
        if arg:
            self.say("501 Syntax: DATA")
            return
        self.say(b"354 End data with <CR><LF>.<CR><LF>")
        data = await self._mail_data()
        if data is None:
            self.say_outcome(self.too_much_data)
        else:
            self.envelope.content = self.envelope.original_content = _unstuffed(data)
            status = await self._call_handler_hook("DATA")
            self.say_outcome("250 OK" if status is stock.MISSING else status)
        self._set_post_data_state()

    def say_outcome(self, status: str | bytes) -> None:
        """The reply to a mail, while its envelope is still there."""
        self.say(status)

    @stock.syntax("QUIT")
    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        if arg:
            await self.push("501 Syntax: QUIT")
            return
        status = await self._call_handler_hook("QUIT")
        await self.push("221 Bye" if status is stock.MISSING else status)
        await self._flush()
        raise Ended

    @stock.syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - the command's name
        before = len(self._output)
        await super().smtp_EHLO(hostname)
        # The stock class announces AUTH on TLS connections, here with no mechanism at all.
        self._output[before:] = self._output[before:].replace(b"250-AUTH \r\n", b"")

    @stock.syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        if self.tls_context and not arg:
            # What was pipelined behind the command is plain text of anyone's (RFC 3207 §6).
            self._input.clear()
        self._reply_at_once = True
        try:
            await super().smtp_STARTTLS(arg)
        finally:
            self._reply_at_once = False


def _unstuffed(data: bytes) -> bytes:
    """Takes the dot off each line that begins with one (RFC 5321 §4.5.2)."""
    if data.startswith(b"."):
        data = data[1:]
    return data.replace(b"\r\n.", b"\r\n") if b"\r\n." in data else data
