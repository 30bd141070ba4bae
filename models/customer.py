"""Customers and the identities they write under."""

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """Service level; what a tier is worth is set in ``routing.toml``."""

    STANDARD = "standard"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Identity:
    """One name of a customer on one channel. ``value`` is personal data: sealed at rest."""

    id: str
    customer_id: str
    kind: str
    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who writes to us."""

    id: str
    tier: Tier


def masked(value: str) -> str:
    """A sensitive value as it is shown by default: enough to recognise, not to copy."""
    local, at, domain = value.partition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if len(value) >= 7:
        return f"{value[:3]}****{value[-4:]}"
    return f"{value[:1]}***" if value else ""
