"""The seams that really have several implementations."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from models.bodies import Bodies
from models.message import (
    Envelope,
    File,
    Lane,
    Normalized,
    OutboundMessage,
    Receipt,
    SendResult,
)

if TYPE_CHECKING:
    from aiohttp import web

    from models.store import Store


WORK = ("drain.live", "drain.mail", "dispatch", "deliver", "fetch", "retrain")
"""What a doorbell can be rung for: reading envelopes by lane, giving work, sending answers,
fetching files, training a classifier anew."""


class Clock(Protocol):
    """Seconds since the epoch."""

    def __call__(self) -> float: ...


class Accept(Protocol):
    """Stores envelopes durably; returns only after the commit, a receipt for each in order.

    Raises:
        Temporary: nothing was stored; the sender should try again.
        StorageFull: the same, because the disk is at its watermark.
    """

    async def __call__(self, envelopes: Sequence[Envelope], /) -> list[Receipt]: ...


class Bus(Protocol):
    """Wakes readers in other processes. A hint: it may be lost, doubled or late."""

    async def publish(self, topic: str, /) -> None:
        """Wakes the subscribers of ``topic``. Never raises for a bus that is down."""

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Topics as they are published, and each topic once on every (re)connection.

        One that ends with “*” stands for all that begin like it.
        """


class Doorbell(Protocol):
    """Asks the workers to look into SQL for work of one kind."""

    async def ring(self, work: str, /) -> None:
        """``work`` is one of ``WORK``. Never raises; the sweep makes up for a lost ring."""


@dataclass(frozen=True, slots=True)
class Door:
    """What the intake process lends a channel while it is open.

    ``check_room`` raises ``StorageFull`` while the disk has too little room; ``accept`` asks it by
    itself. ``bodies`` reads what has to be here whole before its sender is proven.
    """

    accept: Accept
    http: "web.Application"
    store: "Store"
    bus: Bus
    clock: Clock
    check_room: Callable[[], None] = lambda: None
    bodies: Bodies = field(default_factory=Bodies)


class Channel(Protocol):
    """One way to reach us: it receives envelopes, reads messages from them, and sends answers."""

    name: str
    lane: Lane
    isolated: bool
    """Whether ``normalize`` reads hostile formats and must run in the killable child."""

    repeatable: bool
    """Whether sending the same answer twice shows it once."""

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        """The messages in an envelope. Pure: no network, no clock.

        Raises:
            Permanent: it cannot be read; it becomes a triage ticket with the raw bytes.
        """

    async def open(self, door: Door, /) -> None:
        """Starts receiving. Each message is acknowledged only after ``door.accept``.

        Raises:
            Permanent: it cannot now, for a reason that a person has to see to; it has added
                nothing to ``door.http``. It is closed, and opened again later.
        """

    async def close(self) -> None:
        """Stops receiving; what was accepted stays accepted."""

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        """One attempt to hand over an answer. Raises nothing expected."""

    def ready(self) -> str | None:
        """Why answers cannot be sent now (a sentence with the remedy), or None."""


@runtime_checkable
class OffersChoices(Protocol):
    """A channel that shows ``OutboundMessage.choices`` as buttons; others get them as text.

    What is pressed comes in as a message: its text is the label, ``meta["choice"]`` the value.
    """

    offers_choices: bool


@runtime_checkable
class NamesOriginals(Protocol):
    """A channel whose messages, as they came, are files that some program opens."""

    original_ending: str
    """Behind the full stop of their names: “eml”, “json”. Of other channels it is “bin”."""


@runtime_checkable
class EndsInSilence(Protocol):
    """Options of a channel where people wait for each other's next word, and stop some time."""

    @property
    def silence_seconds(self) -> float:
        """After our answer, without another word of the customer's; 0: a talk never ends so."""


@runtime_checkable
class Doubts(Protocol):
    """A channel that hears from addresses which not every answer reaches."""

    def doubt(self, address: str, /) -> str | None:
        """Why an answer to this address may not arrive (a sentence), or None."""


@runtime_checkable
class Troubled(Protocol):
    """A channel that is open and may still not hear, as one that reads a mailbox elsewhere."""

    @property
    def trouble(self) -> str | None:
        """Why it does not hear all that it should (a sentence), or None."""


@runtime_checkable
class Counts(Protocol):
    """A channel whose platform counts what may follow a customer's word (``quota_left``)."""

    def takes(self, text: str, files: int, /) -> int:
        """How many messages of that count an answer is."""


@runtime_checkable
class Fetches(Protocol):
    """A channel whose platform keeps the files: they are asked for after the message is there."""

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file that ``ref``, from ``meta["files"]`` of a message, names.

        Raises:
            Temporary: it cannot be had just now.
            Permanent: it never can (it is gone, or too large).
        """
