"""What the codes of an API mean, for who has to read why an answer was not sent."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from models.platform_api import Refused

_MOST_WORDS = 160


class Meaning(NamedTuple):
    """Of one code, in both languages."""

    zh: str
    en: str
    again: float = 0.0
    """Seconds until it is tried again; 0: it is not."""


class Meanings:
    """The codes of one platform."""

    def __init__(
        self, platform: tuple[str, str], known: Mapping[int | str, Meaning], stale: Collection[int]
    ) -> None:
        """``platform``: its name in both languages; ``stale``: codes of a token that is over."""
        self._zh, self._en = platform
        self._known = known
        self._stale = frozenset(stale)

    def refused(self, code: int | str, words: str) -> Refused:
        """What a code means for what was asked."""
        known = self._known.get(code)
        again = known.again if known is not None else 0.0
        return Refused(
            code,
            words[:_MOST_WORDS],
            retry_after=again,
            stale_token=code in self._stale,
            fixable=again > 0,
        )

    def sentence(self, error: Refused) -> str:
        """A sentence in both languages, with the platform's own code and words behind it."""
        known = self._known.get(error.code)
        if known is None:
            return f"{self._zh}没有接受 / {self._en} refuses it [{error}]"
        return f"{known.zh} / {known.en} [{error}]"
