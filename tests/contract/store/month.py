"""A month of random rows, as the tables hold them."""

import random
from collections import defaultdict
from typing import Any
from uuid import UUID

from models.clocks import ClockKind
from models.store import Store
from models.tables import (
    agent,
    assignment,
    clock,
    complaint,
    conversation,
    customer,
    identity,
    outbound,
    presence_span,
    ticket,
    ticket_step,
)
from models.ticket import TicketState

MINUTE, DAY = 60, 86_400
START = 1_798_761_600  # 2027-01-01, UTC
BOUNDS = [START, START + 10 * DAY, START + 31 * DAY]
CHANNELS = ("email", "webchat", "slack")
DOMAINS = ("物流", "支付", "产品", None)
REGIONS = ("华东", "华南", None)
TIERS = ("standard", "vip")
TEAMS = ("华东", "华东", "海外", "")
STATES = [state.value for state in TicketState if state != TicketState.MERGED]
Rows = dict[str, list[dict[str, Any]]]


class Month:
    """Random rows as the tables hold them, of things that began before and end after, too."""

    def __init__(self, seed: int, tickets: int) -> None:
        self._draw = random.Random(seed)
        self._last = 0
        self.rows: Rows = defaultdict(list)
        self._agents = [self._agent(number) for number in range(7)]
        self._customers = [self._customer() for _ in range(max(8, tickets // 6))]
        for _ in range(tickets):
            self._ticket()

    def _id(self) -> str:
        self._last += 1
        return str(UUID(int=self._last))

    def _minute(self, low: float, high: float) -> float:
        return float(self._draw.randrange(int(low), int(high), MINUTE))

    def _chance(self, share: float) -> bool:
        return self._draw.random() < share

    def _agent(self, number: int) -> str:
        one = self._id()
        row = {"id": one, "login": f"a{number}", "name": f"A{number}", "role": "agent"}
        row |= {"team": TEAMS[number % len(TEAMS)], "password": "", "created_at": 0.0}
        self.rows["agent"].append(row)
        at = self._minute(START - 2 * DAY, START + 2 * DAY)
        while at < BOUNDS[-1] + DAY and (number or at < START):
            until = at + self._minute(MINUTE, 18 * 3600)
            last = self._chance(0.05)
            presence = self._draw.choice(["ready", "busy", "meal", "offline"])
            span = {"id": self._id(), "agent_id": one, "presence": presence}
            span |= {"started_at": at, "ended_at": None if last else until}
            self.rows["presence_span"].append(span)
            if last:
                break
            at = until
        return one

    def _customer(self) -> tuple[str, str]:
        who, known = self._id(), self._id()
        tier = self._draw.choice(TIERS)
        self.rows["customer"].append({"id": who, "tier": tier, "created_at": 0.0})
        row = {"id": known, "customer_id": who, "channel": "email", "lookup": known}
        self.rows["identity"].append(row | {"sealed": b"", "created_at": 0.0})
        return who, known

    def _ticket(self) -> None:
        draw, one, talk = self._draw, self._id(), self._id()
        channel, (who, known) = draw.choice(CHANNELS), draw.choice(self._customers)
        created = self._minute(START - 9 * DAY, BOUNDS[-1] + 2 * DAY)
        row = {"id": talk, "channel": channel, "account": "x", "key": talk}
        self.rows["conversation"].append(row | {"identity_id": known, "created_at": created})
        said = {"domain": draw.choice(DOMAINS), "region": draw.choice(REGIONS)}
        facets = {facet: {"value": value} for facet, value in said.items() if value}
        labels = {"facets": facets, "bundle": "b"} if facets else None
        answered = self._chance(0.7)
        first = created + self._minute(0, 3 * DAY) if answered else None
        self.rows["ticket"].append(
            {
                "id": one, "number": one[-24:], "conversation_id": talk, "customer_id": who,
                "channel": channel, "lane": "mail", "created_at": created,
                "state": "merged" if self._chance(0.03) else "closed",
                "updated_at": created, "junk": self._chance(0.05), "labels": labels,
                "first_answer_at": first,
            }
        )  # fmt: skip
        if first is not None:
            self._answers(one, talk, channel, first)
        self._assignments(one, created)
        self._steps(one, created)
        if self._chance(0.25):
            self._complaint(one, created)
        for _ in range(self._draw.randrange(3)):
            self._clock(one, channel, created)

    def _answers(self, ticket_id: str, talk: str, channel: str, first: float) -> None:
        texts = [("ack", None, first - MINUTE), ("reply", self._draw.choice(self._agents), first)]
        texts += [("reply", self._draw.choice(self._agents), first + 3600.0)]
        for seq, (kind, writer, at) in enumerate(texts, 1):
            one = self._id()
            row = {"id": one, "conversation_id": talk, "ticket_id": ticket_id, "seq": seq}
            row |= {"agent_id": writer, "client_id": one, "kind": kind, "text": ""}
            self.rows["outbound"].append(row | {"channel": channel, "created_at": at})

    def _assignments(self, ticket_id: str, at: float) -> None:
        for epoch in range(self._draw.randrange(4)):
            at += self._minute(0, 6 * 3600)
            accepted = at + self._minute(0, 600) if self._chance(0.8) else None
            ended = (accepted or at) + self._minute(0, 20 * 3600)
            last = self._chance(0.1)
            row = {"id": self._id(), "ticket_id": ticket_id, "epoch": epoch, "units": 1, "at": at}
            row |= {"agent_id": self._draw.choice(self._agents), "decision": {}}
            row |= {"accepted_at": accepted, "ended_at": None if last else ended}
            self.rows["assignment"].append(row)
            if last:
                break
            at = ended

    def _steps(self, ticket_id: str, at: float) -> None:
        before = "new"
        for _ in range(self._draw.randrange(9)):
            at += self._minute(0, 2 * DAY)
            state = self._draw.choice([*STATES, "resolved", "resolved", "waiting"])
            self._last += 1
            who = self._draw.choice([*self._agents, None])
            row = {"seq": self._last, "ticket_id": ticket_id, "at": at, "agent_id": who}
            self.rows["ticket_step"].append(row | {"before": before, "state": state})
            before = "merged" if self._chance(0.02) else state

    def _complaint(self, ticket_id: str, at: float) -> None:
        others = [row["id"] for row in self.rows["ticket"][:-1]]
        repeat = self._draw.choice(others) if others and self._chance(0.3) else None
        row = {"ticket_id": ticket_id, "opened_at": at, "updated_at": at, "complained_at": at}
        row |= {"withdrawn_at": at if self._chance(0.1) else None, "repeat_of": repeat}
        self.rows["complaint"].append(row)

    def _clock(self, ticket_id: str, channel: str, at: float) -> None:
        draw = self._draw
        row = {"id": self._id(), "ticket_id": ticket_id, "kind": draw.choice(list(ClockKind))}
        row |= {"channel": channel, "account": "x", "lane": "mail", "tier": draw.choice(TIERS)}
        # Labels of then, which may have been corrected since.
        row |= {"domain": draw.choice(DOMAINS) or "", "type": "", "urgency": "", "target": 60.0}
        row |= {"hours": "natural", "started_at": at + self._minute(0, DAY)}
        row |= {"outcome": draw.choice(["met", "met", "missed", "ended", "void", None])}
        row |= {"agent_id": draw.choice([*self._agents, None])}
        self.rows["clock"].append(row)

    async def store(self, store: Store) -> None:
        tables = (agent, customer, identity, conversation, ticket, outbound, assignment)
        for table in (*tables, ticket_step, presence_span, complaint, clock):
            async with store.db.write() as tx:
                await tx.insert(table, self.rows[table.name])
