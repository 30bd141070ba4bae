"""What both databases can hold.

PostgreSQL refuses NUL, text longer than its column, and numbers that JSON does not know; SQLite
minds none of it. Senders invent all of it, so it is made to fit before either database sees it.
"""

import hashlib
import json
import math
from typing import Any


def text(value: str) -> str:
    """``value`` without NUL, and with U+FFFD for each half of a surrogate pair."""
    if "\0" in value:
        value = value.replace("\0", "")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def line(value: str, length: int) -> str:
    """``value`` in at most ``length`` characters: of a longer one the beginning and a hash.

    Different values stay different, so that a long key never meets another one's row.
    """
    value = text(value)
    if len(value) <= length:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[: min(32, length // 2)]
    return f"{value[: length - len(digest) - 1]}~{digest}"


class Encoded(str):
    """JSON already, by somebody who is quicker at it: ``dump`` leaves it as it is."""

    __slots__ = ()


def dump(value: object) -> str:
    """JSON for a column; null for infinities and what is not a number."""
    try:
        dumped = str(value) if isinstance(value, Encoded) else _encode(value)
        if not dumped.isascii():
            dumped.encode()
    except ValueError:
        dumped = "\\u0000"
    if "\\u0000" in dumped:
        dumped = _encode(_clean(json.loads(value) if isinstance(value, Encoded) else value))
    return dumped


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""Made once: ``json.dumps`` makes one for every value."""


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_clean(name): _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
