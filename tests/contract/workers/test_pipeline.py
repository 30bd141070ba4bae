"""From envelopes to queues: what cannot be read is shown, what we break is parked."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import update

from models.agent import Presence
from models.errors import Temporary
from models.message import Envelope, Lane, Normalized, ReplyRoute
from models.routing import TRIAGE
from models.store import Store
from models.store.intake.envelopes import Leased
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import (
    FakeChannel,
    System,
    said,
)
from tests.fakes import FakeClock
from workers.messages import labelling
from workers.messages.parser import Outcome
from workers.messages.pipeline import _GATHER_SECONDS, Limits


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
    monkeypatch.setattr("workers.messages.pipeline.asyncio.sleep", sleep)
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


async def test_more_tickets_than_a_page_are_labelled_at_once(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "_PAGE", 2)
    await system.bring(*(envelope(f"k{i}") for i in range(5)))
    found = await system.store.tickets.page()
    assert [t.state for t in found] == [TicketState.WAITING] * 5


async def test_labels_that_abstain_go_to_triage(system: System) -> None:
    system.classifier.accepted = False
    await system.bring(envelope("a"))
    (found,) = await system.store.tickets.page()
    assert found.skill_class == f"{TRIAGE}:1"
    assert found.labels is not None
    assert found.labels.facets["domain"].value == "物流"


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


def test_the_route_of_an_unreadable_message_is_its_transports_sender() -> None:
    from workers.messages.pipeline import unreadable

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


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_filed_complaint_keeps_its_type_whatever_the_classifier_says_of_more_words(
    system: System, accepted: bool
) -> None:
    await system.bring(envelope("a", said(text="要投诉", conversation_key="t")))
    (before,) = await system.store.tickets.page()
    system.classifier.type, system.classifier.accepted = "求助", accepted
    await system.bring(envelope("b", said(text="我的电话是 13800138000", conversation_key="t")))
    (found,) = await system.store.tickets.page()
    assert found.labels is not None
    label = found.labels.facets["type"]
    assert (label.value, label.by, label.accepted) == ("投诉", "filed", True)
    assert label.alternatives == (("求助", 0.9),), "what it would have been is told"
    assert [(r.kind, r.text) for r in label.reasons] == [("filed", "投诉")]
    assert await system.store.complaints.filed(found.id)
    if accepted:
        assert found.skill_class == before.skill_class
    person = await agent(system.store)
    await system.store.tickets.correct(found.id, person, "type", "咨询")
    await system.bring(envelope("c", said(text="谢谢", conversation_key="t")))
    (found,) = await system.store.tickets.page()
    assert found.labels is not None
    assert (found.labels.facets["type"].value, found.labels.facets["type"].by) == ("咨询", person)
    assert not await system.store.complaints.filed(found.id)


@pytest.mark.parametrize("auto", ["list", "auto_reply", "self"])
async def test_what_only_machines_wrote_is_no_complaint_until_a_person_says_so(
    system: System, auto: str
) -> None:
    """It waits in its queue with the guess shown; a person's next word in it counts as ever."""
    talk = {"conversation_key": "t"}
    await system.bring(envelope("a", said(text="315 特刊：投诉无门", auto=auto, **talk)))
    (found,) = await system.store.tickets.page()
    assert found.state == TicketState.WAITING
    assert found.labels is not None
    label = found.labels.facets["type"]
    assert (label.value, label.by, label.accepted) == ("投诉", "model", False)
    assert not await system.store.complaints.filed(found.id)
    await system.bring(envelope("b", said(text="我要投诉", **talk)))
    (found,) = await system.store.tickets.page()
    assert found.labels is not None
    assert found.labels.facets["type"].accepted
    assert await system.store.complaints.filed(found.id)


async def test_a_mailbox_for_complaints_makes_one_of_a_programs_mail(system: System) -> None:
    """Authorities hand complaints on by mail that their programs send."""
    system.classifier.type = "咨询"
    await system.bring(envelope("a", said(text="没收到货", auto="list"), account="form"))
    (found,) = await system.store.tickets.page()
    assert await system.store.complaints.filed(found.id)
