"""What customers wrote, fetched page by page: the cursor moves only after the commit."""

import asyncio
import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from channels.wecom.client import WecomClient
from channels.wecom.options import Options
from models.errors import Conflict, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.platform_api import RequestFailed
from models.ports import Door
from models.store.ground.leases import Held

_log = structlog.stdlib.get_logger(__name__)

_READ_SECONDS = 10.0
"""A lease to read an account; renewed with each page. Who dies over one holds others up for it."""

_ANSWER_SECONDS = 4.0
"""WeCom waits five for the answer to a notification."""

_LOOK_AGAIN_SECONDS = 0.2
_STOP_SECONDS = 5.0

_CLOCKS_DIFFER = 60.0
"""Seconds by which WeCom's clock and ours may be apart."""

_TROUBLED = 2
"""Looks that failed one after the other."""


class Place(NamedTuple):
    """How far an account was read; what was written before ``since`` is history."""

    cursor: str
    since: float


class Syncing:
    """Reads all accounts: when WeCom rings, at the start, and now and then.

    Any process may read, one at a time each account. What two read in spite of that, after a
    lease has run out, is known by its number.
    """

    def __init__(self, options: Options, client: WecomClient, door: Door) -> None:
        self._options = options
        self._door = door
        self._holder = str(uuid.uuid4())
        self._readers = {
            open_kfid: _Reader(name, open_kfid, options, client, door, self._holder)
            for name, open_kfid in options.accounts.items()
        }
        self._stopping = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None
        self._failed = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self.trouble: str | None = None
        """Why nothing is heard; a look that fails once is none."""

    def start(self) -> None:
        self._polling = asyncio.create_task(self._stay(), name="wecom syncing")

    async def stop(self) -> None:
        """Begins no other page; what was stored is known to whoever reads next."""
        self._stopping.set()
        tasks = {*self._under_way, *([self._polling] if self._polling else [])}
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def heard(self, open_kfid: str, notice: str) -> None:
        """Returns when all that came to the account before this call is stored.

        “” are all of them. A company has one address for all its accounts: what is told of
        others is nothing to us.

        Raises:
            Temporary: not in time, or not to be had just now; it is read later.
        """
        mine = [r for known, r in self._readers.items() if open_kfid in {known, ""}]
        if not mine:
            _log.info("wecom account not among channels.wecom.accounts", account=open_kfid[:64])
            return
        reading = asyncio.create_task(self._read(mine, notice))
        self._under_way.add(reading)
        reading.add_done_callback(self._under_way.discard)
        # Not cancelled when the time is over: what it has begun with the database it ends.
        await asyncio.wait({reading}, timeout=_ANSWER_SECONDS)
        if not reading.done():
            raise Temporary("the reading takes longer than WeCom waits")
        reading.result()

    async def _read(self, readers: Sequence["_Reader"], notice: str) -> None:
        try:
            for reader in readers:
                await reader.read(notice, self._stopping)
        except (RequestFailed, Conflict) as error:
            _log.warning("wecom messages not read", error=type(error).__name__)
            raise Temporary(f"WeCom: {type(error).__name__}") from error

    async def _stay(self) -> None:
        """Looks by itself: a notification may be lost, and none comes for what is old.

        Once at the start in any case: the process whose turn it was may have died for this one.
        """
        started = False
        while not self._stopping.is_set():
            try:
                if await self._my_turn() or not started:
                    await self._look()
                started = True
            except Exception:  # noqa: BLE001  no fault may end the looking for good
                _log.exception("reading wecom broke")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._options.poll_seconds)

    async def _my_turn(self) -> bool:
        """Whether this is the process that looks; the others only come when WeCom rings."""
        name, seconds = f"wecom:{self._options.corp_id}", 3 * self._options.poll_seconds
        try:
            return await self._door.store.leases.take(name, self._holder, seconds) is not None
        except Temporary:
            return False

    async def _look(self) -> None:
        why = ""
        for reader in self._readers.values():
            try:
                await reader.read("", self._stopping)
            except (RequestFailed, Temporary, Conflict) as error:
                why = f"{reader.name}: {type(error).__name__} {error}".strip()[:200]
                _log.warning("wecom messages not read", account=reader.name)
        self._failed = self._failed + 1 if why else 0
        self.trouble = (
            f"读不到微信客服的消息（{why}）：检查 channels.wecom 的设置、可信 IP 和网络"
            f" / Messages of WeCom Customer Service cannot be read ({why}): check the settings in"
            " channels.wecom, the trusted IPs, and the network"
            if self._failed >= _TROUBLED
            else None
        )


