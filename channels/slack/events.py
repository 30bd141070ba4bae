"""Slack's Events API: slack-bolt verifies, we store, and only then Slack hears 200."""

import json
import re

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from channels.slack.api import Api
from channels.slack.options import Options
from channels.slack.receiving import PRESSED, envelope
from models.errors import Temporary
from models.platform_api import TooLarge
from models.ports import Door

MAX_BYTES = 1024 * 1024
"""Of a post; Slack cuts a text after 40,000 characters."""

_TIMESTAMP = re.compile("[0-9]{1,12}")


class _Store(AsyncMiddleware):
    """Runs behind the check of the signature, before anything that could fail or call Slack.

    A listener would be too late: bolt acknowledges an event before it runs.
    """

    def __init__(self, options: Options, door: Door) -> None:
        self._options = options
        self._door = door

    async def async_process(  # type: ignore[no-untyped-def]
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next,  # noqa: A002
    ) -> BoltResponse | None:
        del resp
        if req.body.get("type") not in {"event_callback", PRESSED}:
            await next()  # url_verification is bolt's own
            return None
        raw = req.raw_body.encode()
        if req.body["type"] == PRESSED:  # posted as a form, of which bolt has read the JSON
            raw = json.dumps(req.body, ensure_ascii=False, sort_keys=True).encode()
        try:
            made = envelope(self._options, req.body, raw, self._door.clock())
            await self._door.accept([made])
        except Temporary:
            # Slack comes again: now, after a minute, after five.
            return BoltResponse(status=503, headers={"retry-after": "5"})
        return BoltResponse(status=200)


class Events:
    """``POST /slack/events``, for events and for buttons that are pressed."""

    def __init__(self, options: Options, api: Api, door: Door) -> None:
        assert options.signing_secret is not None
        secret = options.signing_secret.get_secret_value()
        self._door = door
        self._verifier = SignatureVerifier(secret)
        self._app = AsyncApp(
            signing_secret=secret,
            client=api.client,
            process_before_response=True,
            before_authorize=_Store(options, door),
        )

    def mount(self) -> None:
        self._door.http.router.add_post("/slack/events", self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        if not _TIMESTAMP.fullmatch(timestamp):
            return web.Response(status=401, text="no timestamp")
        signature = request.headers.get("X-Slack-Signature", "")
        if not signature.isascii():
            return web.Response(status=401, text="no signature")  # its check would break on it
        try:
            # bolt reads a body before it looks who sent it, and breaks on much that is no event.
            raw = await self._door.bodies.read(request, MAX_BYTES)
            if not self._verifier.is_valid(raw, timestamp, signature):
                return web.Response(status=401, text="wrong signature")
            text = raw.decode()
        except ValueError:
            return web.Response(status=400, text="the body is not UTF-8")
        except TooLarge:
            return web.Response(status=413)
        except Temporary:
            return web.Response(status=503, headers={"Retry-After": "5"})
        asked = AsyncBoltRequest(
            body=text, query=request.query_string, headers=dict(request.headers)
        )
        return await to_aiohttp_response(await self._app.async_dispatch(asked))
