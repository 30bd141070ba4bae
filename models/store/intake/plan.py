"""What a batch of messages makes of conversations and tickets: worked out, then written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, union_all

from models.ids import ticket_number
from models.message import InboundMessage
from models.store.dialogue import recipients
from models.store.dialogue.incoming import Incoming, Slot, slot
from models.store.dialogue.people import Known
from models.store.dialogue.revisions import (
    SHOWN,
    Batch,
    name_of,
    noted,
    revise,
    withdraw,
    without_words,
)
from models.store.dialogue.tombstones import hashes_in, leave_files, name_files
from models.store.ground.database import Fields, Tx, dicts
from models.store.ground.sealing import seal
from models.store.intake.continuing import is_from_copied, known_as
from models.store.intake.files import due_files, fetch_no_more, unfetched
from models.store.intake.reopening import (
    REOPENED,
    beside_open_ones,
    bring_back,
    locked_talks,
    next_word,
    reopened,
)
from models.store.tickets.filing import forget_words
from models.store.tickets.ownership import tell
from models.store.tickets.search_index import forget
from models.store.tickets.waiting import PositionOf, afresh, again
from models.tables import audit, conversation, file_due, message, ticket
from models.ticket import OPEN_STATES, TicketState

_REFERENCES = 20
"""RFC 5322 sets no limit; a longer header helps no client."""


class Plan:
    """What one transaction will write, worked out in memory, written set by set."""

    def __init__(self, tx: Tx, hold: float, reopen: float, position_of: PositionOf | None) -> None:
        self._tx = tx
        self._position_of = position_of
        self._hold = hold
        self._window = reopen
        self._conversations: dict[Slot, dict[str, Any]] = {}
        self._taken_up: list[dict[str, Any]] = []
        self._tickets: dict[str, dict[str, Any]] = {}
        self._cases: dict[str, dict[str, Any]] = {}
        self._stay_ended: set[str] = set()
        self._new: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, dict[str, Any]] = {}
        self._messages: list[dict[str, Any]] = []
        self._revised: dict[str, dict[str, Any]] = {}
        self._wordless: dict[str, dict[str, Any]] = {}
        self._audit: list[dict[str, Any]] = []
        self._due: list[dict[str, Any]] = []
        self._withdrawn: set[str] = set()
        self._left: set[str] = set()
        self._reopened: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, bytes] = {}
        """Of ``hosts``, by identity."""

    def hosts(
        self, fresh: Sequence[Incoming], people: Mapping[tuple[str, str], Known]
    ) -> set[str]:
        """Identities whose conversations others write in as well: a group, or those in copy."""
        talks = ((self._conversations[slot(i.message)], i) for i in fresh)
        return {
            str(talk["identity_id"])
            for talk, item in talks
            if (talk["cc"] is not None or not item.private or is_from_copied(item.message))
            and talk["identity_id"]
            != people[item.message.channel, item.message.sender.external_id].id
        }

    async def load(
        self, fresh: Sequence[Incoming], people: Mapping[tuple[str, str], Known]
    ) -> None:
        """Locks the conversations (made where they are new) and reads their tickets."""
        rows = {
            slot(i.message): self._new_conversation(
                i.message, people[i.message.channel, i.message.sender.external_id]
            )
            for i in reversed(fresh)
        }
        await self._tx.insert(conversation, [rows[slot] for slot in sorted(rows)], new_only=True)
        for talk in await locked_talks(self._tx, rows):
            self._conversations[talk["channel"], talk["account"], talk["key"]] = talk
        ids = [row["id"] for row in self._conversations.values()]
        # Locked, because what is read here is written back: nobody may claim or end it meanwhile.
        # What was merged goes on as its survivor, whose conversation may be another.
        t = ticket.c
        here = t.conversation_id.in_(ids)
        # Not by the state “merged”: SQLite would read all that ever were.
        survivors = select(t.merged_into).where(here, t.merged_into.is_not(None))
        # By their ids: of “the one or among the others” PostgreSQL reads every ticket there is.
        past = select(ticket).where(t.id.in_(union_all(select(t.id).where(here), survivors)))
        cases = dicts(
            await self._tx.conn.execute(past.order_by(t.id).with_for_update(key_share=True))
        )
        self._cases |= {case["id"]: case for case in cases}
        for case in sorted(cases, key=next_word):
            self._tickets[case["conversation_id"]] = self._cases.get(case["merged_into"], case)
        others = {case["merged_into"] for case in cases} - {None}
        self._stay_ended = await beside_open_ones(self._tx, [self._cases[id_] for id_ in others])

    def _new_conversation(self, m: InboundMessage, known: Known) -> dict[str, Any]:
        return {
            "id": self._tx.new_id(),
            "channel": m.channel,
            "account": m.account,
            "key": m.conversation_key,
            "identity_id": known.id,
            "subject": m.subject,
            "created_at": self._tx.now,
        }

    def take(self, batch: Batch, people: Mapping[tuple[str, str], Known]) -> None:
        """Everything that is new, and then what changes it or what was there before."""
        shown = batch.originals
        for item in batch.news:
            m = item.message
            row = self.add(item, people[m.channel, m.sender.external_id])
            shown[name_of(m)] = row
            if name_of(m) in batch.gone:
                self._withdraw(row, row["identity_id"])
        for item in batch.changes:
            m = item.message
            self.change(item, people[m.channel, m.sender.external_id], shown[name_of(m)])

    def add(self, item: Incoming, known: Known) -> dict[str, Any]:
        talk = self._conversations[slot(item.message)]
        if talk["last_seq"] == 0 and talk["identity_id"] != known.id:
            # Only a deletion can have come before: the talk belongs to who says the first word.
            talk["identity_id"] = known.id
            self._taken_up.append(talk)
        stranger = item.private and talk["identity_id"] != known.id
        before = self._tickets.get(talk["id"])
        case = before if item.aside else self._case(item, talk, known)
        talk["last_seq"] += 1
        talk["ended_at"] = None
        if not stranger:
            self._answerable(item.message, talk, known)
            self._note_cc(item.message, talk, known)
        row = self._message_row(item, talk, case, known, stranger)
        if stranger and self._in_copy(item.message, talk):
            row["meta"] |= {"in_copy": True}
        self._messages.append(row)
        self._due += due_files(self._tx, row["id"], row)
        if case is not None and case is before and not item.aside:
            self._grow(item, case, stranger)
        self._tell(row, case, **_asked(item, row, joins=case is before))
        return row

    def _tell(self, row: Fields, case: Fields | None, **more: object) -> None:
        self._tx.emit(
            "message.in",
            ticket=row["ticket_id"],
            conversation=row["conversation_id"],
            agent=case.get("owner_id") if case else None,
            seq=row["seq"],
            message=row["id"],
            envelope=row["envelope_id"],
            quarantined=row["quarantined"],
            what=row["kind"],
            **more,
        )

    def change(self, item: Incoming, known: Known, shown: dict[str, Any]) -> None:
        """An edit or a deletion of a message, which stays where it is in the log.

        Only its author edits a message; another's edit is shown beside it, as a stranger's.
        """
        talk = self._conversations[slot(item.message)]
        case = self._case_of(shown, item, talk, known)
        talk["last_seq"] += 1
        foreign = item.message.kind != "delete" and shown["identity_id"] != known.id
        row = self._message_row(item, talk, case, known, foreign)
        row["kind"] = "delete" if item.message.kind == "delete" else "edit"
        if not foreign:
            row["attachments"] = unfetched(row["attachments"], shown["attachments"])
            if row["kind"] == "delete":
                self._withdraw(shown, known.id)
            elif shown["withdrawn_at"] is not None:
                self._left.update(hashes_in(row["attachments"]))
            elif revise(shown, row):
                self._due += due_files(self._tx, shown["id"], row)
                if case is not None:
                    self._relabel(case, hollow=item.hollow)
            self._revised[shown["id"]] = shown
            row = noted(row, shown["id"])
        self._messages.append(row)
        self._tell(row, case)

    def _case_of(
        self, shown: dict[str, Any], item: Incoming, talk: Fields, known: Known
    ) -> dict[str, Any] | None:
        """The ticket of what is edited; what was an aside may have become a matter."""
        if shown["ticket_id"] is not None:
            return self._cases[shown["ticket_id"]]
        if item.aside or item.message.kind == "delete" or shown["identity_id"] != known.id:
            return None
        case = self._case(item, talk, known)
        shown["ticket_id"] = case["id"]
        return case

    def _withdraw(self, shown: dict[str, Any], identity_id: str) -> None:
        """Nothing of it stays where people read: text, files, and the reasons of the labels."""
        files = {*hashes_in(shown["attachments"]), *hashes_in(shown["versions"])}
        if not withdraw(shown, self._tx.now):
            return
        self._left |= files
        self._withdrawn.add(shown["id"])
        case = self._cases.get(shown["ticket_id"])
        if case is not None:
            case["labels"] = without_words(case.get("labels"))
            self._wordless[case["id"]] = case
            self._relabel(case, hollow=True)
        self._audit.append(
            {
                "id": self._tx.new_id(),
                "at": self._tx.now,
                "agent_id": None,
                "action": "message.withdrawn",
                "subject": shown["ticket_id"] or shown["id"],
                "detail": {"message": shown["id"], "seq": shown["seq"], "identity": identity_id},
            }
        )

    def _relabel(self, case: dict[str, Any], *, hollow: bool) -> None:
        """The ticket says something else now; one that has ended keeps its labels."""
        case["updated_at"] = self._tx.now
        case["text_version"] += 1
        case["label_due"] = case["state"] in OPEN_STATES
        if not hollow:
            case["held_until"] = 0.0
        if case["id"] not in self._new:
            self._changed[case["id"]] = case

    def _case(self, item: Incoming, talk: Fields, known: Known) -> dict[str, Any]:
        """The ticket the message belongs to, made when there is none it can join."""
        case = self._tickets.get(talk["id"])
        if case and (case["state"] in OPEN_STATES or self._joins_ended(item, case, known)):
            return case
        m = item.message
        before = case["id"] if case and not case["junk"] else None
        case = {
            "id": self._tx.new_id(),
            "conversation_id": talk["id"],
            "customer_id": known.customer_id,
            "channel": m.channel,
            "lane": item.lane.value,
            "state": TicketState.INVALID if known.blocked else TicketState.NEW,
            "junk": known.blocked,
            "subject": m.subject,
            "lang": m.lang,
            "created_at": m.received_at.timestamp(),
            "updated_at": self._tx.now,
            "label_due": not known.blocked,
            "held_until": self._tx.now + self._hold if item.hollow else 0.0,
            "text_version": 1,
            "trouble": item.trouble,
            "queued_at": m.received_at.timestamp(),
            "predecessor_id": before,
        }
        self._new[case["id"]] = self._cases[case["id"]] = case
        self._tickets[talk["id"]] = case
        return case

    def _joins_ended(self, item: Incoming, case: Fields, known: Known) -> bool:
        """Whether the message goes to a ticket that has ended: thanks, or a reopening."""
        if case["junk"] and known.blocked:
            return True
        if case["state"] not in REOPENED:
            return False
        if case["id"] in self._stay_ended and _goes_on(item):
            return False
        ended = case["ended_at"] or case["resolved_at"] or 0.0
        return bool(ended + self._window >= self._tx.now)

    def _grow(self, item: Incoming, case: dict[str, Any], stranger: bool) -> None:
        """The next word on a ticket that was there before.

        A stranger's is no word of the customer, but a ticket that nobody works on comes back
        for it too: else nobody would ever see it.
        """
        change: dict[str, Any] = {"updated_at": self._tx.now}
        if _goes_on(item):
            if not stranger:
                change |= {"text_version": case["text_version"] + 1, "held_until": 0.0}
                change["label_due"] = case["state"] in OPEN_STATES
            if case["state"] in _RETURNING:
                change |= self._return_to_queue(item, case)
            elif case["state"] in REOPENED:
                self._reopened[case["id"]] = dict(case)
                change |= reopened(case) | again(case, self._tx.now, self._position_of)
        case.update(change)
        if case["id"] not in self._new:
            self._changed[case["id"]] = case

    def _return_to_queue(self, item: Incoming, case: Fields) -> dict[str, Any]:
        """Back to the queue: coming back needs a claim, first that of the former owner."""
        since = item.message.received_at.timestamp()
        tell(self._tx, "ticket.returned", case, TicketState.WAITING, None)
        place = afresh(case, since, self._tx.now, self._position_of)
        return reopened(case) | {"queued_at": since} | place

    def _answerable(self, m: InboundMessage, talk: dict[str, Any], known: Known) -> None:
        """Where the next answer goes, and what it answers.

        A sender who is proven to be another (a forged From), or is not proven at all, may have
        set a Reply-To of their own: the answers of a conversation that has a way back keep it,
        and no program changes it.
        Where there is none yet, an agent must be able to answer all the same: a person may stand
        behind a list, or write of an absence note. Whoever writes, the way back is sealed with
        the key of whose conversation it is: with that one it is opened.
        """
        if m.reply_route is None or m.auto in {"bounce", "self"}:
            return
        if talk["route"] is not None and (m.auto != "none" or m.trust.level == "failed"):
            return
        if talk["route"] is None or "answers_elsewhere" not in m.meta:
            key = self.keys.get(talk["identity_id"], known.key)
            talk["route"] = seal(key, m.reply_route.model_dump_json().encode())
        talk["reply_to"] = m.meta.get("message_id", m.external_id)
        talk["references"] = [*talk["references"], talk["reply_to"]][-_REFERENCES:]

    def _note_cc(self, m: InboundMessage, talk: dict[str, Any], known: Known) -> None:
        """Who may be put in copy: only the customer says so, and what is forged says nothing."""
        if m.auto == "none" and m.trust.level != "failed" and (m.cc or talk["cc"]):
            key = self.keys.get(talk["identity_id"], known.key)
            talk["cc"] = recipients.noted(key, talk["cc"], m.cc)

    def _in_copy(self, m: InboundMessage, talk: Fields) -> bool:
        """Whether a stranger says that they are one of those whom the customer named."""
        if m.trust.level == "failed" or not m.sender.email:
            return False
        return recipients.in_copy(self.keys.get(talk["identity_id"]), talk["cc"], m.sender.email)

    def _message_row(
        self,
        item: Incoming,
        talk: Fields,
        case: Fields | None,
        known: Known,
        stranger: bool,
    ) -> dict[str, Any]:
        m = item.message
        same = m.model_dump(
            mode="json",
            include={
                "id", "kind", "channel", "account", "external_id", "revision", "trust",
                "subject", "text", "text_full", "html", "attachments", "lang", "auto",
                "order_key", "parser_version", "meta",
            },
        )  # fmt: skip
        return same | {
            "conversation_id": talk["id"],
            "ticket_id": case["id"] if case else None,
            "identity_id": known.id,
            "envelope_id": item.envelope_id,
            "known_as": known_as(m),
            "seq": talk["last_seq"],
            "quarantined": stranger,
            "versions": None,
            "withdrawn_at": None,
            "changes_id": None,
            "sent_at": m.sent_at.timestamp() if m.sent_at else None,
            "received_at": m.received_at.timestamp(),
        }

    async def reopen(self) -> None:
        """What was reopened goes to who had it, if they can take it."""
        await bring_back(self._tx, self._reopened, self._cases)

    async def number(self, zone: ZoneInfo) -> None:
        """Gives the new tickets their numbers, from the day's counter."""
        if not self._new:
            return
        day = datetime.fromtimestamp(self._tx.now, UTC).astimezone(zone)
        last = await self._tx.bump(f"ticket:{day:%Y%m%d}", len(self._new))
        for serial, row in enumerate(self._new.values(), last - len(self._new) + 1):
            row["number"] = ticket_number(day, serial)
            self._tx.emit(
                "ticket.created",
                ticket=row["id"],
                conversation=row["conversation_id"],
                number=row["number"],
                before=None,
                state=row["state"],
                owner=None,
                former=None,
                predecessor=row["predecessor_id"],
            )

    @property
    def ticket_ids(self) -> list[str]:
        return sorted({row["ticket_id"] for row in self._messages} - {None})

    async def store(self) -> None:
        tx = self._tx
        await tx.insert(ticket, list(self._new.values()))
        await tx.update_each(ticket, _MUTABLE, list(self._changed.values()))
        await tx.insert(message, self._messages)
        await name_files(tx, {h for row in self._messages for h in hashes_in(row["attachments"])})
        await leave_files(tx, self._left)
        stored = {row["id"] for row in self._messages}
        revised = [row for id_, row in self._revised.items() if id_ not in stored]
        await tx.update_each(message, SHOWN, revised)
        wordless = [case for id_, case in self._wordless.items() if id_ not in self._new]
        await tx.update_each(ticket, ("labels",), wordless)
        if self._wordless:
            await forget_words(tx, self._wordless)
            await forget(tx, self._wordless)
        await tx.insert(audit, self._audit)
        await tx.insert(file_due, [f for f in self._due if f["message_id"] not in self._withdrawn])
        if self._withdrawn:
            await fetch_no_more(tx, self._withdrawn)
        talks = list(self._conversations.values())
        await tx.update_each(conversation, _TALK, talks)
        await tx.update_each(conversation, ("identity_id",), self._taken_up)


