"""Short ways to the states that the store tests start from."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.agent import Presence, Role
from models.complaint import filing
from models.ids import uuid7
from models.message import Envelope, InboundMessage, Lane, ReplyRoute, Sender, SendResult
from models.routing import Candidate, Decision, Needs, Rules, Targets
from models.store import Store, open_store
from models.store.dialogue.incoming import Incoming
from models.store.effects.followers import Follower
from models.store.intake.envelopes import Leased
from models.store.routing.entering import Routed
from models.store.routing.unlabelled import Unlabelled
from models.store.tickets.waiting import Rekey
from models.ticket import Label, Labels, TicketState
from router.sla import Calendar
from tests.fakes import FakeClock

ALWAYS = Calendar.of("UTC", {day: ["00:00-24:00"] for day in (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")})  # fmt: skip
NEEDS = Needs(required=(("domain:物流", 1),))


def opened(url: str, **options: Any) -> Store:
    """The store of a database, without a folder for large bodies."""
    values: dict[str, Any] = {"master_key": b"m" * 32, "blob_dir": None, "zone": ZoneInfo("UTC")}
    return open_store(url, **values | options)


def envelope(
    key: str = "k1", body: bytes = b"body", now: float = 1_800_000_000.0, **options: Any
) -> Envelope:
    values = {"channel": "webchat", "account": "site", "lane": Lane.LIVE} | options
    return Envelope(id=uuid7(now), dedupe_key=key, body=body, received_at=now, **values)


def inbound(e: Envelope, **options: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": uuid7(e.received_at),
        "channel": e.channel,
        "account": e.account,
        "external_id": e.dedupe_key,
        "dedupe_key": e.dedupe_key,
        "conversation_key": "talk",
        "sender": Sender(external_id="visitor", name="王女士", email="wang@example.com"),
        "text": "包裹三天没动",
        "text_full": "包裹三天没动",
        "received_at": datetime.fromtimestamp(e.received_at, UTC),
        "reply_route": ReplyRoute(adapter=e.channel, address="talk"),
        "raw_ref": e.id,
    }
    return InboundMessage(**values | options)


async def leased(store: Store, lane: Lane = Lane.LIVE) -> Leased:
    lease = await store.envelopes.lease(lane, 128, 30.0)
    assert lease is not None
    return lease


async def thread(store: Store, e: Envelope, **options: Any) -> None:
    """One envelope through the front half of the pipeline."""
    await (await threading(store, e, **options))()


async def threading(store: Store, e: Envelope, **options: Any) -> Callable[[], Awaitable[None]]:
    """As ``thread``, up to its last transaction: that is what is returned."""
    told = ("hollow", "pressing", "trouble", "private", "overheard")
    extra = {n: options.pop(n) for n in told if n in options}
    position_of = options.pop("position_of", None)
    await store.envelopes.accept([e])
    lease = await leased(store, e.lane)
    item = Incoming(e.id, inbound(e, **options), e.lane, **extra)

    async def last() -> None:
        async with store.db.write() as tx:
            await store.threads.thread(tx, lease.token, [e.id], [item], position_of)

    return last


def labels(**facets: str) -> Labels:
    values = {"type": "投诉", "domain": "物流", "urgency": "重要"} | facets
    return Labels(
        facets={n: Label(value=v, confidence=0.9, accepted=True) for n, v in values.items()},
        bundle="b1",
    )


def routed(ticket: Unlabelled, needs: Needs = NEEDS, **options: Any) -> Routed:
    values: dict[str, Any] = {
        "labels": labels(), "lang": "zh", "needs": needs, "target": 300.0, "units": 2,
    }  # fmt: skip
    return Routed(ticket=ticket, **values | options)


_OF_ROUTING = ("needs", "target", "units", "acknowledgement", "labels", "fingerprint", "filing")


async def waiting(store: Store, key: str = "k1", **options: Any) -> str:
    """A ticket in its queue; returns its id."""
    route = {n: options.pop(n) for n in _OF_ROUTING if n in options}
    options.setdefault("conversation_key", f"talk-{key}")
    await thread(store, envelope(key, now=await store.db.now()), **options)
    (ticket,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(ticket, **route)])
    return ticket.ticket_id


async def filed(store: Store, key: str = "k1", **options: Any) -> str:
    """A complaint in its queue; returns its ticket's id."""
    given: Labels = options.pop("labels", labels())
    department = options.pop("department", "物流部")
    options.setdefault("conversation_key", f"talk-{key}")
    await thread(store, envelope(key, now=await store.db.now()), **options)
    return await labelled(store, given, department)


