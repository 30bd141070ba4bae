"""Complaints: what is known of each and what was done, and what is to get better by them."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
)

from models.tables.columns import Line, Words, flag, identifier, metadata, where

complaint = Table(
    "complaint",
    metadata,
    identifier("ticket_id", ForeignKey("ticket.id"), primary_key=True),
    Column("opened_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("withdrawn_at", Double, comment="It turned out to be no complaint."),
    flag("by_hand"),  # a person has worked on it: the classifier does not take it back
    # 投诉时间、投诉人、投诉事项、责任部门.
    Column("complained_at", Double, nullable=False),
    Column(
        "complainant", LargeBinary, comment="Sealed with the customer's key; null: the sender."
    ),
    Column("matter", Words, nullable=False, server_default=""),
    identifier("matter_by", comment="Null: the customer's own words."),
    Column("domain", Line(64), nullable=False, server_default=""),
    Column("department", Line(64), nullable=False, server_default=""),
    identifier("department_by", comment="Null: by the rules."),
    Column("cause", Line(64), nullable=False, server_default=""),
    Column("product", Line(64), nullable=False, server_default=""),
    flag("major"),
    # 重复投诉: the first complaint about the same matter.
    identifier("repeat_of", ForeignKey("ticket.id"), index=True),
    identifier("repeat_by", comment="Null: found by itself."),
    # What closes it: models.complaint.gaps.
    Column("outcome", Words, nullable=False, server_default=""),
    Column("responsibility", Words, nullable=False, server_default=""),
    Column("customer_word", String(12), comment="models.complaint.Word"),
    Column("customer_said", Words, nullable=False, server_default=""),
    Column("customer_at", Double),
    identifier("reviewed_by", ForeignKey("agent.id")),
    Column("reviewed_at", Double),
    Column("review_passed", Boolean),
    Column("review", Words, nullable=False, server_default=""),
    identifier("called_back_by", ForeignKey("agent.id")),
    Column("called_back_at", Double),
    flag("reached"),
    Column("call_back", Words, nullable=False, server_default=""),
    Index("ix_complaint_complained", "complained_at"),
)

improvement = Table(
    "improvement",
    metadata,
    identifier(primary_key=True),
    identifier("ticket_id", ForeignKey("ticket.id"), nullable=False, index=True),
    Column("text", Words, nullable=False),
    identifier("owner_id", ForeignKey("agent.id"), nullable=False),
    Column("due_at", Double, nullable=False),
    Column("state", String(9), nullable=False, server_default="open"),
    Column("proof", Words, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    identifier("created_by", ForeignKey("agent.id"), nullable=False),
    Column("late_at", Double, comment="When its time ran out undone."),
    Column("ended_at", Double),
    identifier("ended_by", ForeignKey("agent.id")),
    CheckConstraint("state IN ('open', 'done', 'cancelled')", name="state"),
    Index("ix_improvement_owner", "owner_id", "due_at", **where("state = 'open'")),
)
