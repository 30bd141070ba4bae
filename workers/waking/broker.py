"""The doorbell and those who answer it: dramatiq over Redis.

A message says only “look into SQL”, so one that waits is as good as a thousand, and one that is
lost is made up for by the sweep. Everything pinned here was measured.
"""

import asyncio
import concurrent.futures
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import dramatiq
import redis
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AsyncIO, Middleware
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from models.ports import WORK

NAMESPACE = "shouli"

HEARTBEAT_MS = 5000
"""A worker silent for this long is dead: what it held is given out again (712 s by default)."""

ALWAYS = 1_000_000
"""Chances in a million that a fetch looks for dead workers."""

LOOK_MS = 500
"""The longest that an idle consumer waits for a ring before it looks by itself. dramatiq knows no
rings and only looks: often, and six idle consumers keep a tenth of a core busy; seldom, and the
message waits."""

_RINGS = f"{NAMESPACE}:ring:"
"""Begins the names of the Redis channels on which rings are heard at once."""

_log = structlog.stdlib.get_logger(__name__)

Actor = Callable[[], Awaitable[None]]
"""Looks into SQL for one kind of work and does what it finds. Every failure is its own to
record: dramatiq logs one that escapes, and retries nothing."""

Opening = Callable[[], AbstractAsyncContextManager[Mapping[str, Actor]]]
"""Opens what the actors need (database, bus) and yields them by the work that they answer."""


class _Consumer(_RedisConsumer):
    """Looks for a message when it is rung for, and now and then all the same."""

    def __init__(self, broker: "_Doorbells", queue_name: str, prefetch: int) -> None:
        # It must not sleep after a look that found nothing: it waits before the next one.
        super().__init__(broker, queue_name, prefetch, timeout=0)  # type: ignore[no-untyped-call]
        self._rung = broker.rung[queue_name]

    def __next__(self) -> dramatiq.broker.MessageProxy | None:
        self._rung.wait(LOOK_MS / 1000)
        # Before the look: a ring from now on must be looked at on its own.
        self._rung.clear()
        with _as_if_away(self.broker.client):
            found: dramatiq.broker.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        return found

    def ack(self, message: dramatiq.broker.MessageProxy) -> None:
        with _as_if_away(self.broker.client):
            super().ack(message)  # type: ignore[no-untyped-call]
        self._rung.set()  # there is room for another, which may have been rung for already


@contextmanager
def _as_if_away(client: redis.Redis) -> Iterator[None]:
    """A server that is full, or only reads, is one that is away: dramatiq knows what to do then.

    Of all else it tells with a traceback, every three seconds and for each queue.
    """
    try:
        yield
    except redis.RedisError as error:
        _leave_replica(client, error)
        raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


def _leave_replica(client: redis.Redis, error: redis.RedisError) -> None:
    """After a failover the address leads elsewhere, and open connections do not."""
    if isinstance(error, redis.exceptions.ReadOnlyError):
        client.connection_pool.disconnect(inuse_connections=False)


class _Doorbells(RedisBroker):
    """Without delay queues: timers live in SQL, and each would be one more poll."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.rung: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> _Consumer:  # noqa: ARG002
        return _Consumer(self, queue_name, prefetch)

    def declare_actor(self, actor: dramatiq.Actor[..., object]) -> None:
        # Its queue is consumed from the moment it is declared: a ring that waits there must
        # find somebody, or dramatiq throws it away.
        self.actors[actor.actor_name] = actor
        super().declare_actor(actor)

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)


def make_broker(url: str, middleware: list[Middleware], retry: Retry) -> _Doorbells:
    """A broker with Shouli's pins, over a client that gives up soon on a silent server."""
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=5, retry=retry)
    return _Doorbells(
        client=client,
        # Prometheus would bind 0.0.0.0, Retries would strand delayed messages: neither is in.
        middleware=middleware,
        namespace=NAMESPACE,
        heartbeat_timeout=HEARTBEAT_MS,
        maintenance_chance=ALWAYS,
    )


