"""A conversation page by page: as much as is quick to show, whatever strangers have written."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from desk.masking import FindSpans
from desk.shapes import Json, entry_json
from models.message import Sender
from models.store import Store
from models.store.dialogue.conversations import Entry

_MOST_LINES = 500
_MOST_CHARACTERS = 400_000
"""Looking through so many for numbers takes a fifth of a second; one mail may bring more alone."""
_AT_ONCE = 50
"""Lines that are read before their length is known."""


class Page(NamedTuple):
    """Lines in order, and after which number more may follow (None: nothing does)."""

    lines: list[Entry]
    next_after: int | None


async def page(store: Store, conversation_id: str, after: int = 0) -> Page:
    """What was said after a number. Raises ``Temporary``."""
    lines: list[Entry] = []
    length = 0
    while True:
        some = await store.conversations.log(conversation_id, after, _AT_ONCE)
        for line in some:
            lines.append(line)
            length += _length(line)
            if length >= _MOST_CHARACTERS or len(lines) >= _MOST_LINES:
                return Page(lines, line.seq)
        if len(some) < _AT_ONCE:
            return Page(lines, None)
        after = some[-1].seq


async def last_lines(store: Store, conversation_id: str, most: int) -> list[Entry]:
    """What was said last: ``most`` lines or a few more, as far as they are quick to show.

    Raises:
        NotFound: no such conversation.
        Temporary: the database does not answer.
    """
    after: int | None = (await store.conversations.get(conversation_id)).last_seq - most
    lines: list[Entry] = []
    while after is not None:
        more, after = await page(store, conversation_id, after)
        lines += more
    length = sum(map(_length, lines))
    while length > _MOST_CHARACTERS and len(lines) > 1:
        length -= _length(lines.pop(0))
    return lines


def _length(line: Entry) -> int:
    earlier = sum(len(version["text"]) for version in line.versions)
    return len(line.text) + len(line.text_full) + earlier


async def told(
    lines: Sequence[Entry],
    *,
    senders: Mapping[str, Sender],
    names: Mapping[str, str],
    waits_because: str | None,
    find: FindSpans,
    original: str | None = None,
    in_copy: Mapping[int, str],
) -> list[Json]:
    """Lines as the desk shows them, masked in a thread: others are served meanwhile.

    An edit is shown where its message is. ``original``, ``in_copy``: see ``entry_json``.
    """

    def masked() -> list[Json]:
        return [
            entry_json(
                line,
                senders=senders,
                names=names,
                waits_because=waits_because,
                find=find,
                original=original,
                in_copy=in_copy,
            )
            for line in lines
            if line.changes_id is None
        ]

    return await asyncio.to_thread(masked)
