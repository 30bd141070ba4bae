"""Incidents and follow-ups: complaints about one matter, and calling customers back.

Revision 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "follow_up",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("urgency", sa.String(64), server_default="", nullable=False),
        sa.Column("complaint", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("handler_id", sa.String(36)),
        sa.Column(
            "excluded", sa.JSON(), server_default="[]", nullable=False, comment="Who may not call."
        ),
        sa.Column("skill_class", sa.String(512)),
        sa.Column("units", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column(
            "queued_at", sa.Double(), nullable=False, comment="Since when it has waited this time."
        ),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner_id", sa.String(36)),
        sa.Column("sticky_id", sa.String(36)),
        sa.Column(
            "decision", sa.JSON(), comment="Why it is theirs: candidates, key, rules version."
        ),
        sa.Column("ended_at", sa.Double()),
        sa.Column("score", sa.Integer(), comment="5 is very satisfied, 1 very dissatisfied."),
        sa.Column("solved", sa.Boolean()),
        sa.Column("review", sa.String(12), comment="Of a low result: open, reopened or kept."),
        sa.Column("reviewed_by", sa.String(36)),
        sa.Column("reviewed_at", sa.Double()),
        sa.Column("review_note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'asked', 'cancelled', 'done', 'paused', 'unreached', 'waiting')",
            name=op.f("ck_follow_up_state"),
        ),
        sa.ForeignKeyConstraint(
            ["handler_id"], ["agent.id"], name=op.f("fk_follow_up_handler_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_follow_up_owner_id")),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["agent.id"], name=op.f("fk_follow_up_reviewed_by")
        ),
        sa.ForeignKeyConstraint(
            ["skill_class"], ["skill_class.name"], name=op.f("fk_follow_up_skill_class")
        ),
        sa.ForeignKeyConstraint(["sticky_id"], ["agent.id"], name=op.f("fk_follow_up_sticky_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_follow_up_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
    )
    op.create_index("ix_follow_up_owner", "follow_up", ["owner_id", "state"])
    op.create_index("ix_follow_up_state", "follow_up", ["state", "due_at"])
    op.create_index(op.f("ix_follow_up_ticket_id"), "follow_up", ["ticket_id"])
    op.create_index(
        "ix_follow_up_waiting",
        "follow_up",
        ["due_at", "id"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_follow_up_open_ticket",
        "follow_up",
        ["ticket_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('active', 'asked', 'paused', 'waiting')"),
        postgresql_where=sa.text("state IN ('active', 'asked', 'paused', 'waiting')"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(8), server_default="open", nullable=False),
        sa.Column("drill", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "title",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="A drill's; else by domain.",
        ),
        sa.Column("domain", sa.String(64), server_default="", nullable=False),
        sa.Column("typical_id", sa.String(36)),
        sa.Column(
            "middle",
            sa.LargeBinary(),
            nullable=False,
            comment="models.likeness: who else joins it.",
        ),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("opened_by", sa.String(36)),
        sa.Column("closed_at", sa.Double()),
        sa.Column("closed_by", sa.String(36)),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_incident_state")),
        sa.ForeignKeyConstraint(["closed_by"], ["agent.id"], name=op.f("fk_incident_closed_by")),
        sa.ForeignKeyConstraint(["opened_by"], ["agent.id"], name=op.f("fk_incident_opened_by")),
        sa.ForeignKeyConstraint(
            ["typical_id"], ["ticket.id"], name=op.f("fk_incident_typical_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index("ix_incident_opened", "incident", ["state", "opened_at"])
    op.create_table(
        "complaint_likeness",
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False, comment="When it was said."),
        sa.Column(
            "features",
            sa.LargeBinary(),
            nullable=False,
            comment="models.likeness; no words in it.",
        ),
        sa.Column("counts", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("incident_id", sa.String(36)),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_complaint_likeness_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_complaint_likeness_incident_id")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_complaint_likeness_ticket_id")
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_complaint_likeness")),
    )
    op.create_index(
        "ix_complaint_likeness_at",
        "complaint_likeness",
        ["at"],
        sqlite_where=sa.text("counts AND incident_id IS NULL"),
        postgresql_where=sa.text("counts AND incident_id IS NULL"),
    )
    op.create_table(
        "follow_up_attempt",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("follow_up_id", sa.String(36), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.String(36)),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column(
            "channel", sa.String(32), nullable=False, comment="“phone”, or whose text went out."
        ),
        sa.Column("reached", sa.Boolean(), comment="Null: written to, and not answered yet."),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("score", sa.Integer()),
        sa.Column("solved", sa.Boolean()),
        sa.Column("conversation_id", sa.String(36)),
        sa.Column("outbound_id", sa.String(36)),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_follow_up_attempt_agent_id")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_follow_up_attempt_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["follow_up_id"], ["follow_up.id"], name=op.f("fk_follow_up_attempt_follow_up_id")
        ),
        sa.ForeignKeyConstraint(
            ["outbound_id"], ["outbound.id"], name=op.f("fk_follow_up_attempt_outbound_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_attempt")),
        sa.UniqueConstraint("client_id", name=op.f("uq_follow_up_attempt_client_id")),
    )
    op.create_index(
        op.f("ix_follow_up_attempt_conversation_id"), "follow_up_attempt", ["conversation_id"]
    )
    op.create_index(
        op.f("ix_follow_up_attempt_follow_up_id"), "follow_up_attempt", ["follow_up_id"]
    )
    op.create_table(
        "incident_text",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("incident_id", sa.String(36), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("approved_by", sa.String(36)),
        sa.Column("approved_at", sa.Double()),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["agent.id"], name=op.f("fk_incident_text_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["agent.id"], name=op.f("fk_incident_text_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_text_incident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_text")),
    )
    op.create_index(op.f("ix_incident_text_incident_id"), "incident_text", ["incident_id"])
    op.create_table(
        "incident_member",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("incident_id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36)),
        sa.Column(
            "name", sa.String(64), server_default="", nullable=False, comment="Of a simulated one."
        ),
        sa.Column("joined_at", sa.Double(), nullable=False),
        sa.Column(
            "removed_at",
            sa.Double(),
            comment="Since when a person says it is about something else.",
        ),
        sa.Column("text_id", sa.String(36)),
        sa.Column("told_at", sa.Double()),
        sa.Column("outbound_id", sa.String(36)),
        sa.CheckConstraint(
            "outbound_id IS NULL OR ticket_id IS NOT NULL",
            name=op.f("ck_incident_member_simulated"),
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_member_incident_id")
        ),
        sa.ForeignKeyConstraint(
            ["outbound_id"], ["outbound.id"], name=op.f("fk_incident_member_outbound_id")
        ),
        sa.ForeignKeyConstraint(
            ["text_id"], ["incident_text.id"], name=op.f("fk_incident_member_text_id")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_incident_member_ticket_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_member")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_incident_member_ticket_id")),
    )
    op.create_index("ix_incident_member_incident", "incident_member", ["incident_id", "id"])