class RedisDoorbell:
    """Rings through Redis. The caller never waits for it and never hears of its failures.

    At most one message of a kind waits: a ring is dropped only while another has not been sent
    yet, or its message not been fetched, so whoever answers that one reads SQL after both.
    """

    def __init__(self, url: str) -> None:
        self._broker = make_broker(url, [], Retry(NoBackoff(), 1))
        self._thread = ThreadPoolExecutor(1, "doorbell")
        self._wanted: set[str] = set()
        self._down = False

    async def ring(self, work: str) -> None:
        if work not in self._wanted:
            self._wanted.add(work)
            self._thread.submit(self._send, work)

    def close(self) -> None:
        """Gives up what was not sent yet."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._broker.client.close()

    def _send(self, work: str) -> None:
        # Before the look at the queue: a ring from now on must be looked at on its own.
        self._wanted.discard(work)
        try:
            # The list of what nobody has fetched; the broker's own count includes the rest.
            if not self._broker.client.llen(f"{NAMESPACE}:{work}"):
                self._broker.enqueue(
                    dramatiq.Message(
                        queue_name=work, actor_name=work, args=(), kwargs={}, options={}
                    )
                )
                self._broker.client.publish(_RINGS + work, "")
        except redis.RedisError as error:
            _leave_replica(self._broker.client, error)
            if not self._down:
                _log.warning("doorbell is down, the sweep makes up", error=str(error))
            self._down = True
        else:
            if self._down:
                _log.info("doorbell is up")
            self._down = False


class _Ear(threading.Thread):
    """Hears rings, and wakes the consumers that they are for.

    One that it misses costs the time to the consumer's next look.
    """

    def __init__(self, broker: _Doorbells) -> None:
        super().__init__(name="ear", daemon=True)
        self._broker = broker
        self._deaf = threading.Event()

    def stop(self) -> None:
        """Hears no more; everybody is woken once, to see that it is over."""
        self._deaf.set()
        for rung in [*self._broker.rung.values()]:
            rung.set()

    def run(self) -> None:
        while not self._deaf.is_set():
            try:
                with self._broker.client.pubsub() as heard:
                    heard.psubscribe(f"{_RINGS}*")
                    self._listen(heard)
            except redis.RedisError:
                self._deaf.wait(LOOK_MS / 1000)

    def _listen(self, heard: PubSub) -> None:
        while not self._deaf.is_set():
            message = heard.get_message(timeout=LOOK_MS / 1000)
            if message is not None and message["type"] == "pmessage":
                work = message["channel"].decode().removeprefix(_RINGS)
                self._broker.rung[work].set()


class WorkerPool:
    """Answers the doorbell in this process, all actors on one event loop; one pool a process.

    A kind of work runs once at a time here: that and one message in Redis is all that a
    doorbell needs, and batches grow with the load. An actor goes on until it finds no more.
    """

    def __init__(self, url: str, opening: Opening, *, threads: int = len(WORK)) -> None:
        """``threads`` is at least the number of kinds of work: one waits for each run."""
        # A Valkey that is restarted is back well within these 1.8 s; a consumer that notices
        # its absence sleeps for 3 s, and an acknowledgement that fails for 5 s.
        patience = Retry(ExponentialBackoff(cap=0.5, base=0.05), 6)
        # AsyncIO first: what is called after the shutdown is called from the last to the first.
        self._broker = make_broker(url, [AsyncIO(), _AfterShutdown(self._close)], patience)
        self._worker = dramatiq.Worker(
            self._broker, worker_timeout=LOOK_MS, worker_threads=threads
        )
        self._ear = _Ear(self._broker)
        self._worker.queue_prefetch = 1
        self._opening = opening
        self._leave = asyncio.Event()
        self._life: concurrent.futures.Future[None] | None = None

    def start(self) -> None:
        """Opens on the actors' loop, then begins to answer. Raises what the opening raises."""
        self._worker.start()  # the loop and the threads; there is no queue to consume yet
        opened: concurrent.futures.Future[Mapping[str, Actor]] = concurrent.futures.Future()
        self._life = asyncio.run_coroutine_threadsafe(self._live(opened), _loop())
        try:
            actors = opened.result()
        except BaseException:
            self._worker.stop()
            raise
        for work, actor in actors.items():
            dramatiq.actor(actor_name=work, queue_name=work, broker=self._broker)(actor)
        self._ear.start()

    def stop(self, seconds: float = 8.0) -> None:
        """Lets running actors finish for ``seconds``, then closes what was opened."""
        self._ear.stop()
        self._worker.stop(timeout=int(seconds * 1000))
        self._broker.client.close()

    async def _live(self, opened: "concurrent.futures.Future[Mapping[str, Actor]]") -> None:
        """Enters and leaves the opening in one task, as cancel scopes and task groups demand."""
        try:
            async with self._opening() as actors:
                opened.set_result(actors)
                await self._leave.wait()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def _close(self) -> None:
        if self._life is not None:
            _loop().call_soon_threadsafe(self._leave.set)
            self._life.result()


class _AfterShutdown(Middleware):
    """Calls back when no actor runs any more and their loop still does."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def after_worker_shutdown(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        self._call()


def _loop() -> asyncio.AbstractEventLoop:
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("the worker pool has not been started")
    return thread.loop
