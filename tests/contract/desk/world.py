"""A desk over a real store, with a bus and a doorbell that live in this process."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher

from classifier.spans import spans
from config.sections import Hours
from config.settings import load, load_texts
from desk.services import DeskOptions, DeskServices, Route
from models.agent import Presence, Role
from models.errors import Rejected
from models.event_tail import EVENTS
from models.follow_up import Plan
from models.message import Attachment, Lane, ReplyRoute, Sender
from models.routing import Department, Needs, Rules, Targets
from models.store import Store, open_store
from models.store.ground.database import Event
from models.store.tickets.handling import Ticket
from models.ticket import Label, Labels, Reason
from models.training import ClassSpec, FacetSpec, Taxonomy
from router.keys import position
from router.place import filed
from router.sla import Calendars
from tests.contract.store import makers
from tests.databases import migrated_sqlite
from tests.fakes import FakeBus, FakeDoorbell
from workers.effects.webhooks import tried
from workers.learning.suggesting import Suggesting, SuggestOptions
from workers.learning.watch_report import Limits, WatchReport
from workers.messages.preview import Previews
from workers.rules.active_rules import ActiveRules
from workers.rules.hours import calendar, openings
from workers.rules.publishing import Publishing
from workers.rules.rehearsing import Rehearsing

PASSWORD = "correct horse battery"

TAXONOMY = Taxonomy(
    version="t1",
    facets={
        "type": FacetSpec(
            zh="类型",
            en="Type",
            classes={
                "咨询": ClassSpec(zh="咨询", en="Inquiry"),
                "投诉": ClassSpec(zh="投诉", en="Complaint"),
                "建议": ClassSpec(zh="建议", en="Suggestion"),
            },
        ),
        "domain": FacetSpec(
            zh="领域",
            en="Domain",
            classes={
                "物流": ClassSpec(zh="物流", en="Delivery"),
                "发票": ClassSpec(zh="发票", en="Invoice"),
                "支付": ClassSpec(zh="支付", en="Payment"),
            },
        ),
        "urgency": FacetSpec(
            zh="紧急程度",
            en="Urgency",
            ordinal=True,
            classes={
                "紧急": ClassSpec(zh="紧急", en="Urgent"),
                "重要": ClassSpec(zh="重要", en="Important"),
                "一般": ClassSpec(zh="一般", en="Normal"),
            },
        ),
    },
)

LABELS = Labels(
    facets={
        "type": Label(
            value="投诉",
            confidence=0.93,
            accepted=True,
            alternatives=(("咨询", 0.05),),
            reasons=(
                Reason(kind="cue", text="投诉", weight=2.4),
                Reason(kind="word", text="没人理", weight=1.3),
                Reason(kind="word", text="请问", weight=-0.6),
            ),
        ),
        "domain": Label(
            value="物流",
            confidence=0.46,
            accepted=False,
            alternatives=(("支付", 0.31), ("发票", 0.11)),
            reasons=(Reason(kind="word", text="包裹", weight=1.1),),
        ),
        "urgency": Label(
            value="紧急",
            confidence=1.0,
            accepted=True,
            by="floor",
            reasons=(Reason(kind="floor", text="媒体曝光", weight=1.0),),
        ),
    },
    bundle="b1",
)


PLAN = Plan(
    within={"紧急": 86400.0},
    complaints_within=86400.0,
    begin_share=0.0,
    units=1,
    attempts=3,
    again=(3600.0,),
    review=True,
)
"""Followed up at once."""

RULES = Rules(
    version="file",
    required_facets=("domain",),
    targets={lane: Targets(by_urgency={"紧急": 60.0}, default=300.0) for lane in ("live", "mail")},
    units={"live": 2, "mail": 1},
    departments={
        "物流部": Department(en="Logistics", seconds=7200.0, domains=("物流",)),
        "财务部": Department(en="Finance", seconds=3600.0),
    },
)
RULES_CONTENT = RULES.model_dump(mode="json")
HOURS = Hours(
    time_zone="UTC", country="", periods={"monday": ("09:00-18:00",)}, holidays=(), workdays={},
    makeup_like="monday", teams={},
)  # fmt: skip


async def in_force() -> Rules:
    return RULES


async def placing(_ticket: Ticket) -> Callable[[Labels, float], Route]:
    return lambda labels, _queued_at: Route(
        Needs(required=((f"domain:{labels.facets['domain'].value}", 1),)), 600.0
    )


def explain(
    decision: Mapping[str, Any], needs: Needs, names: Mapping[str, str]
) -> tuple[str, str]:
    skills = " + ".join(skill for skill, _ in needs.required)
    name = names.get(decision["agent_id"], "")
    return (
        f"因为需要技能 {skills}；2 名在线坐席符合；1 名已满负荷；{name}技能等级最高。",
        f"It needs the skill {skills}; 2 online agents match; {name} has the highest level.",
    )


class Waits(NamedTuple):
    """Why a ticket waits, as the desk is told."""

    facts: dict[str, object]
    text: tuple[str, str]


async def waiting(_ticket_id: str) -> Waits:
    return Waits({"reason": "turn"}, ("在等", "waits"))


def office(store: Store) -> Publishing:
    """The real one, over rules that suit the people of these tests."""
    active_rules = ActiveRules(store, RULES, Calendars(calendar(HOURS, 0.0)))
    return Publishing(store, TAXONOMY, active_rules, {"webchat": "live", "email": "mail"})


@dataclass
class Rack:
    """Bundles that can all serve but the one called “broken”, and are all alike."""

    store: Store

    async def promote(
        self, bundle_id: str, by: str | None, why: str, *, against_gate: bool = False
    ) -> None:
        if bundle_id == "broken":
            raise Rejected("Bundle broken: weights.npy is damaged.", code="bundle_refused")
        await self.store.bundles.promote(bundle_id, by, why, against_gate=against_gate)

    async def compare(self, one: str, other: str) -> dict[str, Any]:
        for name in (one, other):
            await self.store.bundles.content(name)
        same = {"champion": 0.81, "challenger": 0.81, "difference": 0.0, "interval": [0.0, 0.0]}
        return {"type": {"cases": 0, "macro_f1": same}}

    async def shadow(self, bundle_id: str, by: str | None) -> None:
        if bundle_id == "broken":
            raise Rejected("Bundle broken: weights.npy is damaged.", code="bundle_refused")
        await self.store.shadows.begin(bundle_id, by)


@cache
def password_hash() -> str:
    """As cheap as argon2id gets: these tests sign in a hundred times."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class World:
    store: Store
    services: DeskServices
    bell: FakeDoorbell
    problems: dict[str, str] = field(default_factory=dict)

    async def person(
        self,
        login: str,
        role: Role = Role.AGENT,
        *,
        name: str | None = None,
        presence: Presence = Presence.READY,
        skills: Mapping[str, int] | None = None,
    ) -> str:
        agent_id = await self.store.agents.add(
            login, name or login.title(), role, password_hash(), skills or {"domain:物流": 3}
        )
        await self.store.agents.present(agent_id, presence)
        return agent_id

    async def ticket(self, key: str = "k1", **options: Any) -> str:
        """A ticket that waits in its queue."""
        options.setdefault("conversation_key", f"talk-{key}")
        mail = options.pop("mail", False)
        labels = options.pop("labels", LABELS)
        needs = options.pop("needs", makers.NEEDS)
        target = options.pop("target", 300.0)
        body = options.pop("body", b"raw bytes")
        e = makers.envelope(
            key,
            body,
            now=await self.store.db.now(),
            **(
                {"channel": "email", "account": "help@example.com", "lane": Lane.MAIL}
                if mail
                else {}
            ),
        )
        if mail:
            options.setdefault("reply_route", ReplyRoute(adapter="email", address="w@example.com"))
        await makers.thread(self.store, e, **options)
        (unlabelled,) = await self.store.queue.unlabelled(10)
        units = 1 if mail else 2
        routed = makers.routed(
            unlabelled, needs, labels=labels, target=target, units=units,
            filing=filed(labels, RULES),
        )  # fmt: skip
        await self.store.queue.route([routed])
        return unlabelled.ticket_id

    async def give(self, ticket_id: str, agent_id: str, offer: float | None = None) -> None:
        decision = await makers.decision(self.store, ticket_id, agent_id)
        assert await self.store.queue.claim(decision, offer)