class _Reader:
    """One account."""

    def __init__(
        self,
        name: str,
        open_kfid: str,
        options: Options,
        client: WecomClient,
        door: Door,
        holder: str,
    ) -> None:
        self.name = name
        self._open_kfid = open_kfid
        self._history = options.history
        self._client = client
        self._door = door
        self._holder = holder
        self._turn = asyncio.Lock()
        self._begun = self._ended = 0

    async def read(self, notice: str, stopping: asyncio.Event) -> None:
        """Returns when a reading that began after this call has come to the end.

        Those who wait for their turn share the next one.

        Raises:
            RequestFailed: WeCom does not give it.
            Temporary: it cannot be stored, or this process stops.
            Conflict: another process has taken the account over.
        """
        wanted = self._begun + 1
        async with self._turn:
            if self._ended >= wanted:
                return
            self._begun += 1
            number = self._begun
            held = await self._take(stopping)
            try:
                await self._read_all(notice, held, stopping)
            finally:
                with contextlib.suppress(Temporary):
                    await self._door.store.leases.drop(held)
            self._ended = number

    async def _take(self, stopping: asyncio.Event) -> Held:
        name = f"wecom:{self._open_kfid}"
        while not stopping.is_set():
            held = await self._door.store.leases.take(name, self._holder, _READ_SECONDS)
            if held is not None:
                return held
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_AGAIN_SECONDS)
        raise Temporary("this process stops")

    async def _read_all(self, notice: str, held: Held, stopping: asyncio.Event) -> None:
        place = await self._place(held)
        while True:
            page = await self._client.page(self._open_kfid, place.cursor, notice)
            if wanted := self._envelopes(page.messages, place.since):
                await self._door.accept(wanted)
            if page.cursor != place.cursor:
                place = place._replace(cursor=page.cursor)
                await self._move(place, held)
            elif page.more:
                raise Temporary("WeCom gives the same page again")
            if not page.more:
                return
            if stopping.is_set():
                raise Temporary("this process stops")
            await self._door.store.leases.take(held.name, held.holder, _READ_SECONDS)

    async def _place(self, held: Held) -> Place:
        stored = await self._door.store.cursors.get("wecom", self._open_kfid)
        if stored is not None:
            return Place(**stored)
        place = Place("", 0.0 if self._history else self._door.clock())
        await self._move(place, held)
        return place

    async def _move(self, place: Place, held: Held) -> None:
        await self._door.store.cursors.move("wecom", self._open_kfid, place._asdict(), held)

    def _envelopes(self, messages: Sequence[Mapping[str, Any]], since: float) -> list[Envelope]:
        now = self._door.clock()
        recent = [one for one in messages if _sent(one) >= since - _CLOCKS_DIFFER]
        # WeCom tells whole seconds: of what is as old, these keep the order of the page.
        return [self._envelope(one, now + place * 1e-6) for place, one in enumerate(recent)]

    def _envelope(self, message: Mapping[str, Any], at: float) -> Envelope:
        body = json.dumps(message, ensure_ascii=False, sort_keys=True)
        raw = body.encode(errors="replace")
        number = message.get("msgid")
        key = number if isinstance(number, str) and number else hashlib.sha256(raw).hexdigest()
        return Envelope(
            id=uuid7(at),
            channel="wecom",
            account=self.name,
            dedupe_key=key[:255],
            body=raw,
            received_at=at,
            lane=Lane.LIVE,
        )


def _sent(message: Mapping[str, Any]) -> float:
    """When it was sent, in seconds since the epoch; what does not say so is taken for new."""
    at = message.get("send_time")
    return float(at) if isinstance(at, int) and not isinstance(at, bool) else float("inf")
