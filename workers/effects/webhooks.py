"""Notifying outsiders: every event as a signed POST, at least once, in order per ticket."""

import asyncio
import codecs
import json
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog

from channels.ingest.signing import KEY, SIGNATURE, TIMESTAMP, sign
from models.addresses import Network, within_reach
from models.errors import Temporary
from models.store import Store
from models.store.effects.webhooks import Attempt, DueEvent

_log = structlog.stdlib.get_logger(__name__)

_TOGETHER = 8
"""Events of different tickets that one webhook gets at the same time, at most."""

_LEASE_SECONDS = 60.0
_ATTEMPT_SECONDS = 10.0
"""Far less than the lease: an attempt that outlived it could overtake the one after it."""

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0
_LONGEST_SILENCE = 300.0
"""How long a receiver that does not answer is left alone, whatever it is owed."""

_ATTEMPTS = 80
"""About three days."""

_TRIAL_KIND = "webhook.test"
"""Of what is sent only to see whether it arrives: no event, and none is ever of this kind."""

_READ_BYTES = 500
"""Of the answer to a trial: enough for an error's first sentence."""


class OutOfReach(OSError):
    """The address is not public, and no setting allows it."""

    def __init__(self) -> None:
        super().__init__(
            "地址在内网，未获准；允许的网段见 desk.webhook_networks"
            " / The address is internal; desk.webhook_networks names those that are allowed"
        )


