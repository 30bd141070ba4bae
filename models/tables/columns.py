"""The kinds of columns that tables are made of, and the one set that they all belong to."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)

from models import storable


class Line(TypeDecorator[str]):
    """Text of limited length that somebody else chose: see ``models.storable``."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, _dialect: object) -> str | None:
        return None if value is None else storable.line(value, self.length)


class Words(TypeDecorator[str]):
    """Text of any length that somebody else wrote."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: object) -> str | None:
        return None if value is None else storable.text(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Long = BigInteger().with_variant(Integer(), "sqlite")


def identifier(name: str = "id", *args: object, **options: object) -> Column[str]:
    """A UUIDv7, as text."""
    return Column(name, String(36), *args, **options)  # type: ignore[arg-type]


def flag(name: str) -> Column[bool]:
    """Yes or no; no, unless somebody says so."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def number(name: str, default: int = 0) -> Column[int]:
    """A whole number, never null."""
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
