"""Complaints in a table of their own, improvements, helpers, sub-tasks and internal notes.

Revision 0012, after 0011. ``ticket.complaint`` was never written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("ticket", "complaint")
    op.create_table(
        "complaint",
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("withdrawn_at", sa.Double(), comment="It turned out to be no complaint."),
        sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("complained_at", sa.Double(), nullable=False),
        sa.Column(
            "complainant",
            sa.LargeBinary(),
            comment="Sealed with the customer's key; null: the sender.",
        ),
        sa.Column("matter", sa.Text(), server_default="", nullable=False),
        sa.Column("matter_by", sa.String(36), comment="Null: the customer's own words."),
        sa.Column("domain", sa.String(64), server_default="", nullable=False),
        sa.Column("department", sa.String(64), server_default="", nullable=False),
        sa.Column("department_by", sa.String(36), comment="Null: by the rules."),
        sa.Column("cause", sa.String(64), server_default="", nullable=False),
        sa.Column("product", sa.String(64), server_default="", nullable=False),
        sa.Column("major", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("repeat_of", sa.String(36)),
        sa.Column("repeat_by", sa.String(36), comment="Null: found by itself."),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("responsibility", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_word", sa.String(12), comment="models.complaint.Word"),
        sa.Column("customer_said", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_at", sa.Double()),
        sa.Column("reviewed_by", sa.String(36)),
        sa.Column("reviewed_at", sa.Double()),
        sa.Column("review_passed", sa.Boolean()),
        sa.Column("review", sa.Text(), server_default="", nullable=False),
        sa.Column("called_back_by", sa.String(36)),
        sa.Column("called_back_at", sa.Double()),
        sa.Column("reached", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("call_back", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["called_back_by"], ["agent.id"], name=op.f("fk_complaint_called_back_by")
        ),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["agent.id"], name=op.f("fk_complaint_reviewed_by")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_complaint_ticket_id")),
        sa.ForeignKeyConstraint(["repeat_of"], ["ticket.id"], name=op.f("fk_complaint_repeat_of")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_complaint")),
    )
    op.create_index("ix_complaint_complained", "complaint", ["complained_at"])
    op.create_index("ix_complaint_repeat_of", "complaint", ["repeat_of"])
    op.create_table(
        "improvement",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.String(36), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(9), server_default="open", nullable=False),
        sa.Column("proof", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("late_at", sa.Double(), comment="When its time ran out undone."),
        sa.Column("ended_at", sa.Double()),
        sa.Column("ended_by", sa.String(36)),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'cancelled')",
            name=op.f("ck_improvement_state"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["agent.id"], name=op.f("fk_improvement_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_improvement_ticket_id")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["agent.id"], name=op.f("fk_improvement_ended_by")),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_improvement_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_improvement")),
    )
    op.create_index(
        "ix_improvement_owner",
        "improvement",
        ["owner_id", "due_at"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_improvement_ticket_id", "improvement", ["ticket_id"])
    op.create_table(
        "helper",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("units", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.String(36)),
        sa.Column("ended_at", sa.Double()),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_helper_agent_id")),
        sa.ForeignKeyConstraint(["added_by"], ["agent.id"], name=op.f("fk_helper_added_by")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_helper_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_helper")),
    )
    op.create_index("ix_helper_agent_id", "helper", ["agent_id"])
    op.create_index(
        "uq_helper_live",
        "helper",
        ["ticket_id", "agent_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "subtask",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("department", sa.String(64), server_default="", nullable=False),
        sa.Column("assignee_id", sa.String(36)),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(9), server_default="open", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(36)),
        sa.Column("late_at", sa.Double(), comment="When its time ran out undone."),
        sa.Column("ended_at", sa.Double()),
        sa.Column("ended_by", sa.String(36)),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'cancelled')", name=op.f("ck_subtask_state")
        ),
        sa.ForeignKeyConstraint(["ended_by"], ["agent.id"], name=op.f("fk_subtask_ended_by")),
        sa.ForeignKeyConstraint(["created_by"], ["agent.id"], name=op.f("fk_subtask_created_by")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_subtask_ticket_id")),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["agent.id"], name=op.f("fk_subtask_assignee_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subtask")),
    )
    op.create_index(
        "ix_subtask_assignee",
        "subtask",
        ["assignee_id", "due_at"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_subtask_department",
        "subtask",
        ["department", "due_at"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_subtask_ticket_id", "subtask", ["ticket_id"])
    op.create_table(
        "note",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("agent_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_note_agent_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_note_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index("ix_note_ticket_id", "note", ["ticket_id"])
