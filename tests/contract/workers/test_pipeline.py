"""From envelopes to queues: what cannot be read is shown, what we break is parked."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from config.contact import Progress
from config.sections import Acknowledgement
from config.settings import load, load_texts
from models.agent import Presence
from models.errors import Conflict, NotFound, Permanent, Temporary
from models.message import (
    Envelope,
    File,
    Lane,
    Normalized,
    OutboundMessage,
    ReplyRoute,
    Sender,
    SendResult,
    Trust,
)  # fmt: skip
from models.ports import Door
from models.routing import TRIAGE, Department, Rules, Targets
from models.store import Store
from models.store.intake.envelopes import Leased
from models.store.routing.unlabelled import Unlabelled
from models.tables import conversation as conversations
from models.tables import message as messages
from models.texts import LANGUAGES
from models.ticket import Label, Labels, TicketState
from models.training import ClassSpec, FacetSpec
from router.sla import Calendar, Calendars
from tests.contract.store.conftest import FakeClock
from tests.contract.store.makers import agent, envelope, inbound
from workers.acknowledging import Acknowledging
from workers.asides import Asides
from workers.deliver import Deliverer
from workers.dispatch import Dispatcher
from workers.fetching import Fetcher
from workers.labelling import Labelling
from workers.parser import Outcome, Parser
from workers.pipeline import _GATHER_SECONDS, Limits, Pipeline
from workers.rating import Rates
from workers.ruling import Ruling
from workers.wording import Wording

RULES = Rules(
    version="t",
    required_facets=("domain",),
    targets={lane: Targets(by_urgency={"紧急": 60.0}, default=300.0) for lane in ("live", "mail")},
    units={"live": 2, "mail": 1},
    departments={"物流部": Department(en="Logistics", seconds=3600.0, domains=("物流",))},
)


SETTINGS = load(environ={}, folder=Path("/nowhere"))


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
        self.seen: list[str] = []

    def __call__(self, tickets: Sequence[Unlabelled]) -> list[tuple[Labels, str]]:
        self.seen += [t.text for t in tickets]
        label = Labels(
            facets={
                "type": Label(value=self.type, confidence=0.9, accepted=self.accepted),
                "domain": Label(value="物流", confidence=0.9, accepted=self.accepted),
                "urgency": Label(value=self.urgency, confidence=0.9, accepted=True),
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


ALWAYS = Calendar.of("UTC", {day: ["00:00-24:00"] for day in (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")})  # fmt: skip
TYPES = FacetSpec(
    zh="类型", en="type", classes={"投诉": ClassSpec(zh="投诉", en="Complaint", acknowledged=True)}
)


def progress(**options: Any) -> Progress:
    return SETTINGS.progress.model_copy(update=options)


def wording() -> Wording:
    """The texts that come along, but for receipts, which are told apart by their words."""
    brief = {
        "ack.open": "{type} {number} {due}",
        "ack.away": "无人 {number}",
        "ack.closed": "下班 {opens}",
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
        self.ruling = Ruling(store, RULES, Calendars(ALWAYS))
        self.dispatcher = Dispatcher(store, self.ruling)
        acknowledging = Acknowledging(
            store, settings or acknowledgement(), Calendars(calendar), TYPES, wording()
        )
        labelling = Labelling(
            store,
            self.classifier,
            self.ruling,
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
            Asides(
                wording(),
                Rates(wording(), SETTINGS.satisfaction),
                progress(),
                ZoneInfo("Asia/Shanghai"),
            ),
            self.ruling.stands,
            Limits(8, 30.0, 3),
            self.dispatcher.run,
            self.answered,
        )
        self.answers = 0
        self.deliverer = Deliverer(store, channels)

    async def answered(self) -> None:
        self.answers += 1

    async def bring(self, *envelopes: Envelope) -> None:
        await self.store.envelopes.accept(envelopes)
        for lane in Lane:
            await self.pipeline.drain(lane)


@pytest.fixture
async def system(store: Store) -> System:
    return System(store)


def said(**options: Any) -> bytes:
    return json.dumps(options).encode()


async def test_an_envelope_becomes_a_waiting_ticket(system: System) -> None:
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert found.state == TicketState.WAITING
    assert found.skill_class == "domain:物流:1"
    assert found.target == 300.0
    assert found.units == 2
    assert (await system.store.envelopes.backlog())["live"] == 0


async def test_the_watch_hears_what_the_classifier_said_whatever_the_source_declares(
    system: System,
) -> None:
    await system.bring(envelope("a", said(text="没人管"), account="complaints"))
    (found,) = await system.store.tickets.page()
    assert found.labels is not None
    assert found.labels.facets["type"].value == "建议"
    assert system.noted == [("没人管", "投诉")]


async def test_a_ready_agent_has_it_at_once(system: System) -> None:
    person = await agent(system.store)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert (found.state, found.owner_id) == (TicketState.ACTIVE, person)
    (decision,) = await system.store.tickets.decisions(found.id)
    assert decision["decision"]["candidates"][0]["outcome"] == "chosen"


async def test_what_cannot_be_read_is_shown_raw_to_the_triage(system: System) -> None:
    await system.bring(
        envelope("a", b"unreadable", transport={"sender": "wang@example.com"}), envelope("b")
    )
    tickets = await system.store.tickets.page()
    (raw,) = [t for t in tickets if t.trouble]
    assert raw.trouble == "passes a limit"
    assert raw.skill_class is not None
    assert raw.skill_class.startswith(f"{TRIAGE}:1")
    (entry, *_) = await system.store.conversations.log(raw.conversation_id)
    (file,) = entry.attachments
    assert await system.store.blobs.get(file["sha256"]) == b"unreadable"
    assert len(tickets) == 2
    assert all(t.state == TicketState.WAITING for t in tickets)


async def test_our_own_fault_is_tried_alone_and_parked_and_can_be_replayed(
    system: System, clock: FakeClock
) -> None:
    await system.bring(envelope("good"), envelope("bad", b"our fault"))
    for _ in range(4):
        clock.pass_(3)
        await system.pipeline.drain(Lane.LIVE)
    (parked,) = await system.store.envelopes.parked()
    assert parked.error.startswith("ZeroDivisionError")
    assert len(await system.store.tickets.page()) == 1


async def test_a_channel_that_was_closed_meanwhile_parks_with_the_remedy(
    system: System, clock: FakeClock
) -> None:
    await system.store.envelopes.accept([envelope("a", channel="pigeon")])
    for _ in range(4):
        clock.pass_(3)
        await system.pipeline.drain(Lane.LIVE)
    (parked,) = await system.store.envelopes.parked()
    assert "replay" in parked.error


async def test_a_database_that_leaves_gives_the_lease_back(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise Temporary("away")

    await system.store.envelopes.accept([envelope("a")])
    with monkeypatch.context() as patch:
        patch.setattr(system.store.blobs, "put", away)
        with pytest.raises(Temporary):
            await system.pipeline.drain(Lane.LIVE)
    await system.pipeline.drain(Lane.LIVE)
    assert len(await system.store.tickets.page()) == 1


async def test_a_lost_lease_stores_nothing_twice(system: System, clock: FakeClock) -> None:
    class Slow(FakeChannel):
        def normalize(self, envelope: Envelope, /) -> list[Normalized]:
            clock.pass_(31)
            return super().normalize(envelope)

    await system.store.envelopes.accept([envelope("a")])
    slow = System(system.store)
    slow.channel.normalize = Slow().normalize  # type: ignore[method-assign]
    original = system.store.threads.thread

    async def expire_first(tx: Any, token: str, ids: Any, incoming: Any) -> list[str]:
        from sqlalchemy import update

        from models.tables import envelope as table

        await tx.conn.execute(update(table).values(lease=None, suspect=True))
        return await original(tx, token, ids, incoming)

    slow.store.threads.thread = expire_first  # type: ignore[method-assign]
    try:
        leased = await slow.store.envelopes.lease(Lane.LIVE, 8, 30.0)
        assert leased
        await slow.pipeline._process(leased)
    finally:
        slow.store.threads.thread = original  # type: ignore[method-assign]
    assert await system.store.tickets.page() == []
    clock.pass_(31)
    await system.store.envelopes.expire(3)
    await system.pipeline.drain(Lane.LIVE)
    assert len(await system.store.tickets.page()) == 1


class SlowParser:
    """Reads one mail in the time that it is given, and lets the clock pass."""

    def __init__(self, channel: FakeChannel, clock: FakeClock, seconds: float) -> None:
        self._channel = channel
        self._clock = clock
        self._seconds = seconds

    async def parse(self, envelopes: Sequence[Envelope], patience: float) -> list[Outcome]:
        end, outcomes = self._clock() + patience, list[Outcome]()
        for one in envelopes:
            if outcomes and self._clock() >= end:
                break
            self._clock.pass_(self._seconds)
            outcomes.append(self._channel.normalize(one))
        return outcomes


async def test_a_batch_that_takes_longer_than_its_lease_is_finished_in_parts(
    system: System, clock: FakeClock
) -> None:
    """128 hostile mails at 3 s each used to lose their lease, all of them, again and again."""
    system.mail.isolated = True
    system.pipeline._parser = SlowParser(system.mail, clock, 3.0)  # type: ignore[assignment]
    mails = [envelope(f"m{i}", channel="email", lane=Lane.MAIL) for i in range(8)]
    await system.store.envelopes.accept(mails)
    process, leases = system.pipeline._process, 0

    async def watched(leased: Leased) -> list[str]:
        nonlocal leases
        leases += 1
        tickets = await process(leased)
        assert await system.store.envelopes.expire(3) == 0
        return tickets

    system.pipeline._process = watched  # type: ignore[method-assign]
    await system.pipeline.drain(Lane.MAIL)
    assert len(await system.store.tickets.page()) == 8
    assert leases == 4
    assert await system.store.envelopes.parked() == []


async def test_one_batch_of_a_lane_at_a_time(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep and the doorbell both drain; a later batch must not overtake an earlier one."""
    thread, reading = system.pipeline._thread, asyncio.Event()

    async def slow_at_first(leased: Leased) -> list[str]:
        if not reading.is_set():
            reading.set()
            await asyncio.sleep(0.1)
        return await thread(leased)

    monkeypatch.setattr(system.pipeline, "_thread", slow_at_first)
    await system.store.envelopes.accept([envelope("a", said(text="一", conversation_key="t"))])
    early = asyncio.create_task(system.pipeline.drain(Lane.LIVE))
    await reading.wait()
    await system.store.envelopes.accept([envelope("b", said(text="二", conversation_key="t"))])
    await asyncio.gather(early, system.pipeline.drain(Lane.LIVE))
    (found,) = await system.store.tickets.page()
    log = await system.store.conversations.log(found.conversation_id)
    assert [entry.text for entry in log if entry.side == "customer"] == ["一", "二"]


