"""How things look in JSON: tickets, labels, messages, decisions. Personal data masked."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from desk.masking import FindSpans, keys_of, shown
from desk.services import Explain, Waits, Words
from models.agent import Agent
from models.clocks import ClockKind, Run
from models.masking import masked
from models.message import Sender
from models.routing import Needs
from models.store.dialogue.conversations import Entry
from models.store.ground.database import Event
from models.store.routing.tokens import ApiToken
from models.store.tickets.handling import Ticket
from models.store.tickets.transfers import Transfer
from models.ticket import LOADED_STATES, MOVES, OPEN_STATES, Label, TicketState
from models.training import Taxonomy

_S = TicketState
_HELD = {_S.ACTIVE, _S.HELPING}
_SET_DOWN = {_S.PENDING, _S.SNOOZED}

Json = dict[str, Any]


def person_json(agent: Agent) -> Json:
    """A person to themselves or to an admin."""
    return colleague_json(agent) | {
        "login": agent.login,
        "second_factor": agent.second_factor_at is not None,
    }


def colleague_json(agent: Agent) -> Json:
    """A person to their colleagues: logins are half a key and stay private.

    Supervisors get no more: people are chosen by name, and whoever has lost a password gets a new
    one from an admin, who sees both. The one place where a draft of theirs names a login
    (``tier_first``) takes what they were told.
    """
    return {
        "id": agent.id,
        "name": agent.name,
        "role": agent.role,
        "presence": agent.presence,
        "shift_ends_at": agent.shift_ends_at,
        "capacity": agent.capacity,
        "team": agent.team,
        "alias": agent.alias,
        "used": agent.used,
        "skills": agent.skills,
    }


def token_json(token: ApiToken) -> Json:
    """An API token to its owner or to an admin; there is no secret in it."""
    return {
        "id": token.id,
        "name": token.name,
        "owner": {"id": token.owner_id, "name": token.owner_name},
        "role": token.role,
        "may": token.may,
        "read_only": token.read_only,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    }


def labels_json(ticket: Ticket, taxonomy: Taxonomy, names: Mapping[str, str]) -> list[Json]:
    """A ticket's labels in the order of the taxonomy, with the words that decided."""
    if ticket.labels is None:
        return []
    given = ticket.labels.facets
    known = [facet for facet in taxonomy.facets if facet in given]
    retired = [facet for facet in given if facet not in taxonomy.facets]
    return [_label_json(facet, given[facet], taxonomy, names) for facet in known + retired]


def _label_json(facet: str, label: Label, taxonomy: Taxonomy, names: Mapping[str, str]) -> Json:
    spec = taxonomy.facets.get(facet)
    return {
        "facet": facet,
        "facet_name": {"zh": spec.zh, "en": spec.en} if spec else {"zh": facet, "en": facet},
        "value": label.value,
        "value_name": value_name(taxonomy, facet, label.value),
        "confidence": label.confidence,
        "accepted": label.accepted,
        "by": label.by,
        "by_name": names.get(label.by),
        "alternatives": [
            {"value": value, "value_name": value_name(taxonomy, facet, value), "confidence": p}
            for value, p in label.alternatives
        ],
        "reasons": [reason.model_dump() for reason in label.reasons],
    }


def value_name(taxonomy: Taxonomy, facet: str, value: str) -> Json:
    """What people call a class; one that was retired keeps its key for a name."""
    spec = taxonomy.facets.get(facet)
    found = spec.classes.get(value) if spec else None
    return {"zh": found.zh, "en": found.en} if found else {"zh": value, "en": value}


