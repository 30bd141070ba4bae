"""The workers of one process without Redis, with a channel and a classifier that are made up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.contact import Progress
from config.sections import Acknowledgement
from config.settings import load, load_taxonomy, load_texts
from models.errors import Permanent
from models.message import (
    Envelope,
    Lane,
    Normalized,
    OutboundMessage,
    Sender,
    SendResult,
    Trust,
)
from models.ports import Door
from models.routing import Department, Rules, Targets
from models.store import Store
from models.store.learning.bundles import Keep
from models.store.routing.unlabelled import Unlabelled
from models.texts import LANGUAGES
from models.ticket import Label, Labels, Reason
from models.training import ClassSpec, FacetSpec
from router.sla import Calendar, Calendars
from tests.contract.store.makers import ALWAYS, inbound
from workers.dialogue.acknowledging import Acknowledging
from workers.dialogue.rating import Rates
from workers.dialogue.self_service import SelfService
from workers.dialogue.wording import Wording
from workers.effects.clock import ClockOptions
from workers.messages.deliver import Deliverer
from workers.messages.dispatch import Dispatcher
from workers.messages.labelling import Labelling
from workers.messages.parser import Parser
from workers.messages.pipeline import Limits, Pipeline
from workers.rules.active_rules import ActiveRules

RULES = Rules(
    version="t",
    required_facets=("domain",),
    targets={lane: Targets(by_urgency={"紧急": 60.0}, default=300.0) for lane in ("live", "mail")},
    units={"live": 2, "mail": 1},
    departments={"物流部": Department(en="Logistics", seconds=3600.0, domains=("物流",))},
)


CLOCK = ClockOptions(3, {}, (), (), Keep(seconds=90 * 86400.0, challengers=3, steps=3))
SETTINGS = load(environ={}, folder=Path("/nowhere"))
MAIL = {"channel": "email", "lane": Lane.MAIL}
SILENT = {"webchat": False, "email": False}


class FakeChannel:
    """A channel whose envelopes are JSON options of the message, or words that break it."""

    isolated = False
    repeatable = True

    def __init__(self, name: str = "webchat", lane: Lane = Lane.LIVE) -> None:
        self.name = name
        self.lane = lane
        self.problem: str | None = None
        self.result = SendResult("sent", "p1")
        self.error: Exception | None = None
        self.sent: list[OutboundMessage] = []

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        if envelope.body == b"unreadable":
            raise Permanent("passes a limit")
        if envelope.body == b"our fault":
            raise ZeroDivisionError
        options = json.loads(envelope.body) if envelope.body != b"body" else {}
        if "sender" in options:
            options["sender"] = Sender(external_id=options["sender"])
        if "trust" in options:
            options["trust"] = Trust(level=options["trust"])
        options.setdefault("conversation_key", envelope.dedupe_key)
        return [Normalized(inbound(envelope, **options), {})]

    async def open(self, door: Door, /) -> None: ...

    async def close(self) -> None: ...

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        if self.error:
            raise self.error
        self.sent.append(outbound)
        return self.result

    def ready(self) -> str | None:
        return self.problem


class FakeClassifier:
    def __init__(self) -> None:
        self.urgency = "一般"
        self.type = "投诉"
        self.accepted = True
        self.lang = "zh"
        self.reasons: tuple[Reason, ...] = ()
        self.seen: list[str] = []

    def __call__(self, tickets: Sequence[Unlabelled]) -> list[tuple[Labels, str]]:
        self.seen += [t.text for t in tickets]
        label = Labels(
            facets={
                "type": Label(value=self.type, confidence=0.9, accepted=self.accepted),
                "domain": Label(value="物流", confidence=0.9, accepted=self.accepted),
                "urgency": Label(
                    value=self.urgency, confidence=0.9, accepted=True, reasons=self.reasons
                ),
            },
            bundle="b",
        )
        return [(label, self.lang) for _ in tickets]


def acknowledgement(**options: Any) -> Acknowledgement:
    values: dict[str, Any] = {
        "lanes": {"live": True, "mail": True},
        "channels": {},
        "cap_per_address_a_day": 2,
    }
    return Acknowledgement(**values | options)


TYPES = FacetSpec(
    zh="类型",
    en="type",
    classes={
        "投诉": ClassSpec(zh="投诉", en="Complaint", acknowledged=True),
        "其他": ClassSpec(zh="其他", en="Other"),
    },
)


SAFETY = load_taxonomy(SETTINGS).floors["safety"]


def progress(**options: Any) -> Progress:
    return SETTINGS.progress.model_copy(update=options)


def wording() -> Wording:
    """The texts that come along, but for receipts, which are told apart by their words."""
    brief = {
        "ack.open": "{type} {number} {due}",
        "ack.away": "无人 {number}",
        "ack.closed": "下班 {opens}",
        "ack.danger": "120",
    }
    short = {(name, lang): text for name, text in brief.items() for lang in LANGUAGES}
    return Wording(load_texts(SETTINGS) | short)


class System:
    """The workers of one process, without Redis."""

    def __init__(
        self,
        store: Store,
        calendar: Calendar = ALWAYS,
        settings: Acknowledgement | None = None,
    ) -> None:
        self.store = store
        self.channel = FakeChannel()
        self.mail = FakeChannel("email", Lane.MAIL)
        self.classifier = FakeClassifier()
        self.noted: list[tuple[str, str]] = []
        self.active_rules = ActiveRules(store, RULES, Calendars(ALWAYS))
        self.dispatcher = Dispatcher(store, self.active_rules)
        acknowledging = Acknowledging(
            store, settings or acknowledgement(), Calendars(calendar), TYPES, wording(), [SAFETY]
        )
        labelling = Labelling(
            store,
            self.classifier,
            self.active_rules,
            acknowledging,
            {"webchat/complaints": {"type": "建议"}, "webchat/form": {"type": "投诉"}},
            lambda tickets, found: self.noted.extend(
                (t.text, labels.facets["type"].value)
                for t, (labels, _) in zip(tickets, found, strict=True)
            ),
        )
        parser = Parser({}, {}, seconds=3.0, memory_mb=512)
        channels = {"webchat": self.channel, "email": self.mail}
        self.pipeline = Pipeline(
            store,
            channels,
            parser,
            labelling,
            SelfService(
                wording(),
                Rates(wording(), SETTINGS.satisfaction),
                progress(),
                ZoneInfo("Asia/Shanghai"),
            ),
            self.active_rules.position_of,
            Limits(8, 30.0, 3),
            after_routing=self.dispatcher.run,
            after_answering=self.answered,
        )
        self.answers = 0
        self.deliverer = Deliverer(store, channels)

    async def answered(self) -> None:
        self.answers += 1

    async def bring(self, *envelopes: Envelope) -> None:
        await self.store.envelopes.accept(envelopes)
        for lane in Lane:
            await self.pipeline.drain(lane)


def said(**options: Any) -> bytes:
    return json.dumps(options).encode()


def says(text: str, talk: str = "t", **options: Any) -> bytes:
    options = {"sender": "wang", "trust": "platform"} | options
    return said(text=text, text_full=text, conversation_key=talk, **options)