def _goes_on(item: Incoming) -> bool:
    """Whether a ticket that was there before goes on by this word of a person."""
    return item.message.auto in _SPOKEN and not item.hollow


def _asked(item: Incoming, row: Fields, *, joins: bool) -> dict[str, object]:
    """Of a word of the customer that wants an answer: since when, and whether it presses."""
    if item.aside:
        return {"aside": True}
    if row["quarantined"] or item.hollow:
        return {}
    if item.message.auto not in (_SPOKEN if joins else {"none"}):
        return {}
    asked: dict[str, object] = {"asks": True, "received_at": row["received_at"]}
    pressing = joins and item.pressing(item.message.text)
    return asked | ({"pressing": True} if pressing else {})


_TALK = ("route", "cc", "reply_to", "references", "last_seq", "ended_at")

_SPOKEN = frozenset({"none", "list"})
"""Kinds of mail by which a conversation goes on: a list or a group hands on what people write."""

_RETURNING = {TicketState.PENDING, TicketState.SNOOZED}
"""What the customer's word brings back to the queue, as if it had come now."""

_MUTABLE = (
    "updated_at", "text_version", "held_until", "label_due", "state", "sticky_id", "owner_id",
    "epoch", "queued_at", "clock_at", "sort_key", "late", "relax_step", "next_step_at",
    "excluded", "resolved_at",
)  # fmt: skip
