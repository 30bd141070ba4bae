"""JSON lines in and out: read as they come, written in UTF-8 whatever the terminal speaks."""

import json
import sys
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

_READ_BYTES = 1 << 16


def lines_at_hand(stream: BufferedIOBase, most: int) -> Iterator[list[bytes]]:
    """The lines of ``stream``, without their ends: those that are there, at most ``most`` at once.

    Waits for more only when all that came so far have been given, so that somebody who types,
    or another program that asks one thing after the other, has each answer before the next line.
    """
    begun: list[bytes] = []
    while read := stream.read1(_READ_BYTES):
        first, *others = read.split(b"\n")
        begun.append(first)
        if not others:
            continue
        lines = [b"".join(begun), *others[:-1]]
        begun = [others[-1]]
        for start in range(0, len(lines), most):
            yield lines[start : start + most]
    last = b"".join(begun)
    if last:
        yield [last]


def as_line(value: Any) -> bytes:
    """One line of UTF-8; half a surrogate pair, which UTF-8 has not, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value).encode() + b"\n"


def print_json(value: Any) -> None:
    """Writes ``value`` to standard output as one line."""
    sys.stdout.flush()
    sys.stdout.buffer.write(as_line(value))
    sys.stdout.buffer.flush()
