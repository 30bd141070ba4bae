"""The people who answer."""

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, islice

LOGIN = re.compile(r"[0-9A-Za-z._@-]{1,64}")
SHORTEST_PASSWORD = 10
"""Characters, as at the desk so on the command line."""


class Role(StrEnum):
    """What a person may do at the desk; each may also do what those before it may."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


ROLE_NAMES = {
    Role.AGENT: ("坐席", "Agent"),
    Role.SUPERVISOR: ("班长", "Supervisor"),
    Role.ADMIN: ("管理员", "Admin"),
}


def at_most(role: Role, most: Role | None) -> Role:
    """``role``, or ``most`` where that may do less."""
    order = list(Role)
    return role if most is None else min(role, most, key=order.index)


class SecondFactorFor(StrEnum):
    """Who must have a second factor to sign in; others may."""

    OPTIONAL = "optional"
    ADMINS = "admins"
    EVERYONE = "everyone"

    def demands(self, role: Role) -> bool:
        return self is self.EVERYONE or (self is self.ADMINS and role is Role.ADMIN)


class Presence(StrEnum):
    """Whether a person can be given work, and if not, why."""

    READY = "ready"
    BUSY = "busy"
    BREAK = "break"
    MEAL = "meal"
    TRAINING = "training"
    WRAP_UP = "wrap_up"
    NOT_RESPONDING = "not_responding"
    OFFLINE = "offline"


PRESENCE_NAMES = {
    Presence.READY: ("就绪", "Ready"),
    Presence.BUSY: ("忙碌", "Busy"),
    Presence.BREAK: ("小休", "Break"),
    Presence.MEAL: ("就餐", "Meal"),
    Presence.TRAINING: ("培训", "Training"),
    Presence.WRAP_UP: ("整理", "Wrap-up"),
    Presence.NOT_RESPONDING: ("未响应", "Not responding"),
    Presence.OFFLINE: ("离线", "Offline"),
}


@dataclass(frozen=True, slots=True)
class Agent:
    """A person at the desk. ``skills`` maps a skill (“domain:物流”, “lang:en”) to 1–5.

    ``capacity`` and ``used`` are units of work; what a channel costs is in ``routing.toml``.
    ``alias`` (花名 or 工号) is what customers see; without one, no name at all.
    ``shift_ends_at`` is in seconds since the epoch; None: whenever they say so.
    ``second_factor_at`` is since when they sign in with a code as well; None: they do not.
    ``password_due``: somebody else has set their password, and they are to set another.
    """

    id: str
    login: str
    name: str
    role: Role
    presence: Presence
    capacity: int
    used: int
    skills: dict[str, int] = field(default_factory=dict)
    team: str = ""
    alias: str = ""
    shift_ends_at: float | None = None
    second_factor_at: float | None = None
    password_due: bool = False


_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another when it is read out or copied by hand."""


def initial_password(login: str, seed: bytes = b"") -> str:
    """A random one of 74 bits for somebody new, who is told it: “k3mfp-x8qzt-a7rwn”.

    The same ``seed``, a secret of 32 bytes, makes the same one for the same login.
    """
    letters = _drawn(seed or secrets.token_bytes(32), login)
    while True:
        groups = ("".join(islice(letters, 5)) for _ in range(3))
        password = "-".join(groups)
        if not guessable(password, login):
            return password


def _drawn(seed: bytes, login: str) -> Iterator[str]:
    """Letters without end, none likelier than another."""
    fair = 256 - 256 % len(_LETTERS)
    for block in count():
        digest = hmac.digest(seed, f"{block} {login}".encode(), "sha256")
        yield from (_LETTERS[byte % len(_LETTERS)] for byte in digest if byte < fair)


_FEWEST_SIGNS = 5
_LONG_LOGIN = 4


def guessable(password: str, login: str) -> bool:
    """Whether a password is among the first that anybody would try.

    Digits alone are telephone numbers and birthdays; a login counts that is long enough not to
    stand in a password by chance.
    """
    plain = password.casefold()
    few = len(set(plain)) < _FEWEST_SIGNS
    named = len(login) >= _LONG_LOGIN and login.casefold() in plain
    return few or named or plain.isdigit()
