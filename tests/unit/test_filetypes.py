"""A file is what its content shows, not what its sender says."""

import pytest

from models.filetypes import UNKNOWN, sniffed

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
_OFFICE = b"PK\x03\x04\x14\x00\x06\x00" + b"\0" * 90
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content", "declared", "found"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "", "image/jpeg"),
        (b"MZ" + b"\0" * 60, "image/png", "application/x-msdownload"),
        (b"<script>alert(1)</script>", "image/png", UNKNOWN),
        (b"not a pdf", "application/pdf", UNKNOWN),
        (b"#!AMR\n\x3c", "application/octet-stream", "audio/amr"),
        ("你好".encode(), "text/plain", "text/plain"),
        (b"\0\0", "nonsense", UNKNOWN),
        (b"x", "text/html\r\nX: y", UNKNOWN),
        (b"x", "multipart/mixed", UNKNOWN),
        (b"x", "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "application/octet-stream", "audio/wave"),
        (b"", "", UNKNOWN),
        # What is in the same container as a file of Word is not one of Word's.
        (_OLE, "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (_OLE, "application/vnd.ms-outlook", "application/vnd.ms-outlook"),
        (_OLE, "application/octet-stream", "application/msword"),
        (_OLE, _SHEET, "application/msword"),
        (_OFFICE, _SHEET, _SHEET),
        (_OFFICE, "application/zip", "application/zip"),
        (_OFFICE, "application/octet-stream", _WORD),
        (_OFFICE, "application/vnd.ms-excel", _WORD),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", _SHEET, "audio/wave"),
    ],
)
def test_a_type(content: bytes, declared: str, found: str) -> None:
    assert sniffed(content, declared) == found
