"""Who writes to us, sealed, and on what evidence two are one."""

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from models.tables.columns import Line, flag, identifier, metadata

customer = Table(
    "customer",
    metadata,
    identifier(primary_key=True),
    Column("tier", String(16), nullable=False, server_default="standard"),
    Column("key", LargeBinary, comment="Wrapped by the master key; erased with the person."),
    Column("created_at", Double, nullable=False),
    Column("erased_at", Double, comment="Since when nothing is known of the person any more."),
)

identity = Table(
    "identity",
    metadata,
    identifier(primary_key=True),
    identifier("customer_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("channel", String(32), nullable=False),
    Column("lookup", String(64), nullable=False, unique=True, comment="HMAC of the value."),
    Column("sealed", LargeBinary, nullable=False, comment="JSON value, name, email, phone."),
    flag("blocked"),
    Column("created_at", Double, nullable=False),
)

proof = Table(
    "proof",
    metadata,
    Column("lookup", String(64), primary_key=True, comment="HMAC of what is proven."),
    identifier("identity_id", ForeignKey("identity.id"), primary_key=True, index=True),
    Column("kind", String(8), nullable=False),
    Column("method", Line(64), nullable=False),
    identifier("message_id", nullable=False),
    Column("at", Double, nullable=False),
)

customer_link = Table(
    "customer_link",
    metadata,
    identifier(primary_key=True),
    identifier("first_id", ForeignKey("customer.id"), nullable=False),
    identifier("second_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("lookup", String(64), nullable=False, comment="The proof that both have."),
    Column("kind", String(8), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Column("undone_at", Double),
    identifier("undone_by", ForeignKey("agent.id")),
    UniqueConstraint("first_id", "second_id", "lookup"),
)
