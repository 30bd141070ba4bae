"""Sending answers: cut to a platform's length, in order, at a platform's pace."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from models.message import SendResult

Size = Callable[[str], int]
"""How long a platform finds a text."""

_JOINERS = re.compile(
    "[\u200d\ufe0e\ufe0f\u0300-\u036f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
"""A flag is two of these (UTS #51 §1.4.1): which two, only the beginning of their row tells."""

_LINE_END = re.compile(r"\n")
_SENTENCE_END = re.compile(r"[。！？ ]|[!?.](?=[^\x00-\x7f]|\s)")


def characters(text: str) -> int:
    """Code points."""
    return len(text)


def utf16_units(text: str) -> int:
    """UTF-16 code units: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """Bytes in UTF-8: a Chinese character is three, an emoji four."""
    return len(text.encode("utf-8", "surrogatepass"))


def split(text: str, limit: int, size: Size) -> list[str]:
    """``text`` in parts of at most ``limit``, by ``size``; together they are the text.

    Cut behind a line break if there is one in the second half of a part, else behind a space
    or the end of a sentence (no full stop within a web address is one), else between characters,
    but not within an emoji of several code points.
    """
    parts = []
    while size(text) > limit:
        cut = _cut(text, _fitting(text, limit, size))
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text] if text or not parts else parts


def _fitting(text: str, limit: int, size: Size) -> int:
    """How many code points of ``text`` fit; at least one."""
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, most: int) -> int:
    for ends in (_LINE_END, _SENTENCE_END):
        cuts = [found.end() for found in ends.finditer(text, most // 2, most + 1)]
        fitting = [cut for cut in cuts if cut <= most]
        if fitting:
            return fitting[-1]
    return next((cut for cut in range(most, 0, -1) if not _tears(text, cut)), most)


def _tears(text: str, cut: int) -> bool:
    """Whether what ends at ``cut`` and what begins there are shown as one."""
    if _JOINERS.match(text, cut) or text[cut - 1] == "\u200d":
        return True
    before = text[:cut]
    letters = cut - len(before.rstrip(_FLAG_LETTERS))
    return letters % 2 == 1 and text[cut : cut + 1] in _FLAG_LETTERS


class Pacer:
    """At most one message in ``seconds`` to each place; who comes sooner waits."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free: dict[str, float] = {}

    async def wait(self, place: str) -> None:
        """Returns when a message may go to ``place``."""
        now = asyncio.get_running_loop().time()
        self._free = {key: at for key, at in self._free.items() if at > now}
        at = self._free.get(place, now)
        self._free[place] = at + self._seconds
        if at > now:
            await asyncio.sleep(at - now)


_MOST_WAITED = 5.0
"""Seconds that a platform may ask for between two messages of one answer."""


async def in_turn(steps: Sequence[Callable[[], Awaitable[SendResult]]]) -> SendResult:
    """An answer that takes several messages: what became of the whole.

    The first decides. Once one was sent, nothing may be sent again by itself: a person does. What
    a platform puts off for some seconds, and so has not sent, it is asked for once more here.
    """
    first: SendResult | None = None
    for number, step in enumerate(steps):
        result = await step()
        if number and result.state == "retry" and 0 < result.retry_after <= _MOST_WAITED:
            await asyncio.sleep(result.retry_after)
            result = await step()
        if result.state != "sent" and number:
            zh, _, en = result.error.partition(" / ")
            some = f"{number}/{len(steps)} 已送出，其余没有：{zh}".rstrip("：")
            told = f"{number} of {len(steps)} were sent: {en or zh}".rstrip(": ")
            return SendResult("unknown", error=f"{some} / {told}")
        if result.state != "sent":
            return result
        first = first or result
    return first or SendResult("failed", error="没有内容 / There is nothing to say")