def ticket_json(
    ticket: Ticket,
    taxonomy: Taxonomy,
    names: Mapping[str, str],
    offer: Transfer | None = None,
    *,
    opening: str = "",
    preview: str = "",
    customer: str = "",
    unanswered_since: float | None = None,
    next_answer_due_at: float | None = None,
) -> Json:
    """A ticket in a list; ``offer``: to whom its owner would pass it on.

    ``opening`` begins what the customer said first, ``preview`` what they said last;
    ``customer`` is who they are, masked; ``unanswered_since`` is since when they wait for the
    next answer, and ``next_answer_due_at`` until when they should at most.
    """
    labels = ticket.labels.facets if ticket.labels else {}
    return {
        "id": ticket.id,
        "number": ticket.number,
        "conversation_id": ticket.conversation_id,
        "channel": ticket.channel,
        "lane": ticket.lane,
        "state": ticket.state,
        "junk": ticket.junk,
        "subject": ticket.subject,
        "opening": opening,
        "preview": preview,
        "customer": customer,
        "lang": ticket.lang,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "due_at": ticket.due_at,
        "late": ticket.late,
        "escalation": ticket.escalation,
        "pressed": ticket.pressed,
        "queued_at": ticket.queued_at,
        "first_answer_at": ticket.first_answer_at,
        "unanswered_since": unanswered_since,
        "next_answer_due_at": next_answer_due_at,
        "resolved_at": ticket.resolved_at,
        "offer_until": ticket.offer_until,
        "wake_at": ticket.wake_at,
        "trouble": ticket.trouble,
        "skill_class": ticket.skill_class,
        "units": ticket.units,
        "owner": agent_json(ticket.owner_id, names),
        "transfer": None if offer is None else transfer_json(offer, names),
        "labels": [
            {
                "facet": facet,
                "value": labels[facet].value,
                "value_name": value_name(taxonomy, facet, labels[facet].value),
                "accepted": labels[facet].accepted,
            }
            for facet in taxonomy.facets
            if facet in labels
        ],
    }


def transfer_json(offer: Transfer, names: Mapping[str, str]) -> Json:
    """A transfer that nobody has accepted yet."""
    return {
        "from": agent_json(offer.from_id, names),
        "to": agent_json(offer.to_id, names),
        "skill": offer.skill,
        "note": offer.note,
        "until": offer.until,
    }


def agent_json(agent_id: str | None, names: Mapping[str, str]) -> Json | None:
    """Somebody by id and name, where more is not told of them; None is the system.

    What was done on the command line is the system's, too.
    """
    return None if agent_id is None else {"id": agent_id, "name": names.get(agent_id, "")}


def actions(
    ticket: Ticket, person: Agent, *, supervises: bool, offer: Transfer | None = None
) -> list[str]:
    """What a person may do with a ticket now; ``offer`` is its transfer, if it has one."""
    mine, state = ticket.owner_id == person.id, ticket.state
    touches = mine or ticket.owner_id is None or supervises
    held, ways = mine and state in _HELD, MOVES[state]
    possible = {
        "accept": mine and state == _S.OFFERED,
        "decline": mine and state == _S.OFFERED,
        "receive": offer is not None and may_receive(offer, person),
        "refuse": offer is not None and offer.to_id == person.id,
        "take": takeable(ticket, person.id, supervises=supervises),
        "reply": held,
        "transfer": held and offer is None,
        "withdraw": mine and offer is not None,
        "pend": mine and state == _S.ACTIVE,
        "snooze": mine and state == _S.ACTIVE,
        "help": mine and state == _S.ACTIVE,
        "resume": mine and state == _S.HELPING,
        "resolve": (mine and state in {*_HELD, *_SET_DOWN})
        or (supervises and state == _S.WAITING),
        "return": (mine or supervises) and _S.RETURNED in ways,
        "reopen": supervises and _S.CLOSED in ways and not ticket.junk,
        "retake": mine and state in {_S.RESOLVED, _S.RETURNED} and not ticket.junk,
        "close": supervises and _S.CLOSED in ways,
        "merge": touches and _S.MERGED in ways,
        "unmerge": touches and state == _S.MERGED,
        "split": touches and state in OPEN_STATES - {_S.NEW},
        "junk": touches and _S.INVALID in ways,
        "unjunk": ticket.junk and state == _S.INVALID,
        "correct": touches and ticket.labels is not None,
    }
    return [action for action, can in possible.items() if can]


def may_receive(offer: Transfer, person: Agent) -> bool:
    """Whether a transfer is offered to a person, or to a skill of theirs."""
    if offer.from_id == person.id:
        return False
    return offer.to_id == person.id or offer.skill in person.skills


