"""What was said, both ways, with its files and its way to the customer."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from models.tables.columns import Line, Long, Words, flag, identifier, metadata, number, where

conversation = Table(
    "conversation",
    metadata,
    identifier(primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("key", Line(255), nullable=False),
    identifier("identity_id", ForeignKey("identity.id"), nullable=False, index=True),
    Column("subject", Words, nullable=False, server_default=""),
    Column("route", LargeBinary, comment="Sealed ReplyRoute of the last trusted message."),
    Column("cc", LargeBinary, comment="Sealed: who else may get answers, by number."),
    Column("reply_to", Words, comment="External id that the next answer replies to."),
    Column("references", JSON, nullable=False, server_default="[]"),
    number("last_seq"),
    number("read_seq"),
    number("seen_seq"),
    Column("ended_at", Double),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("channel", "account", "key"),
)

message = Table(
    "message",
    metadata,
    identifier(primary_key=True),
    identifier("conversation_id", ForeignKey("conversation.id"), nullable=False),
    # Null: a question that was answered at once, by somebody without a ticket.
    identifier("ticket_id", ForeignKey("ticket.id"), index=True),
    identifier("identity_id", ForeignKey("identity.id"), nullable=False, index=True),
    identifier("envelope_id", ForeignKey("envelope.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("external_id", Line(255), nullable=False),
    # Where others refer to it by another name than the channel's own: its Message-ID.
    Column("known_as", Line(255)),
    Column("revision", Long, nullable=False),
    Column("trust", JSON, nullable=False),
    Column("subject", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("text_full", Words, nullable=False),
    Column("html", Words),
    Column("attachments", JSON, nullable=False),
    Column("lang", Line(16), nullable=False),
    Column("auto", String(12), nullable=False),
    flag("quarantined"),
    Column("sent_at", Double),
    Column("received_at", Double, nullable=False),
    Column("order_key", Line(64), nullable=False),
    Column("parser_version", Integer, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("versions", JSON(none_as_null=True)),  # of an edited one: all, oldest first
    Column("withdrawn_at", Double),
    identifier("changes_id"),  # the message that this edit or deletion changed
    UniqueConstraint("channel", "account", "external_id", "revision"),
    UniqueConstraint("conversation_id", "seq"),
    Index(
        "ix_message_known_as", "channel", "account", "known_as", **where("known_as IS NOT NULL")
    ),
    # The database itself refuses to show a message twice.
    Index(
        "uq_message_shown",
        "channel",
        "account",
        "external_id",
        unique=True,
        **where("kind = 'message'"),
    ),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("account", Line(255), primary_key=True),
    Column("external_id", Line(255), primary_key=True),  # of what was deleted before it came
    identifier("envelope_id", ForeignKey("envelope.id"), nullable=False),
    Column("at", Double, nullable=False),
)

outbound = Table(
    "outbound",
    metadata,
    identifier(primary_key=True),
    identifier("conversation_id", ForeignKey("conversation.id"), nullable=False),
    identifier("ticket_id", ForeignKey("ticket.id"), index=True),
    identifier("agent_id", ForeignKey("agent.id")),
    Column("client_id", Line(64), nullable=False, unique=True, comment="Idempotency key."),
    Column("seq", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("text", Words, nullable=False),
    Column("attachments", JSON, nullable=False, server_default="[]"),
    Column("template", Words, comment="Name, language and version of what it was made from."),
    Column("choices", JSON(none_as_null=True), comment="models.message.Choice"),
    Column("cc", JSON(none_as_null=True), comment="Numbers of those who get it, too."),
    Column("channel", String(32), nullable=False),
    Column("state", String(12), nullable=False, server_default="queued"),
    number("attempts"),
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
    Index("ix_outbound_todo", "not_before", **where("state IN ('queued', 'sending')")),
    Index("ix_outbound_unsettled", "state", "id", **where("state NOT IN ('sent', 'delivered')")),
    Index("ix_outbound_provider", "channel", "provider_id", **where("provider_id IS NOT NULL")),
)

upload = Table(
    "upload",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("name", Line(255), nullable=False),
    Column("mime", Line(127), nullable=False),
    Column("size", Integer, nullable=False, comment="Bytes."),
    Column("sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    identifier(primary_key=True),
    identifier("outbound_id", ForeignKey("outbound.id"), nullable=False),
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
    identifier(primary_key=True),
    identifier("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("attachment_id", Line(128), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("account", Line(255), nullable=False),
    Column("ref", JSON, nullable=False, comment="The channel's own name of the file."),
    Column("state", String(8), nullable=False, server_default="new"),
    number("attempts"),
    Column("lease", String(36)),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, server_default=text("0")),
    Column("error", Words),
    CheckConstraint("state IN ('new', 'done', 'refused')", name="state"),
    Index("ix_file_due_todo", "not_before", **where("state = 'new'")),
)

call = Table(
    "call",
    metadata,
    identifier(primary_key=True),
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
