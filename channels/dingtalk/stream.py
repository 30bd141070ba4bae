"""DingTalk's Stream: robot messages over a line that we open, acknowledged after the commit.

DingTalk gives each message to one of an app's lines, so every process that receives holds one.
It documents that a message which is not acknowledged is not sent again (though it was seen to be,
after a minute): what cannot be stored just now is kept here, and tried until it is.
"""

import asyncio
import contextlib
import itertools
import json
from typing import Any

import aiohttp
import structlog
from yarl import URL

from channels.dingtalk.options import Options
from channels.dingtalk.receiving import envelope, read
from models.errors import Temporary
from models.message import Envelope
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

TOPIC = "/v1.0/im/bot/messages/get"

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next attempt, to connect as to store; the last one again and again."""

_LIVED_SECONDS = 30.0
"""A line that ends sooner counts as a failure to connect."""

_BEAT_SECONDS = 30.0
_STOP_SECONDS = 5.0

_MOST_HELD = 1_000
"""Messages that wait to be stored. When there are more nothing is read any more."""

_LARGEST = 4 * 1024 * 1024
"""Bytes of a frame."""


_DEAF = (
    "连不上钉钉，收不到消息（{0}）：检查 channels.dingtalk 的设置和网络"
    " / no line to DingTalk, nothing is heard ({0}): check channels.dingtalk and the network"
)


class NotOpened(Exception):
    """DingTalk gave no line."""


class Stream:
    """One line to DingTalk, opened anew for as long as it is wanted."""

    def __init__(self, options: Options, door: Door) -> None:
        self._options = options
        self._door = door
        self._stopping = asyncio.Event()
        self._room = asyncio.Semaphore(_MOST_HELD)
        self._http: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._held: set[asyncio.Task[None]] = set()
        self.trouble: str | None = None
        """Why no line opens; one that breaks once is none."""

    def start(self) -> None:
        self._http = aiohttp.ClientSession()
        self._task = asyncio.create_task(self._stay(self._http), name="dingtalk stream")

    async def stop(self) -> None:
        """Stops listening; what touches the database is let finish."""
        self._stopping.set()
        await _ended({self._task} if self._task is not None else set())
        await _let_finish(self._held)  # while there is a line to acknowledge them on
        await _ended(self._lines)
        await _let_finish(self._held)
        await _ended(self._held)
        if self._http is not None:
            await self._http.close()

    async def _pause(self, seconds: float) -> bool:
        """Whether it is time to go on: False when we are stopping."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self._stopping.is_set()

    # -- lines -------------------------------------------------------------------------

    async def _stay(self, http: aiohttp.ClientSession) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while not self._stopping.is_set():
            began = loop.time()
            try:
                line = await self._connected(http)
                self.trouble = None
                await self._until_left(line)
            except (NotOpened, aiohttp.ClientError, OSError, ValueError) as error:
                told = str(error) if isinstance(error, NotOpened) else type(error).__name__
                _log.warning("dingtalk line not open", error=told)
                self.trouble = _DEAF.format(told) if failures else self.trouble
            except Exception:  # noqa: BLE001  no fault may end the listening for good
                _log.exception("dingtalk stream broke")
            if loop.time() - began >= _LIVED_SECONDS:
                failures = 0
                continue
            await self._pause(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _connected(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """A line, for a ticket that is good for one and for ninety seconds."""
        options = self._options
        asked = {
            "clientId": options.client_id,
            "clientSecret": options.client_secret.get_secret_value(),
            "subscriptions": [{"type": "CALLBACK", "topic": TOPIC}],
            "ua": "shouli",
        }
        timeout = aiohttp.ClientTimeout(total=options.timeout_seconds)
        url = f"{options.base_url}/v1.0/gateway/connections/open"
        async with http.post(url, json=asked, timeout=timeout, allow_redirects=False) as response:
            told = read(await response.read())
            if response.status != 200:
                code = str(told.get("code") or "")[:100]
                raise NotOpened(f"HTTP {response.status} {code}: check client_id, client_secret")
        where = URL(str(told.get("endpoint") or ""))
        if where.scheme not in {"wss", "ws"} or (
            url.startswith("https:") and where.scheme == "ws"
        ):
            raise NotOpened("its address is none, or one that anybody could listen to")
        return await http.ws_connect(
            where.update_query(ticket=str(told.get("ticket") or "")),
            heartbeat=_BEAT_SECONDS,
            max_msg_size=_LARGEST,
        )

    async def _until_left(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the line ends, or DingTalk says that it will: what still comes is heard then."""
        left = asyncio.Event()
        line = asyncio.create_task(self._listen(socket, left), name="dingtalk line")
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        await left.wait()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, left: asyncio.Event) -> None:
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._hear(socket, message.data, left)
        except Exception:  # noqa: BLE001  no fault may end the listening for good
            _log.exception("dingtalk line broke")
        finally:
            left.set()
            await socket.close()

    # -- what comes --------------------------------------------------------------------

    async def _hear(
        self, socket: aiohttp.ClientWebSocketResponse, raw: str, left: asyncio.Event
    ) -> None:
        frame = read(raw)
        headers = frame.get("headers")
        headers = headers if isinstance(headers, dict) else {}
        kind, topic, data = frame.get("type"), headers.get("topic"), frame.get("data")
        if kind == "CALLBACK" and topic == TOPIC and isinstance(data, str):
            await self._room.acquire()
            made = envelope(
                self._options.account,
                data.encode(errors="surrogatepass"),
                self._door.clock(),
            )
            task = asyncio.create_task(self._take(socket, headers, made))
            self._held.add(task)
            task.add_done_callback(self._held.discard)
        elif kind == "SYSTEM" and topic == "disconnect":
            left.set()
        elif kind == "SYSTEM" and topic == "ping":
            await _answer(socket, headers, data if isinstance(data, str) else "{}")
        else:
            _log.warning("dingtalk frame not known", kind=str(kind)[:20], topic=str(topic)[:80])

    async def _take(
        self, socket: aiohttp.ClientWebSocketResponse, headers: dict[str, Any], made: Envelope
    ) -> None:
        try:
            if await self._stored(made):
                await _answer(socket, headers, json.dumps({"response": None}))
        finally:
            self._room.release()

    async def _stored(self, made: Envelope) -> bool:
        """True when it is; False when we stop before it can be."""
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            try:
                await self._door.accept([made])
            except Temporary as error:
                _log.warning("dingtalk message not stored", error=str(error))
            except Exception:  # noqa: BLE001  whatever it is, DingTalk does not come again
                _log.exception("dingtalk message not stored")
            else:
                return True
            if not await self._pause(pause):
                return False
        raise AssertionError("a repetition without end has ended")


async def _answer(
    socket: aiohttp.ClientWebSocketResponse, headers: dict[str, Any], data: str
) -> None:
    told = {
        "code": 200,
        "headers": {"contentType": "application/json", "messageId": headers.get("messageId")},
        "message": "OK",
        "data": data,
    }
    # Where the line has ended there is nobody to tell; what was stored is stored.
    with contextlib.suppress(aiohttp.ClientError, OSError):
        await socket.send_str(json.dumps(told))


async def _let_finish(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(set(tasks), timeout=_STOP_SECONDS)


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
