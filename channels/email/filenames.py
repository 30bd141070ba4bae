"""What the files of a mail are called, by whatever their programs write of it."""

import mimetypes
import re
from urllib.parse import unquote_to_bytes

from channels.email.headers import Headers, clean_line
from channels.email.parts import Part

_PERCENT = re.compile(r"%[89A-F][0-9A-F]", re.IGNORECASE)
_CHARSET_PREFIX = re.compile(r"[A-Za-z0-9-]{2,20}'[A-Za-z-]{0,20}'")
_NAME_LIMIT = 200
_BAD_IN_NAME = re.compile(r'[/\\:*?"<>|\x00]+')


def file_name(part: Part) -> str:
    """The name that the mail gives; “” for none. It may hold a path."""
    name = part.disposition.parameters.get("filename") or part.type.parameters.get("name", "")
    if not _PERCENT.search(name):
        return name
    # Web mailers send %E5%8F%91 without the star that announces it (RFC 2231 §4).
    try:
        return clean_line(unquote_to_bytes(_CHARSET_PREFIX.sub("", name, count=1)).decode())
    except UnicodeDecodeError:
        return name


def content_id(part: Part) -> str | None:
    """The name by which the HTML shows it, if it may."""
    raw = part.headers.text("content-id").strip("<> ")[:_NAME_LIMIT]
    return raw or None


def safe_name(name: str, part: Part, mime: str, number: int) -> str:
    """A file name without a path, and with an extension where the mail gives none."""
    name = clean_line(_BAD_IN_NAME.sub("_", name.replace("\\", "/").rpartition("/")[2]))
    # Spaces in a row push the ending out of sight; full stops at the end hide it from Windows.
    name = " ".join(name.split()).rstrip(". ")
    if not name and mime == "message/rfc822":
        name = clean_line(_BAD_IN_NAME.sub("_", _inner_subject(part)), 80)
        return f"{name or 'mail'}.eml"
    if not name:
        extension = mimetypes.guess_extension(mime) or ".bin"
        return f"attachment-{number}{extension}"
    stem, dot, extension = name.rpartition(".")
    if len(name) <= _NAME_LIMIT:
        return name
    return f"{stem[:150]}{dot}{extension[:20]}" if stem else name[:_NAME_LIMIT]


def _inner_subject(part: Part) -> str:
    head = part.content(8_192)[:8_192]
    match = re.search(rb"^subject:([^\n]*(?:\n[ \t][^\n]*)*)", head, re.MULTILINE | re.IGNORECASE)
    return Headers([("subject", match[1])]).text("subject") if match else ""