def guarded(allowed: Sequence[Network]) -> aiohttp.TCPConnector:
    """Connects to the public Internet and to ``allowed`` networks only.

    It looks at the very address that is connected to: a name may lead to another one each time
    it is asked (DNS rebinding).
    """

    def open_socket(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = found
        if not within_reach(address[0], allowed):
            raise OutOfReach
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(socket_factory=open_socket)


class Announcing:
    """One task a webhook: whoever hangs holds up nobody else."""

    def __init__(
        self,
        store: Store,
        stopping: Callable[[], bool] = lambda: False,
        patience: float = _ATTEMPT_SECONDS,
        allowed: Sequence[Network] = (),
    ) -> None:
        """``patience``: seconds an attempt may take. ``stopping``: whether to begin no other.

        ``allowed``: networks that may be sent to beside the public Internet.
        """
        self._allowed = allowed
        self._store = store
        self._patience = patience
        self._stopping = stopping
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Spreads new events, and sees that every webhook that is owed some is being served.

        Raises:
            Temporary: the database is out of reach.
        """
        await self._store.webhooks.spread()
        for webhook_id in await self._store.webhooks.open():
            task = self._sending.get(webhook_id)
            if task is None or task.done():
                self._sending[webhook_id] = asyncio.create_task(self._serve(webhook_id))

    async def settle(self) -> None:
        """Waits until every webhook has what it is owed, or does not take it."""
        await asyncio.gather(*self._sending.values())

    async def close(self) -> None:
        """Lets go; what is cut off is sent again when its lease has run out."""
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _serve(self, webhook_id: str) -> None:
        try:
            await self._drain(webhook_id)
        except* Temporary as found:
            _log.warning("webhook put off", webhook=webhook_id, error=str(found.exceptions[0]))

    async def _drain(self, webhook_id: str) -> None:
        """Sends until nothing is due; a slow answer takes the place of one event, not of all.

        What was answered while the database was busy is written down together: a transaction an
        event would take longer than sending it. Each attempt that nobody answers closes a place
        until somebody answers again, so that a receiver that is dead costs as many attempts as
        there are places.
        """
        webhooks, timeout = self._store.webhooks, aiohttp.ClientTimeout(total=self._patience)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=guarded(self._allowed)) as http,
            asyncio.TaskGroup() as group,
        ):
            sending: set[asyncio.Task[_Sent]] = set()
            unanswered = 0
            while True:
                room = 0 if self._stopping() else _TOGETHER - unanswered - len(sending)
                if room:
                    due = await webhooks.lease(webhook_id, room, _LEASE_SECONDS)
                    sending |= {group.create_task(_send(http, one)) for one in due}
                if not sending:
                    break
                ended, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                sent = [task.result() for task in ended]
                await webhooks.settle(webhook_id, [one.attempt for one in sent])
                heard = any(one.answered for one in sent)
                unanswered = 0 if heard else unanswered + len(sent)
            if unanswered:
                await webhooks.pause(webhook_id, _FIRST_PAUSE, _LONGEST_SILENCE)


@dataclass(frozen=True, slots=True)
class _Sent:
    attempt: Attempt
    answered: bool


async def _send(http: aiohttp.ClientSession, due: DueEvent) -> _Sent:
    """One attempt, and when to make the next; whether anybody answered at all."""
    status, error = await post(http, due)
    if not error:
        return _Sent(Attempt(due), answered=True)
    _log.warning("webhook failed", webhook=due.webhook_id, seq=due.seq, error=error)
    again_in = None if due.attempts >= _ATTEMPTS else _pause(due.attempts)
    return _Sent(Attempt(due, error, again_in), answered=status is not None)


def _pause(attempts: int) -> float:
    return float(min(_FIRST_PAUSE * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE))


async def post(http: aiohttp.ClientSession, due: DueEvent) -> tuple[int | None, str]:
    """One signed POST: (status of the answer or None, what was wrong or nothing for a 2xx)."""
    headers = _signed(due.secret, f"evt_{due.seq}", due.body)
    try:
        # A redirect would carry the event to somewhere that nobody has set.
        async with http.post(
            due.url, data=due.body, headers=headers, allow_redirects=False
        ) as reply:
            return reply.status, _refusal(reply)
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
        return None, _silence(error)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a trial: ``status`` is None where nobody answered.

    ``error`` is empty for a 2xx, ``said`` the first bytes of the answer, ``seconds`` how long
    it took until those were there.
    """

    status: int | None
    error: str
    seconds: float
    said: str


async def tried(
    url: str,
    secret: bytes,
    allowed: Sequence[Network] = (),
    patience: float = _ATTEMPT_SECONDS,
) -> Trial:
    """Sends what is no event, signed and guarded as events are, and tells what was answered.

    It is in no log and owed to nobody: events neither wait for it nor learn from it.
    """
    timeout = aiohttp.ClientTimeout(total=patience)
    body = _trial_body()
    # Unpacked answers could be any size; who was not asked for packed ones sends none.
    headers = _signed(secret, f"test_{secrets.token_hex(8)}", body)
    headers |= {"Accept-Encoding": "identity"}
    begun = time.monotonic()
    async with aiohttp.ClientSession(
        timeout=timeout, connector=guarded(allowed), auto_decompress=False
    ) as http:
        try:
            async with http.post(url, data=body, headers=headers, allow_redirects=False) as reply:
                said = await _beginning(reply.content)
                return Trial(reply.status, _refusal(reply), time.monotonic() - begun, said)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Trial(None, _silence(error), time.monotonic() - begun, "")


def _trial_body() -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "id": 0,
        "kind": _TRIAL_KIND,
        "at": at,
        "ticket": None,
        "conversation_id": None,
        "agent_id": None,
        "data": {"test": True},
    }
    return json.dumps(body).encode()


async def _beginning(content: aiohttp.StreamReader) -> str:
    """The first bytes as text; of a character that is cut off there, nothing."""
    read = b""
    while len(read) < _READ_BYTES and (more := await content.read(_READ_BYTES - len(read))):
        read += more
    return codecs.getincrementaldecoder("utf-8")("replace").decode(read)


def _signed(secret: bytes, key: str, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        TIMESTAMP: timestamp,
        KEY: key,
        SIGNATURE: sign(secret, timestamp, key, body),
    }


def _refusal(reply: aiohttp.ClientResponse) -> str:
    return "" if 200 <= reply.status < 300 else f"HTTP {reply.status}"


def _silence(error: Exception) -> str:
    """Why nobody answered, as it is written down."""
    reason = getattr(error, "os_error", None)
    return str(reason) if isinstance(reason, OutOfReach) else type(error).__name__
