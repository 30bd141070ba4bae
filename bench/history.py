"""Years of a service centre as rows of its tables: what ``bench.years`` measures on.

Every row is one that the program itself could have written; the texts are made up from a few
sentences, so that the tables have their sizes.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from models.ids import ticket_number, uuid7
from models.message import Sender
from models.routing import Candidate, Decision, Rules
from models.store.ground.sealing import Vault, seal
from models.store.tickets.waiting import dump_needs
from router.needs import needs

DAY = 86400.0
AGENTS = 60
ACCOUNT = "support"
DOMAINS = ("产品", "服务", "订单", "物流", "支付", "售后")
KEPT_DAYS = 14
"""Of the event log."""

LINES = 4
"""What a customer says in a ticket; there are three lines of ours."""

_LEVELS = ("紧急", "重要", "一般", "一般")
_ROWS = 4000
"""Tickets that are written at once."""

_SAID = (
    "您好，我上周买的耳机左边没有声音了，能换一个吗？",
    "订单已经三天没有物流信息，请帮我查一下到哪里了。",
    "退款说是三个工作日，到今天还没有收到，麻烦核实。",
    "My invoice shows the wrong company name, could you please correct it?",
    "密码改了之后登录不上，验证码也收不到，手机号没有换过。",
    "请问保修期内换电池要收费吗？附近哪个网点可以办？",
)
_ANSWERED = (
    "您好，已为您登记，请把订单号发给我们，我们会在一个工作日内处理完毕。",
    "Thank you for writing. We have corrected it and sent you a new one.",
    "经核实，退款已于今天上午原路退回，请留意到账通知。",
)

_CLOCKS = (("acknowledgement", 86400.0), ("first_answer", 3600.0), ("resolution", 72e3))

Row = Mapping[str, Any]
Rows = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is. ``tickets`` have ended, evenly over ``days``; ``live`` have not."""

    tickets: int
    customers: int
    days: float
    live: int = 3000
    waiting: int = 1500


@dataclass(frozen=True, slots=True)
class Customer:
    """``talk`` is the one conversation of a visitor; mail has one for each ticket."""

    id: str
    identity: str
    channel: str
    talk: str


def sender(n: int) -> Sender:
    """Customer ``n`` in the words of their channel."""
    address = f"customer{n}@customers.example"
    return Sender(external_id=address, name=f"客户{n}", email=address)


