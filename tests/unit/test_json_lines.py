"""Lines are given as they come, however the stream is cut."""

import io

from workers.commands.json_lines import as_line, lines_at_hand


class _Pieces(io.BytesIO):
    """Gives one piece a read, as a pipe does whose writer is slow."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._left = list(pieces)

    def read1(self, _size: int | None = -1, /) -> bytes:
        return self._left.pop(0) if self._left else b""


def test_what_is_there_is_given_before_more_is_waited_for() -> None:
    stream = _Pieces(b"1\n2\n3\n4", b"5", b"\n\n", b"last")
    given = lines_at_hand(stream, 2)
    assert next(given) == [b"1", b"2"]
    assert next(given) == [b"3"]
    assert len(stream._left) == 3
    assert list(given) == [[b"45", b""], [b"last"]]
    assert list(lines_at_hand(_Pieces(), 2)) == []


def test_a_line_is_utf_8_whatever_is_in_it() -> None:
    assert as_line({"a": "好😡"}) == '{"a": "好😡"}\n'.encode()
    assert as_line("\ud800") == b'"\\ud800"\n'