async def test_a_worker_that_is_stopping_begins_no_other_batch(store: Store) -> None:
    system = System(store)
    told = itertools.chain([False], itertools.repeat(True))
    system.pipeline._stopping = lambda: next(told)
    await store.envelopes.accept([envelope(f"k{i}") for i in range(20)])
    await system.pipeline.drain(Lane.LIVE)
    assert len(await store.tickets.page()) == 8
    lease = await store.envelopes.lease(Lane.LIVE, 20, 30.0)
    assert lease is not None
    assert len(lease.envelopes) == 12


@pytest.mark.parametrize(("lane", "batches"), [(Lane.MAIL, [16, 2]), (Lane.LIVE, [16, 1, 1])])
async def test_a_flood_of_mail_gathers_into_fuller_batches(
    system: System, monkeypatch: pytest.MonkeyPatch, lane: Lane, batches: list[int]
) -> None:
    """What came while a batch was read is not taken by itself where more is to be expected."""
    store, thread = system.store, system.pipeline._thread
    more = iter(range(1, 3))
    sizes: list[int] = []
    monkeypatch.setattr(system.pipeline, "_limits", Limits(128, 30.0, 3))

    async def another() -> None:
        for number in more:
            await store.envelopes.accept([envelope(f"m{number}", lane=lane)])
            return

    async def read(leased: Leased) -> list[str]:
        sizes.append(len(leased.envelopes))
        ticket_ids = await thread(leased)
        await another()
        return ticket_ids

    async def sleep(seconds: float) -> None:
        assert seconds == _GATHER_SECONDS
        await another()

    monkeypatch.setattr(system.pipeline, "_thread", read)
    monkeypatch.setattr("workers.pipeline.asyncio.sleep", sleep)
    await store.envelopes.accept([envelope(f"k{i}", lane=lane) for i in range(16)])
    await system.pipeline.drain(lane)
    assert sizes == batches


