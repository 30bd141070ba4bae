"""Every table. Times are seconds since the epoch (UTC, double); ids are UUIDv7 text.

Truth is here; everything else (Redis, sockets, caches) may be thrown away at any moment.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from models import storable
from models.ticket import OPEN_STATES


class Line(TypeDecorator[str]):
    """Text of limited length that somebody else chose: see ``models.storable``."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, _dialect: object) -> str | None:
        return None if value is None else storable.line(value, self.length)


class Words(TypeDecorator[str]):
    """Text of any length that somebody else wrote."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: object) -> str | None:
        return None if value is None else storable.text(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Long = BigInteger().with_variant(Integer(), "sqlite")

_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))


def _id(name: str = "id", *args: object, **options: object) -> Column[str]:
    return Column(name, String(36), *args, **options)  # type: ignore[arg-type]


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


counter = Table(
    "counter",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

envelope = Table(
    "envelope",
    metadata,
    _id(primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("dedupe_key", Line(255), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("body", LargeBinary, comment="Null when the content is a blob."),
    Column("transport", JSON, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("lane", Integer, nullable=False, comment="0 live, 1 mail: leased in this order."),
    Column("state", String(8), nullable=False, server_default="new"),
    _flag("suspect"),
    _number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    Column("finished_at", Double),
    UniqueConstraint("channel", "account", "dedupe_key"),
    CheckConstraint("state IN ('new', 'done', 'parked')", name="state"),
    Index("ix_envelope_todo", "lane", "suspect", "id", **_where("state = 'new'")),
    Index("ix_envelope_leased", "lease_until", **_where("lease IS NOT NULL")),
    Index("ix_envelope_parked", "id", **_where("state = 'parked'")),
)

customer = Table(
    "customer",
    metadata,
    _id(primary_key=True),
    Column("tier", String(16), nullable=False, server_default="standard"),
    Column("key", LargeBinary, comment="Wrapped by the master key; erased with the person."),
    Column("created_at", Double, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    _id(primary_key=True),
    _id("customer_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("channel", String(32), nullable=False),
    Column("lookup", String(64), nullable=False, unique=True, comment="HMAC of the value."),
    Column("sealed", LargeBinary, nullable=False, comment="JSON value, name, email, phone."),
    _flag("blocked"),
    Column("created_at", Double, nullable=False),
)

proof = Table(
    "proof",
    metadata,
    Column("lookup", String(64), primary_key=True, comment="HMAC of what is proven."),
    _id("identity_id", ForeignKey("identity.id"), primary_key=True, index=True),
    Column("kind", String(8), nullable=False),
    Column("method", Line(64), nullable=False),
    _id("message_id", nullable=False),
    Column("at", Double, nullable=False),
)

customer_link = Table(
    "customer_link",
    metadata,
    _id(primary_key=True),
    _id("first_id", ForeignKey("customer.id"), nullable=False),
    _id("second_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("lookup", String(64), nullable=False, comment="The proof that both have."),
    Column("kind", String(8), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Column("undone_at", Double),
    _id("undone_by", ForeignKey("agent.id")),
    UniqueConstraint("first_id", "second_id", "lookup"),
)

conversation = Table(
    "conversation",
    metadata,
    _id(primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("key", Line(255), nullable=False),
    _id("identity_id", ForeignKey("identity.id"), nullable=False, index=True),
    Column("subject", Words, nullable=False, server_default=""),
    Column("route", LargeBinary, comment="Sealed ReplyRoute of the last trusted message."),
    Column("reply_to", Words, comment="External id that the next answer replies to."),
    Column("references", JSON, nullable=False, server_default="[]"),
    _number("last_seq"),
    _number("read_seq"),
    _number("seen_seq"),
    Column("ended_at", Double),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("channel", "account", "key"),
)

agent = Table(
    "agent",
    metadata,
    _id(primary_key=True),
    Column("login", Line(64), nullable=False, unique=True),
    Column("name", Line(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False, comment="argon2id."),
    Column("skills", JSON, nullable=False, server_default="{}"),
    _number("capacity", 6),
    _number("used"),
    Column("presence", String(16), nullable=False, server_default="offline"),
    Column("presence_at", Double, nullable=False, server_default=text("0")),
    Column("heartbeat_at", Double, nullable=False, server_default=text("0")),
    Column("idle_since", Double, nullable=False, server_default=text("0")),
    Column("overstay_at", Double, comment="When they were told that they are away too long."),
    Column("shift_ends_at", Double),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    CheckConstraint("used >= 0", name="used"),
)

credential = Table(
    "credential",
    metadata,
    _id(primary_key=True),
    _id("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("name", Line(64), nullable=False, server_default=""),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256 of the token."),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    CheckConstraint("kind IN ('session', 'token')", name="kind"),
)

skill_class = Table(
    "skill_class",
    metadata,
    Column("name", String(512), primary_key=True),
    Column("needs", JSON, nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    _id(primary_key=True),
    Column("number", String(24), nullable=False, unique=True),
    _id("conversation_id", ForeignKey("conversation.id"), nullable=False),
    _id("customer_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("channel", String(32), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    _flag("junk"),
    Column("subject", Words, nullable=False, server_default=""),
    Column("lang", Line(16), nullable=False, server_default="und"),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # What it is about.
    Column("labels", JSON, comment="models.ticket.Labels"),
    _flag("label_due"),
    Column("held_until", Double, nullable=False, server_default=text("0")),
    _number("text_version"),
    Column("trouble", Words, comment="Why the raw message could not be read."),
    # Where it waits. sort_key is the class-free part of the key of DESIGN §4.
    Column("skill_class", String(512), ForeignKey("skill_class.name")),
    _flag("by_hand"),  # a person chose the class; labels no longer do
    Column("sort_key", Double),
    Column("clock_at", Double, comment="When its target counts from: queued_at, or opening."),
    Column("target", Double),
    Column("rules_version", String(64), comment="Of the rules that placed it."),
    _flag("late"),
    _number("relax_step"),
    Column("next_step_at", Double, comment="When it is relaxed or late; null: never again."),
    _number("units", 1),
    Column("queued_at", Double),
    Column("routed_at", Double, comment="When labels and queue were first known."),
    Column("first", JSON, nullable=False, server_default="[]", comment="Agents tried before all."),
    _flag("interrupts"),  # may take the place of interruptible work
    Column("wake_at", Double, comment="When a snoozed one comes back by itself."),
    # Who has it.
    _number("epoch"),
    _id("owner_id", ForeignKey("agent.id")),
    _id("sticky_id", ForeignKey("agent.id")),
    Column("excluded", JSON, nullable=False, server_default="[]"),
    Column("offer_until", Double),
    Column("first_answer_at", Double),
    Column("resolved_at", Double),
    # 投诉时间、投诉人、投诉事项、责任部门 (DESIGN §8).
    Column("complaint", JSON),
    Index(
        "uq_ticket_open_conversation",
        "conversation_id",
        unique=True,
        **_where(f"state IN ({_OPEN})"),
    ),
    Index(
        "ix_ticket_queue",
        "skill_class",
        "relax_step",
        "sort_key",
        "id",
        **_where("state = 'waiting'"),
    ),
    # Not by time alone: SQLite would rather read everything that waits by its state.
    Index("ix_ticket_step", "state", "next_step_at", **_where("state = 'waiting'")),
    Index(
        "ix_ticket_interrupting",
        "state",  # as in ix_ticket_step, which SQLite would take otherwise
        "sort_key",
        "id",
        **_where("state = 'waiting' AND interrupts"),
    ),
    Index("ix_ticket_wake", "wake_at", **_where("state = 'snoozed'")),
    Index("ix_ticket_label_due", "id", **_where("label_due")),
    Index("ix_ticket_owner", "owner_id", "state"),
    Index("ix_ticket_conversation", "conversation_id", "created_at"),
    Index("ix_ticket_state", "state", "created_at"),
    Index("ix_ticket_created", "created_at", "skill_class"),
)

assignment = Table(
    "assignment",
    metadata,
    _id(primary_key=True),
    _id("ticket_id", ForeignKey("ticket.id"), nullable=False),
    _id("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("units", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("accepted_at", Double),
    Column("ended_at", Double),
    Column("outcome", String(16)),
    Column("decision", JSON, nullable=False, comment="Why: candidates, key, rules version."),
    # The database itself refuses a second owner.
    Index("uq_assignment_live_ticket", "ticket_id", unique=True, **_where("ended_at IS NULL")),
    Index("ix_assignment_ticket", "ticket_id", "at"),
    Index("ix_assignment_at", "at"),
)

message = Table(
    "message",
    metadata,
    _id(primary_key=True),
    _id("conversation_id", ForeignKey("conversation.id"), nullable=False),
    _id("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    _id("identity_id", ForeignKey("identity.id"), nullable=False),
    _id("envelope_id", ForeignKey("envelope.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("external_id", Line(255), nullable=False),
    Column("revision", _Long, nullable=False),
    Column("trust", JSON, nullable=False),
    Column("subject", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("text_full", Words, nullable=False),
    Column("html", Words),
    Column("attachments", JSON, nullable=False),
    Column("lang", Line(16), nullable=False),
    Column("auto", String(12), nullable=False),
    _flag("quarantined"),
    Column("sent_at", Double),
    Column("received_at", Double, nullable=False),
    Column("order_key", Line(64), nullable=False),
    Column("parser_version", Integer, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("versions", JSON(none_as_null=True)),  # of an edited one: all, oldest first
    Column("withdrawn_at", Double),
    _id("changes_id"),  # the message that this edit or deletion changed
    UniqueConstraint("channel", "account", "external_id", "revision"),
    UniqueConstraint("conversation_id", "seq"),
    # The database itself refuses to show a message twice.
    Index(
        "uq_message_shown",
        "channel",
        "account",
        "external_id",
        unique=True,
        **_where("kind = 'message'"),
    ),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("account", Line(255), primary_key=True),
    Column("external_id", Line(255), primary_key=True),  # of what was deleted before it came
    _id("envelope_id", ForeignKey("envelope.id"), nullable=False),
    Column("at", Double, nullable=False),
)

outbound = Table(
    "outbound",
    metadata,
    _id(primary_key=True),
    _id("conversation_id", ForeignKey("conversation.id"), nullable=False),
    _id("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    _id("agent_id", ForeignKey("agent.id")),
    Column("client_id", Line(64), nullable=False, unique=True, comment="Idempotency key."),
    Column("seq", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("text", Words, nullable=False),
    Column("attachments", JSON, nullable=False, server_default="[]"),
    Column("channel", String(32), nullable=False),
    Column("state", String(12), nullable=False, server_default="queued"),
    _number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("provider_id", Words),
    Column("error", Words),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    UniqueConstraint("conversation_id", "seq"),
    CheckConstraint(
        "state IN ('queued', 'sending', 'waiting', 'sent', 'delivered', 'failed', 'unknown')",
        name="state",
    ),
    Index("ix_outbound_todo", "not_before", **_where("state IN ('queued', 'sending')")),
    Index("ix_outbound_provider", "channel", "provider_id", **_where("provider_id IS NOT NULL")),
)

upload = Table(
    "upload",
    metadata,
    _id(primary_key=True),
    _id("ticket_id", ForeignKey("ticket.id"), nullable=False),
    _id("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("name", Line(255), nullable=False),
    Column("mime", Line(127), nullable=False),
    Column("size", Integer, nullable=False, comment="Bytes."),
    Column("sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    _id(primary_key=True),
    _id("outbound_id", ForeignKey("outbound.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("state", String(8), nullable=False, comment="models.message.SendResult.state"),
    Column("provider_id", Words),
    Column("error", Words),
    Index("ix_delivery_outbound", "outbound_id", "id"),
)

file_due = Table(
    "file_due",
    metadata,
    _id(primary_key=True),
    _id("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("attachment_id", Line(128), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("ref", JSON, nullable=False, comment="The channel's own name of the file."),
    Column("state", String(8), nullable=False, server_default="new"),
    _number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    CheckConstraint("state IN ('new', 'done', 'refused')", name="state"),
    Index("ix_file_due_todo", "not_before", **_where("state = 'new'")),
)

call = Table(
    "call",
    metadata,
    _id(primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("external_id", Line(255), nullable=False),
    Column("first_at", Double, nullable=False, index=True, comment="Of the event told first."),
    Column("rang_at", Double),
    Column("answered_at", Double),
    Column("missed_at", Double),
    Column("rings", Integer, comment="Until it was answered or given up."),
    UniqueConstraint("channel", "account", "external_id"),
)

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    _id("ticket_id"),
    _id("conversation_id"),
    _id("agent_id"),
    Column("data", JSON, nullable=False),
    Index("ix_event_ticket", "ticket_id", "seq"),
)

webhook = Table(
    "webhook",
    metadata,
    _id(primary_key=True),
    Column("url", Words, nullable=False),
    Column("kinds", JSON, nullable=False, comment="Event kinds wanted; none: all."),
    Column("secret", LargeBinary, nullable=False, comment="Sealed with a key of its own."),
    Column("position", BigInteger, nullable=False, comment="Events up to this are spread."),
    Column("pause_until", Double, nullable=False, server_default=text("0")),
    _number("failures"),  # in a row
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    _id("webhook_id", ForeignKey("webhook.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _id("ticket_id"),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False, comment="As it is signed: every attempt is the same."),
    Column("state", String(8), nullable=False, server_default="due"),
    _number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    CheckConstraint("state IN ('due', 'done', 'failed')", name="state"),
    Index("ix_webhook_event_todo", "webhook_id", "ticket_id", "seq", **_where("state = 'due'")),
    Index("ix_webhook_event_finished", "finished_at"),
)

correction = Table(
    "correction",
    metadata,
    _id(primary_key=True),
    _id("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    _id("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Double, nullable=False),
    Column("facet", Line(32), nullable=False),
    Column("before", Line(64), nullable=False),
    Column("after", Line(64), nullable=False),
    Column("upto", Integer, comment="Number of the conversation's last message it was given for."),
    Column("excluded_at", Double, comment="Since when an admin keeps it out of training."),
    _id("excluded_by"),
    Index("ix_correction_at", "at"),
)

bundle = Table(
    "bundle",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card", JSON, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("promoted_at", Double, index=True, comment="The latest of these serves."),
    Column("replaced", String(64), comment="The champion before it: where a rollback leads."),
)

retraining = Table(
    "retraining",
    metadata,
    _id(primary_key=True),
    Column("state", String(12), nullable=False),
    # One at a time: the database itself refuses a second one.
    Column("live", Boolean, nullable=False, server_default=text("true")),
    _flag("cancelled"),
    _id("started_by", ForeignKey("agent.id")),
    Column("seed", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("stage", String(16), nullable=False, server_default="waiting"),
    Column("share", Double, nullable=False, server_default=text("0")),
    Column("seconds_left", Double),
    Column("error", JSON, comment="Why it failed, in both languages."),
    Column("outcome", JSON, comment="models.training.Outcome"),
    Column("bundle_id", String(64), ForeignKey("bundle.id"), index=True),
    Column("upto", Double, comment="Time of the newest correction that was looked at."),
    CheckConstraint(
        "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"
    ),
    Index("uq_retraining_live", "live", unique=True, **_where("live")),
)

rules_version = Table(
    "rules_version",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False, comment="models.routing.Rules"),
    Column("state", String(12), nullable=False, server_default="draft"),
    Column("based_on", Integer),
    Column("why", Words, nullable=False),
    Column("created_at", Double, nullable=False),
    _id("created_by", ForeignKey("agent.id")),
    Column("rehearsal", JSON, comment="The report of its last rehearsal."),
    CheckConstraint("state IN ('draft', 'published', 'retired')", name="state"),
)

rules_publication = Table(
    "rules_publication",
    metadata,
    _id(primary_key=True),
    Column("number", Integer, ForeignKey("rules_version.number"), nullable=False),
    Column("line", JSON, nullable=False, comment="models.routing.Line; empty: everything."),
    Column("why", Words, nullable=False),
    Column("at", Double, nullable=False),
    _id("by", ForeignKey("agent.id")),
    Column("replaced", JSON, nullable=False, comment="Ids of those that it ended."),
    _flag("rollback"),
    Column("ended_at", Double),
    _id("ended_by", ForeignKey("agent.id")),
    Index("ix_rules_publication_open", "id", **_where("ended_at IS NULL")),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(36), nullable=False),
    Column("fence", BigInteger, nullable=False, comment="Grows with every new holder."),
    Column("until", Double, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("account", Line(255), primary_key=True),
    Column("value", JSON, nullable=False, comment="How far a platform was read."),
    Column("updated_at", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _id(primary_key=True),
    Column("at", Double, nullable=False, index=True),
    _id("agent_id"),
    Column("action", String(64), nullable=False),
    Column("subject", Line(64), nullable=False, index=True),
    Column("detail", JSON, nullable=False),
)
