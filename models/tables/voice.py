"""What we say to customers by ourselves, and how content they are."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from models.tables.columns import Line, Words, identifier, metadata, number

wording = Table(
    "wording",
    metadata,
    identifier(primary_key=True),
    Column("name", String(48), nullable=False, comment="models.texts.TEXTS"),
    Column("lang", String(2), nullable=False),
    Column("number", Integer, nullable=False, comment="1, 2, 3 … of a name and language."),
    Column("text", Words, nullable=False),
    Column("why", Words, nullable=False),
    identifier("drafted_by", ForeignKey("agent.id")),
    Column("drafted_at", Double, nullable=False),
    identifier("published_by", ForeignKey("agent.id")),
    Column("published_at", Double, index=True, comment="The latest of these is said."),
    UniqueConstraint("name", "lang", "number"),
)

survey = Table(
    "survey",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False),
    identifier("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    identifier("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("resolved_at", Double, comment="The resolution that it is about."),
    # As they were when it was asked: what figures are broken down by.
    identifier("agent_id", ForeignKey("agent.id")),
    Column("channel", String(32), nullable=False),
    Column("domain", Line(64), nullable=False),
    Column("tier", String(16), nullable=False),
    Column("region", Line(64), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("keys", JSON, nullable=False, comment="Digits that the question offered."),
    Column("asked_at", Double, index=True, comment="Null: nobody asked, a caller said so."),
    Column("expires_at", Double, nullable=False),
    Column("score", Integer, comment="models.satisfaction.Score"),
    Column("solved", Boolean),
    Column("words", Words, nullable=False, server_default=""),
    Column("via", String(8), comment="choice, words, link or caller."),
    identifier("entered_by", ForeignKey("agent.id")),
    Column("answered_at", Double, index=True),
    Column("changed_at", Double),
    number("changes"),
    Column("low_at", Double, comment="When a low answer was told, once."),
    Column("unclear_at", Double, comment="When words were asked for instead of a digit."),
    UniqueConstraint("ticket_id", "resolved_at"),
    Index("ix_survey_customer", "customer_id", "asked_at"),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
)

telling = Table(
    "telling",
    metadata,
    identifier("ticket_id", ForeignKey("ticket.id"), primary_key=True),
    Column("state", String(12), comment="The state that the customer was last told."),
    Column("told_at", Double),
    Column("late_for", Double, comment="The promise that was told to be late."),
)