async def test_a_greeting_waits_for_its_content(system: System, clock: FakeClock) -> None:
    await system.bring(envelope("a", said(text="在吗", conversation_key="t")))
    (held,) = await system.store.tickets.page()
    assert held.state == TicketState.NEW
    await system.bring(envelope("b", said(text="包裹丢了", conversation_key="t")))
    (found,) = await system.store.tickets.page()
    assert found.state == TicketState.WAITING
    assert system.classifier.seen[-1] == "在吗\n包裹丢了"


async def test_a_greeting_alone_is_routed_in_the_end(system: System, clock: FakeClock) -> None:
    await system.bring(envelope("a", said(text="你好")))
    clock.pass_(10)
    await system.pipeline.label_left()
    (found,) = await system.store.tickets.page()
    assert found.state == TicketState.WAITING


async def test_what_a_worker_left_behind_is_labelled_and_not_what_it_has_in_hand(
    system: System, clock: FakeClock
) -> None:
    await system.store.envelopes.accept([envelope("a")])
    leased = await system.store.envelopes.lease(Lane.LIVE, 8, 30.0)
    assert leased is not None
    await system.pipeline._process(leased)
    await system.pipeline.label_left()
    assert system.classifier.seen == [], "it is about to be labelled"
    clock.pass_(5)
    await system.pipeline.label_left()
    assert len(system.classifier.seen) == 1
    (found,) = await system.store.tickets.page()
    assert found.state == TicketState.WAITING


