"""Who else may get the answers of a conversation: those whom its customer put in copy.

Their addresses are personal data, and stand in one place: sealed with the customer's key, beside
the way back. Answers, and whoever chooses, name them by the numbers that they have there, so that
an answer goes to nobody whom the customer has not named (docs/decisions/0031).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from models.errors import Permanent
from models.message import Recipient
from models.store.ground.sealing import seal, unseal

_MOST = 200
"""Of one conversation, for ever: whoever names more is no customer with colleagues."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One of them. ``current``: the customer's last mail named them, so that they can be chosen.

    ``chosen``: they had the last answer that a person gave.
    """

    number: int
    address: str
    name: str
    current: bool = True
    chosen: bool = False


def opened(key: bytes | None, sealed: bytes | None) -> list[Copied]:
    """Who is known of a conversation; nobody where that does not open."""
    if key is None or sealed is None:
        return []
    try:
        return [Copied(**one) for one in json.loads(unseal(key, sealed))]
    except (Permanent, ValueError, TypeError):
        return []


def noted(key: bytes, sealed: bytes | None, named: Sequence[Recipient]) -> bytes | None:
    """What is known after a mail of the customer, who has named these, and no others now.

    Numbers are never given twice.
    """
    if sealed is None and not named:
        return None
    before = opened(key, sealed)
    now = {one.address.lower(): one.name for one in named}
    known = [
        replace(one, current=(lower := one.address.lower()) in now, name=now.get(lower, one.name))
        for one in before
    ]
    there = {one.address.lower() for one in known}
    for one in named:
        if one.address.lower() not in there and len(known) < _MOST:
            there.add(one.address.lower())
            known.append(Copied(len(known) + 1, one.address, one.name))
    return sealed if known == before else sealed_with(key, known)


def in_copy(key: bytes | None, sealed: bytes | None, address: str) -> bool:
    """Whether the customer has named this address, ever."""
    return any(one.address.lower() == address.lower() for one in opened(key, sealed))


def sealed_with(key: bytes, known: Sequence[Copied]) -> bytes:
    rows = [
        {name: value for name, value in asdict(one).items() if name != "chosen"} for one in known
    ]
    return seal(key, json.dumps(rows, ensure_ascii=False).encode())


def addresses(known: Sequence[Copied], numbers: Collection[int]) -> list[str]:
    """The addresses of these numbers."""
    return [one.address for one in known if one.number in numbers]