def takeable(ticket: Ticket, agent_id: str, *, supervises: bool) -> bool:
    """Whether a ticket waits for anybody, or for this person to go on with it."""
    if ticket.state == _S.WAITING:
        return True
    if ticket.state in _SET_DOWN:
        return ticket.owner_id == agent_id or supervises
    return supervises and ticket.state in LOADED_STATES and ticket.owner_id != agent_id


def caller(sender: Sender | None) -> str:
    """What a customer is called where there is room for one word; “” if nothing is known.

    What identifies them to the channel alone, as a visitor of the chat, tells a reader nothing.
    """
    return masked(sender.name or sender.email or sender.phone or "") if sender else ""


def customer_json(sender: Sender | None, blocked: bool) -> Json:
    """The customer as everybody sees them: enough to recognise, not to copy."""
    values = sender.model_dump(exclude={"is_bot"}) if sender else {}
    shown = {name: masked(value) if value else None for name, value in values.items()}
    return (
        {"external_id": None, "name": None, "email": None, "phone": None}
        | shown
        | {"blocked": blocked}
    )


def entry_json(
    entry: Entry,
    *,
    senders: Mapping[str, Sender],
    names: Mapping[str, str],
    waits_because: str | None,
    find: FindSpans,
    original: str | None = None,
    in_copy: Mapping[int, str] = MappingProxyType({}),
    revealed: bool = False,
) -> Json:
    """One line of a conversation. ``waits_because`` is said of answers that are queued.

    ``original``: the ending of the files that messages of this channel are, as they came; None
    where they are not handed out. ``in_copy``: names of those who get answers, too, by number.

    Telephone numbers that ``find`` sees in a customer's words are masked unless ``revealed``.
    """
    keys = keys_of(entry, find, revealed=revealed)
    entry = entry if revealed else shown(entry, find)
    return {
        "seq": entry.seq,
        "side": entry.side,
        "id": entry.id,
        "ticket_id": entry.ticket_id,
        "at": entry.at,
        "kind": entry.kind,
        "text": entry.text,
        "text_full": entry.text_full if entry.text_full != entry.text else "",
        "keys": keys,
        "has_html": entry.html is not None,
        "original": original if entry.envelope_id and entry.withdrawn_at is None else None,
        "attachments": [
            {name: file.get(name) for name in ("id", "name", "mime", "size", "state")}
            for file in entry.attachments
        ],
        "trust": (entry.trust or {}).get("level"),
        "auto": entry.auto,
        "quarantined": entry.quarantined,
        "also_to": list(entry.also_to),
        "in_copy": entry.in_copy,
        "cc": [in_copy[number] for number in entry.cc if number in in_copy],
        "answers_elsewhere": entry.answers_elsewhere,
        "encrypted": entry.encrypted,
        "earlier": [{"text": v["text"], "at": v["at"]} for v in entry.versions[:-1]],
        "withdrawn_at": entry.withdrawn_at,
        "author": _author(entry, senders, names),
        "state": entry.state or None,
        "error": entry.error,
        "waits_because": waits_because if entry.state == "queued" else None,
    }


def _author(entry: Entry, senders: Mapping[str, Sender], names: Mapping[str, str]) -> str | None:
    """Who wrote a line of a conversation, as others may know them; None if nothing is known."""
    if entry.side == "us":
        return names.get(entry.agent_id or "") or None
    return caller(senders.get(entry.identity_id or "")) or None


def decision_json(
    row: Mapping[str, Any], needs: Needs, names: Mapping[str, str], explain: Explain
) -> Json:
    """Why a ticket was given to somebody, and what came of it."""
    words = words_of(row, needs, names, explain)
    return {
        "agent": agent_json(row["agent_id"], names),
        "at": row["at"],
        "accepted_at": row["accepted_at"],
        "ended_at": row["ended_at"],
        "outcome": row["outcome"],
        "end_words": row["end_words"],
        "by": row["decision"].get("by", "router"),
        "text": words._asdict(),
        "facts": _decision_facts(row["decision"], names),
    }


