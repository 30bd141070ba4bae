"""What is inside an opaquely signed mail (“smime.p7m”), which needs no key to be read.

Only the content is taken out (RFC 5652 §5, RFC 8551 §3.5.2); nobody's signature is checked, and
nothing is held to be proven by it. Encoders write lengths before an element or mark its end
behind it (ITU-T X.690 §8.1.3): both are read, each byte once.
"""

from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_OCTETS, _OCTETS_IN_PIECES = 0x04, 0x24
_SEQUENCE, _EXPLICIT = 0x30, 0xA0
_END_MARK = b"\0\0"
_MOST_PIECES = 100_000
"""Of one content, or elements that are passed over: encoders write a piece a kilobyte or more."""


class _Element(NamedTuple):
    tag: int
    start: int
    length: int | None
    """Bytes; None where an end mark follows the content."""


def signed_content(packed: bytes) -> bytes | None:
    """The MIME entity that was signed; None if this is no signed data, or holds no content."""
    try:
        return _content(packed)
    except (IndexError, ValueError):
        return None


def _content(packed: bytes) -> bytes | None:
    position = _enter(packed, 0, _SEQUENCE)
    if not packed.startswith(_SIGNED_DATA, position):
        return None
    position = _enter(packed, position + len(_SIGNED_DATA), _EXPLICIT)
    position = _enter(packed, position, _SEQUENCE)
    position = _past(packed, _past(packed, position))  # the version, and the digests' names
    position = _enter(packed, position, _SEQUENCE)
    if not packed.startswith(_DATA, position):
        return None
    position = _enter(packed, position + len(_DATA), _EXPLICIT)
    return _octets(packed, position)


def _element(packed: bytes, position: int) -> _Element:
    """The head of an element.

    Raises:
        IndexError: the bytes end within it.
        ValueError: a length that no mail has.
    """
    tag, first = packed[position], packed[position + 1]
    start = position + 2
    if first == 0x80:
        return _Element(tag, start, None)
    if first < 0x80:
        return _Element(tag, start, first)
    size = first & 0x7F
    if size > 4:
        raise ValueError(f"a length of {size} bytes")
    return _Element(tag, start + size, int.from_bytes(packed[start : start + size], "big"))


def _enter(packed: bytes, position: int, tag: int) -> int:
    """Where the content of the wanted element begins."""
    element = _element(packed, position)
    if element.tag != tag:
        raise ValueError(f"tag {element.tag:#x} in place of {tag:#x}")
    return element.start


def _past(packed: bytes, position: int) -> int:
    """Where the next element begins."""
    depth = 0
    for _ in range(_MOST_PIECES):
        if depth and packed.startswith(_END_MARK, position):
            position, depth = position + 2, depth - 1
        else:
            element = _element(packed, position)
            position = element.start + (element.length or 0)
            depth += element.length is None
        if not depth:
            return position
    raise ValueError("elements without end")


def _octets(packed: bytes, position: int) -> bytes:
    """A string of bytes, in one piece or in many."""
    first = _element(packed, position)
    if first.tag == _OCTETS and first.length is not None:
        return packed[first.start : first.start + first.length]
    if first.tag != _OCTETS_IN_PIECES:
        raise ValueError(f"tag {first.tag:#x} in place of bytes")
    end = len(packed) if first.length is None else first.start + first.length
    open_pieces = int(first.length is None)
    pieces = []
    position = first.start
    for _ in range(_MOST_PIECES):
        if position >= end:
            break
        element = _element(packed, position)
        position = element.start
        if element.tag == _OCTETS and element.length is not None:
            pieces.append(packed[position : position + element.length])
            position += element.length
        elif element.tag == _OCTETS_IN_PIECES:
            open_pieces += element.length is None
        elif element.tag == 0 and not element.length:
            open_pieces -= 1
            if not open_pieces:
                break
        else:
            raise ValueError(f"tag {element.tag:#x} among bytes")
    return b"".join(pieces)