async def labelled(store: Store, given: Labels, department: str = "物流部") -> str:
    """The complaint that came last is filed, and in its queue; its ticket's id."""
    (new,) = await store.queue.unlabelled(10)
    made = filing(given, department, 30, new.text)
    await store.queue.route([routed(new, labels=given, filing=made)])
    return new.ticket_id


async def agent(
    store: Store, login: str = "li", skills: Mapping[str, int] | None = None, **options: Any
) -> str:
    skills = {"domain:物流": 3} if skills is None else skills
    agent_id = await store.agents.add(login, login.title(), Role.AGENT, "hash", skills, **options)
    await store.agents.present(agent_id, Presence.READY)
    return agent_id


async def decision(store: Store, ticket_id: str, agent_id: str, skill_class: str = "") -> Decision:
    ticket = await store.tickets.get(ticket_id)
    return Decision(
        ticket_id=ticket_id,
        epoch=ticket.epoch,
        agent_id=agent_id,
        units=ticket.units,
        key=0.0,
        relax_step=0,
        rules_version="1",
        sticky=False,
        candidates=(Candidate(agent_id, "chosen"),),
        skill_class=skill_class,
    )


async def in_hands(store: Store, ticket_id: str, login: str = "li") -> str:
    """An agent of this name takes it; the agent's id."""
    person = await agent(store, login)
    assert await store.queue.claim(await decision(store, ticket_id, person), None)
    return person


async def owned(
    store: Store, key: str = "k1", login: str = "li", **options: Any
) -> tuple[str, str]:
    """A ticket in an agent's hands; (ticket id, agent id)."""
    ticket_id = await waiting(store, key, **options)
    return ticket_id, await in_hands(store, ticket_id, login)


async def replied(store: Store, state: TicketState = TicketState.ACTIVE, **options: Any) -> str:
    """An answer to a ticket in an agent's hands, which nobody has sent yet; its id."""
    ticket_id, agent_id = await owned(store, **options)
    return await store.tickets.reply(ticket_id, agent_id, "您好", "c1", state)


async def tried(store: Store, answer: str, result: SendResult) -> None:
    """The one answer that is to be sent was tried once, and that became of it."""
    sending = await store.outbound.lease(9, 30.0)
    assert sending is not None
    assert [message.id for message in sending.messages] == [answer]
    assert await store.outbound.finish(sending.token, answer, result)


async def merged_beside_an_older_one(store: Store, clock: FakeClock) -> tuple[str, str, str]:
    """Two resolved tickets of talk-k2, into the newer of which talk-k1's was merged.

    (the older one, the newer one, who resolved them)
    """
    older, person = await owned(store, "k2")
    await store.tickets.move(older, person, TicketState.RESOLVED)
    clock.pass_(8 * 86400.0)
    newer = await waiting(store, "k3", conversation_key="talk-k2")
    await store.merging.merge(await waiting(store, "k1"), newer, person)
    await store.ending.settle(newer, person)
    return older, newer, person


async def passed_on(store: Store, ticket_id: str, giver: str, taker: str, note: str = "") -> None:
    """From one agent's hands into another's."""
    await store.transfers.offer(ticket_id, giver, 600.0, to=taker, note=note)
    await store.transfers.accept(ticket_id, taker)


async def corrected_to(
    store: Store, ticket_id: str, by: str, needs: Needs, target: float, rekey: Rekey | None = None
) -> None:
    """A person's word on what a ticket is about, by which it belongs there."""
    place = needs, target, None, rekey
    await store.tickets.correct(ticket_id, by, "domain", "支付", place=lambda *_: place)


async def follow(store: Store, *followers: Follower) -> None:
    """They have read all that has happened."""
    await store.followers.catch_up(followers, await store.events.last())


def rules_content(seconds: float = 300.0, **more: Any) -> dict[str, Any]:
    """Of a version of the rules, as it is drafted: whatever comes has ``seconds``."""
    rules = Rules(
        version="",
        required_facets=("domain",),
        targets={lane: Targets(by_urgency={}, default=seconds) for lane in ("live", "mail")},
        units={"live": 2, "mail": 1},
    )
    return rules.model_dump(mode="json") | more
