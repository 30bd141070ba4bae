"""Wakes readers in other processes, over Redis publish and subscribe."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis
import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

PREFIX = "shouli:bus:"

_EVERYONE = PREFIX + "*everyone*"
"""A channel that is always subscribed, so that the connection stays when no topic is wanted."""

RECONNECT_SECONDS = 0.2

_log = structlog.stdlib.get_logger(__name__)


_ANY = "*"
"""Ends a topic that stands for all that begin like it."""


class _Inbox(AsyncIterator[str]):
    """The topics that one subscriber has not seen yet, each once however often it was told.

    Not a generator: waiting for the next topic may time out, and be tried again.
    """

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}
        self._filled = asyncio.Event()

    def put(self, topic: str) -> None:
        self._topics[topic] = None
        self._filled.set()

    async def __anext__(self) -> str:
        await self._filled.wait()
        topic = next(iter(self._topics))
        del self._topics[topic]
        if not self._topics:
            self._filled.clear()
        return topic


class RedisBus:
    """One connection a process, however many subscribe; it belongs to one event loop.

    A topic is announced to its subscribers whenever the server has confirmed that it listens,
    after each lost connection too: what was published in between is found by reading SQL then.
    """

    def __init__(self, url: str) -> None:
        # A unix socket notices a dead server by itself, and knows no such option.
        alive = {} if url.startswith("unix:") else {"socket_keepalive": True}
        self._client = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=1,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 1),
            **alive,
        )
        self._inboxes: defaultdict[str, set[_Inbox]] = defaultdict(set)
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None
        self._down = False

    async def publish(self, topic: str) -> None:
        # Down is as good as lost: subscribers look into SQL every few seconds.
        with contextlib.suppress(redis.RedisError, OSError):
            await self._client.publish(PREFIX + topic, "")

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[str]]:
        inbox = _Inbox()
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name="bus")
        new = [topic for topic in topics if not self._inboxes[topic]]
        for topic in topics:
            self._inboxes[topic].add(inbox)
            if topic not in new:  # the server listens already, or is about to confirm
                inbox.put(topic)
        try:
            await self._tell_server(subscribe=True, topics=new)
            yield inbox
        finally:
            for topic in topics:
                self._inboxes[topic].discard(inbox)
            left = [topic for topic in topics if not self._inboxes[topic]]
            for topic in left:
                del self._inboxes[topic]
            await self._tell_server(subscribe=False, topics=left)

    async def close(self) -> None:
        """Lets go of the connection."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None
        await self._client.aclose()

    async def _tell_server(self, *, subscribe: bool, topics: list[str]) -> None:
        if self._pubsub is None or not topics:
            return  # the reader subscribes to everything wanted when it connects
        pubsub = self._pubsub
        exact = [PREFIX + topic for topic in topics if not topic.endswith(_ANY)]
        ranges = [PREFIX + topic for topic in topics if topic.endswith(_ANY)]
        # A connection that breaks here is noticed, and replaced, by the reader.
        with contextlib.suppress(redis.RedisError, OSError):
            if exact:
                await (pubsub.subscribe if subscribe else pubsub.unsubscribe)(*exact)
            if ranges:
                await (pubsub.psubscribe if subscribe else pubsub.punsubscribe)(*ranges)

    async def _read(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001  nobody else would listen then
                if (task := asyncio.current_task()) and task.cancelling():
                    return  # this came of closing
                if not self._down:
                    expected = isinstance(error, (redis.RedisError, OSError))
                    told = {"error": str(error), "exc_info": not expected}
                    _log.warning("bus is down, readers look into SQL", **told)
                self._down = True
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        pubsub = self._client.pubsub()
        try:
            await pubsub.subscribe(_EVERYONE)
            self._pubsub = pubsub
            self._down = False
            # After the line above, subscribers tell the server themselves.
            await self._tell_server(subscribe=True, topics=list(self._inboxes))
            async for message in pubsub.listen():
                if message["type"] in ("subscribe", "message", "psubscribe"):
                    self._announce(message["channel"].removeprefix(PREFIX))
                elif message["type"] == "pmessage":
                    whole = message["pattern"].removeprefix(PREFIX)
                    self._announce(message["channel"].removeprefix(PREFIX), whole)
        finally:
            self._pubsub = None
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _announce(self, topic: str, subscribed: str | None = None) -> None:
        for inbox in self._inboxes.get(subscribed or topic, ()):
            inbox.put(topic)


def trouble_with(url: str) -> str | None:
    """Why the Redis at ``url`` takes nothing down, asked for two seconds; None: it does."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    with contextlib.closing(client):
        try:
            # One that is full, or a replica, answers all the same.
            client.set(PREFIX + "probe", "", px=1000)
        except redis.RedisError as error:
            return str(error)
    return None