def _decision_facts(decision: Mapping[str, Any], names: Mapping[str, str]) -> Json | None:
    """What the router knew; None where a person decided. ``others`` counts who is not listed."""
    if "candidates" not in decision:
        return None
    listed = [c for c in decision["candidates"] if c["agent_id"] != "*"]
    return {
        "key": decision["key"],
        "relax_step": decision["relax_step"],
        "rules_version": decision["rules_version"],
        "interrupts": decision.get("interrupts", False),
        "candidates": [
            {
                "agent": agent_json(c["agent_id"], names),
                "outcome": c["outcome"],
                "detail": c["detail"],
            }
            for c in listed
        ],
        "others": {
            c["outcome"]: int(c["detail"]) for c in decision["candidates"] if c not in listed
        },
    }


def waits_json(waits: Waits) -> Json:
    """Why a ticket still waits, and what would change it."""
    return {"text": Words(*waits.text)._asdict(), "facts": dict(waits.facts)}


def words_of(
    row: Mapping[str, Any], needs: Needs, names: Mapping[str, str], explain: Explain
) -> Words:
    """Why somebody has, or had, a ticket: the router's word or that of whoever gave it."""
    decision = row["decision"]
    name = names.get(row["agent_id"], "")
    match decision.get("by"):
        case "hand" if row["given_by"] not in (None, row["agent_id"]):
            giver = names.get(row["given_by"], "")
            return Words(f"由{giver}指派给{name}。", f"{giver} assigned it to {name}.")
        case "hand":
            return Words(f"{name}自己接手。", f"{name} took it by hand.")
        case "transfer":
            giver = names.get(decision.get("from", ""), "")
            note = decision.get("note", "")
            return Words(
                f"由{giver}转给{name}" + (f"：{note}" if note else "。"),
                f"{giver} handed it to {name}" + (f": {note}" if note else "."),
            )
        case "reopened":
            return Words(
                f"客户再次来信，{name}在岗且有余量，直接继续。",
                f"The customer wrote again, and {name} was there with room to go on.",
            )
        case "retaken":
            return Words(
                f"{name}结束后又自己收回，继续处理。", f"{name} had ended it, and took it back."
            )
        case "leaving":
            giver = names.get(decision.get("from", ""), "")
            return Words(f"{giver}离岗，交接给{name}。", f"{giver} left; handed over to {name}.")
    return Words(*explain(decision, needs, names))


def history_json(
    events: Sequence[Event], audits: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[Json]:
    """What the machine recorded and what people did, in order of time."""
    lines = [
        {"at": e.at, "kind": e.kind, "agent": agent_json(e.agent_id, names), "data": e.data}
        for e in events
    ]
    lines += [
        {
            "at": row["at"],
            "kind": row["action"],
            "agent": agent_json(row["agent_id"], names),
            "data": row["detail"],
        }
        for row in audits
    ]
    return sorted(lines, key=lambda line: line["at"])


def clock_json(run: Run) -> Json:
    """A clock; ``state`` is its outcome, once it has stopped."""
    state = "running" if run.since is not None else "paused"
    return {
        "id": run.id,
        "clock": run.kind,
        "state": run.outcome or state,
        "target": run.target,
        "hours": run.hours,
        "started_at": run.started_at,
        "due_at": run.due_at,
        "elapsed": run.elapsed,
        "turns": run.turns,
        "warned_at": run.warned_at,
        "breached_at": run.breached_at,
        "stopped_at": run.stopped_at,
    }


def clocks_json(runs: Sequence[Run]) -> list[Json]:
    """What the page of a ticket shows: of each clock the latest run."""
    latest = {run.kind: run for run in runs}
    return [clock_json(latest[kind]) for kind in ClockKind if kind in latest]


def event_json(event: Event) -> Json:
    """A numbered event as it is pushed."""
    return {
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "ticket_id": event.ticket_id,
        "conversation_id": event.conversation_id,
        "agent_id": event.agent_id,
        "data": event.data,
    }
