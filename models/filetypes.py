"""What a file is, by its content first: what senders declare is a claim."""

import re
from collections.abc import Iterable

UNKNOWN = "application/octet-stream"

_SIGNATURES: Iterable[tuple[bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"#!AMR", "audio/amr"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
)
"""These decide by themselves, as they do for the programs that open such files."""

_SHOWN = frozenset(
    {"image/png", "image/jpeg", "image/jpg", "image/gif", "application/pdf", "audio/amr"}
)
"""Declared to be one of these without its signature: nobody may render it as one."""

_CONTAINERS: Iterable[tuple[bytes, re.Pattern[str]]] = (
    (
        b"PK\x03\x04",
        re.compile(
            r"application/(?:zip|epub\+zip|ofd"
            r"|vnd\.(?:openxmlformats-officedocument|oasis\.opendocument)\.[a-z.]{2,40})"
        ),
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        re.compile(r"application/(?:msword|vnd\.(?:ms-(?:excel|powerpoint|outlook)|visio))"),
    ),
)
"""Containers of many kinds of file, and the kinds that are all made so: of these the declared one
is as sure as anything. (Whatever is in the second one passes for Word with who looks no further.)
"""

_HEAD = 4_096
_SURE = 0.8
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


def sniffed(content: bytes, declared: str) -> str:
    """The MIME type that the content shows itself to be, else the declared one.

    ``application/octet-stream`` where neither says anything that can be believed.
    """
    for signature, mime in _SIGNATURES:
        if content.startswith(signature):
            return mime
    declared = declared.strip().lower()
    if declared in _SHOWN or declared.startswith("multipart/") or not _MIME.fullmatch(declared):
        declared = UNKNOWN
    for signature, kinds in _CONTAINERS:
        if content.startswith(signature) and kinds.fullmatch(declared):
            return declared
    # What calls itself text is shown as text at the most, whatever it holds.
    return declared if declared.startswith("text/") else _magic(content[:_HEAD]) or declared


def _magic(head: bytes) -> str:
    """What a long signature proves; “” for short ones, which occur in anything."""
    import puremagic  # reads its tables when imported; most mails have no file

    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return ""
    best = max(found, key=lambda match: match.confidence)
    sure = best.confidence >= _SURE and _MIME.fullmatch(best.mime_type) is not None
    return best.mime_type if sure else ""
