"""From envelopes to tickets in a queue: lease, normalise, thread, label, route."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from classifier.courtesy import is_courtesy
from classifier.pressing import is_pressing
from classifier.satisfaction import is_survey_answer
from classifier.text import is_greeting
from models.errors import Conflict, NotFound, Permanent, Temporary
from models.ids import uuid7
from models.message import (
    Attachment,
    Envelope,
    InboundMessage,
    Lane,
    Normalized,
    ReplyRoute,
    Sender,
)
from models.ports import Channel
from models.store import Store
from models.store.dialogue.incoming import Incoming
from models.store.ground.database import Tx
from models.store.intake.envelopes import Leased
from models.store.tickets.waiting import PositionOf
from workers.dialogue.self_service import SelfService
from workers.messages.labelling import Labelling
from workers.messages.parser import Outcome, Parser

_log = structlog.stdlib.get_logger(__name__)

_READING_SHARE = 0.2
"""Of a lease, for reading: a batch that takes longer is finished as far as it was read, and the
rest given back. It would be lost whole otherwise, and envelopes leased alone blamed for it."""

_BATCH_BYTES = 64 * 1024 * 1024
"""Of the bodies of one batch: 128 mails of the largest size that is taken in are gigabytes."""

_LABEL_TOGETHER = 16
"""Tickets of envelopes that were leased alone: only reading and threading has to be done alone,
and what a dead worker left behind is made up for twice as fast."""

_FLOOD = 16
"""Mails in a batch that is not full: more are coming."""

_GATHER_SECONDS = 0.2

_LEFT_SECONDS = 5.0
"""After these, whoever threaded a ticket is taken for dead, or too slow."""

_ATTEMPT_PAUSE = 2.0
"""Seconds between two lone attempts: what is out of order for a moment may be in order then."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``pipeline`` settings: envelopes a lease, its seconds, lone attempts before parking."""

    batch: int
    lease_seconds: float
    attempts: int