@asynccontextmanager
async def world(
    folder: Path, *, clock: Any = None, options: DeskOptions | None = None
) -> AsyncIterator[World]:
    store = open_store(
        migrated_sqlite(folder),
        master_key=b"m" * 32,
        blob_dir=folder / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
        clock=clock,
    )
    bus, bell, problems = FakeBus(), FakeDoorbell(), {}

    async def told(_events: Sequence[Event]) -> None:
        await bus.publish(EVENTS)

    store.db.on_commit = told
    services = DeskServices(
        store=store,
        bus=bus,
        doorbell=bell,
        clock=store.db._clock,
        taxonomy=TAXONOMY,
        placing=placing,
        explain=explain,
        waiting=waiting,
        rules=office(store),
        rehearse=Rehearsing(store, ActiveRules(store, RULES, Calendars(calendar(HOURS, 0.0)))),
        bundle_work=Rack(store),
        preview=Previews(),
        spans=spans,
        suggest=Suggesting(
            store, folder / "bundles", store.db._clock, SuggestOptions(100, 3, 0.2)
        ).suggest,
        watch=WatchReport(store, TAXONOMY, ZoneInfo("Asia/Shanghai"), Limits(0.25, 0.8)),
        try_webhook=partial(tried, allowed=(ip_network("127.0.0.0/8"),), patience=2.0),
        plan=PLAN,
        texts=load_texts(load(environ={}, folder=folder)),
        delivery_problem=problems.get,
        doubt=lambda _channel, address: problems.get(address),
        ending=lambda channel: {"email": "eml"}.get(channel, "bin"),
        takes=lambda _channel, text, files: 1 + text.count("\n") + files,
        repeatable={"ingest"},
        position_of=partial(position, rules=RULES),
        in_force=in_force,
        openings=partial(openings, HOURS),
        receipts={"email": True, "webchat": False},
        filing=filed,
        zone=ZoneInfo("Asia/Shanghai"),
        options=options or DeskOptions(version="test"),
    )
    yield World(store, services, bell, problems)
    await store.close()


def mail_with_file(content: bytes) -> dict[str, Any]:
    """What a mail with one attachment adds to a message."""
    import hashlib

    return {
        "attachments": (
            Attachment(
                id="a1",
                name='截图 "1".html',
                mime="text/html",
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            ),
        )
    }


__all__ = ["PASSWORD", "Sender", "World", "mail_with_file", "replace", "world"]
