"""What is watched of the classifier: figures by day, and a challenger beside the champion."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table

from models.tables.columns import Line, identifier, metadata

label_day = Table(
    "label_day",
    metadata,
    Column("bundle_id", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, comment="Days since 1970-01-01, local."),
    Column("channel", String(32), primary_key=True),
    Column("facet", Line(32), primary_key=True, comment="Empty for what is of the text."),
    Column("measure", String(12), primary_key=True),
    Column("bucket", Line(64), primary_key=True),
    Column("count", Integer, nullable=False),
)

shadow = Table(
    "shadow",
    metadata,
    Column("bundle_id", String(64), ForeignKey("bundle.id"), primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True),
    Column("facet", Line(32), primary_key=True),
    Column("champion_id", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("champion", Line(64), nullable=False),
    Column("challenger", Line(64), nullable=False),
    Column("champion_confidence", Double, nullable=False),
    Column("challenger_confidence", Double, nullable=False),
    Index("ix_shadow_ticket", "ticket_id"),
)
