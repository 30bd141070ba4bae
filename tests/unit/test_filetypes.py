"""A file is what its content shows, not what its sender says."""

import pytest

from models.filetypes import UNKNOWN, sniffed


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
    ],
)
def test_a_type(content: bytes, declared: str, found: str) -> None:
    assert sniffed(content, declared) == found
