"""How a customer can be reached, in the one spelling that equal addresses have."""

import re
from typing import Literal

Kind = Literal["email", "phone"]

_MOBILE = re.compile(r"(?:(?:00|\+)?86)?(1[3-9][0-9]{9})")
"""A Chinese mobile number, with or without its country (工信部号码规划: 11 digits, 13–19)."""


def normal(kind: Kind, value: str) -> str:
    """An address in the one spelling that equal ones have."""
    if kind == "email":
        return value.strip().lower()
    digits = re.sub(r"[^0-9+]", "", value)
    mobile = _MOBILE.fullmatch(digits)
    return mobile.group(1) if mobile else digits