async def test_labels_that_abstain_go_to_triage(system: System) -> None:
    system.classifier.accepted = False
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert found.skill_class == f"{TRIAGE}:1"
    assert found.labels is not None
    assert found.labels.facets["domain"].value == "物流"


# -- acknowledgements ------------------------------------------------------------------


async def acks(store: Store) -> list[str]:
    found = []
    for t in await store.tickets.page():
        log = await store.conversations.log(t.conversation_id)
        found += [e.text for e in log if e.kind == "ack"]
    return found


async def test_the_customer_is_told_the_number_and_the_time(
    system: System, clock: FakeClock
) -> None:
    await agent(system.store)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert await acks(system.store) == [f"投诉 {found.number} 今天 08:05"]


async def test_with_nobody_there_the_customer_is_told_so(system: System) -> None:
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert await acks(system.store) == [f"无人 {found.number}"]


async def test_out_of_hours_the_customer_is_told_when(store: Store) -> None:
    monday = Calendar.of("UTC", {"monday": ["09:00-18:00"]})
    await System(store, monday).bring(envelope("a"))
    assert await acks(store) == ["下班 1月18日 09:00"]  # 2027-01-15 is a Friday


async def test_an_uncertain_type_is_called_feedback(system: System) -> None:
    await agent(system.store)
    system.classifier.accepted = False
    await system.bring(envelope("a"))
    (text,) = await acks(system.store)
    assert text.startswith("反馈")


@pytest.mark.parametrize(
    "options",
    [
        {"auto": "auto_reply"},
        {"auto": "list", "trust": "verified"},
        {"meta": {"no_auto": "bulk"}, "trust": "verified"},
        {"trust": "claimed"},
        {},
    ],
)
async def test_mail_is_acknowledged_only_to_proven_people(
    system: System, options: dict[str, Any]
) -> None:
    mail = {"channel": "email", "lane": Lane.MAIL}
    await system.bring(envelope("a", said(**options), **mail))
    assert await acks(system.store) == []
    await system.bring(envelope("b", said(trust="verified"), **mail))
    assert len(await acks(system.store)) == 1


async def test_acknowledgements_are_capped_an_address(system: System) -> None:
    await system.bring(*(envelope(f"k{i}") for i in range(5)))
    assert len(await acks(system.store)) == 2
    await system.bring(envelope("later"))
    assert len(await acks(system.store)) == 2


