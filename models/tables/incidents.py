"""Incidents (危机): complaints about one matter, and the one text that goes to all of them."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    text,
)

from models.tables.columns import Line, Words, flag, identifier, metadata, where

incident = Table(
    "incident",
    metadata,
    identifier(primary_key=True),
    Column("state", String(8), nullable=False, server_default="open"),
    flag("drill"),  # its members are simulated, and nobody is written to
    Column(
        "title", Words, nullable=False, server_default="", comment="A drill's; else by domain."
    ),
    Column("domain", Line(64), nullable=False, server_default=""),
    identifier("typical_id", ForeignKey("ticket.id")),
    # In the comments of these tables “models.likeness” is models.similarity: they are as migrated.
    Column("middle", LargeBinary, nullable=False, comment="models.likeness: who else joins it."),
    Column("opened_at", Double, nullable=False),
    identifier("opened_by", ForeignKey("agent.id")),
    Column("closed_at", Double),
    identifier("closed_by", ForeignKey("agent.id")),
    Column("summary", Words, nullable=False, server_default=""),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
    Index("ix_incident_opened", "state", "opened_at"),
)

incident_text = Table(
    "incident_text",
    metadata,
    identifier(primary_key=True),
    identifier("incident_id", ForeignKey("incident.id"), nullable=False, index=True),
    Column("zh", Words, nullable=False),
    Column("en", Words, nullable=False),
    identifier("author_id", ForeignKey("agent.id"), nullable=False),
    Column("created_at", Double, nullable=False),
    identifier("approved_by", ForeignKey("agent.id")),
    Column("approved_at", Double),
)

incident_member = Table(
    "incident_member",
    metadata,
    identifier(primary_key=True),
    identifier("incident_id", ForeignKey("incident.id"), nullable=False),
    # A complaint belongs to one incident; null: simulated, in a drill.
    identifier("ticket_id", ForeignKey("ticket.id"), unique=True),
    Column("name", Line(64), nullable=False, server_default="", comment="Of a simulated one."),
    Column("joined_at", Double, nullable=False),
    Column("removed_at", Double, comment="Since when a person says it is about something else."),
    identifier("text_id", ForeignKey("incident_text.id")),
    Column("told_at", Double),
    identifier("outbound_id", ForeignKey("outbound.id")),
    CheckConstraint("outbound_id IS NULL OR ticket_id IS NOT NULL", name="simulated"),
    Index("ix_incident_member_incident", "incident_id", "id"),
)

complaint_likeness = Table(
    "complaint_likeness",
    metadata,
    identifier("ticket_id", ForeignKey("ticket.id"), primary_key=True),
    identifier("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("at", Double, nullable=False, comment="When it was said."),
    Column("features", LargeBinary, nullable=False, comment="models.likeness; no words in it."),
    flag("counts"),  # its labels say today that it is compared
    identifier("incident_id", ForeignKey("incident.id")),
    Index(
        "ix_complaint_likeness_at",
        "at",
        **where("counts AND incident_id IS NULL"),
    ),
)

FREE = text("complaint_likeness.counts AND complaint_likeness.incident_id IS NULL")
"""The condition of ``ix_complaint_likeness_at``, word for word."""
