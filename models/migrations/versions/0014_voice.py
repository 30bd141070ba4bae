"""Texts in versions, surveys, news of progress; a question may be answered without a ticket.

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("message", "outbound"):
        _may_have_no_ticket(table)
    op.add_column(
        "outbound",
        sa.Column(
            "template", sa.Text(), comment="Name, language and version of what it was made from."
        ),
    )
    op.add_column(
        "outbound",
        sa.Column("choices", sa.JSON(none_as_null=True), comment="models.message.Choice"),
    )
    op.add_column(
        "agent",
        sa.Column(
            "alias", sa.String(32), comment="花名或工号: what customers see; never the name."
        ),
    )
    _wording()
    _survey()
    op.create_table(
        "telling",
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(12), comment="The state that the customer was last told."),
        sa.Column("told_at", sa.Double()),
        sa.Column("late_for", sa.Double(), comment="The promise that was told to be late."),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_telling_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_telling")),
    )


def _may_have_no_ticket(table: str) -> None:
    """On SQLite by its own short procedure for taking a constraint away.

    See “Making Other Kinds Of Table Schema Changes” of its manual (lang_altertable, §7). The
    long one drops the table, which other tables refer to: it cannot be done in a transaction
    with foreign keys on.
    """
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        op.alter_column(table, "ticket_id", nullable=True)
        return
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema=ON")
    bind.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, 'ticket_id VARCHAR(36) NOT NULL',"
        " 'ticket_id VARCHAR(36)') WHERE type = 'table' AND name = ?",
        (table,),
    )
    bind.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema=OFF")


def _wording() -> None:
    op.create_table(
        "wording",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(48), nullable=False, comment="models.texts.TEXTS"),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="1, 2, 3 … of a name and language."
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.String(36)),
        sa.Column("drafted_at", sa.Double(), nullable=False),
        sa.Column("published_by", sa.String(36)),
        sa.Column("published_at", sa.Double(), comment="The latest of these is said."),
        sa.ForeignKeyConstraint(["drafted_by"], ["agent.id"], name=op.f("fk_wording_drafted_by")),
        sa.ForeignKeyConstraint(
            ["published_by"], ["agent.id"], name=op.f("fk_wording_published_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wording")),
        sa.UniqueConstraint("name", "lang", "number", name=op.f("uq_wording_name_lang_number")),
    )
    op.create_index("ix_wording_published_at", "wording", ["published_at"])


def _survey() -> None:
    op.create_table(
        "survey",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("ticket_id", sa.String(36), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("customer_id", sa.String(36), nullable=False),
        sa.Column("resolved_at", sa.Double(), comment="The resolution that it is about."),
        sa.Column("agent_id", sa.String(36)),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("domain", sa.String(64), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False, comment="Digits that the question offered."),
        sa.Column("asked_at", sa.Double(), comment="Null: nobody asked, a caller said so."),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("score", sa.Integer(), comment="models.satisfaction.Score"),
        sa.Column("solved", sa.Boolean()),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("via", sa.String(8), comment="choice, words, link or caller."),
        sa.Column("entered_by", sa.String(36)),
        sa.Column("answered_at", sa.Double()),
        sa.Column("changed_at", sa.Double()),
        sa.Column("changes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("low_at", sa.Double(), comment="When a low answer was told, once."),
        sa.Column(
            "unclear_at", sa.Double(), comment="When words were asked for instead of a digit."
        ),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_survey_score")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_survey_ticket_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_survey_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_survey_customer_id")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_survey_agent_id")),
        sa.ForeignKeyConstraint(["entered_by"], ["agent.id"], name=op.f("fk_survey_entered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey")),
        sa.UniqueConstraint(
            "ticket_id", "resolved_at", name=op.f("uq_survey_ticket_id_resolved_at")
        ),
    )
    op.create_index("ix_survey_conversation_id", "survey", ["conversation_id"])
    op.create_index("ix_survey_asked_at", "survey", ["asked_at"])
    op.create_index("ix_survey_answered_at", "survey", ["answered_at"])
    op.create_index("ix_survey_customer", "survey", ["customer_id", "asked_at"])
