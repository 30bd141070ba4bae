"""Japanese mail as Windows and phones write it: ISO-2022-JP with signs that the standard lacks.

Row 13 (①, ㈱, ℡), NEC's and IBM's kanji and half-width katakana are sent under the name of
ISO-2022-JP (Microsoft's code page 50221), for which Python has no codec.
"""

import re

_SHIFT = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_TWO_BYTES = (b"$@", b"$B")
_HALF_WIDTH = b"(I"


def decode(data: bytes) -> str | None:
    """The text; None where the bytes are something else."""
    pieces = _SHIFT.split(data)
    if len(pieces) == 1 or any(b"\x1b" in piece for piece in pieces) or not data.isascii():
        return None
    written = [pieces[0].decode("ascii")]
    for mode, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if mode in _TWO_BYTES:
            found = _kanji(piece)
            if found is None:
                return None
            written.append(found)
        elif mode == _HALF_WIDTH:
            written.append(bytes(each | 0x80 for each in piece).decode("cp932", "replace"))
        else:
            written.append(piece.decode("ascii"))
    text = "".join(written)
    return None if "\ufffd" in text else text


def _kanji(piece: bytes) -> str | None:
    """Pairs of row and cell, moved to where Shift JIS has them; line ends stand between."""
    moved = bytearray()
    position = 0
    while position < len(piece):
        row = piece[position]
        if row <= 0x20:
            moved.append(row)
            position += 1
            continue
        if position + 1 == len(piece):  # cut off
            break
        cell = piece[position + 1]
        if not (row <= 0x7E and 0x21 <= cell <= 0x7E):
            return None
        lead = (row - 0x21 >> 1) + 0x81
        moved.append(lead if lead <= 0x9F else lead + 0x40)
        moved.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell <= 0x5F else 0x20))
        position += 2
    try:
        return moved.decode("cp932")
    except UnicodeDecodeError:
        return None
