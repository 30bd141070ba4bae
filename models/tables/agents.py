"""Who works here, and what proves that it is they."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from models.tables.columns import Line, flag, identifier, metadata, number

agent = Table(
    "agent",
    metadata,
    identifier(primary_key=True),
    Column("login", Line(64), nullable=False, unique=True),
    Column("name", Line(64), nullable=False),
    Column("alias", Line(32), comment="花名或工号: what customers see; never the name."),
    Column("role", String(16), nullable=False),
    Column("team", Line(64), nullable=False, server_default="", comment="For figures."),
    Column("password", Text, nullable=False, comment="argon2id."),
    Column("skills", JSON, nullable=False, server_default="{}"),
    number("capacity", 6),
    number("used"),
    Column("presence", String(16), nullable=False, server_default="offline"),
    Column("presence_at", Double, nullable=False, server_default=text("0")),
    Column("heartbeat_at", Double, nullable=False, server_default=text("0")),
    Column("idle_since", Double, nullable=False, server_default=text("0")),
    Column("overstay_at", Double, comment="When they were told that they are away too long."),
    Column("shift_ends_at", Double),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    Column("second_factor_at", Double, comment="Since when; null: none."),
    flag("password_due"),
    CheckConstraint("used >= 0", name="used"),
)

second_factor = Table(
    "second_factor",
    metadata,
    identifier("agent_id", ForeignKey("agent.id"), primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="The app’s key, sealed."),
    Column(
        "last_step",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="Codes of steps up to this count no longer.",
    ),
    Column("created_at", Double, nullable=False),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    identifier("agent_id", ForeignKey("agent.id"), primary_key=True),
    Column("hash", String(64), primary_key=True, comment="SHA-256 of 80 random bits."),
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("key", String(64), primary_key=True, comment="HMAC of who is tried, from where."),
    number("count"),
    Column("since", Double, nullable=False, index=True, comment="When the first of them came."),
)

credential = Table(
    "credential",
    metadata,
    identifier(primary_key=True),
    identifier("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("name", Line(64), nullable=False, server_default=""),
    Column("hash", String(64), nullable=False, unique=True, comment="SHA-256 of the token."),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("role", String(16), comment="It may do no more than this; null: all of its owner’s."),
    flag("read_only"),
    flag("second_factor"),
    Column("last_used_at", Double, comment="Of a token, true to a minute; null: not known."),
    CheckConstraint("kind IN ('session', 'token')", name="kind"),
)
