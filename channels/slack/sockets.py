"""Slack's Socket Mode: events over a socket that we open, acknowledged after the commit.

Slack gives each event to one of up to ten sockets, so every process that receives may hold one.
"""

import asyncio
import json

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from channels.slack.api import Api
from channels.slack.options import Options
from channels.slack.receiving import PRESSED, envelope
from models.errors import Temporary
from models.ports import Door

_log = structlog.stdlib.get_logger(__name__)

_AGAIN_SECONDS = 5.0

_DEAF_SECONDS = 60.0
"""Longer than the library takes to reconnect where nothing is wrong."""

_DEAF = (
    "连不上 Slack，收不到消息：检查 channels.slack 的 app_token 和网络"
    " / no socket to Slack, nothing is heard: check app_token in channels.slack, and the network"
)


class Sockets:
    """One socket, reconnected by the library for as long as it is open."""

    def __init__(self, options: Options, api: Api, door: Door) -> None:
        assert options.app_token is not None
        self._options = options
        self._door = door
        self._client: SocketModeClient | None = None
        self._web = api.client
        self._task: asyncio.Task[None] | None = None
        self._heard_at = door.clock()

    @property
    def connected(self) -> bool:
        session = self._client.current_session if self._client is not None else None
        return session is not None and not session.closed

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard, once that lasts: the library keeps to itself what it tries."""
        now = self._door.clock()
        if self.connected:
            self._heard_at = now
        return _DEAF if now - self._heard_at > _DEAF_SECONDS else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._connect(), name="slack socket")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        """Until the first connection stands; from then on the library sees to it."""
        assert self._options.app_token is not None
        token = self._options.app_token.get_secret_value()
        self._client = SocketModeClient(token, web_client=self._web)
        self._client.socket_mode_request_listeners.append(self._hear)
        while True:
            try:
                await self._client.connect()  # type: ignore[no-untyped-call]
            except (SlackClientError, aiohttp.ClientError, OSError, ValueError) as error:
                _log.warning("slack socket not open", error=type(error).__name__)
            except Exception:  # noqa: BLE001  no fault may end the listening before it began
                _log.exception("opening the slack socket broke")
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Not acknowledged when it is not stored: Slack then sends it again."""
        if request.type == "events_api" or request.payload.get("type") == PRESSED:
            raw = json.dumps(request.payload, ensure_ascii=False, sort_keys=True).encode()
            made = envelope(self._options, request.payload, raw, self._door.clock())
            try:
                await self._door.accept([made])
            except Temporary as error:
                _log.warning("slack event not stored", error=str(error))
                return
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