class Pipeline:
    """Every step may run twice, and any number of workers may run it at once."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        parser: Parser,
        labelling: Labelling,
        self_service: SelfService,
        position_of: PositionOf,
        limits: Limits,
        *,
        after_routing: Callable[[], Awaitable[object]],
        after_answering: Callable[[], Awaitable[object]],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """When ``stopping`` says so, no other batch is begun.

        ``after_routing`` is called once tickets were routed, ``after_answering`` once a message
        was answered without an agent.
        """
        self._store = store
        self._channels = channels
        self._parser = parser
        self._labelling = labelling
        self._self_service = self_service
        self._position_of = position_of
        self._limits = limits
        self._after_routing = after_routing
        self._after_answering = after_answering
        self._stopping = stopping
        self._turns = {lane: asyncio.Lock() for lane in Lane}

    async def drain(self, lane: Lane) -> int:
        """Processes a lane until it is empty; returns how many envelopes were leased for it.

        Once at a time, so that a batch never overtakes the one before it. While one full batch
        is labelled the next is read, because that is the work of another process.

        Raises:
            Temporary: the database is out of reach; nothing is lost.
        """
        count = 0
        threaded: list[str] = []
        behind: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        behind.set_result(None)
        async with self._turns[lane]:
            try:
                while leased := await self._lease(lane):
                    count += len(leased.envelopes)
                    threaded += await self._process(leased)
                    if leased.alone and len(threaded) < _LABEL_TOGETHER:
                        continue
                    await behind
                    behind = asyncio.ensure_future(self._labelled(threaded))
                    threaded = []
                    if len(leased.envelopes) < self._limits.batch:
                        await behind
                        await self._gather(lane, len(leased.envelopes))
                await behind
                await self._labelled(threaded)
            finally:
                behind.cancel()
                await asyncio.gather(behind, return_exceptions=True)
        return count

    async def _gather(self, lane: Lane, count: int) -> None:
        """In a flood that is keeping up with itself, lets a batch grow before it is leased.

        What a batch costs by itself is then shared by many; nobody sits and waits for mail.
        """
        if lane is Lane.MAIL and count >= _FLOOD and not self._stopping():
            await asyncio.sleep(_GATHER_SECONDS)

    async def _lease(self, lane: Lane) -> Leased | None:
        if self._stopping():
            return None
        limits = self._limits
        return await self._store.envelopes.lease(
            lane, limits.batch, limits.lease_seconds, _BATCH_BYTES
        )

    async def label_left(self) -> None:
        """Labels greetings that nothing followed, and what a worker that died left behind.

        What came just now is in the hands of who read it: labelling it here, too, would only
        cost a flood its speed.
        """
        if await self._labelling.run(untouched=_LEFT_SECONDS):
            await self._after_routing()

    async def _labelled(self, ticket_ids: Sequence[str]) -> None:
        if ticket_ids and await self._labelling.run(ticket_ids):
            await self._after_routing()

    async def _process(self, leased: Leased) -> list[str]:
        """Returns the tickets that want labels now; should this worker die, a sweep finds them."""
        started = time.monotonic()
        try:
            ticket_ids = await self._thread(leased)
        except Conflict:
            _log.warning("lease lost", envelopes=len(leased.envelopes))
            return []
        except (Temporary, asyncio.CancelledError):
            await self._give_back(leased)
            raise
        except Exception as error:  # noqa: BLE001  our own fault: tried alone, then parked
            _log.exception("processing failed", envelopes=[e.id for e in leased.envelopes])
            pause = _ATTEMPT_PAUSE
            why = f"{type(error).__name__}: {error}"
            await self._store.envelopes.fail(leased, why, self._limits.attempts, pause)
            return []
        _log.info(
            "processed",
            envelopes=len(leased.envelopes),
            tickets=len(ticket_ids),
            ms=round((time.monotonic() - started) * 1000),
        )
        return ticket_ids

    async def _give_back(self, leased: Leased) -> None:
        try:
            await self._store.envelopes.give_back(leased.token)
        except Temporary:
            _log.warning("lease left to run out", envelopes=len(leased.envelopes))

    async def _thread(self, leased: Leased) -> list[str]:
        outcomes = await self._normalized(leased.envelopes)
        incoming: list[Incoming] = []
        files: dict[str, bytes] = {}
        read = leased.envelopes[: len(outcomes)]
        for envelope, outcome in zip(read, outcomes, strict=True):
            trouble = str(outcome) if isinstance(outcome, Permanent) else None
            found = [unreadable(envelope)] if isinstance(outcome, Permanent) else outcome
            for message, contents in found:
                files |= contents
                incoming.append(
                    Incoming.of(
                        envelope,
                        message,
                        hollow=not message.attachments and _is_hollow(message.text),
                        pressing=is_pressing,
                        trouble=trouble,
                    )
                )
        await self._store.blobs.put(files)
        ids = [envelope.id for envelope in read]
        ticket_ids, answered = await self._store.db.transact(
            lambda tx: self._store_and_answer(tx, leased.token, ids, incoming)
        )
        if answered:
            await self._after_answering()
        if len(read) < len(leased.envelopes):
            await self._give_back(leased)
        return ticket_ids

    async def _store_and_answer(
        self, tx: Tx, token: str, envelope_ids: Sequence[str], incoming: Sequence[Incoming]
    ) -> tuple[list[str], bool]:
        found, ratings = await self._self_service.sort(tx, incoming)
        ticket_ids = await self._store.threads.thread(
            tx, token, envelope_ids, found, self._position_of
        )
        return ticket_ids, await self._self_service.act(tx, found, ratings)

    async def _normalized(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """What is in the first of these: as many as were read in time."""
        isolated = [e for e in envelopes if self._channel(e).isolated]
        patience = self._limits.lease_seconds * _READING_SHARE
        parsed = iter(await self._parser.parse(isolated, patience) if isolated else [])
        outcomes: list[Outcome] = []
        for envelope in envelopes:
            channel = self._channel(envelope)
            outcome = (
                next(parsed, None) if channel.isolated else _normalized_here(channel, envelope)
            )
            if outcome is None:
                break
            outcomes.append(outcome)
        return outcomes

    def _channel(self, envelope: Envelope) -> Channel:
        try:
            return self._channels[envelope.channel]
        except KeyError:
            raise NotFound(
                f"渠道 {envelope.channel} 未启用：先启用它，再重新处理。"
                f" / Channel {envelope.channel} is not open: open it, then replay."
            ) from None


def _is_hollow(text: str) -> bool:
    return is_greeting(text) or is_courtesy(text) or is_survey_answer(text)


def _normalized_here(channel: Channel, envelope: Envelope) -> Outcome:
    try:
        return channel.normalize(envelope)
    except Permanent as error:
        return error


def unreadable(envelope: Envelope) -> Normalized:
    """What stands in a ticket for a message that cannot be read: its raw bytes, attached."""
    sha256 = hashlib.sha256(envelope.body).hexdigest()
    sender = str(envelope.transport.get("sender") or f"?{envelope.dedupe_key}")
    words = (
        "（这条消息无法自动读取，原文见附件。）\n"
        "(This message could not be read automatically; the original is attached.)"
    )
    message = InboundMessage(
        id=uuid7(envelope.received_at),
        channel=envelope.channel,
        account=envelope.account,
        external_id=f"raw:{envelope.dedupe_key}",
        dedupe_key=envelope.dedupe_key,
        conversation_key=f"raw:{envelope.dedupe_key}",
        sender=Sender(external_id=sender),
        text=words,
        text_full=words,
        attachments=(
            Attachment(
                id=sha256[:16],
                name="original",
                mime="application/octet-stream",
                size=len(envelope.body),
                sha256=sha256,
            ),
        ),
        received_at=datetime.fromtimestamp(envelope.received_at, UTC),
        reply_route=(
            ReplyRoute(adapter=envelope.channel, address=sender)
            if envelope.transport.get("sender")
            else None
        ),
        raw_ref=envelope.id,
    )
    return Normalized(message, {sha256: envelope.body})