async def test_a_corrected_ticket_stays_in_its_queue_when_the_customer_writes_on(
    system: System,
) -> None:
    person = await agent(system.store)
    await system.store.agents.present(person, Presence.BREAK)
    await system.bring(envelope("a", said(conversation_key="t")))
    (found,) = await system.store.tickets.page()
    await system.store.tickets.correct(found.id, person, "domain", "支付")
    await system.bring(envelope("b", said(text="还有一件事", conversation_key="t")))
    (found,) = await system.store.tickets.page()
    assert found.skill_class == "domain:支付:1"


async def test_a_dispatcher_that_loses_every_claim_leaves_the_work_to_the_others(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await agent(system.store)
    await system.store.agents.present(person, Presence.BREAK)
    await system.bring(envelope("a"))
    await system.store.agents.present(person, Presence.READY)

    async def lost(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(system.store.queue), "claim", lost)
    async with asyncio.timeout(10):
        assert await system.dispatcher.run() == 0


async def test_a_channel_can_be_told_to_be_silent(store: Store) -> None:
    quiet = System(store, settings=acknowledgement(channels={"webchat": False}))
    await quiet.bring(envelope("a"))
    assert await acks(store) == []


# -- dispatch and delivery -------------------------------------------------------------


async def test_work_is_given_until_nobody_is_free(system: System) -> None:
    people = [await agent(system.store, login) for login in ("li", "han")]
    await system.bring(*(envelope(f"k{i}") for i in range(8)))
    found = await system.store.tickets.page()
    owners = [t.owner_id for t in found if t.state == TicketState.ACTIVE]
    assert sorted(owners.count(p) for p in people) == [3, 3]  # six units, two a chat
    assert sum(t.state == TicketState.WAITING for t in found) == 2


async def test_a_ticket_that_everybody_declined_is_offered_again_after_a_pause(
    store: Store, clock: FakeClock
) -> None:
    rules = RULES.model_copy(update={"offer_seconds": {"live": 20.0}})
    system = System(store)
    dispatcher = Dispatcher(store, Ruling(store, rules, Calendars(ALWAYS)), monotonic=clock)
    person = await agent(store)
    await store.agents.present(person, Presence.BREAK)
    await system.bring(envelope("a"))
    await store.agents.present(person, Presence.READY)
    assert await dispatcher.run() == 1
    (found,) = await store.tickets.page()
    assert found.state == TicketState.OFFERED
    await store.tickets.decline(found.id, person, "忙")
    assert await dispatcher.run() == 0
    clock.pass_(30)
    await store.agents.beat([person])
    assert await dispatcher.run() == 1, "forgiven and given in one round: I3"


async def test_reading_goes_on_past_declined_heads(store: Store, clock: FakeClock) -> None:
    rules = RULES.model_copy(update={"offer_seconds": {"live": 20.0}})
    system = System(store)
    dispatcher = Dispatcher(store, Ruling(store, rules, Calendars(ALWAYS)), monotonic=clock)
    person = await agent(store)
    await store.agents.present(person, Presence.BREAK)
    await system.bring(*(envelope(f"k{i:02}") for i in range(20)))
    await store.agents.present(person, Presence.READY)
    declined = 0
    while declined < 17:
        assert await dispatcher.run()
        for t in await store.tickets.of_owner(person):
            await store.tickets.decline(t.id, person, "")
            declined += 1
    assert declined == 18
    assert await dispatcher.run() == 2


async def answered(system: System) -> str:
    person = await agent(system.store)
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    return await system.store.tickets.reply(found.id, person, "您好", "c1", TicketState.ACTIVE)


async def state(store: Store, outbound_id: str) -> tuple[str, str | None]:
    found = await store.tickets.get(await store.tickets.outbound_ticket(outbound_id))
    log = await store.conversations.log(found.conversation_id)
    return next((e.state, e.error) for e in log if e.id == outbound_id)


async def test_an_answer_goes_out_after_the_acknowledgement(system: System) -> None:
    outbound_id = await answered(system)
    assert await system.deliverer.run() == 2
    assert [m.kind for m in system.channel.sent] == ["ack", "reply"]
    assert await state(system.store, outbound_id) == ("sent", None)


async def test_a_channel_that_cannot_send_says_why_and_is_asked_again(
    system: System, clock: FakeClock
) -> None:
    outbound_id = await answered(system)
    system.channel.problem = "没有发信服务器"
    await system.deliverer.run()
    clock.pass_(61)
    await system.deliverer.run()
    system.channel.problem = None
    clock.pass_(61)
    await system.deliverer.run()
    assert len(system.channel.sent) == 2
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_what_breaks_while_sending_is_unknown_and_not_repeated(system: System) -> None:
    outbound_id = await answered(system)
    system.channel.repeatable = False
    system.channel.error = RuntimeError("half way")
    await system.deliverer.run()
    assert await state(system.store, outbound_id) == ("unknown", "RuntimeError")
    system.channel.error = None
    assert await system.deliverer.run() == 0


async def test_what_can_be_repeated_is(system: System, clock: FakeClock) -> None:
    outbound_id = await answered(system)
    system.channel.error = RuntimeError("half way")
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "queued"
    system.channel.error = None
    for _ in range(2):
        clock.pass_(61)
        await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_waiting_for_a_channel_costs_no_attempt_and_no_events(
    system: System, clock: FakeClock
) -> None:
    await answered(system)
    system.channel.problem = "没有发信服务器"
    before = await system.store.events.last()
    for _ in range(30):
        await system.deliverer.run()
        clock.pass_(61)
    assert await system.store.events.last() == before
    system.channel.problem = None
    system.channel.result = SendResult("retry", error="421 busy", retry_after=60.0)
    await system.deliverer.run()
    system.channel.result = SendResult("sent")
    clock.pass_(61)
    assert await system.deliverer.run() == 2


async def two_talks(system: System) -> list[str]:
    """Answers in two conversations, the slow one first."""
    person = await agent(system.store)
    ids = []
    for key in ("slow", "fast"):
        await system.bring(envelope(key))
        (found,) = [t for t in await system.store.tickets.of_owner(person) if t.id not in ids]
        ids.append(found.id)
    return [
        await system.store.tickets.reply(t, person, "您好", f"client-{t}", TicketState.ACTIVE)
        for t in ids
    ]


class Tough(FakeChannel):
    """Sends nothing to one conversation until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.slow_key = "slow"

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        if outbound.conversation_key == self.slow_key:
            await self.let_go.wait()
        return await super().send(outbound)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await check():
            await asyncio.sleep(0.02)


async def test_a_slow_answer_holds_up_nobody_else(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough = Tough()
    deliverer = Deliverer(store, {"webchat": tough})
    slow, fast = await two_talks(system)
    running = asyncio.create_task(deliverer.run())

    async def fast_one_is_out() -> bool:
        return (await state(store, fast))[0] == "sent"

    await eventually(fast_one_is_out)
    # What comes meanwhile goes out, too; a second run leaves it to the first.
    assert await deliverer.run() == 0
    found = await store.tickets.get(await store.tickets.outbound_ticket(fast))
    assert found.owner_id
    later = await store.tickets.reply(
        found.id, found.owner_id, "还有", "client-3", TicketState.ACTIVE
    )

    async def later_one_is_out() -> bool:
        return (await state(store, later))[0] == "sent"

    await eventually(later_one_is_out)
    assert (await state(store, slow))[0] == "sending"
    tough.let_go.set()
    assert await running == 3
    assert (await state(store, slow))[0] == "sent"


async def test_what_is_being_sent_may_end_when_the_process_stops(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough, stop = Tough(), asyncio.Event()
    deliverer = Deliverer(store, {"webchat": tough}, stopping=stop.is_set)
    slow, fast = await two_talks(system)
    running = asyncio.create_task(deliverer.run())

    async def fast_one_is_out() -> bool:
        return (await state(store, fast))[0] == "sent"

    await eventually(fast_one_is_out)
    stop.set()
    await deliverer.settle(0.05)
    assert not running.done()
    tough.let_go.set()
    await deliverer.settle(10.0)
    assert (await state(store, slow))[0] == "sent"
    assert await deliverer.run() == 0


async def test_an_attempt_ends_before_its_lease(store: Store) -> None:
    system = System(store, settings=acknowledgement(channels={"webchat": False}))
    tough = Tough()
    tough.repeatable = False
    slow, fast = await two_talks(system)
    assert await Deliverer(store, {"webchat": tough}, patience=0.1).run() == 2
    assert await state(store, slow) == ("unknown", "TimeoutError")
    assert (await state(store, fast))[0] == "sent"


async def test_what_was_sent_is_written_down_though_the_database_blinks(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbound_id = await answered(system)
    finish, failures = system.store.outbound.finish, [Temporary("away"), Temporary("away")]

    async def blinking(*args: Any) -> bool:
        if failures:
            raise failures.pop()
        return await finish(*args)

    monkeypatch.setattr(type(system.store.outbound), "finish", staticmethod(blinking))
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "sent"


async def test_one_route_that_does_not_open_stops_no_other(system: System) -> None:
    slow, fast = await two_talks(system)
    broken = await system.store.tickets.get(await system.store.tickets.outbound_ticket(slow))
    async with system.store.db.write() as tx:
        c = conversations.c
        change = update(conversations).where(c.id == broken.conversation_id)
        await tx.conn.execute(change.values(route=b"not sealed by anybody"))
    await system.deliverer.run()
    assert (await state(system.store, slow))[0] == "failed"
    assert (await state(system.store, fast))[0] == "sent"


async def test_an_answer_without_an_address_fails(system: System) -> None:
    person = await agent(system.store)
    await system.bring(envelope("a", b"unreadable"))
    (found,) = await system.store.tickets.page()
    await system.store.tickets.take(found.id, person)
    outbound_id = await system.store.tickets.reply(
        found.id, person, "您好", "c1", TicketState.ACTIVE
    )
    await system.deliverer.run()
    assert (await state(system.store, outbound_id))[0] == "failed"


async def test_retries_end(system: System, clock: FakeClock) -> None:
    outbound_id = await answered(system)
    system.channel.result = SendResult("retry", error="421 busy", retry_after=60.0)
    for _ in range(45):
        await system.deliverer.run()
        clock.pass_(61)
    assert await state(system.store, outbound_id) == ("failed", "421 busy")


def test_the_route_of_an_unreadable_message_is_its_transports_sender() -> None:
    from workers.pipeline import unreadable

    known = unreadable(envelope("a", transport={"sender": "wang@example.com"})).message
    assert known.reply_route == ReplyRoute(adapter="webchat", address="wang@example.com")
    assert unreadable(envelope("b")).message.reply_route is None


async def test_a_source_may_decide_a_label_whatever_the_classifier_says(system: System) -> None:
    await system.bring(envelope("a", account="complaints"), envelope("b"))
    declared, plain = sorted(
        await system.store.tickets.page(), key=lambda t: t.labels.facets["type"].value
    )
    assert declared.labels is not None
    assert plain.labels is not None
    label = declared.labels.facets["type"]
    assert (label.value, label.by, label.accepted) == ("建议", "declared", True)
    assert [(r.kind, r.text) for r in label.reasons] == [("declared", "webchat/complaints")]
    assert declared.labels.facets["domain"].by == "model"
    assert plain.labels.facets["type"].by == "model"
    person = await agent(system.store)
    await system.store.tickets.correct(declared.id, person, "type", "投诉")
    await system.bring(envelope("c", account="complaints", body=said(conversation_key="a")))
    found = (await system.store.tickets.get(declared.id)).labels
    assert found is not None
    assert (found.facets["type"].value, found.facets["type"].by) == ("投诉", person)


async def test_a_form_for_complaints_makes_one_whatever_the_classifier_says(
    system: System,
) -> None:
    system.classifier.type = "咨询"
    await system.bring(
        envelope("a", said(text="没收到货"), account="form"),
        envelope("b", said(text="没收到货", sender="other"), account="site"),
    )
    found = await system.store.ledger.entries(0.0, 1e11)
    assert [(one.matter, one.department, one.domain) for one in found] == [
        ("没收到货", "物流部", "物流")
    ]


async def test_every_attempt_to_send_is_written_down_and_can_be_repeated(system: System) -> None:
    store = system.store
    system.channel.result = SendResult("retry", error="HTTP 503", retry_after=0.0)
    person = await agent(store)
    await system.bring(envelope("a"))
    (found,) = await store.tickets.page()
    answer = await store.tickets.reply(found.id, person, "好的", "c1", TicketState.ACTIVE)
    leased = await store.outbound.lease(1, 30.0)
    while leased and leased.messages[0].id != answer:
        await store.outbound.finish(leased.token, leased.messages[0].id, SendResult("sent"))
        leased = await store.outbound.lease(1, 30.0)
    assert leased
    await store.outbound.finish(leased.token, answer, system.channel.result)
    with pytest.raises(Conflict):
        await store.outbound.again(answer, ["webchat"])
    system.channel.result = SendResult("sent", "p1")
    await system.deliverer.run()
    log = await store.outbound.deliveries(answer)
    assert [(d.attempt, d.state, d.error, d.provider_id) for d in log] == [
        (1, "retry", "HTTP 503", None),
        (2, "sent", None, "p1"),
    ]
    with pytest.raises(Conflict):
        await store.outbound.again(answer, ["email"])
    await store.outbound.again(answer, ["webchat"])
    await system.deliverer.run()
    assert [m.id for m in system.channel.sent].count(answer) == 2
    assert [s.state for s in await store.outbound.page(state="sent")]
    with pytest.raises(NotFound):
        await store.outbound.again("nobody", [])


class FilingChannel(FakeChannel):
    """A channel whose platform keeps the files."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[Mapping[str, Any]] = []
        self.answers: list[File | Exception] = []

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        self.fetched.append({"account": account, **ref})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def bring_file(system: System, channel: FilingChannel, key: str) -> str:
    """A message with a file that is still elsewhere; the message's id."""
    pending = {"id": "f1", "name": "照片", "mime": "image/*", "size": 0, "state": "pending"}
    body = said(attachments=[pending], meta={"files": {"f1": {"file_id": "X"}}}, text="看图")
    await system.bring(envelope(key, body=body))
    async with system.store.db.read() as conn:
        query = select(messages.c.id).where(messages.c.external_id == key)
        return str((await conn.execute(query)).scalar_one())


async def attachment(store: Store, message_id: str) -> Any:
    async with store.db.read() as conn:
        query = select(messages.c.attachments).where(messages.c.id == message_id)
        return (await conn.execute(query)).scalar_one()[0]


async def test_files_are_fetched_by_themselves_and_tried_again(
    system: System, clock: FakeClock
) -> None:
    store, channel = system.store, FilingChannel()
    channel.answers = [Temporary("429"), OSError(), File(b"jpeg", "image/jpeg")]
    message_id = await bring_file(system, channel, "a")
    assert (await store.tickets.page())[0].state == TicketState.WAITING
    fetcher = Fetcher(store, {"webchat": channel, "email": system.mail})
    assert fetcher.wanted
    assert not Fetcher(store, {"email": system.mail}).wanted
    assert await fetcher.run() == 1
    assert await fetcher.run() == 0
    clock.pass_(11)
    await fetcher.run()
    assert (await attachment(store, message_id))["state"] == "pending"
    clock.pass_(21)
    await fetcher.run()
    found = await attachment(store, message_id)
    assert (found["state"], found["size"], found["mime"]) == ("stored", 4, "image/jpeg")
    assert await store.blobs.get(found["sha256"]) == b"jpeg"
    assert channel.fetched == [{"account": "site", "file_id": "X"}] * 3
    assert await fetcher.run() == 0


async def test_a_file_that_is_gone_is_said_to_be(system: System) -> None:
    store, channel = system.store, FilingChannel()
    channel.answers = [Permanent("gone")]
    message_id = await bring_file(system, channel, "a")
    await Fetcher(store, {"webchat": channel}).run()
    assert (await attachment(store, message_id))["state"] == "refused"
    assert await Fetcher(store, {"webchat": channel}).run() == 0


async def test_a_fetcher_that_died_is_succeeded_and_cannot_come_back(
    system: System, clock: FakeClock
) -> None:
    store, channel = system.store, FilingChannel()
    await bring_file(system, channel, "a")
    (dead,) = await store.files.lease(4, 60.0, ["webchat"])
    assert await store.files.lease(4, 60.0, ["webchat"]) == []
    clock.pass_(61)
    (heir,) = await store.files.lease(4, 60.0, ["webchat"])
    assert heir.attempts == 2
    assert await store.files.store(heir, File(b"x"))
    assert not await store.files.store(dead, File(b"y"))
    assert not await store.files.refuse(dead, "late")
