"""Short ways to the states that the store tests start from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from models.agent import Presence, Role
from models.ids import uuid7
from models.message import Envelope, InboundMessage, Lane, ReplyRoute, Sender
from models.routing import Candidate, Decision, Needs
from models.store import Store
from models.store.dialogue.incoming import Incoming
from models.store.intake.envelopes import Leased
from models.store.routing.entering import Routed
from models.store.routing.unlabelled import Unlabelled
from models.store.tickets.waiting import Rekey
from models.ticket import Label, Labels

NEEDS = Needs(required=(("domain:物流", 1),))


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
    told = ("hollow", "pressing", "trouble", "private", "overheard")
    extra = {n: options.pop(n) for n in told if n in options}
    stands = options.pop("stands", None)
    await store.envelopes.accept([e])
    lease = await leased(store, e.lane)
    item = Incoming(e.id, inbound(e, **options), e.lane, **extra)
    async with store.db.write() as tx:
        await store.threads.thread(tx, lease.token, [e.id], [item], stands)


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


async def agent(
    store: Store, login: str = "li", skills: Mapping[str, int] | None = None, **options: Any
) -> str:
    skills = {"domain:物流": 3} if skills is None else skills
    agent_id = await store.agents.add(login, login.title(), Role.AGENT, "hash", skills, **options)
    await store.agents.present(agent_id, Presence.READY)
    return agent_id


async def decision(store: Store, ticket_id: str, agent_id: str) -> Decision:
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
    )


async def owned(
    store: Store, key: str = "k1", login: str = "li", **options: Any
) -> tuple[str, str]:
    """A ticket in an agent's hands; (ticket id, agent id)."""
    ticket_id = await waiting(store, key, **options)
    agent_id = await agent(store, login)
    assert await store.queue.claim(await decision(store, ticket_id, agent_id), None)
    return ticket_id, agent_id


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