class History:
    """Makes the rows of a centre that was opened ``size.days`` before ``now``."""

    def __init__(self, vault: Vault, size: Size, now: float, followers: Sequence[str]) -> None:
        """``followers`` have read all that has happened."""
        self._vault = vault
        self._followers = followers
        self._size = size
        self._now = now
        self._begun = now - size.days * DAY
        self._chance = random.Random(size.tickets)
        rules = Rules(version="years", required_facets=("domain",), targets={}, units={})
        self._classes = {d: needs({"domain": d}, True, "zh", rules) for d in DOMAINS}
        self.agents = [uuid7(self._begun) for _ in range(AGENTS)]
        self.customers = [self._customer(n) for n in range(size.customers)]
        self._seq: dict[str, int] = defaultdict(int)
        self._serial: dict[str, int] = defaultdict(int)
        self._used: dict[str, int] = defaultdict(int)
        self._tallies: dict[str, int] = defaultdict(int)
        """As ``models.store.tickets.tallies`` would have them."""
        self._events = 0

    def batches(self) -> Iterator[Rows]:
        """All rows by table, some thousands of tickets at a time, oldest first."""
        yield self._people()
        size, rows = self._size, defaultdict[str, list[Row]](list)
        for n in range(size.tickets):
            age = max(size.days * DAY * (1 - n / size.tickets), DAY)
            self._ended(rows, n, self._now - age)
            if n % _ROWS == _ROWS - 1:
                yield rows
                rows = defaultdict(list)
        for n in range(size.live):
            self._live(rows, n)
        self._known_last(rows)
        yield rows

    # -- who -------------------------------------------------------------------------------

    def _customer(self, n: int) -> Customer:
        at = self._begun
        return Customer(uuid7(at), uuid7(at), "webchat" if n % 5 < 2 else "email", uuid7(at))

    def _people(self) -> Rows:
        rows = defaultdict[str, list[Row]](list)
        for wanted in self._classes.values():
            stored = json.dumps(dump_needs(wanted))
            rows["skill_class"].append({"name": wanted.skill_class, "needs": stored})
        for agent_id in self.agents:
            rows["presence_span"] += self._presence(agent_id)
        for n, one in enumerate(self.customers):
            self._sealed(rows, n, one)
        return rows

    def _presence(self, agent_id: str) -> Iterator[Row]:
        at = self._begun
        while at < self._now - DAY:
            for presence, hours in (("ready", 4), ("break", 1), ("ready", 3), ("offline", 16)):
                end = at + hours * 3600
                span = {"id": uuid7(at), "agent_id": agent_id, "presence": presence}
                yield span | {"started_at": at, "ended_at": end}
                at = end

    def _sealed(self, rows: Rows, n: int, one: Customer) -> None:
        at, who = self._begun, sender(n)
        key, wrapped = self._vault.new_key(0)
        rows["customer"].append({"id": one.id, "key": wrapped, "created_at": at})
        lookup = self._vault.lookup(one.channel, who.external_id, 0)
        closed = seal(key, who.model_dump_json().encode())
        rows["identity"].append({
            "id": one.identity, "customer_id": one.id, "channel": one.channel,
            "lookup": lookup, "sealed": closed, "created_at": at,
        })  # fmt: skip
        rows["proof"].append({
            "lookup": self._vault.lookup("proof email", str(who.email), 0),
            "identity_id": one.identity, "kind": "email", "method": "dmarc",
            "message_id": uuid7(at), "at": at,
        })  # fmt: skip

    def _whose(self, n: int) -> Customer:
        """Mostly one of all; now and then one of those few who write all the time."""
        few = max(1, len(self.customers) // 1000)
        return self._chance.choice(self.customers[:few] if n % 10 == 0 else self.customers)

    # -- tickets ---------------------------------------------------------------------------

    def _ended(self, rows: Rows, n: int, at: float) -> None:
        agent, who = self._chance.choice(self.agents), self._whose(n)
        solved = min(at + 60.0 * self._chance.randint(15, 1200), self._now)
        state = "closed" if solved < self._now - 7 * DAY else "resolved"
        junk = n % 50 == 0
        self._tallies["tickets closed"] += state == "closed"
        case = self._ticket(rows, n, at, who) | {
            "state": "invalid" if junk and state == "resolved" else state, "junk": junk,
            "owner_id": agent, "first_answer_at": at + 600.0, "resolved_at": solved,
            "ended_at": solved, "updated_at": solved, "epoch": 3,
        }  # fmt: skip
        rows["ticket"].append(case)
        for line in range(LINES):
            self._said(rows, case, who, at + 300.0 * line)
        for minutes, kind in ((0, "ack"), (10, "reply"), (14, "reply")):
            self._told(rows, case, kind, agent, at + 60.0 * minutes)
        self._handled(rows, case, agent, at, solved)
        self._timed(rows, case, agent, at, solved)
        if n % 10 == 0:
            self._complained(rows, case, agent, solved)
        if n % 20 == 0:
            self._corrected(rows, case, agent, solved)
        if n % 3 == 0:
            self._rated(rows, case, agent, solved, n)
        if state == "resolved":
            due = solved + 7 * DAY
            timer = {"id": uuid7(solved), "kind": "ticket.close", "subject": case["id"]}
            rows["timer"].append(timer | {"due_at": due, "data": "{}", "created_at": solved})

    def _live(self, rows: Rows, n: int) -> None:
        """The first wait, the others are in somebody's hands or wait for their customer."""
        at = self._now - 7200.0 + n
        # Of those who write mail, each fifth from the third: a visitor has one ticket at a time.
        who = self.customers[(5 * n + 2) % (len(self.customers) // 5 * 5)]
        case = self._ticket(rows, n, at, who)
        if n >= self._size.waiting:
            agent = self.agents[n % AGENTS]
            state = ("active", "active", "pending", "snoozed")[n % 4]
            wake = self._now + DAY if state == "snoozed" else None
            case |= {"state": state, "owner_id": agent, "epoch": 2, "wake_at": wake}
            self._used[agent] += state == "active"
            given = {"id": uuid7(at), "ticket_id": case["id"], "agent_id": agent, "epoch": 2}
            over = None if state == "active" else at + 900.0
            rows["assignment"].append(given | {
                "units": 1, "at": at, "accepted_at": at, "ended_at": over,
                "outcome": over and state, "decision": _decision(case["id"], agent),
            })  # fmt: skip
        rows["ticket"].append(case)
        self._said(rows, case, who, at)
        self._told(rows, case, "ack", self.agents[0], at)
        self._clocks(rows, case, None, at, None)

    def _ticket(self, rows: Rows, n: int, at: float, who: Customer) -> dict[str, Any]:
        domain = DOMAINS[n % len(DOMAINS)]
        talk = who.talk
        if who.channel == "email":
            talk = uuid7(at)
            rows["conversation"].append(self._talk(who, talk, f"m-{at}-{n}", at, LINES + 3))
        day = f"{datetime.fromtimestamp(at, UTC):%Y%m%d}"
        self._serial[day] += 1
        number = ticket_number(datetime.fromtimestamp(at, UTC), self._serial[day])
        return {
            "id": uuid7(at), "number": number, "conversation_id": talk, "customer_id": who.id,
            "channel": who.channel, "lane": "live" if who.channel == "webchat" else "mail",
            "state": "waiting", "junk": False, "subject": "关于订单的问题", "lang": "zh",
            "created_at": at, "updated_at": at, "labels": _labels(n, domain),
            "label_due": False, "text_version": 1,
            "skill_class": self._classes[domain].skill_class, "sort_key": at + 3600.0,
            "clock_at": at, "target": 3600.0, "rules_version": "years", "late": False,
            "relax_step": 0, "next_step_at": self._now + DAY, "units": 1, "queued_at": at,
            "routed_at": at, "first": "[]", "interrupts": False, "wake_at": None, "epoch": 1,
            "owner_id": None, "excluded": "[]", "first_answer_at": None, "resolved_at": None,
            "ended_at": None,
        }  # fmt: skip

    @staticmethod
    def _talk(who: Customer, id_: str, key: str, at: float, last: int) -> Row:
        return {
            "id": id_, "channel": who.channel, "account": ACCOUNT, "key": key,
            "identity_id": who.identity, "subject": "", "references": "[]", "last_seq": last,
            "read_seq": last, "created_at": at,
        }  # fmt: skip

    # -- what was said ---------------------------------------------------------------------

    def _next(self, talk: str) -> int:
        self._seq[talk] += 1
        return self._seq[talk]

    def _said(self, rows: Rows, case: Row, who: Customer, at: float) -> None:
        envelope, name, text = uuid7(at), uuid7(at), self._chance.choice(_SAID)
        rows["envelope"].append({
            "id": envelope, "channel": who.channel, "account": ACCOUNT, "dedupe_key": name,
            "body_sha256": name.replace("-", "") * 2, "body": (text * 4).encode(),
            "transport": "{}", "received_at": at, "lane": int(case["lane"] == "mail"),
            "state": "done", "finished_at": at,
        })  # fmt: skip
        message = {
            "id": uuid7(at), "conversation_id": case["conversation_id"],
            "ticket_id": case["id"], "identity_id": who.identity, "envelope_id": envelope,
            "seq": self._next(case["conversation_id"]), "kind": "message",
            "channel": who.channel, "account": ACCOUNT, "external_id": name, "revision": 0,
            "trust": '{"level": "claimed", "method": "", "evidence": {}}', "subject": "",
            "text": text, "text_full": text, "attachments": "[]", "lang": "zh", "auto": "none",
            "received_at": at, "order_key": f"{at:020.6f}", "parser_version": 1, "meta": "{}",
        }  # fmt: skip
        rows["message"].append(message)
        self._event(rows, "message.in", case, None, at, {"seq": message["seq"], "asks": True})

    def _told(self, rows: Rows, case: Row, kind: str, agent: str, at: float) -> None:
        id_, by = uuid7(at), agent if kind == "reply" else None
        seq = self._next(case["conversation_id"])
        rows["outbound"].append({
            "id": id_, "conversation_id": case["conversation_id"], "ticket_id": case["id"],
            "agent_id": by, "client_id": f"{kind}:{id_}", "seq": seq, "kind": kind,
            "text": self._chance.choice(_ANSWERED), "channel": case["channel"],
            "state": "delivered", "attempts": 1, "provider_id": f"p-{id_}", "created_at": at,
            "finished_at": at + 1.0,
        })  # fmt: skip
        rows["delivery"].append({
            "id": uuid7(at), "outbound_id": id_, "attempt": 1, "at": at, "state": "sent",
            "provider_id": f"p-{id_}",
        })  # fmt: skip
        self._event(rows, "message.out", case, by, at, {"seq": seq, "kind": kind})

    def _event(
        self, rows: Rows, kind: str, case: Row, agent: str | None, at: float, data: Row
    ) -> None:
        self._events += 1
        if at < self._now - KEPT_DAYS * DAY:
            return
        rows["event"].append({
            "seq": self._events, "at": at, "kind": kind, "ticket_id": case["id"],
            "conversation_id": case["conversation_id"], "agent_id": agent,
            "data": json.dumps(data),
        })  # fmt: skip

    # -- what was done ---------------------------------------------------------------------

    def _handled(self, rows: Rows, case: Row, agent: str, at: float, solved: float) -> None:
        rows["assignment"].append({
            "id": uuid7(at), "ticket_id": case["id"], "agent_id": agent, "epoch": 2, "units": 1,
            "at": at + 60.0, "accepted_at": at + 60.0, "ended_at": solved,
            "outcome": "resolved", "decision": _decision(case["id"], agent),
        })  # fmt: skip
        ways = (("waiting", "active"), ("active", "resolved"), ("resolved", "closed"))
        for n, (before, state) in enumerate(ways):
            when = (at + 60.0, solved, solved + 7 * DAY)[n]
            if when > self._now:
                break
            data = {"before": before, "state": state, "owner": agent, "former": agent}
            self._event(rows, "ticket.moved", case, agent, when, data)
            rows["ticket_step"].append({
                "seq": self._events, "ticket_id": case["id"], "at": when, "before": before,
                "state": state, "agent_id": agent,
            })  # fmt: skip
            rows["audit"].append({
                "id": uuid7(when), "at": when, "agent_id": agent, "action": "ticket.move",
                "subject": case["id"], "detail": json.dumps({"to": state}),
            })  # fmt: skip
        rows["telling"].append({"ticket_id": case["id"], "state": "resolved", "told_at": solved})

    def _timed(self, rows: Rows, case: Row, agent: str, at: float, solved: float) -> None:
        self._clocks(rows, case, agent, at, solved)
        if solved - at < 40_000:
            return
        rows["clock_event"].append({
            "id": uuid7(solved), "ticket_id": case["id"], "what": "breached", "at": solved,
            "noted_at": solved, "elapsed": 40_000.0,
        })  # fmt: skip

    def _clocks(
        self, rows: Rows, case: Row, agent: str | None, at: float, solved: float | None
    ) -> None:
        """Of one that has ended all have stopped; the resolution of a live one runs."""
        for kind, target in _CLOCKS:
            took = None if solved is None else min(600.0, solved - at)
            runs = took is None and kind == "resolution"
            late = solved is not None and solved - at > 60_000
            self._tallies[f"breached {kind}"] += late
            rows["clock"].append({
                "id": uuid7(at), "ticket_id": case["id"], "kind": kind,
                "channel": case["channel"], "account": ACCOUNT, "lane": case["lane"],
                "tier": "standard", "domain": "支付", "type": "咨询", "urgency": "一般",
                "target": target, "hours": "natural", "started_at": at,
                "since": at if runs else None, "elapsed": took or 0.0,
                "due_at": at + target if runs else None,
                "stopped_at": None if runs else at + (took or 0.0),
                "outcome": None if runs else "met", "agent_id": agent,
                "breached_at": solved if late else None,
            })  # fmt: skip

    def _complained(self, rows: Rows, case: Row, agent: str, solved: float) -> None:
        at, id_ = case["created_at"], case["id"]
        rows["complaint"].append({
            "ticket_id": id_, "opened_at": at, "updated_at": solved, "complained_at": at,
            "matter": "收费与说明不符", "domain": "支付", "department": "finance",
            "outcome": "退差价", "responsibility": "系统", "customer_word": "accepted",
            "reached": True,
        })  # fmt: skip
        rows["complaint_likeness"].append({
            "ticket_id": id_, "customer_id": case["customer_id"], "at": at,
            "features": b"\0" * 600, "counts": True,
        })  # fmt: skip
        rows["note"].append(
            {"id": uuid7(at), "ticket_id": id_, "agent_id": agent, "at": at, "text": "已核实账单"}
        )
        rows["subtask"].append({
            "id": uuid7(at), "ticket_id": id_, "title": "核实账单", "department": "finance",
            "due_at": at + DAY, "state": "done", "created_at": at, "ended_at": solved,
        })  # fmt: skip
        call = uuid7(solved)
        rows["follow_up"].append({
            "id": call, "ticket_id": id_, "state": "done", "urgency": "一般",
            "complaint": True, "handler_id": agent, "created_at": solved, "updated_at": solved,
            "queued_at": solved, "due_at": solved + DAY, "attempts": 1, "ended_at": solved,
            "owner_id": agent, "score": 4, "solved": True,
        })  # fmt: skip
        rows["follow_up_attempt"].append({
            "id": uuid7(solved), "follow_up_id": call, "client_id": call, "agent_id": agent,
            "at": solved, "channel": "phone", "reached": True, "content": "客户认可处理结果",
        })  # fmt: skip

    @staticmethod
    def _corrected(rows: Rows, case: Row, agent: str, solved: float) -> None:
        rows["correction"].append({
            "id": uuid7(solved), "ticket_id": case["id"], "agent_id": agent, "at": solved,
            "facet": "domain", "before": "其他", "after": "支付",
        })  # fmt: skip

    @staticmethod
    def _rated(rows: Rows, case: Row, agent: str, solved: float, n: int) -> None:
        answered = solved + 3600.0 if n % 24 == 0 else None
        rows["survey"].append({
            "id": uuid7(solved), "ticket_id": case["id"],
            "conversation_id": case["conversation_id"], "customer_id": case["customer_id"],
            "resolved_at": solved, "agent_id": agent, "channel": case["channel"],
            "domain": "支付", "tier": "standard", "region": "", "lang": "zh",
            "keys": '["1", "2", "3", "4", "5"]', "asked_at": solved,
            "expires_at": solved + 3 * DAY, "score": answered and n % 5 + 1,
            "via": answered and "choice", "answered_at": answered,
        })  # fmt: skip

    # -- what is only known at the end -----------------------------------------------------

    def _known_last(self, rows: Rows) -> None:
        for n, one in enumerate(self.customers):
            if one.channel == "webchat":
                last = self._seq[one.talk]
                talk = self._talk(one, one.talk, f"c-{n}", self._begun, last)
                rows["conversation"].append(talk)
        skills = json.dumps({"lang:zh": 3, "lang:en": 2} | {f"domain:{d}": 2 for d in DOMAINS})
        for n, id_ in enumerate(self.agents):
            rows["agent"].append({
                "id": id_, "login": f"agent{n:02}", "name": f"坐席{n:02}", "role": "agent",
                "team": f"team{n % 5}", "password": "!", "skills": skills,
                "capacity": max(self._used[id_], 1), "used": self._used[id_],
                "presence": "offline", "presence_at": self._begun, "created_at": self._begun,
            })  # fmt: skip
        today = f"{datetime.fromtimestamp(self._now, UTC):%Y%m%d}"
        for name in self._followers:
            rows["cursor"].append({
                "channel": "follower", "account": name, "value": str(self._events),
                "updated_at": self._now,
            })  # fmt: skip
        rows["counter"] += [
            {"name": "event", "value": self._events},
            *({"name": name, "value": times} for name, times in self._tallies.items()),
            {"name": f"ticket:{today}", "value": self._serial[today] + 10_000},
        ]


def _decision(ticket_id: str, agent: str) -> str:
    others = (Candidate(agent, "chosen"), Candidate(agent, "capacity"))
    decision = Decision(ticket_id, 1, agent, 1, 0.0, 0, "years", sticky=False, candidates=others)
    return json.dumps(asdict(decision))


def _labels(n: int, domain: str) -> str:
    given = {
        "confidence": 0.91, "accepted": True, "by": "model", "alternatives": [["其他", 0.05]],
        "reasons": [{"kind": "word", "text": "退款", "weight": 1.25}],
    }  # fmt: skip
    values = {"type": "投诉" if n % 10 == 0 else "咨询", "domain": domain}
    values["urgency"] = _LEVELS[n % 4]
    facets = {facet: given | {"value": value} for facet, value in values.items()}
    return json.dumps({"facets": facets, "bundle": "years"}, ensure_ascii=False)
