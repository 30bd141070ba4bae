"""Those around the system: customers who write, agents who answer, a relay that takes mail.

All of them are patient: they try again until they are told that it worked, as real mail servers
and the chat widget do, and they remember what they were told.
"""

import asyncio
import contextlib
import email.policy
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import make_msgid
from typing import Any, Self

import aiohttp
import aiosmtplib
from aiosmtpd.controller import Controller

from tests.flow.system import System

SECONDS = 60.0
"""How long a step may take before it counts as one that never happens."""

_POLL = 0.02
_AGAIN, _SELDOM_AGAIN = 0.2, 2.0
"""Pauses of a sender that is not served: doubled each time, as mail servers do. Hundreds that all
knock five times a second keep a core from what they wait for."""

MAILBOX = "support@localhost"


async def until(what: str, true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Waits for a condition (plain or async) and returns its value."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = true()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(_POLL)


# -- mail ------------------------------------------------------------------------------


def letter(
    sender: str,
    text: str,
    *,
    subject: str = "",
    to: str = MAILBOX,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A mail as a customer's program writes it."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"] = sender, to
    if subject:
        mail["Subject"] = subject
    mail["Message-ID"] = make_msgid(domain="customer.example")
    for name, value in (headers or {}).items():
        mail[name] = value
    mail.set_content(text, charset="utf-8")
    return mail.as_bytes()


async def post(
    port: int, sender: str, raw: bytes, *, to: str = MAILBOX, patience: float = SECONDS
) -> tuple[int, str]:
    """One attempt over SMTP: the first reply that is not 2xx, or the last.

    Raises:
        OSError, aiosmtplib.SMTPException: no reply, because the server or our patience ended.
    """
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=SECONDS)
    try:
        await client.connect()
        await client.mail(sender)
        await client.rcpt(to)
        async with asyncio.timeout(patience):
            code, message = await client.data(raw)
    except aiosmtplib.SMTPResponseException as refusal:
        return refusal.code, refusal.message
    finally:
        client.close()
    return code, message


async def post_until_stored(
    port: int,
    sender: str,
    raw: bytes,
    *,
    to: str = MAILBOX,
    seconds: float = SECONDS,
    impatience: Callable[[], float] = lambda: SECONDS,
) -> str:
    """Sends the same bytes until they are taken, as a mail server would; the envelope's id.

    ``impatience`` is asked before each attempt how long to wait for the last reply: whoever
    hangs up before it sends the same again.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    pause = _AGAIN
    while True:
        try:
            code, reply = await post(port, sender, raw, to=to, patience=impatience())
        except (OSError, aiosmtplib.SMTPException):  # TimeoutError is an OSError
            code, reply = 0, "no reply"
        if code == 250:
            return reply.rpartition(" ")[2]
        assert code < 500, f"refused for good: {code} {reply}"
        assert asyncio.get_running_loop().time() < deadline, f"never taken: {code} {reply}"
        await asyncio.sleep(pause)
        pause = min(2 * pause, _SELDOM_AGAIN)


@dataclass(frozen=True)
class Delivered:
    """A mail as the relay got it."""

    mail_from: str
    rcpt_tos: Sequence[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        return "" if body is None else str(body.get_content())


class Relay:
    """A mail server in a thread of its own that takes our answers and keeps them."""

    def __init__(self, port: int) -> None:
        self.letters: list[Delivered] = []
        self.refuses: set[str] = set()
        self.port = port
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_RCPT(  # noqa: N802
        self, _smtp: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refuses:
            return f"550 5.1.1 <{address}>: no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _smtp: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        parsed = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(
            envelope.content
        )
        self.letters.append(Delivered(envelope.mail_from, list(envelope.rcpt_tos), parsed))
        return "250 2.0.0 taken"

    def to(self, address: str) -> list[Delivered]:
        return [one for one in self.letters if address in one.rcpt_tos]

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def relay_settings(port: int) -> dict[str, str]:
    """Answers by mail go to a relay on this port."""
    table = f'{{host = "127.0.0.1", port = {port}, security = "none"}}'
    return {"SHOULI_CHANNELS__EMAIL__RELAY": table}


# -- chat ------------------------------------------------------------------------------


class Visitor:
    """A visitor's widget: keeps its line open, resumes, and resends what was not acknowledged."""

    def __init__(self, system: System, http: aiohttp.ClientSession) -> None:
        self._system = system
        self._http = http
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._welcome = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.token: str | None = None
        self.lines: dict[int, dict[str, Any]] = {}
        self.repeated: list[int] = []
        self.ticket: str | None = None

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def last_seq(self) -> int:
        return max(self.lines, default=0)

    def answers(self) -> list[str]:
        """What our side said, in order."""
        return [line["text"] for _, line in sorted(self.lines.items()) if line["from"] == "us"]

    async def say(
        self,
        text: str,
        *,
        choice: str | None = None,
        seconds: float = SECONDS,
        client_id: str = "",
        stutter: float = 0.0,
    ) -> str:
        """Sends until it is acknowledged; the envelope's id. ``choice``: a button was pressed.

        ``stutter`` seconds after the first attempt the line is dropped and the same sent again,
        acknowledged or not.
        """
        client_id = client_id or str(uuid.uuid4())
        acked = self._waiting.setdefault(client_id, asyncio.get_running_loop().create_future())
        frame = {"type": "msg", "client_id": client_id, "text": text}
        if choice is not None:
            frame["choice"] = choice
        async with asyncio.timeout(seconds):
            if stutter:
                await self._send(frame)
                await asyncio.sleep(stutter)
                await self.drop()
                await self._send(frame)
            while not acked.done():
                await self._send(frame)
                await asyncio.wait({acked}, timeout=2.0)
        return acked.result()

    async def drop(self) -> None:
        """Loses the connection, as phones do."""
        if self._socket is not None:
            await self._socket.close()

    async def _send(self, frame: Mapping[str, Any]) -> None:
        await self._welcome.wait()
        with contextlib.suppress(OSError, aiohttp.ClientError):
            if self._socket is not None:
                await self._socket.send_json(frame)

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(OSError, aiohttp.ClientError):
                await self._visit()
            self._welcome.clear()
            await asyncio.sleep(_AGAIN)

    async def _visit(self) -> None:
        origin = {"Origin": self._system.intake}
        url = f"{self._system.intake}/webchat/ws"
        async with self._http.ws_connect(url, headers=origin, heartbeat=10) as socket:
            self._socket = socket
            hello = {"type": "hello", "token": self.token, "last_seq": self.last_seq}
            await socket.send_json(hello)
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._hear(json.loads(message.data))

    def _hear(self, frame: Mapping[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self.token = frame["token"]
                self.ticket = frame.get("ticket", self.ticket)
                self._welcome.set()
            case "ack":
                acked = self._waiting[frame["client_id"]]
                if not acked.done():
                    acked.set_result(frame["envelope_id"])
            case "ticket":
                self.ticket = frame["number"]
            case "event":
                if frame["seq"] in self.lines:
                    self.repeated.append(frame["seq"])
                self.lines[frame["seq"]] = dict(frame)


# -- the desk --------------------------------------------------------------------------


@dataclass
class Answer:
    """What the desk said to one request."""

    status: int
    body: Any


@dataclass
class Agent:
    """A person at the desk: signed in, ready, following the live line and resuming it."""

    system: System
    login: str
    http: aiohttp.ClientSession
    id: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    last_seq: int = 0
    _line: asyncio.Task[None] | None = None
    _on_line: asyncio.Event = field(default_factory=asyncio.Event)

    async def sign_in(self, presence: str = "ready") -> None:
        body = {"login": self.login, "password": self.system.passwords[self.login]}
        person = await self.must("POST", "login", body)
        self.id = person["id"]
        self._line = asyncio.create_task(self._stay())
        await until("the live line", self._on_line.is_set)
        await self.must("PUT", "me/presence", {"presence": presence})

    async def leave(self) -> None:
        if self._line is not None:
            self._line.cancel()
            await asyncio.gather(self._line, return_exceptions=True)
        await self.http.close()

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request. Raises ``aiohttp.ClientError`` or ``OSError`` when nobody answers."""
        url = f"{self.system.desk}/api/v1/{path}"
        headers = {"X-Shouli-Desk": "1"}
        async with self.http.request(method, url, json=body, headers=headers) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return Answer(response.status, json.loads(raw) if is_json else raw)

    async def must(
        self, method: str, path: str, body: Any = None, seconds: float = SECONDS
    ) -> Any:
        """Asks until the desk is there; anything but success fails the test."""

        async def tried() -> Answer | None:
            try:
                answer = await self.ask(method, path, body)
            except (OSError, aiohttp.ClientError):
                return None
            return None if answer.status == 503 else answer

        answer = await until(f"{method} {path}", tried, seconds)
        assert answer.status < 300, f"{method} {path}: {answer}"
        return answer.body

    async def queue(self) -> list[dict[str, Any]]:
        return list((await self.must("GET", "queue"))["tickets"])

    async def ticket(self, ticket_id: str) -> dict[str, Any]:
        return dict(await self.must("GET", f"tickets/{ticket_id}"))

    async def reply(self, ticket_id: str, text: str, then: str = "active") -> str:
        body = {"text": text, "client_id": uuid.uuid4().hex, "then": then}
        return str((await self.must("POST", f"tickets/{ticket_id}/reply", body))["id"])

    async def mine(self, what: str, true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The ticket in this agent's queue for which ``true`` holds, as soon as it is there."""

        async def found() -> dict[str, Any] | None:
            for listed in await self.queue():
                ticket = await self.ticket(listed["id"])
                if true(ticket):
                    return ticket
            return None

        return dict(await until(f"{what} in the queue of {self.login}", found))

    async def heard(self, kind: str, ticket_id: str) -> dict[str, Any]:
        """An event of a ticket, as soon as the live line has brought it."""

        def found() -> dict[str, Any] | None:
            mine = (e for e in self.events if e["ticket_id"] == ticket_id)
            return next((e for e in mine if e["kind"] == kind), None)

        return dict(await until(f"{kind} on the line of {self.login}", found))

    async def _stay(self) -> None:
        url, origin = f"{self.system.desk}/api/v1/ws", {"Origin": self.system.desk}
        while True:
            with contextlib.suppress(OSError, aiohttp.ClientError):
                async with self.http.ws_connect(url, headers=origin) as line:
                    await line.send_json({"type": "hello", "last_seq": self.last_seq})
                    async for message in line:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._hear(json.loads(message.data))
            await asyncio.sleep(_AGAIN)

    def _hear(self, frame: Mapping[str, Any]) -> None:
        self._on_line.set()
        for event in frame.get("events", ()):
            assert event["seq"] > self.last_seq, "the live line told an event twice"
            self.last_seq = event["seq"]
            self.events.append(event)
        self.last_seq = max(self.last_seq, frame.get("last_seq", 0))


def texts(ticket: Mapping[str, Any]) -> str:
    """Everything in a ticket's log, for finding a marker in it."""
    return "\n".join(line["text_full"] or line["text"] for line in ticket["messages"])


@asynccontextmanager
async def at_the_desk(system: System, *logins: str) -> AsyncIterator[list[Agent]]:
    """These people signed in and ready, and gone afterwards."""
    # The desk is addressed by number, for which aiohttp keeps cookies only when told to.
    agents = [
        Agent(system, login, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        for login in logins
    ]
    try:
        await asyncio.gather(*(agent.sign_in() for agent in agents))
        yield agents
    finally:
        await asyncio.gather(*(agent.leave() for agent in agents))
